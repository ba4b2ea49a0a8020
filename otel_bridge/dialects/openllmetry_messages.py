"""
OpenLLMetry's messages: its old indexed attributes, and what its entities took and gave.

    gen_ai.prompt.0.role
    gen_ai.completion.0.tool_calls.0.arguments
    traceloop.entity.input
"""

from collections.abc import Mapping
from typing import Any

from otel_bridge_storage.readings import Message
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import genai_messages, lenient, python_literals
from otel_bridge.dialects.chat_messages import (
    chat_message,
    content_parts,
    message_of,
    role_of,
    text_message,
    tool_call,
    tool_calls,
)
from otel_bridge.dialects.recorded_values import conversation

Messages = tuple[Message, ...]
Entry = dict[str, Any]

PROMPT, COMPLETION = "gen_ai.prompt.", "gen_ai.completion."
ENTITY_INPUT, ENTITY_OUTPUT = "traceloop.entity.input", "traceloop.entity.output"
_BLOCKS = frozenset({"type", "text", "toolUse", "toolResult", "image", "document"})
"""
Of the keys by which a list of content blocks is told from a text that is JSON.
"""
_WRAPPED = frozenset({"args", "kwargs"})


def of_call(span: SpanRecord) -> tuple[Messages, Messages]:
    """
    Read what a request to a model sent and got, in the new form or else in the old one.
    """
    sent, received = genai_messages.of_span(span)
    return (
        sent or indexed(span.attributes, PROMPT, "user"),
        received or indexed(span.attributes, COMPLETION, "assistant"),
    )


def of_entity(span: SpanRecord) -> tuple[Messages, Messages]:
    """
    Read what an agent took and gave.
    """
    sent, received = genai_messages.of_span(span)
    taken = unwrapped_input(span.attributes.get(ENTITY_INPUT))
    given = unwrapped_output(span.attributes.get(ENTITY_OUTPUT))
    return sent or conversation(taken, "user"), received or conversation(given, "assistant")


def asked(text: str) -> Messages:
    """
    Make the message of what an agent was asked in one text.
    """
    return (text_message("user", text),)


def unwrapped_input(told: Any) -> Any:
    """
    Take what an entity was called with out of its wrapping.

    The decorators tell `{"args": [...], "kwargs": {...}}`, LangChain's callbacks
    `{"inputs": ..., "tags": ...}`, a tool's also `{"input_str": "..."}`, and MCP
    `{"tool_name": ..., "arguments": ...}`.
    """
    parsed = lenient.structure(told)
    if not isinstance(parsed, dict):
        return told
    if parsed.keys() == _WRAPPED:
        return _called_with(parsed["args"], parsed["kwargs"])
    if "input_str" in parsed:
        return (
            parsed.get("inputs")
            or python_literals.mapping(parsed["input_str"])
            or parsed["input_str"]
        )
    if "inputs" in parsed and "kwargs" in parsed:
        return parsed["inputs"]
    if "tool_name" in parsed and "arguments" in parsed:
        return parsed["arguments"]
    return parsed


def unwrapped_output(told: Any) -> Any:
    """
    Take what an entity gave out of its wrapping: JSON, and one layer more by LangChain.
    """
    parsed = lenient.parse_json(told) if isinstance(told, str) else told
    if isinstance(parsed, dict) and "kwargs" in parsed:
        for name in ("output", "outputs"):
            if name in parsed and parsed.keys() <= {name, "kwargs"}:
                return parsed[name]
    return told if parsed is None else parsed


def indexed(attributes: Mapping[str, Any], prefix: str, role: str) -> Messages:
    """
    Read messages of which each leaf is an attribute of its own.
    """
    found: list[Message] = []
    parts: list[Any] = []
    for entry in _entries(attributes, prefix):
        told = entry.get("role")
        if told == "thinking":
            parts.append({"type": "reasoning", "content": entry.get("content")})
            continue
        if told is None and found and "function_call" in entry and "content" not in entry:
            found[-1] = _with(found[-1], _function_call(entry))
            continue
        found.append(_message(entry, role, parts))
        parts = []
    if parts:
        found.append(message_of(role, parts))
    return tuple(found)


def _called_with(args: Any, kwargs: Any) -> Any:
    if args and not kwargs:
        return args[0] if isinstance(args, list) and len(args) == 1 else args
    return {"args": args, "kwargs": kwargs} if args else kwargs


def _entries(attributes: Mapping[str, Any], prefix: str) -> list[Entry]:
    tree: dict[int, Entry] = {}
    for name, value in attributes.items():
        if name.startswith(prefix):
            index, *path = name.removeprefix(prefix).split(".")
            if index.isdecimal() and len(index) < 10 and path:
                _put(tree.setdefault(int(index), {}), path, value)
    return [tree[index] for index in sorted(tree)]


def _put(node: Entry, path: list[str], value: Any) -> None:
    *steps, leaf = path
    for step in steps:
        inner = node.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        node = inner
    node.setdefault(leaf, value)


def _message(entry: Entry, default_role: str, before: list[Any]) -> Message:
    role = role_of(entry.get("role"), default_role)
    if role == "tool":
        return chat_message(entry, role)
    content = entry.get("content", entry.get("user", entry.get("refusal")))
    parts = [*before, *_content(content), *tool_calls(_listed(entry.get("tool_calls")))]
    parts += _function_call(entry)
    if parts and all(part.get("type") == "tool_call_response" for part in parts):
        role = "tool"
    reason = entry.get("finish_reason")
    return message_of(role, parts, finish_reason=reason if isinstance(reason, str) else None)


def _content(content: Any) -> list[Any]:
    blocks = lenient.structure(content)
    if isinstance(blocks, list) and not all(_is_block(block) for block in blocks):
        return [{"type": "text", "content": content}]
    return content_parts(content)


def _is_block(block: Any) -> bool:
    return isinstance(block, dict) and not _BLOCKS.isdisjoint(block)


def _listed(calls: Any) -> list[Any]:
    if not isinstance(calls, dict):
        return []
    return [calls[index] for index in sorted(calls, key=lambda key: (len(key), key))]


def _function_call(entry: Entry) -> list[Any]:
    """
    Read the one call that JavaScript's and LiteLLM's completions have beside their text.
    """
    call = entry.get("function_call")
    if not isinstance(call, dict) or not call.get("name"):
        return []
    return [tool_call(call.get("id"), call.get("name"), call.get("arguments"))]


def _with(message: Message, parts: list[Any]) -> Message:
    body = lenient.structure(message.body)
    if not isinstance(body, dict):
        return message
    return Message(
        message.role, lenient.to_json({**body, "parts": [*body.get("parts", []), *parts]})
    )
