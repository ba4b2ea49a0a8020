"""
OpenInference's messages, which it flattens into one attribute for each leaf.

    llm.input_messages.0.message.role
    llm.input_messages.0.message.contents.1.message_content.text
    llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments
"""

from collections.abc import Mapping
from typing import Any

from otel_bridge_storage.readings import Message

from otel_bridge.dialects import lenient
from otel_bridge.dialects.chat_messages import (
    chat_message,
    message_of,
    role_of,
    text_message,
    tool_call,
)

Messages = tuple[Message, ...]
Tree = dict[str, Any]

_INPUT, _OUTPUT = "llm.input_messages.", "llm.output_messages."


def input_messages(attributes: Mapping[str, Any]) -> Messages:
    """
    Read what was sent.
    """
    return _messages(attributes, _INPUT, "user")


def output_messages(attributes: Mapping[str, Any], finish_reason: str | None) -> Messages:
    """
    Read what came back.
    """
    return _messages(attributes, _OUTPUT, "assistant", finish_reason)


def content_messages(value: Any, role: str) -> Messages:
    """
    Read the input or output of an agent: plain text, a LangGraph state, or other JSON.

    Of a state's messages, all of which are told again at every step, an output is the
    last one.
    """
    content = lenient.as_content(value)
    if content is None:
        return ()
    state = lenient.structure(value)
    listed = state.get("messages") if isinstance(state, dict) else None
    if not isinstance(listed, list) or not listed:
        return (text_message(role, content),)
    found = [m for m in (_state_message(item, role) for item in listed) if m is not None]
    return tuple(found[-1:]) if role == "assistant" else tuple(found)


def _messages(
    attributes: Mapping[str, Any], prefix: str, role: str, finish_reason: str | None = None
) -> Messages:
    tree = _tree(attributes, prefix)
    return tuple(
        _message(message, role, finish_reason)
        for _, item in _in_order(tree)
        if isinstance(message := item.get("message"), dict)
    )


def _tree(attributes: Mapping[str, Any], prefix: str) -> Tree:
    tree: Tree = {}
    for name, value in attributes.items():
        if not name.startswith(prefix):
            continue
        *path, leaf = name.removeprefix(prefix).split(".")
        node: Any = tree
        for step in path:
            node = node.setdefault(step, {})
            if not isinstance(node, dict):
                break
        else:
            node.setdefault(leaf, value)
    return tree


def _in_order(tree: Any) -> list[tuple[int, Tree]]:
    if not isinstance(tree, dict):
        return []
    return sorted(
        (
            (int(index), item)
            for index, item in tree.items()
            if index.isdecimal() and len(index) < 10 and isinstance(item, dict)
        ),
        key=lambda pair: pair[0],
    )


def _message(message: Tree, default_role: str, finish_reason: str | None) -> Message:
    role = role_of(message.get("role"), default_role)
    name = message.get("name")
    if role == "tool":
        return chat_message(
            {
                "role": role,
                "tool_call_id": message.get("tool_call_id"),
                "content": _plain_content(message),
            },
            role,
        )
    calls = _calls(message.get("tool_calls"))
    parts = _parts(message, asked={call["id"] for call in calls if isinstance(call["id"], str)})
    return message_of(
        role,
        [*parts, *calls],
        name=name if isinstance(name, str) else None,
        finish_reason=finish_reason,
    )


def _plain_content(message: Tree) -> Any:
    content = message.get("content")
    if content is not None:
        return content
    texts = [part.get("content") for part in _parts(message, asked=set())]
    return "\n".join(text for text in texts if isinstance(text, str))


def _parts(message: Tree, asked: set[str]) -> list[Tree]:
    """
    Read the parts of a message, without the tool calls that are listed beside them.
    """
    content = message.get("content")
    parts: list[Tree] = []
    if isinstance(content, str) and content:
        parts.append({"type": "text", "content": content})
    for _, item in _in_order(message.get("contents")):
        part = item.get("message_content")
        if isinstance(part, dict) and isinstance(part.get("text"), str):
            parts.append({"type": "text", "content": part["text"]})
        elif isinstance(call := item.get("tool_call"), dict):
            if call.get("id") not in asked:
                parts.append(_call(call))
        elif isinstance(part, dict):
            parts.append({**part, "type": str(part.get("type", "generic"))})
    return parts


def _calls(tree: Any) -> list[Tree]:
    return [
        _call(call)
        for _, item in _in_order(tree)
        if isinstance(call := item.get("tool_call"), dict)
    ]


def _call(call: Tree) -> Tree:
    function = call.get("function")
    told: Tree = function if isinstance(function, dict) else {}
    return tool_call(call.get("id"), told.get("name"), told.get("arguments"))


def _state_message(item: Any, default_role: str) -> Message | None:
    """
    Read a message of a LangGraph state: a pair, a serialised message, or a chat message.
    """
    if isinstance(item, list) and len(item) == 2 and isinstance(item[0], str):
        return text_message(role_of(item[0], default_role), lenient.as_content(item[1]) or "")
    if not isinstance(item, Mapping):
        return None
    data = item.get("data", item.get("kwargs", item))
    if not isinstance(data, Mapping):
        return None
    role = data.get("role") or data.get("type") or item.get("type")
    return chat_message({**data, "role": role, "id": data.get("tool_call_id")}, default_role)
