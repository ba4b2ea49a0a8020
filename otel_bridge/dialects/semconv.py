"""
The GenAI conventions of OpenTelemetry, from 1.36 and before to the newest.

An `invoke_workflow` span is no run: a workflow orders agents, whose own spans are the
runs, and a run of its own would show one piece of work twice. `create_agent` makes an
agent and runs none.
"""

from collections.abc import Mapping

from otel_bridge_storage.readings import (
    CallReading,
    LogReading,
    Message,
    Reading,
    Role,
    RunReading,
    ToolReading,
)
from otel_bridge_storage.records import LogRecord, SpanRecord

from otel_bridge.dialects import genai_messages, lenient
from otel_bridge.dialects.marks import read_marks
from otel_bridge.dialects.response_ids import provider_id
from otel_bridge.dialects.scopes import precedence
from otel_bridge.dialects.tokens import TokenNames, read_usage

OPERATION = "gen_ai.operation.name"

ROLES: Mapping[str, Role] = {
    "chat": Role.LLM,
    "text_completion": Role.LLM,
    "generate_content": Role.LLM,
    "embeddings": Role.LLM,
    "execute_tool": Role.TOOL,
    "invoke_agent": Role.RUN,
}

TOKENS = TokenNames(
    input=("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    output=("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    cache_read=(
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "gen_ai.usage.cache_read_tokens",
    ),
    cache_write=(
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "gen_ai.usage.cache_write_input_tokens",
        "gen_ai.usage.cache_creation_tokens",
    ),
    cache_write_1h=(
        "otel_bridge.usage.cache_write_1h.input_tokens",
        "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
    ),
    reasoning=(
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "gen_ai.usage.details.reasoning_tokens",
    ),
)

_PROVIDER = ("gen_ai.provider.name", "gen_ai.system")
_REQUEST_MODEL = ("gen_ai.request.model",)
_RESPONSE_MODEL = ("gen_ai.response.model",)
_RESPONSE_ID = ("gen_ai.response.id",)
_FINISH_REASONS = (
    "gen_ai.response.finish_reasons",
    "gen_ai.response.finish_reason",
    "anthropic.message.stop_reason",
)
_FIRST_CHUNK = ("gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token")
_COST = ("gen_ai.usage.cost", "gen_ai.cost.total_cost", "operation.cost")
_AGENT_ID = ("gen_ai.agent.id",)
_TOOL_NAME = ("gen_ai.tool.name",)
_TOOL_CALL_ID = ("gen_ai.tool.call.id", "gen_ai.tool.call_id")
_TOOL_ARGUMENTS = "gen_ai.tool.call.arguments"
_TOOL_RESULT = "gen_ai.tool.call.result"
_TOOL_SPANS = ("execute_tool ", "tools/call ")
"""
How the names of a tool's span and of an MCP client's span begin.
"""
_MERGED_TOOLS = "(merged tools)"
_SERVER = 2


class SemConv:
    """
    The plain conventions, and whatever speaks them without a dialect of its own.
    """

    name = "semconv"

    def detects(self, span: SpanRecord) -> bool:
        """
        Any span with an operation name is read.
        """
        return OPERATION in span.attributes

    def read(self, span: SpanRecord) -> Reading:
        """
        Read a span by its operation.
        """
        return read_as(self.name, span)

    def read_log(self, log: LogRecord) -> LogReading | None:
        """
        Read the conventions' events.
        """
        return genai_messages.read_log(log)


def read_as(dialect: str, span: SpanRecord, *, zeros_count: bool = False) -> Reading:
    """
    Read a span by the conventions, for a dialect that adds to them.

    Args:
        zeros_count: Token counts that are all zero are true, even of a call that succeeded.
    """
    marks = read_marks(span)
    operation = lenient.text(span.attributes, (OPERATION,)) or ""
    role = ROLES.get(operation, Role.OTHER)
    if role is Role.LLM:
        call = read_call(span, operation, failed=marks["failed"], zeros_count=zeros_count)
        return Reading(role=role, dialect=dialect, call=call, **marks)
    if role is Role.RUN:
        marks["agent_name"] = marks["agent_name"] or _after(span.name, "invoke_agent ")
        return Reading(role=role, dialect=dialect, run=read_run(span), **marks)
    if role is Role.TOOL and (tool := read_tool(span)):
        return Reading(role=role, dialect=dialect, tool=tool, **marks)
    return Reading(role=Role.OTHER, dialect=dialect, **marks)


def read_call(
    span: SpanRecord, operation: str, *, failed: bool, zeros_count: bool = False
) -> CallReading:
    """
    Read a request to a model.
    """
    attributes = span.attributes
    sent, received = _messages(span)
    finish_reasons = lenient.texts(attributes, _FINISH_REASONS)
    return CallReading(
        operation=operation,
        provider=(lenient.text(attributes, _PROVIDER) or "").lower() or None,
        request_model=lenient.text(attributes, _REQUEST_MODEL),
        response_model=lenient.text(attributes, _RESPONSE_MODEL),
        response_id=provider_id(lenient.text(attributes, _RESPONSE_ID)),
        usage=read_usage(
            attributes,
            TOKENS,
            zeros_count=zeros_count or (failed and not (received or finish_reasons)),
        ),
        emitted_cost_usd=lenient.number(attributes, _COST) or None,
        finish_reasons=finish_reasons,
        time_to_first_chunk_ns=lenient.nanoseconds(attributes, _FIRST_CHUNK),
        precedence=precedence(span.scope.name),
        input=sent,
        output=received,
    )


def read_run(span: SpanRecord) -> RunReading:
    """
    Read an invocation of an agent.
    """
    sent, received = _messages(span)
    return RunReading(
        agent_id=lenient.text(span.attributes, _AGENT_ID),
        model=lenient.text(span.attributes, _REQUEST_MODEL),
        input=sent,
        output=received,
    )


def read_tool(span: SpanRecord) -> ToolReading | None:
    """
    Read a tool's execution.

    The Google ADK adds a span for merged answers, and an MCP server tells from its side
    what its client's span told: neither is one more execution.
    """
    attributes = span.attributes
    name = lenient.text(attributes, _TOOL_NAME) or _after(span.name, *_TOOL_SPANS)
    if name == _MERGED_TOOLS or (span.kind == _SERVER and "mcp.method.name" in attributes):
        return None
    return ToolReading(
        tool_name=name or "unknown",
        tool_call_id=lenient.text(attributes, _TOOL_CALL_ID),
        arguments=lenient.as_json(attributes.get(_TOOL_ARGUMENTS)),
        result=lenient.as_content(attributes.get(_TOOL_RESULT)),
    )


def _messages(span: SpanRecord) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    sent = genai_messages.input_messages(span.attributes)
    received = genai_messages.output_messages(span.attributes)
    if span.events and not (sent and received):
        told, answered = genai_messages.event_messages(span.events)
        return sent or told, received or answered
    return sent, received


def _after(name: str, *prefixes: str) -> str | None:
    found = (name.removeprefix(prefix) for prefix in prefixes if name.startswith(prefix))
    return next(found, None) or None
