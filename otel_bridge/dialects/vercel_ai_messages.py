"""
Messages of the Vercel AI SDK in its own form.

    [{"role": "user", "content": [{"type": "text", "text": "hi"}]},
     {"role": "assistant", "content": [{"type": "tool-call", "toolCallId": "1",
                                        "toolName": "f", "input": {}}]}]
"""

from collections.abc import Mapping
from typing import Any

from otel_bridge_storage.readings import Message
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import genai_messages, lenient
from otel_bridge.dialects.chat_messages import message_of, role_of, text_message, tool_call
from otel_bridge.dialects.lenient import Names

Messages = tuple[Message, ...]

_TEXT: Names = ("ai.response.text", "ai.result.text")
_OBJECT: Names = ("ai.response.object", "ai.result.object")
_REASONING: Names = ("ai.response.reasoning", "ai.result.reasoning")
_CALLS: Names = ("ai.response.toolCalls", "ai.result.toolCalls")
_FINISH: Names = ("ai.response.finishReason", "ai.finishReason")
_VALUES: Names = ("ai.values", "ai.value")
_MEDIA = {"image", "file", "audio", "video"}


def of_span(span: SpanRecord) -> tuple[Messages, Messages]:
    """
    Read what was sent and what came back, in the SDK's names or else the conventions'.
    """
    attributes = span.attributes
    told, answered = genai_messages.of_span(span)
    return told or sent(attributes), answered or received(attributes)


def sent(attributes: Mapping[str, Any]) -> Messages:
    """
    Read the prompt of a request, or what a whole generation was asked.
    """
    listed = lenient.structure(attributes.get("ai.prompt.messages"))
    if isinstance(listed, list):
        return _messages(listed)
    if prompt := lenient.value(attributes, ("ai.prompt",)):
        return _prompt(prompt)
    values = attributes.get(next((name for name in _VALUES if name in attributes), ""))
    found = values if isinstance(values, (list, tuple)) else [values]
    return tuple(text_message("user", _unquoted(value)) for value in found if value)


def received(attributes: Mapping[str, Any]) -> Messages:
    """
    Read the answer: its reasoning, its text or object, and the tools it asked for.
    """
    parts: list[Any] = []
    if reasoning := lenient.value(attributes, _REASONING):
        parts.append({"type": "reasoning", "content": _reasoning(reasoning)})
    if text := lenient.as_content(lenient.value(attributes, (*_TEXT, *_OBJECT))):
        parts.append({"type": "text", "content": text})
    calls = lenient.structure(lenient.value(attributes, _CALLS))
    parts += [_part({"type": "tool-call", **call}) for call in lenient.dicts(calls or [])]
    if not parts:
        return ()
    return (message_of("assistant", parts, finish_reason=lenient.text(attributes, _FINISH)),)


def final_answer(output: Messages) -> Messages:
    """
    Leave the steps on the way out of the answer of a whole generation.
    """
    found: list[Message] = []
    for message in output:
        body = lenient.parse_json(message.body)
        parts = body.get("parts") if isinstance(body, dict) else None
        said = [part for part in lenient.dicts(parts or []) if part.get("type") == "text"]
        found.append(message_of(message.role, said) if said else message)
    return tuple(found)


def _prompt(prompt: Any) -> Messages:
    told = lenient.structure(prompt)
    if isinstance(told, list):
        return _messages(told)
    if not isinstance(told, dict):
        return (text_message("user", lenient.as_content(prompt) or ""),)
    system = told.get("system") or told.get("instructions")
    first = _messages([{"role": "system", "content": system}]) if system else ()
    asked = told.get("messages") or told.get("prompt")
    if isinstance(asked, list):
        return (*first, *_messages(asked))
    text = lenient.as_content(asked)
    return (*first, text_message("user", text)) if text else first


def _messages(listed: list[Any]) -> Messages:
    return tuple(_message(item) for item in lenient.dicts(listed))


def _message(item: Mapping[str, Any]) -> Message:
    content = item.get("content", item.get("parts"))
    parts = [_part(part) for part in (content if isinstance(content, list) else [content]) if part]
    role = role_of(item.get("role"), "user")
    if parts and all(part["type"] == "tool_call_response" for part in parts):
        role = "tool"
    return message_of(role, parts)


def _part(part: Any) -> dict[str, Any]:
    if not isinstance(part, Mapping):
        return {"type": "text", "content": lenient.as_content(part) or ""}
    kind = part.get("type")
    if kind in ("text", "reasoning") or (kind is None and "content" in part):
        text = part.get("text", part.get("content"))
        name = "reasoning" if kind == "reasoning" else "text"
        return {"type": name, "content": lenient.as_content(text) or ""}
    if kind == "tool-call":
        arguments = part.get("input", part.get("args"))
        return tool_call(part.get("toolCallId"), part.get("toolName"), arguments)
    if kind in ("tool-result", "tool-error"):
        result = part.get("output", part.get("result", part.get("error")))
        if isinstance(result, Mapping) and "value" in result and "type" in result:
            result = result["value"]
        told = {"id": part.get("toolCallId"), "response": result}
        return {"type": "tool_call_response", **told}
    if isinstance(kind, str) and kind in _MEDIA:
        return _media(part, kind)
    return {**part, "type": kind if isinstance(kind, str) else "generic"}


def _media(part: Mapping[str, Any], kind: str) -> dict[str, Any]:
    data = part.get("data", part.get("image", part.get("url")))
    media_type = part.get("mediaType", part.get("mimeType"))
    family = media_type.partition("/")[0] if isinstance(media_type, str) else kind
    about = {"modality": family if family in _MEDIA else kind, "mime_type": media_type}
    if isinstance(data, str) and data.startswith(("http://", "https://")):
        return {"type": "uri", **about, "uri": data}
    return {"type": "blob", **about, "content": data}


def _reasoning(value: Any) -> str:
    told = lenient.structure(value)
    if not isinstance(told, list):
        return lenient.as_content(value) or ""
    texts = (part.get("text") for part in lenient.dicts(told))
    return "\n".join(text for text in texts if isinstance(text, str))


def _unquoted(value: Any) -> str:
    parsed = lenient.parse_json(value) if isinstance(value, str) else value
    return parsed if isinstance(parsed, str) else lenient.as_content(value) or ""
