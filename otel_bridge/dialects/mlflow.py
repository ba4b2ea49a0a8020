"""
MLflow's native spans, of `mlflow.trace` and of its autologging.

Every attribute is JSON text, `mlflow.spanType` included. In its GenAI mode MLflow writes
the plain conventions instead.
"""

from collections.abc import Mapping
from typing import Any

from otel_bridge_storage.readings import (
    CallReading,
    Reading,
    Role,
    RunReading,
    ToolReading,
    Usage,
)
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import langchain_objects as langchain
from otel_bridge.dialects import lenient
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.exchange_objects import Answer, answer_in, request_messages
from otel_bridge.dialects.filling import filled
from otel_bridge.dialects.marks import Marks, read_marks
from otel_bridge.dialects.recorded_values import called_with, plain, run_of
from otel_bridge.dialects.scopes import FRAMEWORK, precedence
from otel_bridge.dialects.span_reading import read_call
from otel_bridge.dialects.tokens import normal
from otel_bridge.dialects.usage_spellings import completed, usage_in

TYPE = "mlflow.spanType"

ROLES: Mapping[str, Role] = {
    "LLM": Role.LLM,
    "CHAT_MODEL": Role.LLM,
    "EMBEDDING": Role.LLM,
    "TOOL": Role.TOOL,
    "AGENT": Role.RUN,
}
MARKS = Marks(
    session=(
        "gen_ai.conversation.id",
        "session.id",
        "mlflow.trace.session",
        "mlflow.traceTag.mlflow.trace.session",
    ),
    user=("user.id", "enduser.id", "mlflow.trace.user", "mlflow.traceTag.mlflow.trace.user"),
)

_INPUT, _OUTPUT = ("mlflow.spanInputs",), ("mlflow.spanOutputs",)
_USAGE = "mlflow.chat.tokenUsage"
_COST = ("mlflow.llm.cost",)
_CALL_ID = "tool_call_id"
_MODEL, _PROVIDER, _FORMAT = "mlflow.llm.model", "mlflow.llm.provider", "mlflow.message.format"
_MODEL_KEYS = ("model", "modelId", "model_name", "model_id")
_READ = frozenset(
    {
        TYPE,
        _USAGE,
        *_COST,
        _MODEL,
        _PROVIDER,
        _FORMAT,
        *_MODEL_KEYS,
        *MARKS.session,
        *MARKS.user,
        "metadata",
        "invocation_params",
    }
)
_CLIENTS = frozenset({"openai", "anthropic", "gemini", "bedrock", "groq", "mistral"})
"""
The formats of messages that tell which provider's client was called.
"""
_TAGS = "mlflow.traceTag."
_COUNTS_ONLY = "count_tokens"
_WORKFLOWS = frozenset({"AgentRunner.run", "AgentRunner.run_streamed", "Agent workflow"})
"""
The names of the spans around all agents of one run of the OpenAI Agents SDK, each of which
has its own.
"""
_CHUNKS = ("mlflow.chunk.item.", "new_token")
"""
How the names of events begin that are a part of a streamed answer each.
"""


class MLflow(Dialect):
    """
    Spans with an `mlflow.spanType`.
    """

    name = "mlflow"
    attributes = (TYPE,)

    def read(self, span: SpanRecord) -> Reading:
        """
        Read a span by its type.
        """
        attributes = _values(span.attributes)
        marks = _marks(span, attributes)
        kind = str(attributes.get(TYPE)).upper()
        role = _role(span, kind, attributes)
        if role is Role.LLM:
            call = _call(span, kind, attributes, failed=marks["failed"])
            return Reading(role=role, dialect=self.name, call=call, **marks)
        if role is Role.TOOL:
            tool, failed = _tool(span)
            marks["failed"] = marks["failed"] or failed
            return Reading(role=role, dialect=self.name, tool=tool, **marks)
        if role is Role.RUN:
            marks["agent_name"] = marks["agent_name"] or span.name or None
            return Reading(role=role, dialect=self.name, run=_run(span), **marks)
        return Reading(role=Role.OTHER, dialect=self.name, **marks)


