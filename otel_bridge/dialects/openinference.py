"""
OpenInference, the conventions of Arize Phoenix and of many instrumentations.

A span may carry the GenAI conventions beside: what its own names leave empty is read
from those.
"""

import re
from collections.abc import Mapping
from typing import Any

from otel_bridge_storage.readings import (
    CallReading,
    LogReading,
    Reading,
    Role,
    RunReading,
    ToolReading,
    Usage,
)
from otel_bridge_storage.records import LogRecord, SpanRecord

from otel_bridge.dialects import lenient, semconv
from otel_bridge.dialects import openinference_messages as messages
from otel_bridge.dialects.filling import filled
from otel_bridge.dialects.marks import Marks, read_marks
from otel_bridge.dialects.response_ids import id_in_output
from otel_bridge.dialects.scopes import precedence
from otel_bridge.dialects.tokens import TokenNames, joined, read_usage

KIND = "openinference.span.kind"

ROLES: Mapping[str, Role] = {
    "LLM": Role.LLM,
    "EMBEDDING": Role.LLM,
    "TOOL": Role.TOOL,
    "AGENT": Role.RUN,
}

TOKENS = joined(
    TokenNames(
        input=("llm.token_count.prompt",),
        output=("llm.token_count.completion",),
        cache_read=("llm.token_count.prompt_details.cache_read",),
        cache_write=("llm.token_count.prompt_details.cache_write",),
        reasoning=("llm.token_count.completion_details.reasoning",),
    ),
    semconv.TOKENS,
)

MARKS = Marks(
    session=("session.id", "gen_ai.conversation.id"),
    agent=("agent.name", "gen_ai.agent.name"),
    tags=("tag.tags", "otel_bridge.tags"),
    metadata=("metadata", "otel_bridge.metadata"),
)

_PROVIDER = ("llm.provider", "llm.system")
_REQUEST_MODEL = ("llm.request.model_name",)
_RESPONSE_MODEL = ("llm.response.model_name", "llm.model_name", "embedding.model_name")
_MODEL_KEYS = ("model", "model_name", "model_id")
_FINISH_REASON = ("llm.finish_reason",)
_COST = ("llm.cost.total",)
_TOOL_NAME = ("tool.name", "gen_ai.tool.name")
_TOOL_CALL_ID = ("tool.id", "tool_call.id")
_PARAMETERS = ("tool.parameters",)
_NOISE = ("langgraph_", "ls_", "lc_", "checkpoint_", "__pregel")
"""
How LangChain's own keys begin in the metadata of a span, which differ from span to span.
"""
_PREPARATION = re.compile(r"\w+\._prepare\w*")
"""
The names of LlamaIndex's spans around the methods that make the body of a request.
"""


class OpenInference:
    """
    Spans with an `openinference.span.kind`.
    """

    name = "openinference"

    def detects(self, span: SpanRecord) -> bool:
        """
        Tell the dialect by its kind attribute or its scope.
        """
        return KIND in span.attributes or span.scope.name.startswith("openinference.")

    def read(self, span: SpanRecord) -> Reading:
        """
        Read a span by its kind.
        """
        attributes = span.attributes
        marks = read_marks(span, MARKS)
        metadata = marks["metadata"]
        marks["user_id"] = marks["user_id"] or lenient.text(metadata, ("user_id",))
        marks["metadata"] = {k: v for k, v in metadata.items() if not k.startswith(_NOISE)}
        kind = (lenient.text(attributes, (KIND,)) or "").upper()
        role = ROLES.get(kind, Role.OTHER)
        if role is Role.LLM:
            call = _call(span, kind, failed=marks["failed"])
            if _only_prepares(span, call):
                return Reading(role=Role.OTHER, dialect=self.name, **marks)
            return Reading(role=role, dialect=self.name, call=call, **marks)
        if role is Role.TOOL:
            tool, failed = _tool(span)
            marks["failed"] = marks["failed"] or failed
            return Reading(role=role, dialect=self.name, tool=tool, **marks)
        if role is Role.RUN and not _is_graph_node(span, metadata):
            marks["agent_name"] = _agent_name(span, marks["agent_name"])
            return Reading(role=role, dialect=self.name, run=_run(span), **marks)
        return Reading(role=Role.OTHER, dialect=self.name, **marks)

    def read_log(self, log: LogRecord) -> LogReading | None:
        """
        OpenInference sends no logs.
        """
        return None


