"""
Streams of the `anthropic` client.
"""

from typing import Any

from otel_bridge_storage.readings import Usage

from otel_bridge.message_parts import parsed_json
from otel_bridge.responses.access import count, get, text
from otel_bridge.responses.anthropic_messages import block_messages, message_usage
from otel_bridge.responses.response import Response

EVENTS = frozenset(
    {
        "message_start",
        "message_delta",
        "message_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "ping",
    }
)
_TEXTS = {"text_delta": "text", "thinking_delta": "thinking", "input_json_delta": "partial_json"}
_COUNTS = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation",
    "output_tokens_details",
)


class MessageStream:
    """
    Joins the deltas of each content block; counts of later events replace earlier ones.

    A count of output tokens that is only the first event's is not taken for the call's.
    """

    def __init__(self) -> None:
        self._message: object = None
        self._blocks: dict[int, object] = {}
        self._texts: dict[int, list[str]] = {}
        self._usage: dict[str, Any] = {}
        self._reason: str | None = None

    def add(self, chunk: object) -> None:
        """
        Take the next event.
        """
        kind = text(chunk, "type")
        if kind == "message_start":
            self._message = get(chunk, "message")
            self._count(get(self._message, "usage"))
            self._usage.pop("output_tokens", None)
        elif kind == "message_delta":
            self._reason = text(chunk, "delta", "stop_reason") or self._reason
            self._count(get(chunk, "usage"))
        elif kind == "content_block_start":
            self._blocks[count(chunk, "index") or 0] = get(chunk, "content_block")
        elif kind == "content_block_delta":
            delta = get(chunk, "delta")
            said = text(delta, _TEXTS.get(text(delta, "type") or "", "text"))
            if said:
                self._texts.setdefault(count(chunk, "index") or 0, []).append(said)

    def response(self) -> Response:
        """
        Say what the events so far amount to.
        """
        blocks = [self._block(index) for index in sorted({*self._blocks, *self._texts})]
        usage: Usage = message_usage(self._usage)
        return Response(
            model=text(self._message, "model"),
            response_id=text(self._message, "id"),
            output=block_messages([block for block in blocks if block], self._reason),
            finish_reasons=(self._reason,) if self._reason else (),
            usage=usage,
        )

    def _count(self, usage: object) -> None:
        for name in _COUNTS:
            told = get(usage, name)
            if told is not None:
                self._usage[name] = told

    def _block(self, index: int) -> object:
        block, said = self._blocks.get(index), "".join(self._texts.get(index, ()))
        kind = text(block, "type") or "text"
        if kind == "thinking":
            return {"type": kind, "thinking": said or text(block, "thinking") or ""}
        if kind in ("tool_use", "server_tool_use"):
            return {
                "type": kind,
                "id": text(block, "id"),
                "name": text(block, "name"),
                "input": parsed_json(said) if said else get(block, "input"),
            }
        if kind == "text":
            whole = said or text(block, "text")
            return {"type": kind, "text": whole} if whole else None
        return block
