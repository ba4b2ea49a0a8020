"""
Executions of tools in OpenInference, whose instrumentations wrap what a tool was given
and what it answered, each in its own way.

    {"args": [], "kwargs": {"city": "Paris"}}
    {"type": "tool", "data": {"content": "18C", "tool_call_id": "1", "status": "success"}}
    {"id": "1", "name": "f", "response": {"result": "18C"}}
    {"blocks": [{"text": "18C"}], "tool_name": "f", "raw_output": "18C", "is_error": false}
"""

import ast
import re
import warnings
from collections.abc import Mapping
from typing import Any

from otel_bridge_storage.readings import ToolReading
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import gemini_messages, langchain_objects, lenient
from otel_bridge.dialects.failures import Failure, failure_told
from otel_bridge.dialects.filling import filled
from otel_bridge.dialects.span_reading import read_tool

_NAME = ("tool.name", "gen_ai.tool.name")
_CALL_ID = ("tool.id", "tool_call.id", "gen_ai.tool.call.id")
_PARAMETERS = ("tool.parameters",)
_WRAPPED = {"args", "kwargs", "sanitize_inputs_outputs"}
_SUFFIX = re.compile(r"\.(?:a?run|a?call|__call__|a?invoke)$")
_LONGEST_LITERAL = 20_000
_WRAPPERS = ("instructor",)
"""
The instrumentations that call a function of a library, which is no tool, a tool.
"""
_ANSWERING = "final_answer"
_HANDOFF = "handoff to "


def is_tool(span: SpanRecord) -> bool:
    """
    Tell a tool from what only has its kind: a handoff to another agent, a step of a
    library, or the way in which an agent of smolagents gives its answer.
    """
    if span.attributes.get("tool.name") == _ANSWERING and "smolagents" in span.scope.name:
        return False
    if any(name in span.attributes for name in _NAME):
        return True
    if span.name.startswith(_HANDOFF):
        return False
    return not any(word in span.scope.name for word in _WRAPPERS)


def read(span: SpanRecord) -> tuple[ToolReading, Failure]:
    """
    Read a tool's execution, and whether its answer says that it failed.
    """
    attributes = span.attributes
    result, answered_to, failed = _answer(attributes.get("output.value"))
    tool = ToolReading(
        tool_name=lenient.text(attributes, _NAME) or _SUFFIX.sub("", span.name) or "unknown",
        tool_call_id=lenient.text(attributes, _CALL_ID) or answered_to,
        arguments=_arguments(attributes),
        result=lenient.as_content(result),
    )
    beside = read_tool(span)
    told = failure_told(tool.result or "") if failed else Failure()
    return filled(tool, beside) if beside else tool, told


def _answer(value: Any) -> tuple[Any, str | None, bool]:
    """
    Take what a tool answered out of what it is wrapped in.

    Returns:
        The answer, the id of the call that it answers, and whether it is a failure.
    """
    output = lenient.structure(value)
    if not isinstance(output, dict):
        return value, None, False
    if message := langchain_objects.tool_answer(output):
        call_id = lenient.text(message, ("tool_call_id",))
        return message.get("content"), call_id, message.get("status") == "error"
    response = output.get("response")
    if output.keys() == {"id", "name", "response"} and isinstance(response, Mapping):
        error = response.get("error")
        told = gemini_messages.plain_result(response) if error is None else error
        return told, lenient.text(output, ("id",)), error is not None
    failed = output.get("is_error") is True or output.get("isError") is True
    if "raw_output" in output:
        return output["raw_output"], None, failed
    if isinstance(output.get("content"), list) and {"isError", "is_error"} & output.keys():
        return _text_of(output["content"]), None, failed
    return value, None, False


def _text_of(blocks: list[Any]) -> Any:
    texts = [block.get("text") for block in lenient.dicts(blocks)]
    whole = len(texts) == len(blocks) and all(isinstance(text, str) for text in texts)
    return "\n".join(str(text) for text in texts) if whole and texts else blocks


def _arguments(attributes: Mapping[str, Any]) -> str | None:
    value = attributes.get("input.value")
    if value is None:
        told = lenient.json_map(attributes, _PARAMETERS)
        return lenient.to_json(told) if told and "properties" not in told else None
    parsed = lenient.structure(value)
    if parsed is None and isinstance(value, str):
        parsed = _literal(value)
        value = value if parsed is None else parsed
    if isinstance(parsed, dict) and "kwargs" in parsed and not parsed.keys() - _WRAPPED:
        kwargs, args = parsed["kwargs"], parsed.get("args")
        if args and not kwargs:
            only = args[0] if isinstance(args, list) and len(args) == 1 else None
            return lenient.to_json(only if isinstance(only, dict) else args)
        return lenient.to_json({"args": args, "kwargs": kwargs} if args else kwargs)
    return lenient.as_json(value)


def _literal(value: str) -> dict[Any, Any] | None:
    """
    Take a map that was written as Python shows it.
    """
    if not value.startswith("{") or len(value) > _LONGEST_LITERAL:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            parsed = ast.literal_eval(value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None
