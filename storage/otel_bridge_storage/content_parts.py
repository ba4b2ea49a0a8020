"""
What a runtime hands over as a step's content, as the parts of a message.
"""

import json
from collections.abc import Mapping
from typing import Any

Parts = list[Any]


def parts_of(content: Any) -> Parts:
    """
    Give the parts that content stands for.

    Text becomes one part, and a list is taken as the parts. A map that is a message, as
    model APIs or LangChain write one, gives its text and its tool calls; any other map is
    shown as JSON.
    """
    if isinstance(content, list):
        return content
    if isinstance(content, Mapping) and "content" in content:
        return [*_said(content["content"]), *_called(content.get("tool_calls"))]
    return [_text(content)]


def result_of(content: Any) -> str:
    """
    Give the text of a tool's result: the content of a message, or the content itself.
    """
    said = content
    if isinstance(content, Mapping) and "content" in content:
        said = content["content"]
    return said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)


def _said(content: Any) -> Parts:
    if content is None or content == "":
        return []
    if isinstance(content, list):
        return [_block(block) for block in content]
    return [_text(content)]


def _block(block: Any) -> Any:
    if isinstance(block, Mapping) and isinstance(block.get("text"), str):
        return _text(block["text"])
    return _text(block) if isinstance(block, str) else block


def _called(calls: Any) -> Parts:
    """
    Read tool calls: `{id, name, args}`, or `{id, function: {name, arguments}}`.
    """
    if not isinstance(calls, list):
        return []
    return [_call(call) for call in calls if isinstance(call, Mapping)]


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call.get("function")
    own = function if isinstance(function, Mapping) else call
    arguments = own.get("arguments", own.get("args"))
    return {
        "type": "tool_call",
        "id": call.get("id"),
        "name": own.get("name"),
        "arguments": _loaded(arguments),
    }


def _loaded(arguments: Any) -> Any:
    if isinstance(arguments, str):
        try:
            return json.loads(arguments)
        except ValueError:
            return arguments
    return arguments


def _text(content: Any) -> dict[str, Any]:
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    return {"type": "text", "content": text}
