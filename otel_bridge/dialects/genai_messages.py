"""
Messages as the GenAI conventions carry them: in attributes and in span events.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from otel_bridge_storage.readings import Message
from otel_bridge_storage.records import EventRecord, SpanRecord
from otel_bridge_storage.values import clean

from otel_bridge.dialects import gemini_messages, lenient
from otel_bridge.dialects.chat_messages import chat_message, message_of, role_of, text_message

SYSTEM = "gen_ai.system_instructions"
INPUT = "gen_ai.input.messages"
OUTPUT = "gen_ai.output.messages"

DETAILS_EVENT = "gen_ai.client.inference.operation.details"
CHOICE_EVENT = "gen_ai.choice"
EVENT_CONTENT = "gen_ai.event.content"
"""
Where Azure's and .NET's instrumentations keep the body of an event, as JSON text.
"""
MESSAGE_EVENTS = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}

Messages = tuple[Message, ...]

_ELIDED = "<elided>"
"""
What stands for content that was left out.
"""
_OF_A_MESSAGE = {"role", "content", "tool_calls"}
"""
What tells a message from an answer that is itself JSON text.
"""
_MOST_REMEMBERED, _LONGEST_REMEMBERED = 1000, 10_000
_read_before: dict[tuple[str, str], Message] = {}


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
            return _all(_known_message(item, default_role, body) for item, body in cut)
        parsed = lenient.structure(value)
        return _all([_message(value if parsed is None else parsed, default_role)])
    if isinstance(value, Mapping):
        return _all([_message(value, default_role)])
    if isinstance(value, (list, tuple)):
        return _all(_message(item, default_role) for item in value)
    return ()


def of_span(span: SpanRecord) -> tuple[Messages, Messages]:
    """
    Read the messages of a span, from its attributes or else from its events.

    Returns:
        What was sent, and what came back.
    """
    sent, received = input_messages(span.attributes), output_messages(span.attributes)
    if span.events and not (sent and received):
        told, answered = event_messages(span.events)
        return sent or told, received or answered
    return sent, received


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
            sent.extend(input_messages(event.attributes))
            received.extend(output_messages(event.attributes))
        else:
            add_legacy(event.name, event.attributes, sent, received)
    return tuple(sent), tuple(received)


def add_legacy(
    name: str, source: Mapping[str, Any], sent: list[Message], received: list[Message]
) -> None:
    """
    Add the message of one of the events that conventions up to 1.36 had for each message.
    """
    source = lenient.json_map(source, (EVENT_CONTENT,)) or source
    if source.get("content") == _ELIDED:
        return
    if name == CHOICE_EVENT:
        received.append(_choice(source))
    elif name in MESSAGE_EVENTS and ("content" in source or "tool_calls" in source):
        content = lenient.structure(source.get("content"))
        if isinstance(content, dict) and gemini_messages.is_content(content):
            sent.append(gemini_messages.content_message(content, MESSAGE_EVENTS[name]))
        else:
            sent.append(chat_message(_asked_once(source), MESSAGE_EVENTS[name]))


def finish_reasons(received: Iterable[Message]) -> tuple[str, ...]:
    """
    List why each of the messages that came back ended, where the messages say it.
    """
    bodies = (lenient.structure(message.body) for message in received)
    return lenient.texts(
        {"": [body.get("finish_reason") for body in bodies if isinstance(body, dict)]}, ("",)
    )


def _choice(source: Mapping[str, Any]) -> Message:
    told, reason = source.get("message"), source.get("finish_reason")
    content = lenient.structure(source.get("content") if told is None else told)
    if isinstance(content, dict) and gemini_messages.is_content(content):
        return gemini_messages.content_message(content, "assistant", reason)
    if told is not None and isinstance(content, dict) and content.keys() & _OF_A_MESSAGE:
        base = content
    else:
        base = {"content": source.get("content") if told is None else told}
    calls = base.get("tool_calls") or source.get("tool_calls")
    answer = {**base, "tool_calls": calls, "finish_reason": reason}
    return chat_message(_asked_once(answer), "assistant")


def _asked_once(source: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Leave out the list of tool calls of a message whose content has them too.
    """
    parts = lenient.structure(source.get("content"))
    if not source.get("tool_calls") or not isinstance(parts, list):
        return source
    twice = any(
        "toolUse" in part or part.get("type") == "tool_use" for part in lenient.dicts(parts)
    )
    return {**source, "tool_calls": None} if twice else source


def _system(value: Any) -> Messages:
    if not value or isinstance(value, (bool, int, float, bytes)):
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


def _known_message(source: Any, default_role: str, body: str) -> Message | None:
    """
    Read a message that has its own text; each call of a conversation repeats those before.
    """
    known = _read_before.get((default_role, body))
    if known is not None:
        return known
    message = _message(source, default_role, body)
    if message is not None and len(body) <= _LONGEST_REMEMBERED:
        if len(_read_before) >= _MOST_REMEMBERED:
            _read_before.clear()
        _read_before[default_role, body] = message
    return message


def _message(source: Any, default_role: str, body: str | None = None) -> Message | None:
    if isinstance(source, str):
        return text_message(default_role, source)
    if not isinstance(source, dict) and not isinstance(source, Mapping):
        return None
    if gemini_messages.is_content(source):
        return gemini_messages.content_message(source, default_role, source.get("finish_reason"))
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
