"""
Langfuse's own spans, of its SDKs from version 3 on.

An observation's type says what it is; its input, output, usage and metadata are JSON.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from otel_bridge_storage.readings import CallReading, Reading, Role, RunReading, ToolReading
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import langchain_objects as langchain
from otel_bridge.dialects import lenient
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.exchange_objects import Answer, answer_in, request_messages
from otel_bridge.dialects.failures import failure_told
from otel_bridge.dialects.filling import filled
from otel_bridge.dialects.marks import Marks, read_marks
from otel_bridge.dialects.recorded_values import called_with, plain, run_of
from otel_bridge.dialects.scopes import precedence
from otel_bridge.dialects.span_reading import OPERATION, read_call
from otel_bridge.dialects.tokens import normal
from otel_bridge.dialects.usage_spellings import completed, usage_in

TYPE = "langfuse.observation.type"

ROLES: Mapping[str, Role] = {
    "generation": Role.LLM,
    "embedding": Role.LLM,
    "tool": Role.TOOL,
    "agent": Role.RUN,
}
MARKS = Marks(
    session=("session.id", "langfuse.session.id", "gen_ai.conversation.id"),
    user=("user.id", "langfuse.user.id", "enduser.id"),
    tags=("langfuse.trace.tags", "otel_bridge.tags"),
)

_INPUT = ("langfuse.observation.input",)
_OUTPUT = ("langfuse.observation.output",)
_MODEL = ("langfuse.observation.model.name", "langfuse.observation.model")
_PARAMETERS = ("langfuse.observation.model.parameters",)
_USAGE = ("langfuse.observation.usage_details",)
_COST = ("langfuse.observation.cost_details",)
_FIRST_CHUNK = ("langfuse.observation.completion_start_time",)
_APP_ROOT = "langfuse.internal.is_app_root"
_VERSIONS = "versions"
"""
What LangChain notes in the metadata of models and tools.
"""
_LANGCHAIN = ("langgraph_node", "ls_integration", "lc_agent_name")
_LEVEL, _STATUS = "langfuse.observation.level", ("langfuse.observation.status_message",)
_TRACE_METADATA, _METADATA = "langfuse.trace.metadata.", "langfuse.observation.metadata."
_THREAD = (f"{_METADATA}thread_id",)
_ASKED_MODEL = (f"{_METADATA}ls_model_name",)
_PROVIDER = (f"{_METADATA}ls_provider",)
_TOOL_CALL_ID = (f"{_METADATA}tool_call_id",)


class Langfuse(Dialect):
    """
    Spans with a `langfuse.observation.type`.
    """

    name = "langfuse"
    scopes = ("langfuse-sdk",)
    attributes = (TYPE,)
    decided_by = ()

    def detects(self, span: SpanRecord) -> bool:
        """
        Tell the dialect by its type; frameworks that export to Langfuse add one to spans
        which the conventions tell more of.
        """
        if not super().detects(span):
            return False
        return OPERATION not in span.attributes or span.scope.name.startswith("langfuse")

    def read(self, span: SpanRecord) -> Reading:
        """
        Read a span by its type.
        """
        marks = _marks(span)
        kind = (lenient.text(span.attributes, (TYPE,)) or "").lower()
        role = _role(span, kind)
        if role is Role.LLM:
            call = _call(span, kind, failed=marks["failed"])
            return Reading(role=role, dialect=self.name, call=call, **marks)
        if role is Role.TOOL:
            tool, failed = _tool(span)
            marks["failed"] = marks["failed"] or failed
            return Reading(role=role, dialect=self.name, tool=tool, **marks)
        if role is Role.RUN:
            marks["agent_name"] = marks["agent_name"] or span.name or None
            marks["session_id"] = marks["session_id"] or _thread(span)
            return Reading(role=role, dialect=self.name, run=_run(span), **marks)
        return Reading(role=Role.OTHER, dialect=self.name, **marks)


def _marks(span: SpanRecord) -> dict[str, Any]:
    marks = read_marks(span, MARKS)
    about = _below(span.attributes, _TRACE_METADATA)
    marks["metadata"] = {**about, **marks["metadata"]}
    if span.attributes.get(_LEVEL) == "ERROR" or marks["failed"]:
        told = lenient.text(span.attributes, _STATUS)
        marks["failed"] = True
        if told:
            failure = failure_told(told)
            marks["error_type"] = marks["error_type"] or failure.type
            marks["error_message"] = failure.message or told
    return marks


def _role(span: SpanRecord, kind: str) -> Role:
    """
    Give the role of a type; LangChain's chains are agents where they are whole graphs, and
    a graph's node is none, whatever its name says.
    """
    role = ROLES.get(kind, Role.OTHER)
    if kind not in ("agent", "chain", "span"):
        return role
    metadata = _below(span.attributes, _METADATA)
    if span.name != langchain.GRAPH and metadata.keys().isdisjoint(_LANGCHAIN):
        return role
    if langchain.is_run(span.name, metadata, root=_is_root(span)):
        return Role.RUN
    asked, given = (plain(lenient.value(span.attributes, n)) for n in (_INPUT, _OUTPUT))
    if langchain.is_inner_graph(span.name, metadata, asked, given):
        return Role.RUN
    if kind == "span" and _is_untyped_tool(span.name, metadata, given):
        return Role.TOOL
    return Role.OTHER if metadata.get("langgraph_node") else role


def _is_untyped_tool(name: str, metadata: Mapping[str, Any], given: Any) -> bool:
    """
    Tell whether a span is a tool of LangChain in JavaScript, which has no type up to
    version 4.
    """
    if metadata.get("tags") or name == metadata.get("langgraph_node"):
        return False
    return bool(langchain.tool_answer(given)) or (_VERSIONS in metadata and given is None)


def _is_root(span: SpanRecord) -> bool:
    return not span.parent_span_id or span.attributes.get(_APP_ROOT) is True


def _thread(span: SpanRecord) -> str | None:
    """
    Take LangGraph's thread for the session, which all spans below have whatever the session
    is that the program gave the first one.
    """
    return lenient.text(span.attributes, _THREAD) if _is_root(span) else None


def _call(span: SpanRecord, kind: str, *, failed: bool) -> CallReading:
    attributes = span.attributes
    operation = "embeddings" if kind == "embedding" else "chat"
    raw = plain(lenient.value(attributes, _OUTPUT))
    answer = Answer() if operation == "embeddings" else answer_in(raw)
    usage = usage_in(lenient.json_map(attributes, _USAGE))
    usage = normal(usage, zeros_count=failed and not answer.output)
    model = lenient.text(attributes, _MODEL)
    asked_only = failed and not answer.output
    cost = lenient.json_map(attributes, _COST)
    call = CallReading(
        operation=operation,
        provider=lenient.text(attributes, _PROVIDER),
        request_model=lenient.text(attributes, _ASKED_MODEL) or (model if asked_only else None),
        response_model=None if asked_only else answer.model or model,
        response_id=answer.response_id,
        usage=completed(usage, answer.usage),
        emitted_cost_usd=lenient.number(cost, ("total",)) or _sum(cost) or None,
        service_tier=lenient.text(lenient.json_map(attributes, _PARAMETERS), ("service_tier",)),
        finish_reasons=answer.finish_reasons or _told_reason(attributes),
        time_to_first_chunk_ns=_first_chunk(span),
        precedence=precedence(span.scope.name),
        input=request_messages(_sent(plain(lenient.value(attributes, _INPUT)))),
        output=answer.output,
    )
    return filled(call, read_call(span, operation=operation, exchange=((), ()), failed=failed))


def _sent(value: Any) -> Any:
    """
    Leave out the definitions of tools, which LangChain's handler puts among the messages.
    """
    if not isinstance(value, list):
        return value
    return [item for item in value if not _is_definition(item)]


def _is_definition(item: Any) -> bool:
    return (
        isinstance(item, Mapping)
        and item.get("role") == "tool"
        and isinstance(item.get("content"), Mapping)
        and "tool_call_id" not in item
    )


def _run(span: SpanRecord) -> RunReading:
    return run_of(lenient.value(span.attributes, _INPUT), lenient.value(span.attributes, _OUTPUT))


def _tool(span: SpanRecord) -> tuple[ToolReading, bool]:
    """
    Read a tool's execution, and whether LangChain's message in its answer says it failed.
    """
    given = lenient.value(span.attributes, _OUTPUT)
    answer = langchain.tool_answer(plain(given))
    tool = ToolReading(
        tool_name=span.name or "unknown",
        tool_call_id=lenient.text(answer, ("tool_call_id",))
        or lenient.text(span.attributes, _TOOL_CALL_ID),
        arguments=lenient.as_json(called_with(lenient.value(span.attributes, _INPUT))),
        result=lenient.as_content(answer.get("content") if answer else given),
    )
    return tool, answer.get("status") == "error"


def _first_chunk(span: SpanRecord) -> int | None:
    told = plain(lenient.value(span.attributes, _FIRST_CHUNK))
    try:
        moment = datetime.fromisoformat(told)
    except (ValueError, TypeError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    passed = round(moment.timestamp() * 1_000_000) * 1000 - span.start_ns
    return passed if passed > 0 else None


def _told_reason(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    reason = plain(attributes.get(f"{_METADATA}finish_reason"))
    return (reason,) if isinstance(reason, str) and reason else ()


def _below(attributes: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """
    Read the attributes of one prefix, whose values version 5 writes as JSON.
    """
    return {
        name.removeprefix(prefix): plain(value)
        for name, value in attributes.items()
        if name.startswith(prefix)
    }


def _sum(cost: Mapping[str, Any]) -> float:
    return sum(lenient.number(cost, (name,)) or 0.0 for name in cost)
