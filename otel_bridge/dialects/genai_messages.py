"""
Messages as the GenAI conventions carry them: in attributes, in span events, in logs.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from otel_bridge_storage.readings import LogReading, Message
from otel_bridge_storage.records import EventRecord, LogRecord
from otel_bridge_storage.values import clean

from otel_bridge.dialects import lenient
from otel_bridge.dialects.chat_messages import chat_message, message_of, role_of, text_message

SYSTEM = "gen_ai.system_instructions"
INPUT = "gen_ai.input.messages"
OUTPUT = "gen_ai.output.messages"

DETAILS_EVENT = "gen_ai.client.inference.operation.details"
_CHOICE_EVENT = "gen_ai.choice"
_MESSAGE_EVENTS = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}

Messages = tuple[Message, ...]


def input_messages(attributes: Mapping[str, Any]) -> Messages:
    """
    Read what was sent, with the system instructions first.
    """
    system = _system(attributes.get(SYSTEM))
    return (*system, *messages(attributes.get(INPUT), "user"))


def output_messages(attributes: Mapping[str, Any]) -> Messages:
    """
    Read what came back.
    """
    return messages(attributes.get(OUTPUT), "assistant")


def messages(value: Any, default_role: str) -> Messages:
    """
    Read a list of messages, structured or as JSON text.

    A message's body is the exact text of its element where the list is JSON text, so
    that the text and the message can be stored once.
    """
    if isinstance(value, str):
        value = clean(value)
        if not value.strip():
            return ()
        cut = lenient.elements(value)
        if cut is not None:
            return _all(_message(item, default_role, body) for item, body in cut)
        parsed = lenient.structure(value)
        return _all([_message(value if parsed is None else parsed, default_role)])
    if isinstance(value, Mapping):
        return _all([_message(value, default_role)])
    if isinstance(value, list | tuple):
        return _all(_message(item, default_role) for item in value)
    return ()


def event_messages(events: Iterable[EventRecord]) -> tuple[Messages, Messages]:
    """
    Read the messages in the events of a span.

    Returns:
        What was sent, and what came back.
    """
    sent: list[Message] = []
    received: list[Message] = []
    for event in events:
        if event.name == DETAILS_EVENT:
            return input_messages(event.attributes), output_messages(event.attributes)
        _add_legacy(event.name, event.attributes, sent, received)
    return tuple(sent), tuple(received)


def read_log(log: LogRecord) -> LogReading | None:
    """
    Read the messages of a log record that follows the conventions.
    """
    name = log.event_name or lenient.text(log.attributes, ("event.name",))
    if name == DETAILS_EVENT:
        return _details(log)
    if name != _CHOICE_EVENT and name not in _MESSAGE_EVENTS:
        return None
    sent: list[Message] = []
    received: list[Message] = []
    body = lenient.structure(log.body)
    if isinstance(body, dict):
        _add_legacy(name, body, sent, received)
    elif isinstance(log.body, str) and log.body:
        _add_legacy(name, {"content": log.body}, sent, received)
    if not sent and not received:
        return None
    return LogReading(input=tuple(sent), output=tuple(received))


def _details(log: LogRecord) -> LogReading | None:
    body = lenient.structure(log.body)
    source = {**body, **log.attributes} if isinstance(body, dict) else log.attributes
    sent, received = input_messages(source), output_messages(source)
    if not sent and not received:
        return None
    return LogReading(input=sent, output=received, complete=True)


def _add_legacy(
    name: str, source: Mapping[str, Any], sent: list[Message], received: list[Message]
) -> None:
    if name == _CHOICE_EVENT:
        received.append(_choice(source))
    elif name in _MESSAGE_EVENTS and ("content" in source or "tool_calls" in source):
        sent.append(chat_message(source, _MESSAGE_EVENTS[name]))


def _choice(source: Mapping[str, Any]) -> Message:
    told = source.get("message")
    inner = lenient.structure(told)
    if isinstance(inner, dict):
        base = inner
    else:
        base = {"content": source.get("content") if told is None else told}
    calls = base.get("tool_calls") or source.get("tool_calls")
    reason = source.get("finish_reason")
    return chat_message({**base, "tool_calls": calls, "finish_reason": reason}, "assistant")


def _system(value: Any) -> Messages:
    if not value or isinstance(value, bool | int | float | bytes):
        return ()
    parts = lenient.structure(value)
    if isinstance(parts, dict):
        parts = [parts]
    if not isinstance(parts, list):
        return (text_message("system", clean(str(value))),)
    if not parts:
        return ()
    texts = [{"type": "text", "content": p} if isinstance(p, str) else p for p in parts]
    return (message_of("system", texts),)


def _message(source: Any, default_role: str, body: str | None = None) -> Message | None:
    if isinstance(source, str):
        return text_message(default_role, source)
    if not isinstance(source, dict) and not isinstance(source, Mapping):
        return None
    parts = source.get("parts")
    if not isinstance(parts, list) and not isinstance(parts, tuple):
        return chat_message(source, default_role)
    role = role_of(source.get("role"), default_role)
    if parts and _is_tool_result(parts[0]) and all(map(_is_tool_result, parts)):
        role = "tool"
    return Message(role, lenient.to_json(source) if body is None else body)


def _is_tool_result(part: Any) -> bool:
    if not isinstance(part, dict) and not isinstance(part, Mapping):
        return False
    return part.get("type") == "tool_call_response"


def _all(found: Iterable[Message | None]) -> Messages:
    return tuple(message for message in found if message is not None)