def _values(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """
    Take the attributes that are read of any span out of their JSON text.
    """
    return {
        name: plain(value)
        for name, value in attributes.items()
        if name in _READ or name.startswith(_TAGS)
    }


def _marks(span: SpanRecord, attributes: Mapping[str, Any]) -> dict[str, Any]:
    marks = read_marks(span, MARKS)
    about = _langchain_metadata(attributes)
    for field, names in (("session_id", MARKS.session), ("user_id", MARKS.user)):
        marks[field] = lenient.text(attributes, names)
    marks["session_id"] = marks["session_id"] or lenient.text(about, ("thread_id",))
    marks["user_id"] = marks["user_id"] or lenient.text(about, ("user_id",))
    marks["agent_name"] = marks["agent_name"] or lenient.text(about, ("lc_agent_name",))
    told = {
        name.removeprefix(_TAGS): value
        for name, value in attributes.items()
        if name.startswith(_TAGS) and not name.startswith(f"{_TAGS}mlflow.")
    }
    marks["metadata"] = {**told, **marks["metadata"]}
    return marks


def _value(span: SpanRecord, names: lenient.Names) -> Any:
    return plain(lenient.value(span.attributes, names))


def _langchain_metadata(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """
    Read the metadata of LangChain, which MLflow keeps under its plain name.
    """
    found = attributes.get("metadata")
    return dict(found) if isinstance(found, Mapping) else {}


def _role(span: SpanRecord, kind: str, attributes: Mapping[str, Any]) -> Role:
    """
    Give the role of a type; of LangChain's chains, whole graphs are runs.
    """
    about = _langchain_metadata(attributes)
    if kind == "CHAIN" and (about or span.name == langchain.GRAPH):
        root = not span.parent_span_id
        asked, given = _value(span, _INPUT), _value(span, _OUTPUT)
        inner = langchain.is_inner_graph(span.name, about, asked, given)
        return Role.RUN if inner or langchain.is_run(span.name, about, root=root) else Role.OTHER
    if span.name.endswith(_COUNTS_ONLY) or (kind == "AGENT" and span.name in _WORKFLOWS):
        return Role.OTHER
    return ROLES.get(kind, Role.OTHER)


def _call(
    span: SpanRecord, kind: str, attributes: Mapping[str, Any], *, failed: bool
) -> CallReading:
    operation = "embeddings" if kind == "EMBEDDING" else "chat"
    asked, given = _value(span, _INPUT), _value(span, _OUTPUT)
    answer = answer_in(given)
    output = () if operation == "embeddings" else answer.output
    flavor = lenient.text(attributes, (_FORMAT,))
    direct = flavor is None or flavor in _CLIENTS
    request, response = _models(attributes, asked, answer, direct=direct)
    usage = completed(usage_in(attributes.get(_USAGE)), answer.usage)
    usage = normal(usage, zeros_count=failed and not output)
    call = CallReading(
        operation=operation,
        provider=_provider(attributes, flavor),
        request_model=request,
        response_model=response,
        response_id=answer.response_id,
        usage=usage,
        emitted_cost_usd=lenient.number(lenient.json_map(attributes, _COST), ("total_cost",)),
        finish_reasons=answer.finish_reasons,
        time_to_first_chunk_ns=_first_chunk(span),
        precedence=precedence(span.scope.name) if direct else FRAMEWORK,
        input=request_messages(asked),
        output=output,
    )
    return filled(call, read_call(span, operation=operation, exchange=((), ()), failed=failed))


def _models(
    attributes: Mapping[str, Any], asked: Any, answer: Answer, *, direct: bool
) -> tuple[str | None, str | None]:
    """
    Give the model asked for and the one that answered; MLflow's own attribute is the
    second only where the client itself was called and answered.
    """
    arguments = asked if isinstance(asked, Mapping) else {}
    parameters = attributes.get("invocation_params")
    said = (arguments, attributes, parameters if isinstance(parameters, Mapping) else {})
    request = next((m for told in said if (m := lenient.text(told, _MODEL_KEYS))), None)
    noted = lenient.text(attributes, (_MODEL,))
    answered = direct and request and (answer.output or answer.usage != Usage())
    return request or noted, answer.model or (noted if answered else None)


def _provider(attributes: Mapping[str, Any], flavor: str | None) -> str | None:
    told = lenient.text(attributes, (_PROVIDER,))
    if told is None and flavor in _CLIENTS:
        told = flavor
    return told.lower() if told else None


def _first_chunk(span: SpanRecord) -> int | None:
    times = [event.time_ns for event in span.events if event.name.startswith(_CHUNKS)]
    return max(min(times) - span.start_ns, 0) if times else None


def _run(span: SpanRecord) -> RunReading:
    return run_of(_value(span, _INPUT), _value(span, _OUTPUT))


def _tool(span: SpanRecord) -> tuple[ToolReading, bool]:
    """
    Read a tool's execution, and whether LangChain's message in its answer says it failed.
    """
    given = _value(span, _OUTPUT)
    answer = langchain.tool_answer(given)
    noted = {_CALL_ID: plain(span.attributes.get(_CALL_ID))}
    tool = ToolReading(
        tool_name=span.name or "unknown",
        tool_call_id=lenient.text(answer, (_CALL_ID,)) or lenient.text(noted, (_CALL_ID,)),
        arguments=lenient.as_json(called_with(_value(span, _INPUT))),
        result=lenient.as_content(answer.get("content") if answer else given),
    )
    return tool, answer.get("status") == "error"
