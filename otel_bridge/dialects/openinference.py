"""
OpenInference, the conventions of Arize Phoenix and of many instrumentations.

A span may carry the GenAI conventions beside: what its own names leave empty is read
from those.
"""

import re
from dataclasses import replace
from typing import Any

from otel_bridge_storage.readings import CallReading, Reading, Role, RunReading, Usage
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import genai_messages, lenient, openinference_calls
from otel_bridge.dialects import openinference_messages as messages
from otel_bridge.dialects import openinference_roles as roles
from otel_bridge.dialects import openinference_tools as tools
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.filling import filled
from otel_bridge.dialects.marks import Marks, read_marks
from otel_bridge.dialects.span_reading import read_run

KIND = "openinference.span.kind"

MARKS = Marks(
    session=("session.id", "gen_ai.conversation.id"),
    agent=roles.AGENT_NAME,
    tags=("tag.tags", "otel_bridge.tags"),
    metadata=("metadata", "otel_bridge.metadata"),
)

_REDACTED = "__REDACTED__"
"""
What stands for an input, an output or a text that was hidden.
"""
_VERCEL = "ai.operationId"
_CONVERSATION = ("session_id", "conversation_id", "thread_id")
_NOISE = ("langgraph_", "ls_", "lc_", "checkpoint_", "__pregel")
"""
How LangChain's own keys begin in the metadata of a span, which differ from span to span.
"""
_PREPARATION = re.compile(r"\w+\._prepare\w*")
"""
The names of LlamaIndex's spans around the methods that make the body of a request.
"""


class OpenInference(Dialect):
    """
    Spans with an `openinference.span.kind`.

    A span of the Vercel SDK that a processor has given a kind stays one of that SDK,
    whose attributes tell more.
    """

    name = "openinference"
    scopes = openinference_calls.OWN_SCOPES
    attributes = (KIND,)
    decided_by = ()

    def detects(self, span: SpanRecord) -> bool:
        """
        Tell the dialect by its scopes or its kind.
        """
        return super().detects(span) and _VERCEL not in span.attributes

    def read(self, span: SpanRecord) -> Reading:
        """
        Read a span by its kind.
        """
        span = _shown(span)
        marks = read_marks(span, MARKS)
        metadata = marks["metadata"]
        scope = span.scope.name.replace("-", "_")
        marks["user_id"] = marks["user_id"] or lenient.text(metadata, ("user_id",))
        if roles.CHAINS in scope:
            told = lenient.text(metadata, _CONVERSATION)
            marks["session_id"] = marks["session_id"] or told
        marks["metadata"] = {k: v for k, v in metadata.items() if not k.startswith(_NOISE)}
        kind = (lenient.text(span.attributes, (KIND,)) or "").upper()
        role = roles.role_of(span, kind, scope, metadata)
        if role is Role.LLM:
            call = openinference_calls.read(span, kind, failed=marks["failed"])
            if not _only_prepares(span, call):
                return Reading(role=role, dialect=self.name, call=call, **marks)
        elif role is Role.TOOL:
            tool, failure = tools.read(span)
            if failure.failed:
                _fail(marks, failure.type, failure.message)
            return Reading(role=role, dialect=self.name, tool=tool, **marks)
        elif role is Role.RUN:
            named = marks["agent_name"] or roles.agent_name(span, kind, scope)
            marks["agent_name"] = named
            run = _run(span) if kind == "AGENT" or roles.WORKFLOWS not in scope else RunReading()
            return Reading(role=role, dialect=self.name, run=run, **marks)
        return Reading(role=Role.OTHER, dialect=self.name, **marks)


def _shown(span: SpanRecord) -> SpanRecord:
    """
    Leave out what was hidden.
    """
    attributes = span.attributes
    if _REDACTED not in attributes.values():
        return span
    return replace(span, attributes={k: v for k, v in attributes.items() if v != _REDACTED})


def _fail(marks: dict[str, Any], error_type: str | None, message: str | None) -> None:
    """
    Add what an answer says of a failure to what its span says.
    """
    vague = marks["error_type"] in (None, "TOOL_ERROR", "MCP_TOOL_ERROR")
    if vague and (error_type or not marks["failed"]):
        marks["error_type"], marks["error_message"] = error_type, message
    marks["failed"] = True


def _only_prepares(span: SpanRecord, call: CallReading) -> bool:
    """
    Tell whether a span of the kind LLM only makes ready what another span requests.
    """
    answered = call.output or call.finish_reasons or call.usage != Usage()
    return not answered and _PREPARATION.fullmatch(span.name) is not None


def _run(span: SpanRecord) -> RunReading:
    attributes = span.attributes
    sent = messages.input_messages(attributes)
    received = messages.output_messages(attributes, None)
    run = RunReading(
        agent_id=lenient.text(attributes, ("agent.id", "gen_ai.agent.id")),
        input=sent or messages.content_messages(attributes.get("input.value"), "user"),
        output=received or messages.content_messages(attributes.get("output.value"), "assistant"),
    )
    return filled(run, read_run(span, exchange=genai_messages.of_span(span)))
