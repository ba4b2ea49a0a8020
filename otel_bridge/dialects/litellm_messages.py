"""
LiteLLM's messages: parts as the conventions write them, with tool calls beside them, and
in older versions one attribute for each leaf.
"""

from collections.abc import Mapping
from typing import Any

from otel_bridge_storage.readings import LogReading, Message
from otel_bridge_storage.records import LogRecord, SpanRecord

from otel_bridge.dialects import genai_messages, lenient
from otel_bridge.dialects.chat_messages import chat_message
from otel_bridge.dialects.openllmetry_messages import COMPLETION, PROMPT, indexed

Messages = tuple[Message, ...]

_EVENT_NAME = ("event_name",)
_EVENTS = {
    "gen_ai.content.prompt": "gen_ai.user.message",
    "gen_ai.content.completion": genai_messages.CHOICE_EVENT,
}
_BESIDE = frozenset({"tool_calls", "tool_call_id"})


def of_span(span: SpanRecord) -> tuple[Messages, Messages]:
    """
    Read what was sent, and what came back.
    """
    attributes = span.attributes
    system = genai_messages.input_messages(
        {genai_messages.SYSTEM: attributes.get(genai_messages.SYSTEM)}
    )
    sent = _messages(attributes.get(genai_messages.INPUT), "user")
    received = _messages(attributes.get(genai_messages.OUTPUT), "assistant")
    if not any(_parts(message) for message in received):
        # Of an answer that asks for tools the parts are empty, and its calls are apart.
        received = indexed(attributes, COMPLETION, "assistant") or received
    told, answered = genai_messages.event_messages(span.events)
    return (
        (*system, *sent) or indexed(attributes, PROMPT, "user") or told,
        received or answered,
    )


def of_log(log: LogRecord) -> LogReading | None:
    """
    Read a log record that carries one message, or one choice of an answer.
    """
    named = lenient.text(log.attributes, _EVENT_NAME) or ""
    body = lenient.structure(log.body)
    if named not in _EVENTS or not isinstance(body, dict):
        return None
    sent: list[Message] = []
    received: list[Message] = []
    genai_messages.add_legacy(_EVENTS[named], body, sent, received)
    return LogReading(input=tuple(sent), output=tuple(received)) if sent or received else None


def _messages(value: Any, role: str) -> Messages:
    listed = lenient.structure(value)
    told = lenient.dicts(listed) if isinstance(listed, list) else []
    if not any(_is_joined(message) for message in told):
        return genai_messages.messages(value, role)
    return tuple(
        found
        for message in told
        for found in (
            (_joined(message, role),)
            if _is_joined(message)
            else genai_messages.messages(message, role)
        )
    )


def _parts(message: Message) -> Any:
    body = lenient.structure(message.body)
    return body.get("parts") if isinstance(body, dict) else None


def _is_joined(message: Mapping[str, Any]) -> bool:
    return isinstance(message.get("parts"), list) and not _BESIDE.isdisjoint(message)


def _joined(message: Mapping[str, Any], role: str) -> Message:
    """
    Put what is told beside the parts of a message into them.
    """
    texts = [part for part in lenient.dicts(message["parts"]) if part.get("content") != ""]
    content: Any = texts
    if message.get("tool_call_id"):
        content = "\n".join(str(part.get("content", part.get("text"))) for part in texts)
    return chat_message({**message, "content": content}, role)
