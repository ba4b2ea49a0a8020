"""
OpenLIT: the GenAI conventions, with what its frameworks and providers tell otherwise.

A chat's `gen_ai.tool.*` are the tools that the model asked for, joined by commas. In
LangGraph the graph is the run, told as a workflow, and the nodes are told as agents. The
counts of some providers are passed on as they are, without the parts they leave out.
"""

from dataclasses import replace

from otel_bridge_storage.readings import CallReading, Message, Reading, Role, Usage
from otel_bridge_storage.records import STATUS_ERROR, SpanRecord

from otel_bridge.dialects import genai_messages, lenient
from otel_bridge.dialects.chat_messages import text_message
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.genai_messages import DETAILS_EVENT
from otel_bridge.dialects.span_reading import (
    CALLS,
    ROLES,
    after,
    operation_of,
    read_as,
    told_by_log,
)
from otel_bridge.dialects.tokens import TokenNames
from otel_bridge.dialects.vocabulary import GENAI, CallNames, ToolNames, Vocabulary

Messages = tuple[Message, ...]

_SCOPE = "openlit."
_INSTRUMENTATION = "openlit.instrumentation."
_DETAILS = "gen_ai.usage.prompt_tokens_details."

VOCABULARY = GENAI.after(
    Vocabulary(
        call=CallNames(cost=("gen_ai.usage.cost",)),
        tokens=TokenNames(
            cache_read=(
                "gen_ai.usage.cache_read.input_tokens",
                f"{_DETAILS}cached_tokens",
                f"{_DETAILS}cache_read",
            ),
            cache_write=(
                "gen_ai.usage.cache_creation.input_tokens",
                f"{_DETAILS}cache_creation_tokens",
                f"{_DETAILS}cache_write",
            ),
            reasoning=(
                "gen_ai.usage.reasoning_tokens",
                "gen_ai.usage.completion_tokens_details.reasoning_tokens",
                "gen_ai.usage.completion_tokens_details.reasoning",
            ),
        ),
        tool=ToolNames(
            arguments=("gen_ai.tool.call.arguments", "gen_ai.tool.args", "gen_ai.tool.input"),
            result=("gen_ai.tool.call.result", "gen_ai.tool.output"),
        ),
    )
)
_NO_AGENTS = ("gen_ai.agent.source", "gen_ai.guardrail.triggered")
"""
What only spans of handoffs and guardrails carry, which OpenLIT calls agents.
"""
_LISTS_TOOLS = "mcp_list_tools"
_WITHOUT_CACHE = ("anthropic", "bedrock")
_WITHOUT_THOUGHTS = ("google_ai_studio", "vertexai")
_PROMPT, _COMPLETION = "gen_ai.content.prompt", "gen_ai.content.completion"


class OpenLIT(Dialect):
    """
    The spans and events of scopes that begin with `openlit.`.
    """

    name = "openlit"
    scopes = (_SCOPE,)

    def read(self, span: SpanRecord) -> Reading:
        """
        Read a span by its operation.
        """
        reading = read_as(self.name, span, VOCABULARY, role=_role(span), messages=_messages)
        if reading.run and reading.agent_name is None:
            return replace(reading, agent_name=_graph(span))
        if reading.call is None:
            return reading
        call = replace(reading.call, usage=_usage(span, reading.call.usage))
        call = _failed_call(span, call)
        reading = replace(reading, call=call)
        return told_by_log(reading) if span.name == DETAILS_EVENT else reading


def _role(span: SpanRecord) -> Role:
    attributes = span.attributes
    named = operation_of(span) or _named_by_failure(span)
    role = ROLES.get(named, Role.OTHER)
    if span.scope.name.startswith(f"{_INSTRUMENTATION}langgraph"):
        if named == "invoke_workflow" and "gen_ai.execution.mode" in attributes:
            return Role.RUN
        return Role.OTHER if role is Role.RUN else role
    if role is Role.RUN and (any(name in attributes for name in _NO_AGENTS) or _is_node(span)):
        return Role.OTHER
    if role is Role.TOOL and lenient.text(attributes, ("gen_ai.tool.name",)) == _LISTS_TOOLS:
        return Role.OTHER
    return role


def _named_by_failure(span: SpanRecord) -> str:
    """
    Take the operation out of the name of a span that failed, which has no attributes.
    """
    operation, _, model = span.name.partition(" ")
    failed = span.status_code == STATUS_ERROR and model
    return operation if failed and operation in CALLS else ""


def _failed_call(span: SpanRecord, call: CallReading) -> CallReading:
    if operation_of(span) or call.request_model or not (named := _named_by_failure(span)):
        return call
    return replace(call, operation=named, request_model=span.name.partition(" ")[2])


def _is_node(span: SpanRecord) -> bool:
    """
    Tell the node that calls the model, which LangChain's instrumentation takes for an agent
    as it does whatever has that word in its name.
    """
    of_langchain = span.scope.name.startswith(f"{_INSTRUMENTATION}langchain")
    return of_langchain and span.attributes.get("gen_ai.agent.name") == "agent"


def _graph(span: SpanRecord) -> str | None:
    name = after(span.name, "invoke_workflow ")
    return name.removesuffix(" stream") if name else None


def _usage(span: SpanRecord, usage: Usage) -> Usage:
    """
    Add to the counts what the provider leaves out of them.
    """
    provider = span.scope.name.removeprefix(_INSTRUMENTATION)
    if provider.startswith(_WITHOUT_CACHE):
        told = lenient.count(span.attributes, VOCABULARY.tokens.input)
        cached = (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
        if told is not None and usage.input_tokens is not None:
            return replace(usage, input_tokens=told + cached)
    if provider.startswith(_WITHOUT_THOUGHTS):
        told = lenient.count(span.attributes, VOCABULARY.tokens.output)
        if told is not None and usage.output_tokens is not None:
            return replace(usage, output_tokens=told + (usage.reasoning_tokens or 0))
    return usage


def _messages(span: SpanRecord) -> tuple[Messages, Messages]:
    """
    Read the messages, of older versions from the texts in the events of a span.
    """
    sent, received = genai_messages.of_span(span)
    if not span.events or (sent and received):
        return sent, received
    return (
        sent or _texts(span, _PROMPT, "gen_ai.prompt", "user"),
        received or _texts(span, _COMPLETION, "gen_ai.completion", "assistant"),
    )


def _texts(span: SpanRecord, event_name: str, attribute: str, role: str) -> Messages:
    found = (
        lenient.text(event.attributes, (attribute,))
        for event in span.events
        if event.name == event_name
    )
    return tuple(text_message(role, text) for text in found if text is not None)
