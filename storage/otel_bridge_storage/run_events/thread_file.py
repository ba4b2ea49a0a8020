"""
The file that holds the events of one thread, one JSON object per line.

The first line is the header: the generation of the file, the thread, and the highest
number given before the file was made. Every other line is a record, but for
`{"batch": n}`: the next n lines were written together and count only if all are there.
Lines end with a line feed and nothing else.
"""

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import IO, Any, NamedTuple

from otel_bridge_storage.errors import DatabaseError, SchemaVersionError
from otel_bridge_storage.run_events.json_values import json_line
from otel_bridge_storage.run_events.thread_index import Entry

FORMAT = 1
_GENERATION_BYTES = 12
# The part of the header that tells one generation of a file from another.
MARK_SIZE = len('{"generation":""') + 2 * _GENERATION_BYTES
_TEXTS = ("run_id", "event_type", "category", "created_at")


class Place(NamedTuple):
    """
    Where a line is: its first byte, and its length with the line feed.
    """

    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Header:
    """
    The first line of a file.

    Attributes:
        generation: Random text, another one each time the file is written anew.
        last_seq: The highest number given before the file was made.
        size: Its length in bytes.
    """

    generation: str
    thread_id: str
    last_seq: int
    size: int


@dataclass(slots=True)
class Scan:
    """
    What was found in a file from some place on.

    Attributes:
        end: Where the last whole line or batch ends; what follows was never acknowledged.
        damaged: How many lines are neither records nor anything else known.
    """

    end: int
    entries: list[Entry[Place]] = field(default_factory=list)
    damaged: int = 0


def new_header(thread_id: str, last_seq: int) -> bytes:
    """
    Write the first line of a file of a new generation.
    """
    head = {"generation": secrets.token_hex(_GENERATION_BYTES), "format": FORMAT}
    return json_line(head | {"thread_id": thread_id, "last_seq": last_seq})


def batch_line(size: int) -> bytes:
    """
    Write the line before records that belong together.
    """
    return json_line({"batch": size})


def read_header(file: IO[bytes], thread_id: str) -> Header | None:
    """
    Read the first line of a file; None where it is missing or damaged.

    Raises:
        SchemaVersionError: The file is of a format that this version does not know.
        DatabaseError: The file is of another thread.
    """
    file.seek(0)
    line = file.readline()
    head = _parsed(line)
    if "format" not in head:
        return None
    if head["format"] != FORMAT:
        raise SchemaVersionError(
            f"{file.name} is of format {head['format']!r}, and this version knows {FORMAT}: "
            "use the version of otel-bridge that wrote it"
        )
    if head.get("thread_id") != thread_id:
        raise DatabaseError(
            f"{file.name} holds the thread {head.get('thread_id')!r}, not {thread_id!r}: "
            "give the folder back the name it had"
        )
    if not isinstance(head.get("generation"), str) or not _is_number(head.get("last_seq")):
        return None
    return Header(head["generation"], thread_id, head["last_seq"], len(line))


def scan(file: IO[bytes], start: int, thread_id: str, last_seq: int) -> Scan:
    """
    Read a file from the beginning of a line to its end.

    Args:
        last_seq: The number of the last record before; later ones have higher ones.
    """
    file.seek(start)
    found = Scan(end=start)
    batch: list[Entry[Place]] = []
    position, missing = start, 0
    for line in file:
        if not line.endswith(b"\n"):
            break
        place = Place(position, len(line))
        position += len(line)
        value = _parsed(line)
        if not missing and _is_number(value.get("batch")):
            missing = value["batch"]
            continue
        missing = max(0, missing - 1)
        if _is_record(value, thread_id) and value["seq"] > last_seq:
            last_seq = value["seq"]
            batch.append(Entry.of(value, place))
        else:
            found.damaged += 1
        if not missing:
            found.entries += batch
            batch = []
            found.end = position
    return found


def read_records(file: IO[bytes], entries: Iterable[Entry[Place]]) -> list[dict[str, Any]]:
    """
    Read the records of some entries.
    """
    return [json.loads(line) for line in read_lines(file, entries)]


def read_lines(file: IO[bytes], entries: Iterable[Entry[Place]]) -> Iterable[bytes]:
    """
    Read the lines of some entries, those that lie side by side in one go.
    """
    position = -1
    for entry in entries:
        offset, size = entry.held
        if offset != position:
            file.seek(offset)
        yield file.read(size)
        position = offset + size


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _is_record(value: dict[str, Any], thread_id: str) -> bool:
    return (
        value.get("thread_id") == thread_id
        and _is_number(value.get("seq"))
        and all(isinstance(value.get(name), str) for name in _TEXTS)
        and isinstance(value.get("metadata"), dict)
        and "content" in value
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
