"""
Messages of Strands Agents: Bedrock's blocks, in events or attributes, as JSON text.

    [{"text": "hi"}, {"toolUse": {"toolUseId": "1", "name": "f", "input": {}}}]
    [{"toolResult": {"toolUseId": "1", "status": "success", "content": [{"text": "18C"}]}}]
"""

from collections.abc import Mapping
from typing import Any

from otel_bridge_storage.readings import Message
from otel_bridge_storage.records import EventRecord, SpanRecord

from otel_bridge.dialects import genai_messages, lenient
from otel_bridge.dialects.chat_messages import content_part, message_of, role_of, text_message

Messages = tuple[Message, ...]

_REDACTED = "[REDACTED]"
_PROMPT, _COMPLETION, _RESULT = "gen_ai.prompt", "gen_ai.completion", "tool.result"


def of_span(span: SpanRecord) -> tuple[Messages, Messages]:
    """
    Read the messages of a call or of a run.

    Returns:
        What was sent, and what came back.
    """
    attributes = span.attributes
    sent = [*genai_messages.input_messages(attributes), *_of_prompt(attributes.get(_PROMPT))]
    received = [
        *genai_messages.output_messages(attributes),
        *_blocks_message("assistant", attributes.get(_COMPLETION)),
    ]
    for event in span.events:
        _add(event, sent, received)
    return tuple(sent), tuple(received)


def of_tool(span: SpanRecord) -> tuple[Any, Any]:
    """
    Read what a tool was given and what it answered; None where it is not told.
    """
    attributes = span.attributes
    arguments, result = None, attributes.get("gen_ai.tool.call.result")
    result = result or attributes.get(_RESULT)
    for event in span.events:
        if event.name == "gen_ai.tool.message":
            arguments = event.attributes.get("content")
        elif event.name == genai_messages.CHOICE_EVENT:
            result = event.attributes.get("message")
        elif event.name == genai_messages.DETAILS_EVENT:
            arguments = _first(event, genai_messages.INPUT, "arguments") or arguments
            result = result or _first(event, genai_messages.OUTPUT, "response")
    return (None if arguments == _REDACTED else arguments), _plain(result)


def _add(event: EventRecord, sent: list[Message], received: list[Message]) -> None:
    told = event.attributes
    if event.name == genai_messages.DETAILS_EVENT:
        sent.extend(genai_messages.input_messages(told))
        received.extend(genai_messages.output_messages(told))
    elif event.name == genai_messages.CHOICE_EVENT:
        reason = told.get("finish_reason")
        received.extend(_blocks_message("assistant", told.get("message"), reason))
    elif event.name in genai_messages.MESSAGE_EVENTS:
        role = genai_messages.MESSAGE_EVENTS[event.name]
        sent.extend(_blocks_message(role, told.get("content")))


def _of_prompt(value: Any) -> Messages:
    """
    Read the prompt of the first versions: a text, or a list of Bedrock's messages.
    """
    listed = lenient.structure(value)
    if not isinstance(listed, list):
        return _blocks_message("user", value)
    return tuple(
        message
        for item in lenient.dicts(listed)
        for message in _blocks_message(role_of(item.get("role"), "user"), item.get("content"))
    )


def _blocks_message(role: str, value: Any, finish_reason: Any = None) -> Messages:
    if value is None or value in ("", _REDACTED):
        return ()
    blocks = lenient.structure(value)
    if not isinstance(blocks, list):
        return (text_message(role, lenient.as_content(value) or ""),)
    parts = [_part(block) for block in blocks]
    if parts and all(part.get("type") == "tool_call_response" for part in parts):
        role = "tool"
    reason = finish_reason if isinstance(finish_reason, str) else None
    return (message_of(role, parts, finish_reason=reason),)


def _part(block: Any) -> dict[str, Any]:
    if isinstance(block, Mapping):
        reasoning = block.get("reasoningContent")
        if isinstance(reasoning, Mapping):
            told = reasoning.get("reasoningText")
            text = told.get("text") if isinstance(told, Mapping) else told
            return {"type": "reasoning", "content": text}
        answer = block.get("toolResult")
        if isinstance(answer, Mapping):
            return {
                "type": "tool_call_response",
                "id": answer.get("toolUseId"),
                "response": _plain(answer.get("content")),
            }
    part: dict[str, Any] = content_part(block)
    return part


def _plain(content: Any) -> Any:
    """
    Give blocks that are all text as that text.
    """
    blocks = lenient.structure(content)
    if isinstance(blocks, list) and blocks:
        texts = [block.get("text") for block in lenient.dicts(blocks)]
        if len(texts) == len(blocks) and all(isinstance(text, str) for text in texts):
            return "\n".join(str(text) for text in texts)
    return None if content == _REDACTED else content


def _first(event: EventRecord, name: str, key: str) -> Any:
    for message in lenient.dicts(lenient.structure(event.attributes.get(name)) or []):
        for part in lenient.dicts(lenient.structure(message.get("parts")) or []):
            if part.get(key) is not None:
                return part[key]
    return None
