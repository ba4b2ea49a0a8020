"""
Messages in the form of Google's models, to the form of the GenAI conventions.

    {"role": "model", "parts": [{"text": "hi"}, {"function_call": {"name": "f", "args": {}}}]}
"""

from collections.abc import Mapping
from typing import Any

from otel_bridge_storage.readings import Message

from otel_bridge.dialects import lenient
from otel_bridge.dialects.chat_messages import message_of, role_of, text_message, tool_call

# What is nearly always one is told by that, without asking whether it behaves like one.
_MAPS = (dict, Mapping)


def is_content(value: Any) -> bool:
    """
    Tell a message of this form by its parts, which have no `type`.
    """
    parts = value.get("parts") if isinstance(value, _MAPS) else None
    if not isinstance(parts, (list, tuple)):
        return False
    # Every message of every call is looked at: a generator would cost more than the rest.
    for part in parts:  # noqa: SIM110
        if isinstance(part, _MAPS) and "type" not in part:
            return True
    return False


def contents(value: Any, default_role: str) -> tuple[Message, ...]:
    """
    Convert one content, a list of them, or a plain text.
    """
    if isinstance(value, str) and value:
        return (text_message(default_role, value),)
    if isinstance(value, Mapping):
        return (content_message(value, default_role),) if value.get("parts") else ()
    if isinstance(value, (list, tuple)):
        return tuple(message for item in value for message in contents(item, default_role))
    return ()


def content_message(
    content: Mapping[str, Any], default_role: str, finish_reason: Any = None
) -> Message:
    """
    Convert one content; one whose parts are all answers of tools has the role `tool`.
    """
    told = content.get("parts")
    parts = [_part(part) for part in told] if isinstance(told, (list, tuple)) else []
    role = role_of(content.get("role"), default_role)
    if parts and all(part["type"] == "tool_call_response" for part in parts):
        role = "tool"
    reason = finish_reason if isinstance(finish_reason, str) else None
    return message_of(role, parts, finish_reason=reason)


def plain_result(response: Any) -> Any:
    """
    Take what a tool answered out of the map into which its answer is wrapped.
    """
    if isinstance(response, Mapping) and set(response) == {"result"}:
        return response["result"]
    return response


def _part(part: Any) -> dict[str, Any]:
    if not isinstance(part, Mapping):
        return {"type": "generic", "content": part}
    if isinstance(part.get("text"), str):
        kind = "reasoning" if part.get("thought") is True else "text"
        return {"type": kind, "content": part["text"]}
    call = _either(part, "function_call", "functionCall")
    if call is not None:
        return tool_call(call.get("id"), call.get("name"), call.get("args"))
    answer = _either(part, "function_response", "functionResponse")
    if answer is not None:
        response = plain_result(answer.get("response"))
        return {"type": "tool_call_response", "id": answer.get("id"), "response": response}
    file = _either(part, "file_data", "fileData")
    if file is not None:
        uri = lenient.text(file, ("file_uri", "fileUri"))
        return {"type": "uri", "uri": uri, "mime_type": _mime_type(file)}
    blob = _either(part, "inline_data", "inlineData")
    if blob is not None:
        return {"type": "blob", "mime_type": _mime_type(blob), "content": blob.get("data")}
    return {"type": "generic", **part}


def _either(part: Mapping[str, Any], *names: str) -> Mapping[str, Any] | None:
    found = (part[name] for name in names if isinstance(part.get(name), Mapping))
    return next(found, None)


def _mime_type(source: Mapping[str, Any]) -> str | None:
    return lenient.text(source, ("mime_type", "mimeType"))
