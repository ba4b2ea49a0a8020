"""
Bodies, read and unpacked within bounds.
"""

import asyncio
import zlib
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager

from otel_bridge.receiver.budget import Share
from otel_bridge.receiver.limits import Limits
from otel_bridge.receiver.refusals import Refusal, Why

GZIP_START = b"\x1f\x8b"
"""
The first bytes of gzip, with which no protobuf message and no JSON begins.
"""

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_MOST_MEMBERS = 10_000
_FIRST_PIECE, _LONGEST_PIECE = 1024, 1024 * 1024


@asynccontextmanager
async def in_time(share: Share, limits: Limits) -> AsyncIterator[None]:
    """
    Bound the time in which a body is read, and give its room back if it is not read.

    Raises:
        Refusal: It comes too slowly.
    """
    try:
        async with asyncio.timeout(limits.read_s):
            yield
    except TimeoutError as error:
        share.release()
        raise _too_slow(limits) from error
    except BaseException:
        share.release()
        raise


async def read_body(
    chunks: AsyncIterable[bytes], declared: str | None, limits: Limits, share: Share
) -> bytes:
    """
    Read a body as it was sent.

    Args:
        declared: The `Content-Length`, where there is one.
        share: Grows with what has come.

    Raises:
        Refusal: It is too long, or there is no room for it.
    """
    if declared is not None and declared.isdecimal() and int(declared) > limits.body_bytes:
        raise too_large(limits)
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limits.body_bytes:
            raise too_large(limits)
        share.resize(size)
        parts.append(chunk)
    return b"".join(parts)


def gunzip(data: bytes, limits: Limits) -> bytes:
    """
    Unpack gzip, of one member or several.

    Raises:
        Refusal: It is not gzip, is cut off, or holds too much.
    """
    parts: list[bytes] = []
    room = limits.body_bytes
    members = at = 0
    try:
        while at < len(data):
            members += 1
            if members > _MOST_MEMBERS:
                raise Refusal(Why.MALFORMED, f"the gzip has more than {_MOST_MEMBERS} members")
            part, at = _member(data, at, room)
            if len(part) > room:
                raise too_large(limits)
            room -= len(part)
            parts.append(part)
    except zlib.error as error:
        raise Refusal(Why.MALFORMED, f"the body is not gzip: {error}") from error
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _member(data: bytes, at: int, room: int) -> tuple[bytes, int]:
    """
    Unpack one member, and say where it ends; the first byte beyond the room is the last.

    What is given to zlib at once, it copies as far as it is not of the member: with all of
    the body, many small members would take minutes.
    """
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    parts: list[bytes] = []
    left, step = room + 1, _FIRST_PIECE
    while at < len(data) and left and not inflater.eof:
        piece = data[at : at + step]
        part = inflater.decompress(piece, left)
        at += len(piece) - len(inflater.unused_data)
        left -= len(part)
        step = min(2 * step, _LONGEST_PIECE)
        parts.append(part)
    if left and not inflater.eof:
        raise Refusal(Why.MALFORMED, "the body is not gzip to its end: it is cut off")
    return b"".join(parts), at


def too_large(limits: Limits) -> Refusal:
    """
    Refuse a body that is too long.
    """
    return Refusal(
        Why.TOO_LARGE,
        f"the body is longer than {limits.body_bytes} bytes, as it is sent or unpacked; "
        "send smaller batches",
    )


def _too_slow(limits: Limits) -> Refusal:
    """
    Refuse a body that does not come.
    """
    return Refusal(
        Why.TOO_SLOW,
        f"the body did not come within {limits.read_s:g} seconds",
        headers={"Connection": "close"},
    )
