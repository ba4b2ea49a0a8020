"""
Messages in the forms of the providers' APIs, to the form of the GenAI conventions.

    {"role": "user", "content": "hi"}
    {"role": "user", "parts": [{"type": "text", "content": "hi"}]}
"""

from collections.abc import Mapping
from typing import Any

from otel_bridge_storage.readings import Message

from otel_bridge.dialects import lenient

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "tool": "tool",
    "function": "tool",
}


def role_of(value: Any, default: str) -> str:
    """
    Name a role in one of the four words of `Message`.
    """
    return _ROLES.get(value.lower(), default) if isinstance(value, str) else default


def text_message(role: str, content: str) -> Message:
    """
    Make a message of one text.
    """
    return message_of(role, [{"type": "text", "content": content}])


def message_of(
    role: str, parts: list[Any], *, name: str | None = None, finish_reason: str | None = None
) -> Message:
    """
    Make a message of parts.
    """
    body: dict[str, Any] = {"role": role, "parts": parts}
    if name:
        body["name"] = name
    if finish_reason:
        body["finish_reason"] = finish_reason
    return Message(role, lenient.to_json(body))


def chat_message(source: Mapping[str, Any], default_role: str) -> Message:
    """
    Convert a message of a chat API.
    """
    role = role_of(source.get("role"), default_role)
    reply_to = source.get("tool_call_id") or (source.get("id") if role == "tool" else None)
    if role == "tool":
        parts = [_tool_result(reply_to, source.get("content"))]
    else:
        parts = [*content_parts(source.get("content")), *tool_calls(source.get("tool_calls"))]
    name, reason = source.get("name"), source.get("finish_reason")
    return message_of(
        role,
        parts,
        name=name if isinstance(name, str) else None,
        finish_reason=reason if isinstance(reason, str) else None,
    )


def content_parts(content: Any) -> list[Any]:
    """
    Convert the content of a message: a text, or a list of typed parts.
    """
    if content is None or content == "":
        return []
    items = lenient.structure(content)
    if not isinstance(items, list):
        return [{"type": "text", "content": lenient.as_content(content)}]
    return [content_part(item) for item in items]


def content_part(item: Any) -> Any:
    """
    Convert one part, in the form of OpenAI, Anthropic or Bedrock; others stay as they are.
    """
    if isinstance(item, str):
        return {"type": "text", "content": item}
    if not isinstance(item, Mapping):
        return {"type": "generic", "content": item}
    if isinstance(item.get("text"), str):
        return {"type": "text", "content": item["text"]}
    if isinstance(item.get("thinking"), str):
        return {"type": "reasoning", "content": item["thinking"]}
    call = item if item.get("type") == "tool_use" else item.get("toolUse")
    if isinstance(call, Mapping):
        call_id = call.get("id", call.get("toolUseId"))
        return tool_call(call_id, call.get("name"), call.get("input"))
    result = item if item.get("type") == "tool_result" else item.get("toolResult")
    if isinstance(result, Mapping):
        return _tool_result(
            result.get("tool_use_id", result.get("toolUseId")), result.get("content")
        )
    return {"type": "generic", **item}


def tool_calls(calls: Any) -> list[Any]:
    """
    Convert the tool calls that an assistant asked for.
    """
    found: list[Any] = []
    for call in lenient.dicts(lenient.structure(calls) or []):
        function = call.get("function")
        told = function if isinstance(function, Mapping) else call
        found.append(
            tool_call(call.get("id"), told.get("name"), told.get("arguments", told.get("args")))
        )
    return found


def tool_call(call_id: Any, name: Any, arguments: Any) -> dict[str, Any]:
    """
    Make a part that asks for a tool.
    """
    parsed = lenient.structure(arguments)
    return {
        "type": "tool_call",
        "id": call_id,
        "name": name,
        "arguments": arguments if parsed is None else parsed,
    }


def _tool_result(call_id: Any, content: Any) -> dict[str, Any]:
    return {"type": "tool_call_response", "id": call_id, "response": content}
