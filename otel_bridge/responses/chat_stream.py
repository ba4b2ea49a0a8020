"""
Streams of chat completions and text completions.
"""

from dataclasses import dataclass, field
from typing import Any

from otel_bridge.messages import Message, messages_of
from otel_bridge.responses.access import count, get, items, text
from otel_bridge.responses.chat_completions import read_completion
from otel_bridge.responses.response import Response


@dataclass(slots=True)
class _Choice:
    """
    One of the answers that a stream carries side by side.
    """

    content: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    calls: dict[int, dict[str, Any]] = field(default_factory=dict)
    finish_reason: str | None = None


class ChatStream:
    """
    Joins the deltas of each choice; usage is that of the last chunk which has any.
    """

    def __init__(self) -> None:
        self._choices: dict[int, _Choice] = {}
        self._model: str | None = None
        self._id: str | None = None
        self._usage: Any = None

    def add(self, chunk: object) -> None:
        """
        Take the next chunk, also where a helper of the client wraps it.
        """
        if text(chunk, "type") == "chunk":
            chunk = get(chunk, "chunk")
        if text(chunk, "type") is not None:
            return
        self._model = text(chunk, "model") or self._model
        self._id = text(chunk, "id") or self._id
        usage = get(chunk, "usage")
        self._usage = self._usage if usage is None else usage
        for choice in items(chunk, "choices"):
            self._add_choice(choice)

    def response(self) -> Response:
        """
        Say what the chunks so far amount to, as the whole answer would be read.
        """
        choices = [
            {"message": self._message(choice), "finish_reason": choice.finish_reason}
            for _, choice in sorted(self._choices.items())
        ]
        return read_completion(
            {"model": self._model, "id": self._id, "usage": self._usage, "choices": choices}
        )

    def _add_choice(self, part: object) -> None:
        choice = self._choices.setdefault(count(part, "index") or 0, _Choice())
        choice.finish_reason = text(part, "finish_reason") or choice.finish_reason
        delta = get(part, "delta")
        said = (
            (choice.content, text(delta, "content") or text(part, "text")),
            (choice.refusal, text(delta, "refusal")),
            (choice.reasoning, text(delta, "reasoning_content") or text(delta, "reasoning")),
        )
        for texts, new in said:
            if new:
                texts.append(new)
        for call in items(delta, "tool_calls"):
            self._add_call(choice, call)

    def _add_call(self, choice: _Choice, part: object) -> None:
        index = count(part, "index")
        index = len(choice.calls) if index is None else index
        call = choice.calls.setdefault(index, {"id": None, "name": None, "arguments": []})
        call["id"] = text(part, "id") or call["id"]
        call["name"] = text(part, "function", "name") or call["name"]
        arguments = text(part, "function", "arguments")
        if arguments:
            call["arguments"].append(arguments)

    def _message(self, choice: _Choice) -> Message | None:
        calls = [
            {
                "id": call["id"],
                "function": {"name": call["name"], "arguments": "".join(call["arguments"])},
            }
            for _, call in sorted(choice.calls.items())
        ]
        message = {
            "role": "assistant",
            "content": "".join(choice.content),
            "reasoning": "".join(choice.reasoning) or None,
            "refusal": "".join(choice.refusal),
            "tool_calls": calls,
        }
        told = messages_of(message)
        return told[0] if told[0]["parts"] else None
