"""
Logfire's messages up to version 4: whole requests and answers of the clients, and events.

    request_data   {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
    response_data  {"message": {"role": "assistant", "content": "hello"}, "usage": {...}}
"""

from collections.abc import Mapping
from typing import Any

from otel_bridge_storage.readings import Message
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import genai_messages, lenient, pydantic_ai_messages
from otel_bridge.dialects.chat_messages import role_of
from otel_bridge.messages import messages_of

Messages = tuple[Message, ...]

AGENTS = "logfire.openai_agents"
REQUEST, RESPONSE = ("request_data",), ("response_data",)
_EVENTS = "events"
_STREAMED = ("combined_chunk_content", "text")
_LONE_INPUT = frozenset({"input"})


def of_span(span: SpanRecord) -> tuple[Messages, Messages]:
    """
    Read what was sent, and what came back.
    """
    attributes = span.attributes
    sent, received = genai_messages.of_span(span)
    if sent and received:
        return sent, received
    if span.scope.name == AGENTS and "output" in attributes:
        given, got = (lenient.structure(attributes.get(name)) for name in ("input", "output"))
        return sent or converted(given, "user"), received or converted(got, "assistant")
    events = _of_events(attributes.get(_EVENTS))
    asked = _asked(lenient.json_map(attributes, REQUEST))
    return sent or events[0] or asked, received or events[1] or _answered(attributes)


def converted(value: Any, role: str) -> Messages:
    """
    Convert messages in the form of a client.
    """
    return tuple(
        Message(role_of(message.get("role"), role), lenient.to_json(message))
        for message in messages_of(value, role)
    )


def _asked(request: Mapping[str, Any]) -> Messages:
    system = converted(request.get("system", request.get("instructions")), "system")
    asked = request.get("messages", request.get("input", request.get("prompt")))
    return (*system, *converted(asked, "user"))


def _answered(attributes: Mapping[str, Any]) -> Messages:
    response = lenient.json_map(attributes, RESPONSE)
    message = response.get("message")
    if isinstance(message, Mapping):
        return converted(_with_plain_arguments(message), "assistant")
    return converted(lenient.text(response, _STREAMED), "assistant")


def _with_plain_arguments(message: Mapping[str, Any]) -> dict[str, Any]:
    """
    Take the arguments of an Anthropic model's calls out of the `input` they are told in.
    """
    calls = []
    for call in lenient.dicts(lenient.structure(message.get("tool_calls")) or []):
        function = call.get("function")
        if not isinstance(function, dict):
            function = {}
        told = lenient.json_map(function, ("arguments",))
        wrapped = "type" not in call and told.keys() == _LONE_INPUT
        if wrapped and isinstance(told["input"], dict):
            call["function"] = {**function, "arguments": told["input"]}
        calls.append(call)
    return {**message, "tool_calls": calls} if calls else dict(message)


def _of_events(value: Any) -> tuple[Messages, Messages]:
    """
    Read the events of a call to the Responses API, of which the last, being the
    model's, are its answer.
    """
    told, chosen = pydantic_ai_messages.of_events(value)
    if chosen:
        return told, chosen
    end = len(told)
    while end and told[end - 1].role == "assistant":
        end -= 1
    return told[:end], told[end:]
