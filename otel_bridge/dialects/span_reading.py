"""
Reading a span with a vocabulary: what all dialects have in common.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from otel_bridge_storage.readings import (
    LOG_TOLD,
    CallReading,
    Message,
    Reading,
    Role,
    RunReading,
    ToolReading,
)
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import genai_messages, lenient
from otel_bridge.dialects.marks import read_marks
from otel_bridge.dialects.response_ids import provider_id
from otel_bridge.dialects.scopes import precedence
from otel_bridge.dialects.tokens import read_usage
from otel_bridge.dialects.vocabulary import GENAI, Vocabulary

Exchange = tuple[tuple[Message, ...], tuple[Message, ...]]
"""
What was sent, and what came back.
"""
Messages = Callable[[SpanRecord], Exchange]

OPERATION = "gen_ai.operation.name"
ROLES: Mapping[str, Role] = {
    "chat": Role.LLM,
    "text_completion": Role.LLM,
    "generate_content": Role.LLM,
    "embeddings": Role.LLM,
    "execute_tool": Role.TOOL,
    "invoke_agent": Role.RUN,
}
CALLS = frozenset(name for name, role in ROLES.items() if role is Role.LLM)
"""
The operations that are requests to a model.
"""

_TOOL_SPANS = ("execute_tool ", "tools/call ")
"""
How the names of a tool's span and of an MCP client's span begin.
"""
_MERGED_TOOLS = "(merged tools)"
_SERVER = 2


def operation_of(span: SpanRecord) -> str:
    """
    Give the name of the operation that a span is; empty where it says none.
    """
    return lenient.text(span.attributes, (OPERATION,)) or ""


def read_as(
    dialect: str,
    span: SpanRecord,
    vocabulary: Vocabulary = GENAI,
    *,
    role: Role | None = None,
    operation: str | None = None,
    messages: Messages = genai_messages.of_span,
    zeros_count: bool = False,
) -> Reading:
    """
    Read a span with a vocabulary.

    Args:
        role: The part that the span plays; by default that of its operation.
        operation: What kind of request to a model it is, where its role is that; by
            default its operation, or `chat` where that is none of a model's.
        messages: Reads what was sent and what came back.
        zeros_count: Token counts that are all zero are true, even of a call that succeeded.
    """
    marks = read_marks(span, vocabulary.marks)
    named = operation_of(span)
    role = ROLES.get(named, Role.OTHER) if role is None else role
    if role is Role.LLM:
        call = read_call(
            span,
            vocabulary,
            operation=operation or (named if named in CALLS else "chat"),
            exchange=messages(span),
            failed=marks["failed"],
            zeros_count=zeros_count,
        )
        return Reading(role=role, dialect=dialect, call=call, **marks)
    if role is Role.RUN:
        marks["agent_name"] = marks["agent_name"] or after(span.name, "invoke_agent ")
        run = read_run(span, vocabulary, exchange=messages(span))
        return Reading(role=role, dialect=dialect, run=run, **marks)
    if role is Role.TOOL and (tool := read_tool(span, vocabulary)):
        return Reading(role=role, dialect=dialect, tool=tool, **marks)
    return Reading(role=Role.OTHER, dialect=dialect, **marks)


def read_call(
    span: SpanRecord,
    vocabulary: Vocabulary = GENAI,
    *,
    operation: str,
    exchange: Exchange,
    failed: bool,
    zeros_count: bool = False,
) -> CallReading:
    """
    Read a request to a model.
    """
    attributes, names = span.attributes, vocabulary.call
    finish_reasons = lenient.texts(attributes, names.finish_reasons)
    answered = exchange[1] or finish_reasons
    return CallReading(
        operation=operation,
        provider=(lenient.text(attributes, names.provider) or "").lower() or None,
        request_model=lenient.text(attributes, names.request_model),
        response_model=lenient.text(attributes, names.response_model),
        response_id=provider_id(lenient.text(attributes, names.response_id)),
        usage=read_usage(
            attributes,
            vocabulary.tokens,
            zeros_count=zeros_count or (failed and not answered),
        ),
        emitted_cost_usd=lenient.number(attributes, names.cost) or None,
        service_tier=lenient.text(attributes, names.service_tier),
        finish_reasons=finish_reasons,
        time_to_first_chunk_ns=lenient.nanoseconds(attributes, names.first_chunk_s)
        or lenient.nanoseconds(attributes, names.first_chunk_ms, per_second=1000),
        precedence=precedence(span.scope.name),
        input=exchange[0],
        output=exchange[1],
    )


def read_run(
    span: SpanRecord, vocabulary: Vocabulary = GENAI, *, exchange: Exchange
) -> RunReading:
    """
    Read an invocation of an agent.
    """
    names = vocabulary.run
    return RunReading(
        agent_id=lenient.text(span.attributes, names.agent_id),
        model=lenient.text(span.attributes, names.model),
        input=exchange[0],
        output=exchange[1],
    )


def read_tool(span: SpanRecord, vocabulary: Vocabulary = GENAI) -> ToolReading | None:
    """
    Read a tool's execution.

    The Google ADK adds a span for merged answers, and an MCP server tells from its side
    what its client's span told: neither is one more execution.
    """
    attributes, names = span.attributes, vocabulary.tool
    name = lenient.text(attributes, names.name) or after(span.name, *_TOOL_SPANS)
    if name == _MERGED_TOOLS or (span.kind == _SERVER and "mcp.method.name" in attributes):
        return None
    return ToolReading(
        tool_name=name or "unknown",
        tool_call_id=lenient.text(attributes, names.call_id),
        arguments=lenient.as_json(lenient.value(attributes, names.arguments)),
        result=lenient.as_content(lenient.value(attributes, names.result)),
    )


def told_by_log(reading: Reading) -> Reading:
    """
    Mark what was read of a log record's stand-in as what a log record tells.
    """
    if reading.call is not None:
        return replace(reading, call=replace(reading.call, precedence=LOG_TOLD))
    if reading.tool is not None:
        return replace(reading, tool=replace(reading.tool, precedence=LOG_TOLD))
    return reading


def after(name: str, *prefixes: str) -> str | None:
    """
    Give what follows one of some prefixes of a name.
    """
    found = (name.removeprefix(prefix) for prefix in prefixes if name.startswith(prefix))
    return next(found, None) or None
