"""
LangSmith's OpenTelemetry export, of its Python and its JavaScript SDK.

A span is a run of LangSmith: its inputs and outputs are JSON, mostly of LangChain's
objects. The operation name is no guide, since a prompt template has that of a chat.
"""

import ast
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from otel_bridge_storage.readings import CallReading, Reading, Role, RunReading, ToolReading
from otel_bridge_storage.records import STATUS_ERROR, SpanRecord

from otel_bridge.dialects import langchain_objects as langchain
from otel_bridge.dialects import lenient
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.exchange_objects import Answer, answer_in, request_messages
from otel_bridge.dialects.filling import filled
from otel_bridge.dialects.marks import Marks, read_marks
from otel_bridge.dialects.recorded_values import called_with, plain, run_of
from otel_bridge.dialects.scopes import precedence
from otel_bridge.dialects.span_reading import ROLES as OPERATIONS
from otel_bridge.dialects.span_reading import operation_of, read_call, read_tool
from otel_bridge.dialects.usage_spellings import completed, usage_in

KIND = "langsmith.span.kind"

ROLES: Mapping[str, Role] = {
    "llm": Role.LLM,
    "embedding": Role.LLM,
    "tool": Role.TOOL,
}
MARKS = Marks(
    session=(
        "gen_ai.conversation.id",
        "session.id",
        "langsmith.metadata.thread_id",
        "langsmith.metadata.session_id",
        "langsmith.metadata.conversation_id",
        "langsmith.metadata.threadId",
        "langsmith.metadata.sessionId",
        "langsmith.metadata.conversationId",
    ),
    user=("user.id", "enduser.id", "langsmith.metadata.user_id", "langsmith.metadata.userId"),
    agent=("gen_ai.agent.name", "langsmith.metadata.lc_agent_name"),
)

_METADATA = "langsmith.metadata."
_INPUT, _OUTPUT = ("gen_ai.prompt",), ("gen_ai.completion",)
_USAGE = ("langsmith.usage_metadata", "langsmith.metadata.usage_metadata")
_IS_ROOT = "langsmith.is_root"
_TAGS = ("langsmith.span.tags",)
_REQUEST_MODEL = ("gen_ai.request.model", "langsmith.metadata.ls_model_name")
_PROVIDER = ("langsmith.metadata.ls_provider",)
_NOT_TOLD = frozenset({"langchain"})
"""
What stands as the provider of a model whose name LangSmith does not know.
"""
_NOISE = ("langgraph_", "ls_", "lc_", "checkpoint_", "__pregel", "LANGSMITH_", "LANGCHAIN_")
_OWN = frozenset({"usage_metadata", "thread_id", "session_id", "conversation_id", "user_id"})
_CONTROL_FLOW = frozenset({"GraphInterrupt", "NodeInterrupt", "GraphBubbleUp", "ParentCommand"})
"""
What LangGraph throws to pause or to hand over, which is no failure.
"""
_RAISED = re.compile(
    r"(?P<type>[A-Za-z_$][\w.$]*)"
    r"(?:\((?P<repr>.*?)\)\s*(?:Traceback \(most recent call last\)|$)|: (?P<text>[^\n]*))",
    re.DOTALL,
)


class LangSmith(Dialect):
    """
    Spans with a `langsmith.span.kind`.
    """

    name = "langsmith"
    attributes = (KIND,)
    decided_by = ()

    def detects(self, span: SpanRecord) -> bool:
        """
        Tell the dialect by its attribute or its scope.
        """
        return KIND in span.attributes or span.scope.name == "langsmith"

    def read(self, span: SpanRecord) -> Reading:
        """
        Read a span by its kind.
        """
        span = _told_status(span)
        marks, metadata = _marks(span)
        kind = lenient.text(span.attributes, (KIND,)) or ""
        role = ROLES.get(kind, Role.OTHER) if kind else OPERATIONS.get(operation_of(span))
        root = not span.parent_span_id or span.attributes.get(_IS_ROOT) is True
        if kind == "chain" and (
            langchain.is_run(span.name, metadata, root=root) or _is_inner_graph(span, metadata)
        ):
            role = Role.RUN
        if role is Role.LLM:
            call = _call(span, kind, failed=marks["failed"])
            return Reading(role=role, dialect=self.name, call=call, **marks)
        if role is Role.TOOL:
            tool, failed = _tool(span)
            marks["failed"] = marks["failed"] or failed
            return Reading(role=role, dialect=self.name, tool=tool, **marks)
        if role is Role.RUN:
            marks["agent_name"] = marks["agent_name"] or span.name or None
            return Reading(role=role, dialect=self.name, run=_run(span), **marks)
        return Reading(role=Role.OTHER, dialect=self.name, **marks)


def _is_inner_graph(span: SpanRecord, metadata: Mapping[str, Any]) -> bool:
    asked, given = (plain(lenient.value(span.attributes, n)) for n in (_INPUT, _OUTPUT))
    return langchain.is_inner_graph(span.name, metadata, asked, given)


