"""
LangChain's objects as JSON: messages, results of models, answers of tools, metadata.

    {"lc": 1, "type": "constructor", "id": [..., "AIMessage"], "kwargs": {"content": "hi"}}
    {"type": "ai", "content": "hi", "tool_calls": [{"name": "f", "args": {}, "id": "1"}]}
    ["user", "hi"]
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from otel_bridge_storage.readings import Message

from otel_bridge.dialects import lenient
from otel_bridge.dialects.chat_messages import (
    chat_message,
    content_parts,
    message_of,
    role_of,
    text_message,
    tool_calls,
)

GRAPH = "LangGraph"
"""
The name of a graph that was given none.
"""
_GENERIC = ("Runnable", "ChannelWrite", "ChannelRead", "Branch<", "__")
"""
How LangChain begins the names of steps that were given none.
"""
_CLASS = re.compile(r"(Human|AI|System|Tool|Function|Chat)Message(Chunk)?")
_MODEL: lenient.Names = ("model_name", "model", "model_id", "modelId")
_FINISH: lenient.Names = ("finish_reason", "stop_reason", "stopReason", "finishReason")
_RESPONSE_ID: lenient.Names = ("id", "response_id", "request_id")


def message(item: Any, default_role: str) -> Message | None:
    """
    Read a message in any of its forms; None where it is none.
    """
    if isinstance(item, list) and _is_pair(item):
        return chat_message({"role": item[0], "content": item[1]}, default_role)
    if isinstance(item, str) and item:
        return text_message(default_role, item)
    data = fields_of(item)
    if not data or not {"content", "tool_calls", "parts"} & data.keys():
        return None
    role = role_of(data.get("role") or data.get("type"), "")
    role = role or role_of(_class_of(item), default_role)
    if role != "assistant":
        reply_to = data.get("tool_call_id")
        return chat_message({**data, "role": role, "id": reply_to}, default_role)
    return _answer(data)


def messages(value: Any, default_role: str) -> tuple[Message, ...]:
    """
    Read a list of messages, or a list of such lists of which each is a prompt.
    """
    if not isinstance(value, list):
        found = message(value, default_role)
        return (found,) if found else ()
    if value and all(isinstance(item, list) and not _is_pair(item) for item in value):
        return messages(value[0], default_role)
    read = (message(item, default_role) for item in value)
    return tuple(each for each in read if each is not None)


def state_messages(value: Any, default_role: str) -> tuple[Message, ...]:
    """
    Read the messages of a graph's state, or the one text or message that a chain takes or
    gives.
    """
    if isinstance(value, Mapping):
        for name in ("messages", "output", "input", "outputs", "inputs"):
            if value.get(name) and (found := state_messages(value[name], default_role)):
                return found
    return messages(value, default_role)


def fields_of(item: Any) -> dict[str, Any]:
    """
    Give the fields of a serialised object, under whatever it is wrapped in.
    """
    if not isinstance(item, Mapping):
        return {}
    for name in ("kwargs", "data"):
        if isinstance(inner := item.get(name), Mapping):
            return {"type": item.get("type"), **inner} if name == "data" else dict(inner)
    return dict(item)


def answers(output: Any) -> list[dict[str, Any]]:
    """
    Give the fields of the messages in the result of a chat model.
    """
    return [data for generation in _generations(output) if (data := _generated(generation))]


def finish_reasons(output: Any) -> tuple[str, ...]:
    """
    Read why the model stopped.
    """
    for generation in _generations(output):
        data = _generated(generation)
        for told in (generation.get("generation_info"), data.get("response_metadata")):
            if isinstance(told, Mapping) and (found := lenient.text(told, _FINISH)):
                return (found,)
    return ()


def model(output: Any) -> str | None:
    """
    Read the model that answered.
    """
    return next(
        (found for told in _metadata(output) if (found := lenient.text(told, _MODEL))), None
    )


def response_id(output: Any) -> str | None:
    """
    Read the provider's id of the answer, which is not the message's own.
    """
    found = (lenient.text(told, _RESPONSE_ID) for told in _metadata(output))
    return next((each for each in found if each), None)


def message_id(output: Any) -> str | None:
    """
    Read the id of the message that was answered, which LangChain made.
    """
    return next(
        (found for data in answers(output) if (found := lenient.text(data, ("id",)))), None
    )


def usage_objects(output: Any) -> Iterator[Any]:
    """
    List the usage objects of a model's result, the most telling first.
    """
    for data in answers(output):
        yield data.get("usage_metadata")
    for told in _metadata(output):
        for name in ("token_usage", "tokenUsage", "usage", "usage_metadata"):
            yield told.get(name)


def tool_answer(value: Any) -> dict[str, Any]:
    """
    Take LangChain's tool message out of what a tool gave, if it is one.
    """
    if isinstance(value, Mapping) and not {"content", "kwargs", "data"} & value.keys():
        value = value.get("output")
    data = fields_of(value)
    return data if "tool_call_id" in data and "content" in data else {}


def is_run(name: str, metadata: Mapping[str, Any], *, root: bool) -> bool:
    """
    Tell whether a chain is one invocation of an agent: a graph, or what nothing else calls.

    A graph's nodes name themselves in their metadata, which what runs in them inherits;
    an agent made by `create_agent` names itself there too.
    """
    if name and metadata.get("lc_agent_name") == name:
        return True
    if metadata.get("langgraph_node"):
        return False
    return root or metadata.get("ls_integration") == GRAPH.lower() or name == GRAPH


def is_inner_graph(name: str, metadata: Mapping[str, Any], asked: Any, given: Any) -> bool:
    """
    Tell whether what runs in a node of a graph is a graph that was made without an agent's
    name: it gives its whole state, which is what it was asked and more.
    """
    node = metadata.get("langgraph_node")
    if not node or name == node or name.startswith(_GENERIC):
        return False
    if metadata.get("ls_integration") != GRAPH.lower():
        return False
    before, after = (
        state.get("messages") if isinstance(state, Mapping) else None for state in (asked, given)
    )
    return isinstance(before, list) and isinstance(after, list) and 0 < len(before) < len(after)


def _is_pair(item: list[Any]) -> bool:
    return len(item) == 2 and isinstance(item[0], str) and role_of(item[0], "") != ""


def _class_of(item: Any) -> str | None:
    path = item.get("id") if isinstance(item, Mapping) else None
    last = path[-1] if isinstance(path, list) and path else None
    match = _CLASS.fullmatch(last) if isinstance(last, str) else None
    return match[1] if match else None


def _answer(data: Mapping[str, Any]) -> Message:
    """
    Read a model's message, which may show its tool calls twice: as a list, and in the
    provider's blocks.
    """
    extra = data.get("additional_kwargs")
    more = extra.get("tool_calls") if isinstance(extra, Mapping) else None
    calls = tool_calls(data.get("tool_calls") or more)
    asked = {call["id"] for call in calls if isinstance(call["id"], str)}
    parts = [part for part in content_parts(data.get("content")) if not _repeats(part, asked)]
    told = data.get("response_metadata")
    reason = lenient.text(told, _FINISH) if isinstance(told, Mapping) else None
    return message_of("assistant", [*parts, *calls], finish_reason=reason)


def _repeats(part: Any, asked: set[str]) -> bool:
    if not isinstance(part, Mapping):
        return False
    ids = (part.get("id"), part.get("call_id"))
    return any(isinstance(each, str) and each in asked for each in ids)


def _generations(output: Any) -> list[dict[str, Any]]:
    if not output or not isinstance(output, Mapping):
        return []
    outer = output.get("generations")
    if not isinstance(outer, list):
        inner = output.get("output", output)
        data = fields_of(inner)
        return [{"message": inner}] if "usage_metadata" in data or "content" in data else []
    listed = [item for each in outer for item in (each if isinstance(each, list) else [each])]
    return lenient.dicts(listed)


def _generated(generation: Mapping[str, Any]) -> dict[str, Any]:
    found = fields_of(generation.get("message"))
    text = generation.get("text")
    if not found and isinstance(text, str) and text:
        return {"type": "ai", "content": text}
    return found


def _metadata(output: Any) -> list[Mapping[str, Any]]:
    if not output:
        return []
    found = [data.get("response_metadata") for data in answers(output)]
    if isinstance(output, Mapping):
        found += [output.get("llm_output"), output.get("llmOutput")]
    return [told for told in found if isinstance(told, Mapping)]
