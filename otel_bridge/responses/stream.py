"""
Putting the chunks of a streamed response together, whichever client made them.
"""

from collections.abc import Callable
from typing import Protocol

from otel_bridge.messages import text_message
from otel_bridge.responses.access import get, text
from otel_bridge.responses.anthropic_stream import EVENTS, MessageStream
from otel_bridge.responses.chat_stream import ChatStream
from otel_bridge.responses.registry import read_response
from otel_bridge.responses.response import Response
from otel_bridge.responses.responses_stream import ResponsesStream


class ChunkReader(Protocol):
    """
    Puts the chunks of one client together.
    """

    def add(self, chunk: object) -> None:
        """
        Take the next chunk; one of an unknown kind is passed over.
        """

    def response(self) -> Response:
        """
        Say what the chunks so far amount to.
        """


class StreamReader:
    """
    Reads a stream of any client; its first known chunk shows which one it is.
    """

    def __init__(self) -> None:
        self._reader: ChunkReader | None = None
        self.chunks = 0

    def add(self, chunk: object) -> None:
        """
        Take the next chunk.
        """
        self.chunks += 1
        if self._reader is None:
            make = _reader_for(chunk)
            if make is None:
                return
            self._reader = make()
        self._reader.add(chunk)

    def response(self) -> Response:
        """
        Say what the chunks so far amount to.
        """
        return Response() if self._reader is None else self._reader.response()


class _Anything:
    """
    Texts that are joined, or whole responses of which the last counts.
    """

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._last = Response()

    def add(self, chunk: object) -> None:
        if isinstance(chunk, str):
            self._texts.append(chunk)
        else:
            self._last = read_response(chunk)

    def response(self) -> Response:
        if self._texts:
            return Response(output=[text_message("".join(self._texts), "assistant")])
        return self._last


def _reader_for(chunk: object) -> Callable[[], ChunkReader] | None:
    if isinstance(chunk, str):
        return _Anything
    kind = text(chunk, "type") or ""
    if kind.startswith("response."):
        return ResponsesStream
    if kind in EVENTS:
        return MessageStream
    if kind == "chunk" or text(chunk, "object") == "chat.completion.chunk":
        return ChatStream
    if isinstance(get(chunk, "choices"), list | tuple):
        return ChatStream
    return None if kind else _Anything