def _told_status(span: SpanRecord) -> SpanRecord:
    """
    Give a span with an exception the status of an error: the SDK in JavaScript sets that
    after it has said OK, which OpenTelemetry lets stand.
    """
    raised = any(event.name == "exception" for event in span.events)
    return replace(span, status_code=STATUS_ERROR) if raised else span


def _marks(span: SpanRecord) -> tuple[dict[str, Any], dict[str, Any]]:
    """
    Read the marks, and all of LangSmith's metadata.
    """
    attributes = span.attributes
    marks = read_marks(span, MARKS)
    metadata = {
        name.removeprefix(_METADATA): value
        for name, value in attributes.items()
        if name.startswith(_METADATA)
    }
    about = {k: v for k, v in metadata.items() if not k.startswith(_NOISE) and k not in _OWN}
    marks["metadata"] = {**about, **marks["metadata"]}
    tags = lenient.text(attributes, _TAGS) or ""
    own = tuple(tag for tag in tags.split(", ") if tag and ":step:" not in tag)
    marks["tags"] = (*marks["tags"], *own)
    if marks["failed"]:
        _tell_failure(marks)
    return marks, metadata


def _tell_failure(marks: dict[str, Any]) -> None:
    """
    Find the error in the text that stands for it: what Python or JavaScript write of it,
    and where it was raised.
    """
    match = _RAISED.match(marks["error_message"] or "")
    if match is None:
        return
    name = match["type"].rpartition(".")[2]
    if name in _CONTROL_FLOW:
        marks.update(failed=False, error_type=None, error_message=None)
        return
    said = match["text"] if match["repr"] is None else _unquoted(match["repr"])
    marks.update(error_type=name, error_message=said or marks["error_message"])


def _unquoted(text: str) -> str:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return value if isinstance(value, str) else text


def _call(span: SpanRecord, kind: str, *, failed: bool) -> CallReading:
    attributes = span.attributes
    embeds = kind == "embedding" or operation_of(span) == "embeddings"
    operation = "embeddings" if embeds else "chat"
    output = plain(lenient.value(attributes, _OUTPUT))
    answer = Answer() if embeds else answer_in(output)
    sent = request_messages(plain(lenient.value(attributes, _INPUT)))
    exchange = (sent, answer.output)
    beside = read_call(span, operation=operation, exchange=exchange, failed=failed)
    told = lenient.json_map(attributes, _USAGE) or _usage_of(output)
    usage = completed(completed(usage_in(told), answer.usage), beside.usage)
    provider = lenient.text(attributes, _PROVIDER)
    call = CallReading(
        operation=operation,
        provider=provider or (None if beside.provider in _NOT_TOLD else beside.provider),
        request_model=lenient.text(attributes, _REQUEST_MODEL),
        response_model=answer.model,
        response_id=answer.response_id,
        usage=usage if usage.input_tokens or usage.output_tokens else beside.usage,
        emitted_cost_usd=lenient.number(told, ("total_cost",)) or None,
        finish_reasons=answer.finish_reasons,
        precedence=precedence(span.scope.name),
    )
    return replace(filled(call, beside), provider=call.provider)


def _usage_of(output: Any) -> dict[str, Any]:
    """
    Take the usage that LangSmith puts beside a response in its own, inclusive counts.
    """
    return lenient.json_map(output, ("usage_metadata",)) if isinstance(output, Mapping) else {}


def _run(span: SpanRecord) -> RunReading:
    return run_of(lenient.value(span.attributes, _INPUT), lenient.value(span.attributes, _OUTPUT))


def _tool(span: SpanRecord) -> tuple[ToolReading, bool]:
    """
    Read a tool's execution, and whether LangChain's message in its answer says it failed.
    """
    attributes = span.attributes
    output = plain(lenient.value(attributes, _OUTPUT))
    answer = langchain.tool_answer(output)
    result = answer.get("content") if answer else _only(output)
    asked, call_id = _called(lenient.value(attributes, _INPUT))
    tool = ToolReading(
        tool_name=lenient.text(attributes, ("gen_ai.tool.name",)) or span.name or "unknown",
        tool_call_id=lenient.text(answer, ("tool_call_id",)) or call_id,
        arguments=lenient.as_json(called_with(asked)),
        result=lenient.as_content(result),
    )
    beside = read_tool(span)
    return filled(tool, beside) if beside else tool, answer.get("status") == "error"


def _called(value: Any) -> tuple[Any, str | None]:
    """
    Give what a tool was asked, and the id of the call that the AI SDK hands it beside that.
    """
    told = plain(value)
    if not isinstance(told, dict):
        return value, None
    if told.keys() == {"input"}:
        return told["input"], None
    handed = told.get("args") if told.keys() == {"args"} else None
    if isinstance(handed, list) and len(handed) == 2 and isinstance(handed[1], dict):
        call_id = lenient.text(handed[1], ("toolCallId",))
        return (handed[0], call_id) if call_id else (value, None)
    return value, None


def _only(output: Any) -> Any:
    """
    Unwrap a result that stands under the one name `output`; an empty map is no result.
    """
    if isinstance(output, dict) and output.keys() <= {"output", "outputs"}:
        return next(iter(output.values()), None)
    return output
