"""
OpenLLMetry, the instrumentations of Traceloop, in Python and in JavaScript.

Up to 0.40 a request to a model is told by `llm.request.type`, later by the GenAI
conventions. `traceloop.span.kind` tells the entities: an agent is a run. A workflow only
orders what is in it, but for the root of a LangChain run, which is all there is of that;
in LangGraph it is inside a span of the graph, which is the run. CrewAI's task is what an
agent was asked and answered: it is the run, and the agent's span a part of it.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from otel_bridge_storage.readings import CallReading, Reading, Role, RunReading, Usage
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import lenient
from otel_bridge.dialects import openllmetry_messages as messages
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.genai_messages import DETAILS_EVENT
from otel_bridge.dialects.litellm import LiteLLM
from otel_bridge.dialects.marks import Marks
from otel_bridge.dialects.openllmetry_tools import TOOL_NAMES, read_tool
from otel_bridge.dialects.span_reading import CALLS, operation_of, read_as, told_by_log
from otel_bridge.dialects.tokens import TokenNames
from otel_bridge.dialects.vocabulary import GENAI, CallNames, RunNames, ToolNames, Vocabulary

_LITELLM = LiteLLM()

KIND = "traceloop.span.kind"
REQUEST_TYPE = "llm.request.type"
ASSOCIATION = "traceloop.association.properties."

_REQUESTS = {"chat": "chat", "completion": "text_completion", "embedding": "embeddings"}
_INSTRUMENTED = (
    "agno alephalpha anthropic bedrock chromadb cohere crewai google_generativeai groq "
    "haystack lancedb langchain llamaindex marqo mcp milvus mistralai ollama openai.v0 "
    "openai.v1 openai_agents pinecone qdrant replicate sagemaker together transformers "
    "vertexai voyageai watsonx weaviate writer"
)
_IDS = ("session_id", "conversation_id", "thread_id", "chat_id")
_JS_IDS = ("sessionId", "conversationId", "threadId", "chatId")
_NOISE = ("ls_", "lc_", "langgraph_", "checkpoint_", "__pregel")
"""
How LangChain's own keys begin among the association properties.
"""
_NO_PROVIDERS = frozenset({"crewai", "langchain", "langgraph", "llamaindex", "unknown"})
"""
What is told for a provider where a framework does not know it.
"""


def _properties(*names: str) -> tuple[str, ...]:
    return tuple(ASSOCIATION + name for name in names)


VOCABULARY = GENAI.after(
    Vocabulary(
        marks=Marks(
            session=("gen_ai.conversation.id", "session.id", *_properties(*_IDS, *_JS_IDS)),
            user=(
                *_properties("user_id", "userId"),
                *("user.id", "enduser.id", "gen_ai.user", "llm.user"),
            ),
            agent=("gen_ai.agent.name", "crewai.agent.role", "crewai.task.agent"),
        ),
        call=CallNames(
            finish_reasons=(
                "gen_ai.response.finish_reasons",
                "gen_ai.completion.0.finish_reason",
                *("llm.response.finish_reason", "llm.response.stop_reason"),
                "gen_ai.response.stop_reason",
            ),
        ),
        tokens=TokenNames(reasoning=("llm.usage.reasoning_tokens",)),
        tool=ToolNames(name=TOOL_NAMES),
        run=RunNames(agent_id=("gen_ai.agent.id", "crewai.agent.id")),
    )
)
_AGENT_WORKFLOWS = ("Agent.workflow", "AgentWorkflow.workflow")
_TOTAL = ("gen_ai.usage.total_tokens", "llm.usage.total_tokens")
_GOOGLE = ("google_generativeai", "vertexai")


class OpenLLMetry(Dialect):
    """
    The spans of Traceloop's SDK and of its instrumentations.
    """

    name = "openllmetry"
    scopes = (
        "traceloop.",
        "@traceloop/",
        *(f"opentelemetry.instrumentation.{name}" for name in _INSTRUMENTED.split()),
    )
    attributes = (
        KIND,
        REQUEST_TYPE,
        "traceloop.entity.name",
        f"{messages.PROMPT}0.role",
        f"{messages.COMPLETION}0.role",
    )
    decided_by = ()

    def detects(self, span: SpanRecord) -> bool:
        """
        Tell the dialect by its scopes and attributes; LiteLLM has some of them too.
        """
        return super().detects(span) and not _LITELLM.detects(span)

    def read(self, span: SpanRecord) -> Reading:
        """
        Read a span by the kind of its entity or by what it requests.
        """
        role = _role(span)
        of_call = role is Role.LLM
        reading = read_as(
            self.name,
            span,
            VOCABULARY,
            role=role,
            operation=_operation(span) if of_call else None,
            messages=messages.of_call if of_call else messages.of_entity,
        )
        reading = replace(reading, metadata=_metadata(span.attributes) or reading.metadata)
        if reading.call:
            reading = replace(reading, call=_call(span, reading.call))
            return told_by_log(reading) if span.name == DETAILS_EVENT else reading
        if reading.tool:
            return read_tool(span, reading, reading.tool)
        return _run(span, reading, reading.run) if reading.run else reading


def _role(span: SpanRecord) -> Role:
    kind = lenient.text(span.attributes, (KIND,))
    named = operation_of(span)
    if kind == "tool" or named == "execute_tool" or _is_llama_index_tool(span):
        return Role.TOOL
    if "crewai.task.agent" in span.attributes:
        return Role.RUN
    if kind == "workflow":
        is_run = _is_langchain_root(span) or _is_llama_index_agent(span)
        return Role.RUN if is_run else Role.OTHER
    if kind == "agent" or (named == "invoke_agent" and kind is None):
        return Role.OTHER if _is_of_crewai(span) else Role.RUN
    if kind is None and (_request(span) or _is_realtime_answer(span)):
        return Role.LLM
    return Role.OTHER


def _is_of_crewai(span: SpanRecord) -> bool:
    return span.scope.name.startswith("opentelemetry.instrumentation.crewai")


def _is_langchain_root(span: SpanRecord) -> bool:
    return (
        span.scope.name.startswith("opentelemetry.instrumentation.langchain")
        and lenient.text(span.attributes, ("gen_ai.provider.name",)) != "langgraph"
    )


def _is_of_llama_index(span: SpanRecord) -> bool:
    return span.scope.name.startswith("opentelemetry.instrumentation.llamaindex")


def _is_llama_index_tool(span: SpanRecord) -> bool:
    return _is_of_llama_index(span) and "tool.name" in span.attributes


def _is_llama_index_agent(span: SpanRecord) -> bool:
    """
    Tell the workflow that is an agent, named after the agent's class and not after it.
    """
    return _is_of_llama_index(span) and span.name.endswith(_AGENT_WORKFLOWS)


def _is_realtime_answer(span: SpanRecord) -> bool:
    return operation_of(span) == "realtime" and "gen_ai.response.model" in span.attributes


def _request(span: SpanRecord) -> str | None:
    """
    Name the kind of request that a span says it is, if it is one to a model.
    """
    named = operation_of(span)
    if named:
        return named if named in CALLS else None
    return _REQUESTS.get((lenient.text(span.attributes, (REQUEST_TYPE,)) or "").lower())


def _operation(span: SpanRecord) -> str:
    """
    Say what kind of request it is; some chats say that they are completions.
    """
    requested = _request(span) or "chat"
    if operation_of(span) or requested != "text_completion":
        return requested
    roles = (f"{messages.PROMPT}0.role", f"{messages.COMPLETION}0.role")
    is_chat = span.name.endswith(".chat") or any(name in span.attributes for name in roles)
    return "chat" if is_chat else requested


def _call(span: SpanRecord, call: CallReading) -> CallReading:
    attributes = span.attributes
    return replace(
        call,
        provider=_known(call.provider, _NO_PROVIDERS)
        or lenient.text(attributes, _properties("ls_provider")),
        request_model=_known(call.request_model, {"unknown"})
        or lenient.text(attributes, _properties("ls_model_name")),
        response_model=_known(call.response_model, {"unknown"}),
        usage=_usage(span, call.usage),
    )


def _known(told: str | None, unknown: Any) -> str | None:
    return None if told in unknown else told


def _usage(span: SpanRecord, usage: Usage) -> Usage:
    """
    Add what two of the instrumentations pass on as it is: Bedrock's input leaves out what
    the cache took part in, and Google's output the thoughts, which only the total has.
    """
    if "bedrock" in span.scope.name and usage.input_tokens is not None:
        told = lenient.count(span.attributes, VOCABULARY.tokens.input) or 0
        cached = (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
        return replace(usage, input_tokens=told + cached)
    if span.scope.name.endswith(_GOOGLE) and usage.reasoning_tokens is None:
        total = lenient.count(span.attributes, _TOTAL) or 0
        if usage.input_tokens is not None and usage.output_tokens is not None:
            thoughts = max(total - usage.input_tokens - usage.output_tokens, 0)
            if thoughts:
                output = usage.output_tokens + thoughts
                return replace(usage, output_tokens=output, reasoning_tokens=thoughts)
    return usage


def _run(span: SpanRecord, reading: Reading, run: RunReading) -> Reading:
    attributes = span.attributes
    if _is_llama_index_agent(span):
        return reading
    name = reading.agent_name or lenient.text(attributes, ("traceloop.entity.name",))
    asked = lenient.text(attributes, ("crewai.task.description",))
    return replace(
        reading,
        agent_name=(name or span.name.removesuffix(".agent")).strip() or None,
        run=replace(run, input=messages.asked(asked) if asked else run.input),
    )


def _metadata(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """
    Collect the association properties that neither name someone nor are LangChain's own.
    """
    told = {
        name.removeprefix(ASSOCIATION): value
        for name, value in attributes.items()
        if name.startswith(ASSOCIATION)
    }
    named = {*_IDS, *_JS_IDS, "user_id", "userId"}
    return {k: v for k, v in told.items() if k not in named and not k.startswith(_NOISE)}
