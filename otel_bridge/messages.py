"""
Messages of any client in the form of the GenAI conventions.

    {"role": "user", "parts": [{"type": "text", "content": "hi"}]}

Understood are plain text, the message dicts of the OpenAI and Anthropic clients (items
of the Responses API included), messages already in this form, and objects of the
clients. What is not understood is kept as text.
"""

from collections.abc import Mapping
from typing import Any

from otel_bridge_storage.json_ready import json_ready, json_text

from otel_bridge.message_parts import (
    ITEMS,
    OUTPUT_ITEMS,
    TOOL_RESPONSE,
    Part,
    part,
    parts,
    tool_call,
    tool_response,
)

Message = dict[str, Any]

_ROLES = {
    "developer": "system",
    "function": "tool",
    "model": "assistant",
    "human": "user",
    "ai": "assistant",
}


def messages_of(value: object, role: str = "user") -> list[Message]:
    """
    Convert what a program sent or received to messages.

    Args:
        role: The role of what does not name one.
    """
    return _messages(_plain(value), role)


def parts_of(content: object) -> list[Part]:
    """
    Convert the content of one message, or system instructions, to message parts.
    """
    return parts(_plain(content))


def content_of(value: object) -> str | list[Part] | None:
    """
    Convert the content of a step: text stays text, anything else becomes parts.
    """
    plain = _plain(value)
    if plain is None or isinstance(plain, str):
        return plain
    if isinstance(plain, dict) and _is_message(plain):
        return list(_message(plain, "")["parts"])
    return parts(plain)


def text_message(text: str, role: str) -> Message:
    """
    Make a message of a text.
    """
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _plain(value: object) -> Any:
    return value if isinstance(value, str) else json_ready(value)


def _messages(value: Any, role: str) -> list[Message]:
    if value is None:
        return []
    if isinstance(value, str):
        return [text_message(value, role)]
    if isinstance(value, dict):
        return [_message(value, role)]
    if not isinstance(value, list):
        return [text_message(json_text(value), role)]
    if value and all(isinstance(item, dict) and _is_part(item) for item in value):
        return [{"role": role, "parts": parts(value)}]
    return [message for item in value for message in _messages(item, role)]


def _is_message(value: Mapping[str, Any]) -> bool:
    return "role" in value or "parts" in value


def _is_part(value: Mapping[str, Any]) -> bool:
    kind = value.get("type")
    return not _is_message(value) and isinstance(kind, str) and kind not in ITEMS


def _message(value: dict[str, Any], role: str) -> Message:
    if not _is_message(value):
        return _item_message(value, role)
    found = str(value.get("role") or role)
    message: Message = {"role": _ROLES.get(found, found)}
    message["parts"] = _message_parts(value, message["role"])
    if message["parts"] and all(each["type"] == TOOL_RESPONSE for each in message["parts"]):
        message["role"] = "tool"
    for extra in ("name", "finish_reason"):
        if value.get(extra):
            message[extra] = value[extra]
    return message


def _message_parts(value: dict[str, Any], role: str) -> list[Part]:
    if "parts" in value:
        return parts(value["parts"])
    if role == "tool" and not _holds_results(value.get("content")):
        call_id = value.get("tool_call_id") or value.get("name")
        return [tool_response(call_id, value.get("content"))]
    found: list[Part] = []
    thought = value.get("reasoning_content") or value.get("reasoning")
    if isinstance(thought, str):
        found.append({"type": "reasoning", "content": thought})
    found += parts(value.get("content"))
    if value.get("refusal"):
        found.append({"type": "refusal", "content": value["refusal"]})
    calls = value.get("tool_calls")
    if isinstance(calls, list):
        found += [tool_call(call) for call in calls if isinstance(call, dict)]
    if isinstance(value.get("function_call"), dict):
        found.append(tool_call(value["function_call"]))
    return found


def _item_message(value: dict[str, Any], role: str) -> Message:
    kind = value.get("type")
    if isinstance(kind, str) and kind in ITEMS:
        owner = "tool" if kind in OUTPUT_ITEMS else "assistant"
        return {"role": owner, "parts": [part(value)]}
    return {"role": role, "parts": [part(value)]}


def _holds_results(content: Any) -> bool:
    return isinstance(content, list) and any(
        isinstance(item, dict) and item.get("type") in ("tool_result", TOOL_RESPONSE)
        for item in content
    )
