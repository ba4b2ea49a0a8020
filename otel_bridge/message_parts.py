"""
The parts of a message: texts, reasoning, tool calls and their answers, media.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from otel_bridge_storage.json_ready import json_text

Part = dict[str, Any]

TOOL_RESPONSE = "tool_call_response"
OUTPUT_ITEMS = frozenset({"function_call_output", "custom_tool_call_output"})
ITEMS = frozenset({"function_call", "custom_tool_call", "reasoning"}) | OUTPUT_ITEMS
_TEXTS = frozenset({"text", "input_text", "output_text", "summary_text", "reasoning_text"})
_MODALITIES = {
    "document": "document",
    "file": "file",
    "image": "image",
    "image_url": "image",
    "input_audio": "audio",
    "input_file": "file",
    "input_image": "image",
}


def parsed_json(text: object) -> Any:
    """
    Read JSON text of a map or a list; anything else is returned as it is.
    """
    if not isinstance(text, str) or not text.lstrip().startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def parts(content: Any) -> list[Part]:
    """
    Convert a text, a part or a list of them.
    """
    if content is None or content == "":
        return []
    items: Iterable[Any] = content if isinstance(content, list) else [content]
    return [part(item) for item in items]


def part(item: Any) -> Part:
    """
    Convert one part; what is not known is kept as it is.
    """
    if isinstance(item, str):
        return {"type": "text", "content": item}
    if not isinstance(item, dict):
        return {"type": "text", "content": json_text(item)}
    kind = item.get("type")
    if not isinstance(kind, str):
        text = item.get("text")
        return {"type": "text", "content": text if isinstance(text, str) else json_text(item)}
    if kind in _TEXTS:
        return {"type": "text", "content": item.get("text", item.get("content"))}
    if kind in _PARTS:
        return _PARTS[kind](item)
    if kind in _MODALITIES:
        return _media(item, _MODALITIES[kind])
    return item


def tool_call(item: dict[str, Any]) -> Part:
    """
    Convert a request to run a tool, of any client.
    """
    made = item.get("function") or item.get("custom") or item
    arguments = made.get("arguments", made.get("input")) if isinstance(made, dict) else None
    return {
        "type": "tool_call",
        "id": item.get("call_id") or item.get("id"),
        "name": made.get("name") if isinstance(made, dict) else None,
        "arguments": parsed_json(arguments),
    }


def tool_response(call_id: Any, response: Any) -> Part:
    """
    Make the part that answers a request to run a tool.
    """
    if isinstance(response, list):
        texts = [part.get("text") for part in response if isinstance(part, dict)]
        told = [text for text in texts if isinstance(text, str)]
        if len(told) == len(response):
            response = "\n".join(told)
    return {"type": TOOL_RESPONSE, "id": call_id, "response": response}


def _tool_result(item: dict[str, Any]) -> Part:
    call_id = item.get("tool_use_id") or item.get("call_id") or item.get("id")
    told = [item[name] for name in ("content", "output", "response", "result") if name in item]
    return tool_response(call_id, told[0] if told else None)


def _thinking(item: dict[str, Any]) -> Part:
    return {"type": "reasoning", "content": item.get("thinking")}


def _reasoning(item: dict[str, Any]) -> Part:
    if isinstance(item.get("content"), str):
        return {"type": "reasoning", "content": item["content"]}
    told = [*_listed(item.get("summary")), *_listed(item.get("content"))]
    texts = [each.get("text") for each in told if isinstance(each, dict)]
    return {
        "type": "reasoning",
        "content": "\n".join(text for text in texts if isinstance(text, str)),
    }


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _hidden_reasoning(item: dict[str, Any]) -> Part:
    return {"type": "reasoning", "content": ""}


def _refusal(item: dict[str, Any]) -> Part:
    return {"type": "refusal", "content": item.get("refusal", item.get("content"))}


def _media(item: dict[str, Any], modality: str) -> Part:
    source = item.get("source") or item.get("image_url") or item.get("input_audio")
    source = source or item.get("file") or item
    if isinstance(source, str):
        source = {"url": source}
    if not isinstance(source, dict):
        return item
    address = source.get("url") or source.get("image_url") or source.get("file_url")
    if isinstance(address, str):
        return {"type": "uri", "modality": modality, "uri": address}
    data = source.get("data") or source.get("file_data")
    if data is not None:
        media_type = source.get("media_type") or source.get("format")
        return {"type": "blob", "modality": modality, "mime_type": media_type, "content": data}
    return {"type": "file", "modality": modality, "file_id": source.get("file_id")}


_PARTS: Mapping[str, Callable[[dict[str, Any]], Part]] = {
    "tool_call": tool_call,
    "function": tool_call,
    "function_call": tool_call,
    "custom_tool_call": tool_call,
    "tool_use": tool_call,
    "server_tool_use": tool_call,
    "tool_result": _tool_result,
    "function_call_output": _tool_result,
    "custom_tool_call_output": _tool_result,
    TOOL_RESPONSE: _tool_result,
    "thinking": _thinking,
    "redacted_thinking": _hidden_reasoning,
    "reasoning": _reasoning,
    "refusal": _refusal,
}
