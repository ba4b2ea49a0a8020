"""
OpenInference's messages, which it flattens into one attribute for each leaf.

    llm.input_messages.0.message.role
    llm.input_messages.0.message.contents.1.message_content.text
    llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments
"""

from collections.abc import Mapping
from typing import Any

from otel_bridge_storage.readings import Message

from otel_bridge.dialects import gemini_messages, langchain_objects, lenient
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
_PROMPTS, _CHOICES = "llm.prompts", "llm.choices"
_REASONING = ("reasoning", "thinking", "redacted_thinking")
_OBJECTS = ("content", "new_message")
_QUESTIONS = ("task", "user_msg", "question", "prompt", "query")
_ANSWERS = ("raw", "answer", "final_answer", "response")
"""
Under which names the objects of frameworks hold what was asked and what was answered.
"""
_MEDIA = ("image", "audio", "video", "document")


def input_messages(attributes: Mapping[str, Any]) -> Messages:
    """
    Read what was sent.
    """
    found = _messages(attributes, _INPUT, "user")
    return found or _texts(attributes, _PROMPTS, ("prompt", "text"), "user")


def output_messages(attributes: Mapping[str, Any], finish_reason: str | None) -> Messages:
    """
    Read what came back.
    """
    found = _messages(attributes, _OUTPUT, "assistant", finish_reason)
    return found or _texts(attributes, _CHOICES, ("completion", "text"), "assistant")


def content_messages(value: Any, role: str) -> Messages:
    """
    Read the input or output of an agent: plain text, the state of a graph, an object of a
    framework that holds a text, or other JSON.

    Of a state's messages, all of which are told again at every step, an output is the
    last one.
    """
    content = lenient.as_content(value)
    if content is None:
        return ()
    state = lenient.structure(value)
    if not isinstance(state, dict):
        return (text_message(role, content),)
    listed = state.get("messages")
    if isinstance(listed, list) and (found := langchain_objects.messages(listed, role)):
        return found[-1:] if role == "assistant" else found
    told = next((state[name] for name in _OBJECTS if isinstance(state.get(name), Mapping)), None)
    if told is not None and gemini_messages.is_content(told):
        return (gemini_messages.content_message(told, role),)
    text = lenient.text(state, _ANSWERS if role == "assistant" else _QUESTIONS)
    return (text_message(role, text or content),)


def _messages(
    attributes: Mapping[str, Any], prefix: str, role: str, finish_reason: str | None = None
) -> Messages:
    tree = _tree(attributes, prefix)
    return tuple(
        _message(message, role, finish_reason)
        for _, item in _in_order(tree)
        if isinstance(message := item.get("message"), dict)
    )


def _texts(attributes: Mapping[str, Any], name: str, path: tuple[str, str], role: str) -> Messages:
    """
    Read the prompts or the choices of a completion of text: one attribute each, or a list.
    """
    told = attributes.get(name)
    listed = told if isinstance(told, (list, tuple)) else ()
    nested = (_leaf(item, *path) for _, item in _in_order(_tree(attributes, f"{name}.")))
    found = (text for text in (*listed, *nested) if isinstance(text, str) and text)
    return tuple(text_message(role, lenient.as_content(text) or "") for text in found)


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
    calls = [*_calls(message.get("tool_calls")), *_function_call(message)]
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
    parts: list[Tree] = []
    for _, item in _in_order(message.get("contents")):
        part = item.get("message_content")
        if isinstance(call := item.get("tool_call"), dict):
            call_id = call.get("id")
            if not isinstance(call_id, str) or call_id not in asked:
                parts.append(_call(call))
        elif isinstance(part, dict) and part.get("type") != "tool_use":
            parts.append(_part(part))
    content = message.get("content")
    if isinstance(content, str) and content and not _holds(parts, content):
        parts.insert(0, {"type": "text", "content": content})
    return parts


def _holds(parts: list[Tree], text: str) -> bool:
    """
    Tell whether the parts say the whole text once more.
    """
    return any(part["type"] == "text" and part.get("content") == text for part in parts)


def _part(part: Tree) -> Tree:
    kind = part.get("type")
    text = part.get("text")
    if isinstance(text, str):
        return {"type": "reasoning" if kind in _REASONING else "text", "content": text}
    for name in _MEDIA:
        url = _leaf(part, name, name, "url")
        if isinstance(url, str):
            return _medium(name, url)
    return {**part, "type": kind if isinstance(kind, str) and kind else "generic"}


def _medium(modality: str, url: str) -> Tree:
    head, _, data = url.partition(",")
    if head.startswith("data:"):
        mime_type = head.removeprefix("data:").removesuffix(";base64")
        return {"type": "blob", "modality": modality, "mime_type": mime_type, "content": data}
    return {"type": "uri", "modality": modality, "uri": url}


def _leaf(tree: Any, *path: str) -> Any:
    for step in path:
        tree = tree.get(step) if isinstance(tree, dict) else None
    return tree


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


def _function_call(message: Tree) -> list[Tree]:
    """
    Read the one call of the API that had one call for each message.
    """
    name = message.get("function_call_name")
    if not isinstance(name, str) or not name:
        return []
    return [tool_call(None, name, message.get("function_call_arguments_json"))]
