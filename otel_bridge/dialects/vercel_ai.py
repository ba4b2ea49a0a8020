"""
The Vercel AI SDK, versions 3 to 7.

Up to version 6, and in version 7's legacy mode, spans name themselves in `ai.operationId`;
version 7 follows the GenAI conventions in the scope `gen_ai`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from otel_bridge_storage.readings import CallReading, Reading, Role, ToolReading
from otel_bridge_storage.records import STATUS_ERROR, SpanRecord

from otel_bridge.dialects import lenient
from otel_bridge.dialects import vercel_ai_messages as messages
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.lenient import Names
from otel_bridge.dialects.marks import Marks
from otel_bridge.dialects.scopes import FRAMEWORK
from otel_bridge.dialects.span_reading import OPERATION, read_as
from otel_bridge.dialects.vercel_ai_usage import TOKENS, full_usage, gateway_cost
from otel_bridge.dialects.vocabulary import GENAI, CallNames, RunNames, ToolNames, Vocabulary

OPERATION_ID = "ai.operationId"

_SCOPES = frozenset({"ai", "gen_ai"})
_METADATA = "ai.telemetry.metadata."
_CONTEXT = "ai.settings.context."
_SESSION_KEYS = (
    "sessionId",
    "session_id",
    "session.id",
    "conversationId",
    "conversation_id",
    "conversation.id",
    "threadId",
    "thread_id",
    "thread.id",
    "chatId",
    "chat_id",
    "chat.id",
    "langfuseSessionId",
)
_USER_KEYS = ("userId", "user_id", "user.id", "langfuseUserId", "user")


def _chosen(keys: Names) -> Names:
    """
    Name the attributes of keys that users put into the SDK's metadata or context.
    """
    return tuple(f"{prefix}{key}" for key in keys for prefix in (_METADATA, _CONTEXT))


_SESSION, _USER = _chosen(_SESSION_KEYS), _chosen(_USER_KEYS)
_TAGS = _chosen(("tags",))
_NAMED = frozenset({*_SESSION, *_USER, *_TAGS})

VOCABULARY = GENAI.after(
    Vocabulary(
        marks=Marks(
            session=("gen_ai.conversation.id", "session.id", *_SESSION),
            user=("user.id", "enduser.id", *_USER),
            agent=("gen_ai.agent.name", "ai.telemetry.functionId"),
            tags=("otel_bridge.tags", *_TAGS),
        ),
        call=CallNames(
            request_model=("ai.model.id",),
            response_model=("ai.response.model",),
            response_id=("gen_ai.response.id", "ai.response.id"),
            finish_reasons=(
                "gen_ai.response.finish_reasons",
                "ai.response.finishReason",
                "ai.finishReason",
            ),
            first_chunk_s=("gen_ai.client.operation.time_to_first_chunk",),
            first_chunk_ms=("ai.response.msToFirstChunk", "ai.stream.msToFirstChunk"),
        ),
        tool=ToolNames(
            name=("ai.toolCall.name",),
            call_id=("ai.toolCall.id",),
            arguments=("ai.toolCall.args",),
            result=("ai.toolCall.result",),
        ),
        run=RunNames(model=("ai.model.id",)),
    )
)
VOCABULARY = replace(VOCABULARY, tokens=TOKENS.after(GENAI.tokens))

_RUNS = frozenset(
    {
        "ai.generateText",
        "ai.streamText",
        "ai.generateObject",
        "ai.streamObject",
        "ai.workflowAgent.stream",
    }
)
_CALLS = (".doGenerate", ".doStream")
_EMBEDDINGS = ".doEmbed"
_TOOL_CALL = "ai.toolCall"
_PROVIDERS = {
    "google.vertex": "gcp.vertex_ai",
    "google-vertex": "gcp.vertex_ai",
    "vertex": "gcp.vertex_ai",
    "google": "gcp.gemini",
    "amazon-bedrock": "aws.bedrock",
    "bedrock": "aws.bedrock",
    "azure-openai": "azure.ai.openai",
    "azure": "azure.ai.openai",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}
_DONE = ("ai.response.finishReason", "ai.toolCall.result", "gen_ai.tool.call.result")
_WRAPPERS = frozenset({"AI_ToolExecutionError", "ToolExecutionError"})
"""
The errors that the SDK puts around what a tool threw.
"""


class VercelAI(Dialect):
    """
    Spans of the AI SDK, whichever tracer the program gave it.
    """

    name = "vercel-ai"
    attributes = (
        OPERATION_ID,
        "ai.usage.inputTokenDetails.noCacheTokens",
        "ai.usage.outputTokenDetails.textTokens",
    )
    decided_by = ()

    def detects(self, span: SpanRecord) -> bool:
        """
        Tell the dialect by its attributes, or by its scope beside an operation.
        """
        if span.scope.name in _SCOPES and OPERATION in span.attributes:
            return True
        return any(name in span.attributes for name in self.attributes)

    def read(self, span: SpanRecord) -> Reading:
        """
        Read a span by its operation, in the SDK's words or in those of the conventions.
        """
        role, operation = _role(span)
        span = _own_status(span)
        reading = read_as(
            self.name,
            span,
            VOCABULARY,
            role=role,
            operation=operation,
            messages=messages.of_span,
        )
        reading = replace(reading, metadata=_metadata(span.attributes, reading.metadata))
        if reading.call is not None:
            return replace(reading, call=_call(reading.call, span.attributes))
        if reading.run is not None:
            answer = messages.final_answer(reading.run.output)
            run = replace(reading.run, output=answer)
            return replace(reading, run=run, agent_name=_agent(span, reading.agent_name))
        if reading.tool is not None:
            told = replace(reading, tool=_tool(reading.tool))
            return _tool_failure(span, told) if reading.failed else told
        return reading


def _own_status(span: SpanRecord) -> SpanRecord:
    """
    Take back an error that a processor of spans copied from another span of the trace; the
    SDK records an exception on the span which failed, and no answer.
    """
    if span.status_code != STATUS_ERROR or not any(name in span.attributes for name in _DONE):
        return span
    if any(event.name == "exception" for event in span.events):
        return span
    return replace(span, status_code=0, status_message="")


def _role(span: SpanRecord) -> tuple[Role | None, str | None]:
    """
    Give the role and the kind of request; None leaves them to the conventions.
    """
    named = lenient.text(span.attributes, (OPERATION_ID,))
    if named is None:
        return None, None
    if named.endswith(_CALLS):
        return Role.LLM, "chat"
    if named.endswith(_EMBEDDINGS):
        return Role.LLM, "embeddings"
    if named == _TOOL_CALL:
        return Role.TOOL, None
    return (Role.RUN if named in _RUNS else Role.OTHER), None


def _agent(span: SpanRecord, told: str | None) -> str | None:
    """
    Name the agent; a span that is named after its model names none.
    """
    model = lenient.text(span.attributes, VOCABULARY.run.model)
    named = lenient.text(span.attributes, VOCABULARY.marks.agent)
    return named or (told if told != model else None)


def _call(call: CallReading, attributes: Mapping[str, Any]) -> CallReading:
    return replace(
        call,
        provider=_provider(call.provider or lenient.text(attributes, ("ai.model.provider",))),
        usage=full_usage(call.usage, attributes, VOCABULARY.tokens),
        precedence=FRAMEWORK,
        emitted_cost_usd=call.emitted_cost_usd or gateway_cost(attributes),
    )


def _tool(tool: ToolReading) -> ToolReading:
    """
    Take a result that is text out of its JSON.
    """
    text = lenient.parse_json(tool.result) if tool.result else None
    return replace(tool, result=text) if isinstance(text, str) else tool


def _provider(told: str | None) -> str | None:
    """
    Name the provider without the API, as in `openai.chat`.
    """
    if told is None:
        return None
    name = told.lower()
    for prefix, provider in _PROVIDERS.items():
        if name == prefix or name.startswith((f"{prefix}.", f"{prefix}-")):
            return provider
    known = name.startswith(("gcp.", "aws.", "azure.", "az.", "ibm."))
    return name if known else name.partition(".")[0]


def _metadata(attributes: Mapping[str, Any], told: Mapping[str, Any]) -> Mapping[str, Any]:
    found = {
        name.removeprefix(_METADATA): value
        for name, value in attributes.items()
        if name.startswith(_METADATA) and name not in _NAMED
    }
    return {**found, **told}


def _tool_failure(span: SpanRecord, reading: Reading) -> Reading:
    """
    Name what the tool threw, not what the SDK put around it.
    """
    for event in span.events:
        if event.name != "exception":
            continue
        name = lenient.text(event.attributes, ("exception.type",))
        if name and name not in _WRAPPERS:
            told = lenient.text(event.attributes, ("exception.message",))
            message = told or reading.error_message
            return replace(reading, error_type=name, error_message=message)
    return reading
