"""
LangChain's messages in the form of the GenAI conventions.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from otel_bridge_storage.json_ready import json_text

from otel_bridge.message_parts import Part, part, tool_call, tool_response
from otel_bridge.messages import Message, messages_of, text_message
from otel_bridge.responses.access import get, items, text

_ROLES = {
    "ai": "assistant",
    "AIMessageChunk": "assistant",
    "human": "user",
    "HumanMessageChunk": "user",
    "system": "system",
    "SystemMessageChunk": "system",
    "developer": "system",
    "tool": "tool",
    "ToolMessageChunk": "tool",
    "function": "tool",
}
_MEDIA = ("image", "audio", "video", "file", "document", "text-plain")
_REQUESTS = frozenset(
    {"tool_use", "tool_call", "tool_call_chunk", "function_call", "input_json_delta"}
)
_TEXT_KEYS = ("input", "question", "query", "prompt", "text", "topic")
_ANSWER_KEYS = ("output", "answer", "result", "response", "text")


def is_message(value: object) -> bool:
    """
    Tell a message of LangChain's.
    """
    return (
        isinstance(get(value, "type"), str)
        and not isinstance(value, Mapping | str)
        and (hasattr(value, "content") and hasattr(value, "additional_kwargs"))
    )


def conversation(messages: Iterable[object]) -> list[Message]:
    """
    Convert messages, oldest first; those that are none of LangChain's too.
    """
    found: list[Message] = []
    for message in messages:
        found += [converted(message)] if is_message(message) else _loose(message)
    return found


def converted(message: object) -> Message:
    """
    Convert one message of LangChain's.
    """
    kind = text(message, "type") or ""
    role = _ROLES.get(kind) or text(message, "role") or kind
    content = get(message, "content")
    if role == "tool":
        call_id = text(message, "tool_call_id") or text(message, "name")
        return {"role": role, "parts": [tool_response(call_id, content)]}
    parts = [*_reasoning(message), *_parts(content, bool(items(message, "tool_calls")))]
    parts += [_request(call) for call in items(message, "tool_calls")]
    parts += [_request(call) for call in items(message, "invalid_tool_calls")]
    made: Message = {"role": role, "parts": parts}
    if name := text(message, "name"):
        made["name"] = name
    return made


def asked(inputs: object) -> Any:
    """
    Find in a run's input what it was asked: its messages, its text, or all of it.
    """
    messages = _messages_in(inputs)
    if messages is not None:
        return conversation(messages)
    return _text_in(inputs, _TEXT_KEYS)


def answered(outputs: object) -> Any:
    """
    Find in a run's output what it answered: its last message, its text, or all of it.

    A graph ends with its whole state, which holds the conversation from its beginning.
    """
    messages = _messages_in(outputs)
    if messages:
        said = [m for m in messages if text(m, "type") in ("ai", "AIMessageChunk")]
        return conversation(said[-1:] or messages[-1:])
    if isinstance(outputs, Mapping):
        outputs = {key: value for key, value in outputs.items() if key != "__interrupt__"}
    return _text_in(outputs, _ANSWER_KEYS)


def _messages_in(value: object) -> list[object] | None:
    if is_message(value):
        return [value]
    to_messages = getattr(value, "to_messages", None)
    if callable(to_messages):
        return list(to_messages())
    found = get(value, "messages")
    if is_message(found) or isinstance(found, str):
        return [found]
    if isinstance(found, list | tuple):
        return list(found)
    if isinstance(value, list | tuple) and value and all(is_message(item) for item in value):
        return list(value)
    return None


def _text_in(value: object, keys: tuple[str, ...]) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        if not value:
            return None
        told = [value[key] for key in keys if isinstance(value.get(key), str)]
        if len(told) == 1 and len(value) == 1:
            return told[0]
    return json_text(value)


def _loose(message: object) -> list[Message]:
    """
    Convert what a program may give in place of a message: a text, a pair or a dict.
    """
    if isinstance(message, tuple) and len(message) == 2 and isinstance(message[0], str):
        told, content = message
        role = _ROLES.get(told) or told
        if isinstance(content, str):
            return [text_message(content, role)]
        return messages_of({"role": role, "content": content})
    return messages_of(message)


def _parts(content: object, has_calls: bool) -> list[Part]:
    if isinstance(content, str):
        return [{"type": "text", "content": content}] if content else []
    blocks = content if isinstance(content, list | tuple) else []
    return [
        _part(block)
        for block in blocks
        if not (has_calls and isinstance(block, Mapping) and block.get("type") in _REQUESTS)
    ]


def _part(block: object) -> Part:
    if not isinstance(block, Mapping):
        return part(block)
    kind = block.get("type")
    if kind in ("tool_call", "tool_use", "tool_call_chunk"):
        return _request(block)
    if kind == "reasoning" and isinstance(block.get("reasoning"), str):
        return {"type": "reasoning", "content": block["reasoning"]}
    if kind in _MEDIA and (media := _media(block)):
        return media
    return part(dict(block))


def _media(block: Mapping[str, Any]) -> Part | None:
    """
    Convert a block of LangChain's own form for media, newer or older.
    """
    modality = "document" if block["type"] == "text-plain" else str(block["type"])
    if isinstance(block.get("text"), str) and block["type"] in ("text-plain", "file"):
        return {"type": "text", "content": block["text"]}
    if isinstance(address := block.get("url"), str):
        return {"type": "uri", "modality": modality, "uri": address}
    data = block.get("base64") or (block.get("data") if "source_type" in block else None)
    if isinstance(data, str):
        media_type = block.get("mime_type")
        return {"type": "blob", "modality": modality, "mime_type": media_type, "content": data}
    file_id = block.get("file_id") or (block.get("id") if "source_type" in block else None)
    if isinstance(file_id, str):
        return {"type": "file", "modality": modality, "file_id": file_id}
    return None


def _request(call: object) -> Part:
    arguments = get(call, "args")
    return tool_call(
        {
            "id": get(call, "id"),
            "name": get(call, "name"),
            "arguments": get(call, "input") if arguments is None else arguments,
        }
    )


def _reasoning(message: object) -> list[Part]:
    thought = text(message, "additional_kwargs", "reasoning_content")
    return [{"type": "reasoning", "content": thought}] if thought else []
