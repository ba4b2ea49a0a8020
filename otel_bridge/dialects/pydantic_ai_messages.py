"""
Messages of Pydantic AI: what its version 1 tells as events, in an attribute or in logs,
and the whole conversation that a run's span carries.
"""

from collections.abc import Mapping
from typing import Any

from otel_bridge_storage.readings import Message
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import genai_messages, lenient
from otel_bridge.dialects.chat_messages import text_message

Messages = tuple[Message, ...]

EVENTS = "events"
RUN_EVENTS = "all_messages_events"
RUN_MESSAGES = ("pydantic_ai.all_messages", "all_messages")
NEW_INDEX = ("pydantic_ai.new_message_index",)
RESULT = "final_result"
_EMBEDDED = "inputs"


def of_call(span: SpanRecord) -> tuple[Messages, Messages]:
    """
    Read what was sent, and what came back.
    """
    attributes = span.attributes
    sent, received = genai_messages.of_span(span)
    if not sent and not received and EVENTS in attributes:
        return of_events(attributes[EVENTS])
    return sent or genai_messages.messages(attributes.get(_EMBEDDED), "user"), received


def of_run(span: SpanRecord) -> tuple[Messages, Messages]:
    """
    Read what an agent was asked, which is what came before its first answer, and what it
    answered.

    Of a conversation that went on, what is old is left out where the span says where
    the new begins.
    """
    attributes = span.attributes
    new = _new(attributes)
    first = next((i for i, message in enumerate(new) if message.role == "assistant"), len(new))
    system = genai_messages.input_messages(
        {genai_messages.SYSTEM: attributes.get(genai_messages.SYSTEM)}
    )
    result = lenient.text(attributes, (RESULT,))
    if result is not None:
        return (*system, *new[:first]), (text_message("assistant", result),)
    answered = new[-1:] if new and new[-1].role == "assistant" else ()
    return (*system, *new[:first]), answered


def of_events(value: Any) -> tuple[Messages, Messages]:
    """
    Read a list of events, structured or as JSON text.
    """
    sent: list[Message] = []
    received: list[Message] = []
    for event in lenient.dicts(lenient.structure(value) or []):
        name = lenient.text(event, ("event.name",)) or ""
        genai_messages.add_legacy(name, readable(event), sent, received)
    return tuple(sent), tuple(received)


def readable(event: Mapping[str, Any]) -> dict[str, Any]:
    """
    Name the kinds of an event's contents as the conventions do.
    """
    told = dict(event)
    inner = told.get("message")
    if isinstance(inner, Mapping):
        told["message"] = readable(inner)
    content = told.get("content")
    if isinstance(content, (list, tuple)):
        told["content"] = [_part(part) for part in content]
    return told


def _new(attributes: Mapping[str, Any]) -> Messages:
    told = _conversation(attributes)
    begin = lenient.count(attributes, NEW_INDEX) or 0
    # The index counts requests, of which one may be two messages here.
    while 0 < begin < len(told) and told[begin].role == "assistant":
        begin += 1
    return told[begin:] or told


def _conversation(attributes: Mapping[str, Any]) -> Messages:
    told = genai_messages.messages(lenient.value(attributes, RUN_MESSAGES), "user")
    return told or of_events(attributes.get(RUN_EVENTS))[0]


def _part(part: Any) -> Any:
    if not isinstance(part, Mapping) or "kind" not in part:
        return part
    kind, rest = part["kind"], {k: v for k, v in part.items() if k != "kind"}
    if kind == "thinking":
        return {"type": "reasoning", "thinking": rest.get("text", rest.get("content"))}
    if kind == "text":
        return {"type": "text", "text": rest.get("text", rest.get("content"))}
    return {"type": kind, **rest}
