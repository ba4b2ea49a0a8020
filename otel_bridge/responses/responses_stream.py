"""
Streams of the Responses API.
"""

from otel_bridge.responses.access import count, get, items, text
from otel_bridge.responses.openai_responses import read_openai_response
from otel_bridge.responses.response import Response

_TEXT = "response.output_text.delta"
_ARGUMENTS = "response.function_call_arguments.delta"
_REASONING = frozenset({"response.reasoning_summary_text.delta", "response.reasoning_text.delta"})
_ITEM = frozenset({"response.output_item.added", "response.output_item.done"})


class ResponsesStream:
    """
    Believes the latest event that carries a response; items and texts beside it count
    where the stream stopped early.
    """

    def __init__(self) -> None:
        self._latest: object = None
        self._items: dict[int, object] = {}
        self._done: set[int] = set()
        self._texts: dict[int, tuple[str, list[str]]] = {}

    def add(self, chunk: object) -> None:
        """
        Take the next event.
        """
        kind = text(chunk, "type") or ""
        if get(chunk, "response") is not None:
            self._latest = get(chunk, "response")
        index = count(chunk, "output_index") or 0
        if kind in _ITEM:
            self._items[index] = get(chunk, "item")
            if kind.endswith("done"):
                self._done.add(index)
        elif kind in (_TEXT, _ARGUMENTS) or kind in _REASONING:
            self._texts.setdefault(index, (kind, []))[1].append(text(chunk, "delta") or "")

    def response(self) -> Response:
        """
        Say what the events so far amount to.
        """
        status = text(self._latest, "status")
        whole = items(self._latest, "output")
        if not whole:
            whole = [self._item(index) for index in sorted({*self._items, *self._texts})]
        return read_openai_response(
            {
                "id": text(self._latest, "id"),
                "model": text(self._latest, "model"),
                "usage": get(self._latest, "usage"),
                "status": None if status in ("in_progress", "queued") else status,
                "incomplete_details": get(self._latest, "incomplete_details"),
                "output": whole,
            }
        )

    def _item(self, index: int) -> object:
        item = self._items.get(index)
        if index in self._done or index not in self._texts:
            return item
        kind, texts = self._texts[index]
        said = "".join(texts)
        if kind == _ARGUMENTS:
            return {
                "type": "function_call",
                "call_id": text(item, "call_id"),
                "name": text(item, "name"),
                "arguments": said,
            }
        if kind in _REASONING:
            return {"type": "reasoning", "content": said}
        return {"type": "message", "role": "assistant", "content": said}
