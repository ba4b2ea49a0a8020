"""
Pydantic AI, in all versions of its instrumentation.

Versions 1 and 2 name their spans `agent run` and `running tool` and put the sum of a
run's tokens on the agent's span under the names of a call's; the later ones follow the
GenAI conventions. The oldest releases tell no operation.
"""

from dataclasses import replace

from otel_bridge_storage.readings import LogReading, Message, Reading, Role
from otel_bridge_storage.records import EventRecord, LogRecord, SpanRecord

from otel_bridge.dialects import genai_logs, genai_messages, lenient
from otel_bridge.dialects import pydantic_ai_messages as messages
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.marks import Marks
from otel_bridge.dialects.span_reading import ROLES, operation_of, read_as
from otel_bridge.dialects.stand_ins import event_name
from otel_bridge.dialects.tokens import TokenNames
from otel_bridge.dialects.vocabulary import GENAI, RunNames, ToolNames, Vocabulary

SCOPE = "pydantic-ai"

_DETAILS = "gen_ai.usage.details."


def _details(*names: str) -> tuple[str, ...]:
    return tuple(_DETAILS + name for name in names)


VOCABULARY = GENAI.after(
    Vocabulary(
        marks=Marks(
            agent=("gen_ai.agent.name", "agent_name"),
            metadata=("otel_bridge.metadata", "metadata"),
        ),
        tokens=TokenNames(
            cache_read=(
                "gen_ai.usage.cache_read.input_tokens",
                *_details("cache_read_tokens", "cache_read_input_tokens"),
                *_details("cached_tokens", "cached_content_tokens"),
            ),
            cache_write=(
                "gen_ai.usage.cache_creation.input_tokens",
                *_details("cache_write_tokens", "cache_creation_input_tokens"),
            ),
            reasoning=_details("reasoning_tokens", "thoughts_tokens"),
        ),
        tool=ToolNames(arguments=("tool_arguments",), result=("tool_response",)),
        run=RunNames(model=("model_name",)),
    )
)
_NAMES = {
    "agent run": Role.RUN,
    "invoke_agent": Role.RUN,
    "running tool": Role.TOOL,
    "execute_tool": Role.TOOL,
}
_RETRY, _RETRY_CAUSE = "ToolRetryError", ("pydantic_ai.tool.retry.cause",)
_RETRY_ASKED = "ModelRetry"
_DEFERRED = frozenset({"ApprovalRequired", "CallDeferred"})


class PydanticAI(Dialect):
    """
    The spans and logs of the scope `pydantic-ai`.
    """

    name = "pydantic-ai"
    scopes = (SCOPE, "pydantic_ai")

    def read(self, span: SpanRecord) -> Reading:
        """
        Read a span by its operation, or by its name where it tells none.
        """
        named = operation_of(span)
        role = ROLES.get(named, Role.OTHER) if named else _NAMES.get(span.name, Role.OTHER)
        of = messages.of_call if role is Role.LLM else messages.of_run
        reading = read_as(self.name, span, VOCABULARY, role=role, messages=of)
        return _told_truly(span, reading) if reading.tool else reading

    def read_log(self, log: LogRecord) -> LogReading | None:
        """
        Read the messages that version 1 sends as logs.
        """
        if log.scope.name != SCOPE:
            return None
        body = lenient.structure(log.body)
        if not isinstance(body, dict):
            return genai_logs.read_log(log)
        sent: list[Message] = []
        received: list[Message] = []
        genai_messages.add_legacy(event_name(log), messages.readable(body), sent, received)
        if not sent and not received:
            return None
        return LogReading(input=tuple(sent), output=tuple(received))


def _told_truly(span: SpanRecord, reading: Reading) -> Reading:
    """
    Name the exception that a tool raised, not the one that it was wrapped in; putting a
    call off until someone approves is no failure.
    """
    if reading.error_type in _DEFERRED:
        return replace(reading, failed=False, error_type=None, error_message=None)
    if reading.error_type == _RETRY and _asked_for_retry(span):
        return replace(reading, error_type=_RETRY_ASKED)
    return reading


def _asked_for_retry(span: SpanRecord) -> bool:
    if lenient.text(span.attributes, _RETRY_CAUSE) == "model_retry":
        return True
    return any(_raised(event, _RETRY_ASKED) for event in span.events)


def _raised(event: EventRecord, name: str) -> bool:
    trace = lenient.text(event.attributes, ("exception.stacktrace",)) or ""
    return any(line.startswith(f"pydantic_ai.exceptions.{name}:") for line in trace.splitlines())