def _call(span: SpanRecord, kind: str, *, failed: bool) -> CallReading:
    attributes = span.attributes
    operation = "embeddings" if kind == "EMBEDDING" else "chat"
    beside = semconv.read_call(span, operation, failed=failed)
    finish_reasons = lenient.texts(attributes, _FINISH_REASON) or beside.finish_reasons
    received = messages.output_messages(attributes, finish_reasons[0] if finish_reasons else None)
    answered = bool(received or beside.output or finish_reasons)
    call = CallReading(
        operation=operation,
        provider=(lenient.text(attributes, _PROVIDER) or "").lower() or None,
        request_model=_request_model(attributes),
        response_model=lenient.text(attributes, _RESPONSE_MODEL),
        response_id=id_in_output(lenient.structure(attributes.get("output.value"))),
        usage=read_usage(attributes, TOKENS, zeros_count=failed and not answered),
        emitted_cost_usd=lenient.number(attributes, _COST) or None,
        finish_reasons=finish_reasons,
        precedence=precedence(span.scope.name),
        input=messages.input_messages(attributes),
        output=received,
    )
    return filled(call, beside)


def _only_prepares(span: SpanRecord, call: CallReading) -> bool:
    """
    Tell whether a span of the kind LLM only makes ready what another span requests.
    """
    answered = call.output or call.finish_reasons or call.usage != Usage()
    return not answered and _PREPARATION.fullmatch(span.name) is not None


def _request_model(attributes: Mapping[str, Any]) -> str | None:
    return (
        lenient.text(attributes, _REQUEST_MODEL)
        or lenient.text(lenient.json_map(attributes, ("llm.invocation_parameters",)), _MODEL_KEYS)
        or lenient.text(lenient.json_map(attributes, ("input.value",)), _MODEL_KEYS)
    )


def _run(span: SpanRecord) -> RunReading:
    attributes = span.attributes
    sent = messages.input_messages(attributes)
    received = messages.output_messages(attributes, None)
    run = RunReading(
        agent_id=lenient.text(attributes, ("agent.id", "gen_ai.agent.id")),
        input=sent or messages.content_messages(attributes.get("input.value"), "user"),
        output=received or messages.content_messages(attributes.get("output.value"), "assistant"),
    )
    return filled(run, semconv.read_run(span))


def _agent_name(span: SpanRecord, told: str | None) -> str | None:
    return told or lenient.text(span.attributes, ("graph.node.id",)) or span.name or None


def _is_graph_node(span: SpanRecord, metadata: Mapping[str, Any]) -> bool:
    """
    A node of a LangGraph graph has the kind AGENT if its name contains "agent": it is one
    step of the run whose graph it belongs to.
    """
    return bool(span.name) and metadata.get("langgraph_node") == span.name


def _tool(span: SpanRecord) -> tuple[ToolReading, bool]:
    """
    Read a tool's execution, and whether its answer says that it failed.
    """
    attributes = span.attributes
    answer = _langchain_answer(attributes.get("output.value"))
    result = answer.get("content") if answer else attributes.get("output.value")
    call_id = lenient.text(attributes, _TOOL_CALL_ID)
    tool = ToolReading(
        tool_name=lenient.text(attributes, _TOOL_NAME) or span.name or "unknown",
        tool_call_id=call_id or lenient.text(answer, ("tool_call_id",)),
        arguments=_arguments(attributes),
        result=lenient.as_content(result),
    )
    beside = semconv.read_tool(span)
    return filled(tool, beside) if beside else tool, answer.get("status") == "error"


def _langchain_answer(value: Any) -> dict[str, Any]:
    """
    Take LangChain's tool message out of an output, if it is one.
    """
    output = lenient.structure(value)
    if not isinstance(output, dict) or output.get("type") not in ("tool", "constructor"):
        return {}
    data = output.get("data", output.get("kwargs"))
    return data if isinstance(data, dict) and "tool_call_id" in data else {}


def _arguments(attributes: Mapping[str, Any]) -> str | None:
    value = attributes.get("input.value")
    if value is None:
        return lenient.as_json(lenient.text(attributes, _PARAMETERS))
    parsed = lenient.structure(value)
    if isinstance(parsed, dict) and "kwargs" in parsed and not parsed.keys() - {"args", "kwargs"}:
        return lenient.to_json(parsed if parsed.get("args") else parsed["kwargs"])
    return lenient.as_json(value)
