"""
What a piece of telemetry means: the contract between dialects and storage.

A dialect reads a `SpanRecord` and answers with a `Reading`; storage knows nothing of
attribute names. A reading depends on the span alone, never on other spans:
binding a call to its run and telling copies of one call apart is storage's work.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from otel_bridge_storage.records import STATUS_ERROR, EventRecord, LogRecord, SpanRecord

LOG_TOLD = 3
"""
The precedence of a call or a tool that a log record tells of.
"""


class Role(StrEnum):
    """
    What part a span plays in a run.
    """

    RUN = "run"
    LLM = "llm"
    TOOL = "tool"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Message:
    """
    One message of a conversation.

    Attributes:
        role: `system`, `user`, `assistant` or `tool`.
        body: JSON text of an object with `role` and `parts`, as the GenAI conventions
            write the items of `gen_ai.input.messages`.
    """

    role: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """
    Tokens of one LLM call; None is unknown, which is not zero.

    Attributes:
        input_tokens: All input, cache reads and cache writes included.
        output_tokens: All output, reasoning included.
        cache_read_tokens: The part of the input that was read from a cache.
        cache_write_tokens: The part of the input that was written to a cache.
        cache_write_1h_tokens: The part of the cache writes that is kept for an hour.
        reasoning_tokens: The part of the output that was reasoning.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReading:
    """
    A span that is one invocation of an agent (or one stretch of a resumed one).

    Attributes:
        run_id: The run's own id where the runtime gave one.
        parent_run_id: The parent's id where the runtime named it outright.
        status: `cancelled` or another final status where the span says so itself;
            None to go by the span's status code.
        started_ns: When the run started, where the span says so itself; in nanoseconds
            since the epoch. What is earlier counts, this or the span's start.
        tells_start: The span's start is a start of the run, not some other fact of it.
        tells_end: The span's end is an end of the run that no other span tells.
        input: What the run was asked, oldest message first.
        output: What it answered.
    """

    run_id: str | None = None
    parent_run_id: str | None = None
    agent_id: str | None = None
    status: str | None = None
    strategy: str | None = None
    model: str | None = None
    termination_reason: str | None = None
    started_ns: int | None = None
    tells_start: bool = True
    tells_end: bool = True
    input: tuple[Message, ...] = ()
    output: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReading:
    """
    A span that is one request to a model.

    Attributes:
        operation: `chat`, `text_completion`, `generate_content` or `embeddings`.
        call_id: The runtime's own id of the call, where it gave one.
        precedence: Which copy to believe when several spans show one call: 0 the
            provider's own SDK, 1 an instrumentation of the client, 2 a framework,
            `LOG_TOLD` a log record.
        echo: What the span of a call and the log record of the same call have in common,
            where no id is: the conversation and all token counts, say. Of the spans and
            the log records with one echo around one time, the first is paired with the
            first, and so on.
        emitted_cost_usd: What the telemetry itself claims the call cost.
        service_tier: The provider's word for how the call was served, such as `batch` or
            `flex`, which may change its price.
        time_to_first_chunk_ns: From the request to the first streamed part.
    """

    operation: str = "chat"
    provider: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    response_id: str | None = None
    call_id: str | None = None
    echo: str | None = None
    usage: Usage = field(default_factory=Usage)
    emitted_cost_usd: float | None = None
    service_tier: str | None = None
    finish_reasons: tuple[str, ...] = ()
    time_to_first_chunk_ns: int | None = None
    precedence: int = 1
    input: tuple[Message, ...] = ()
    output: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolReading:
    """
    A span that is one execution of a tool.

    Attributes:
        arguments: JSON text.
        result: JSON text, or plain text where the tool answered with text.
        target: Where it ran: `server`, `client` or a runtime's own word.
        precedence: As that of a call.
        echo: As that of a call.
    """

    tool_name: str
    tool_call_id: str | None = None
    target: str | None = None
    arguments: str | None = None
    result: str | None = None
    precedence: int = 1
    echo: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactReading:
    """
    A fact that a span carries as one of its events.

    Attributes:
        key: What tells this fact from the others of its span.
        kind: The fact's kind, such as `run.paused`; unknown kinds are kept.
        data: The fact's own fields, ready for JSON.
    """

    key: str
    kind: str
    time_ns: int
    iteration: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """
    What one span means.

    Attributes:
        role: The part it plays; decides which of `run`, `call` and `tool` is set.
        dialect: The name of the dialect that read it.
        agent_name: The agent that acts in this span.
        session_id: The conversation (`gen_ai.conversation.id`).
        error_type: The class of a failure, such as `TimeoutError`.
        error_message: What the failure said.
        failed: Whether the thing itself failed, which a span's status alone does
            not always tell; None to go by the status.
        facts: What the span's events tell beyond the span.
    """

    role: Role = Role.OTHER
    dialect: str = ""
    agent_name: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    tenant_id: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    iteration: int | None = None
    failed: bool | None = None
    error_type: str | None = None
    error_message: str | None = None
    run: RunReading | None = None
    call: CallReading | None = None
    tool: ToolReading | None = None
    facts: tuple[FactReading, ...] = ()


def has_failed(reading: Reading, span: SpanRecord) -> bool:
    """
    Say whether what a span shows failed.
    """
    return span.status_code == STATUS_ERROR if reading.failed is None else reading.failed


@dataclass(frozen=True, slots=True, kw_only=True)
class LogReading:
    """
    What a log record tells of the call, the tool or the run that it belongs to.

    Attributes:
        input: Messages sent, for the LLM call or the run whose span the record names.
        output: Messages received, likewise.
        complete: The record carries all messages of the call, not one of them.
        span: The span that would tell the same, where the record tells of a whole call,
            tool or run: it is read and counted as spans are, unless a real one shows it
            too. Its ids depend on the record alone.
    """

    input: tuple[Message, ...] = ()
    output: tuple[Message, ...] = ()
    complete: bool = False
    span: SpanRecord | None = None


class Reader(Protocol):
    """
    Reads telemetry; implemented by the dialects.
    """

    def read_span(self, span: SpanRecord) -> Reading:
        """
        Say what a span means.
        """

    def read_event(self, event: EventRecord) -> FactReading | None:
        """
        Say which fact an event of a span is, if it is one.
        """

    def read_log(self, log: LogRecord) -> LogReading | None:
        """
        Say what a log record tells, if it tells of a call, a tool or a run.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """
    What a call cost, or why that is not known.

    Attributes:
        picousd: USD × 10¹², an integer so that sums are exact.
        unpriced_reason: Set when there is no price.
    """

    picousd: int | None = None
    unpriced_reason: str | None = None


class Pricer(Protocol):
    """
    Prices calls; implemented by the pricing module.
    """

    def price(
        self,
        *,
        provider: str | None,
        model: str | None,
        usage: Usage,
        time_ns: int,
        service_tier: str | None = None,
    ) -> Price:
        """
        Price one call at the prices of its time.
        """
