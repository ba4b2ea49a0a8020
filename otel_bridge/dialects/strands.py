"""
Strands Agents: the conventions, with content in span events that hold Bedrock's blocks.

Its first versions have neither operations nor events: a span's name tells its part.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from otel_bridge_storage.readings import CallReading, Reading, Role, ToolReading
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import genai_messages, lenient, strands_messages
from otel_bridge.dialects.cached_input import including_cache
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.failures import failure_told
from otel_bridge.dialects.span_reading import CALLS, OPERATION, read_as
from otel_bridge.dialects.vocabulary import GENAI, ToolNames, Vocabulary

NAME = "strands-agents"

_SYSTEM = ("gen_ai.provider.name", "gen_ai.system")
_STATUS = ("gen_ai.tool.status", "tool.status")
_TOTAL = ("gen_ai.usage.total_tokens",)
_ROLES: Mapping[str, Role] = {"Model invoke": Role.LLM}
_NAMED = {"Tool: ": Role.TOOL, "Cycle ": Role.OTHER}

_BASE = GENAI.after(
    Vocabulary(
        tool=ToolNames(name=("tool.name",), call_id=("tool.id",), arguments=("tool.parameters",))
    )
)
VOCABULARY = replace(
    _BASE,
    call=replace(
        _BASE.call,
        first_chunk_s=("gen_ai.response.time_to_first_chunk",),
        first_chunk_ms=("gen_ai.server.time_to_first_token",),
    ),
)
"""
The time to the first token is told in milliseconds, under a name that has seconds.
"""


class Strands(Dialect):
    """
    The spans of the scope `strands.telemetry.tracer`, and what names Strands its system.
    """

    name = "strands"
    scopes = ("strands.",)
    decided_by = _SYSTEM

    def detects(self, span: SpanRecord) -> bool:
        """
        Tell the dialect by its scope or by the system that it names.
        """
        return super().detects(span) or any(span.attributes.get(name) == NAME for name in _SYSTEM)

    def read(self, span: SpanRecord) -> Reading:
        """
        Read a span by its operation, or else by its name.
        """
        reading = read_as(
            self.name, span, VOCABULARY, role=_role(span), messages=strands_messages.of_span
        )
        if reading.call is not None:
            return replace(reading, call=_call(reading.call, span.attributes))
        if reading.tool is not None:
            return _tool(reading, reading.tool, span)
        return reading


def _role(span: SpanRecord) -> Role | None:
    if OPERATION in span.attributes:
        return None
    for prefix, role in _NAMED.items():
        if span.name.startswith(prefix):
            return role
    if "gen_ai.agent.name" in span.attributes:
        return _ROLES.get(span.name, Role.RUN)
    return _ROLES.get(span.name, Role.OTHER)


def _call(call: CallReading, attributes: Mapping[str, Any]) -> CallReading:
    return replace(
        call,
        operation=call.operation if call.operation in CALLS else "chat",
        provider=None if call.provider == NAME else call.provider,
        usage=including_cache(call.usage, lenient.count(attributes, _TOTAL)),
        finish_reasons=call.finish_reasons or genai_messages.finish_reasons(call.output),
    )


def _tool(reading: Reading, tool: ToolReading, span: SpanRecord) -> Reading:
    arguments, result = strands_messages.of_tool(span)
    tool = replace(
        tool,
        arguments=tool.arguments or lenient.as_json(arguments),
        result=lenient.as_content(result),
    )
    if lenient.text(span.attributes, _STATUS) != "error":
        return replace(reading, tool=tool)
    told = failure_told(tool.result or "")
    return replace(
        reading,
        tool=tool,
        failed=True,
        error_type=reading.error_type or told.type,
        error_message=reading.error_message or told.message,
    )
