"""
Executions of tools as OpenLLMetry tells them: of decorated functions, LangChain,
LlamaIndex, the OpenAI Agents SDK and MCP.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from otel_bridge_storage.readings import Reading, ToolReading
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import langchain_objects, lenient, python_literals
from otel_bridge.dialects.failures import Failure, failure_told
from otel_bridge.dialects.openllmetry_messages import (
    ENTITY_INPUT,
    ENTITY_OUTPUT,
    unwrapped_input,
    unwrapped_output,
)
from otel_bridge.dialects.span_reading import after

TOOL_NAMES = ("gen_ai.tool.name", "tool.name", "traceloop.entity.name")
_ARGUMENTS = ("gen_ai.tool.call.arguments", "tool.arguments", ENTITY_INPUT)
_RESULT = ("gen_ai.tool.call.result", ENTITY_OUTPUT)


def read_tool(span: SpanRecord, reading: Reading, tool: ToolReading) -> Reading:
    """
    Take a tool's name, arguments and answer out of what they are wrapped in.
    """
    attributes = span.attributes
    answer, call_id, failed = _answer(unwrapped_output(lenient.value(attributes, _RESULT)))
    arguments = unwrapped_input(lenient.value(attributes, _ARGUMENTS))
    told = failure_told(lenient.as_content(answer) or "") if failed else Failure()
    return replace(
        reading,
        failed=reading.failed or failed,
        error_type=reading.error_type or told.type,
        error_message=_failure_data(span.status_message) or reading.error_message or told.message,
        tool=replace(
            tool,
            tool_name=_name(span, attributes) or tool.tool_name,
            tool_call_id=tool.tool_call_id or call_id,
            arguments=lenient.as_json(arguments),
            result=lenient.as_content(answer),
        ),
    )


def _name(span: SpanRecord, attributes: Mapping[str, Any]) -> str:
    told = lenient.text(attributes, TOOL_NAMES) or after(span.name, "execute_tool ")
    return (told or span.name).removesuffix(".tool")


def _answer(output: Any) -> tuple[Any, str | None, bool]:
    """
    Take a tool's answer, the id of its call and whether it failed out of an output.

    LlamaIndex's is an event with a `tool_output`, LangChain's a message of a tool.
    """
    if isinstance(output, dict) and isinstance(inner := output.get("tool_output"), dict):
        answer = inner.get("content", inner.get("raw_output", inner))
        return answer, lenient.text(output, ("tool_id",)), inner.get("is_error") is True
    if data := langchain_objects.tool_answer(output):
        failed = data.get("status") == "error"
        return data.get("content"), lenient.text(data, ("tool_call_id",)), failed
    return output, None, False


def _failure_data(message: str) -> str | None:
    """
    Take the error out of the dict as which the OpenAI Agents SDK tells a failure.
    """
    told = python_literals.mapping(message)
    data = told.get("data")
    inner = data if isinstance(data, dict) else {}
    return lenient.text(inner, ("error",)) or lenient.text(told, ("message",))
