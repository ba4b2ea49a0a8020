"""
What the store answers with: frozen records of runs, events, calls, steps and pauses.

Times are aware datetimes in UTC (microseconds; the `_ns` fields hold what the
database holds); durations are milliseconds; costs are USD; None is unknown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """
    One run as a list shows it.

    Attributes:
        status: `running`, `paused`, `success`, `error`, `cancelled` or `interrupted`.
        updated_at: The latest moment that its own telemetry tells of.
        ended_at: When it ended; of an interrupted run its last sign of life, so that
            `duration_ms` goes up to that. None while it is open.
        last_seen_at: The last sign of life of a run that has not ended: of its
            telemetry or, if that is later, of the process that writes it. None for a run
            that ended.
        total_cost_usd: The sum over the calls that have a price; None if none has.
        unpriced_calls: How many calls that sum leaves out.
        delegation_level: 0 for a run that no other run started.
    """

    run_id: str
    agent_name: str | None
    status: str
    created_at: datetime
    updated_at: datetime
    started_at: datetime
    ended_at: datetime | None
    last_seen_at: datetime | None
    duration_ms: float | None
    iteration_count: int
    llm_calls: int
    failed_llm_calls: int
    tool_calls: int
    failed_tool_calls: int
    total_input_tokens: int | None
    total_output_tokens: int | None
    total_cache_read_tokens: int | None
    total_cache_creation_tokens: int | None
    total_reasoning_tokens: int | None
    total_cost_usd: float | None
    unpriced_calls: int
    model: str | None
    parent_run_id: str | None
    delegation_level: int
    session_id: str | None
    user_id: str | None
    tenant_id: str | None
    service: str | None
    trace_id: str
    tags: Sequence[str]
    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDetail(RunSummary):
    """
    One run with what it was asked, what it answered and why it ended.

    Attributes:
        input_data: `{"input": text}`, with `messages` beside it where there were more.
        answer: The last text the run answered with.
        error: The message of the failure.
        failure_reason: Why it did not succeed: a termination reason or an error type.
    """

    strategy: str | None
    input_data: Mapping[str, Any] | None
    answer: str | None
    error: str | None
    error_type: str | None
    failure_reason: str | None
    termination_reason: str | None
    agent_id: str | None
    span_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """
    One fact of the run log.

    Attributes:
        sequence_index: Rises with the order of commit; never given twice. A reader
            that asks for what comes after the highest index it saw misses nothing.
        event_type: The fact's kind, such as `llm_call.completed`.
        correlation_id: The call, tool call, step or pause that it is about.
        data: The fact's own fields.
    """

    sequence_index: int
    run_id: str | None
    iteration_index: int | None
    event_type: str
    correlation_id: str | None
    data: Mapping[str, Any]
    created_at: datetime
    time_ns: int
    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMCall:
    """
    One request to a model, failed and running ones included.

    Attributes:
        status: `running`, `ok`, `error`, or `interrupted` where its run is.
        input_tokens: Cache included.
        output_tokens: Reasoning included.
        cost_usd: None where the call could not be priced; `unpriced_reason` says why.
        provider_request: Model and messages, as the call saw them.
        provider_response: Id, model, messages and finish reasons.
    """

    id: str
    run_id: str
    iteration: int | None
    operation: str
    provider: str | None
    model: str | None
    request_model: str | None
    response_model: str | None
    response_id: str | None
    status: str
    error_type: str | None
    error: str | None
    input_tokens: int | None
    output_tokens: int | None
    total_tokens: int | None
    cache_read_input_tokens: int | None
    cache_creation_input_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: float | None
    unpriced_reason: str | None
    emitted_cost_usd: float | None
    duration_ms: float | None
    time_to_first_chunk_ms: float | None
    finish_reasons: Sequence[str]
    provider_request: Mapping[str, Any]
    provider_response: Mapping[str, Any]
    created_at: datetime
    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolInvocation:
    """
    One execution of a tool.

    Attributes:
        tool_call_id: The id of the execution: its own span.
        provider_tool_call_id: The id that the model gave the request.
        success: None while it runs.
    """

    run_id: str
    iteration: int | None
    tool_name: str
    tool_call_id: str
    provider_tool_call_id: str | None
    target: str | None
    params: Any
    result: Any
    success: bool | None
    status: str
    error: str | None
    error_type: str | None
    duration_ms: float | None
    created_at: datetime
    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceEntry:
    """
    One step: a committed user, assistant or tool message of a run.

    Attributes:
        content: The text of the message.
        meta: `step_id`, `parts`, and where they apply `tool_call_id`, `tool_name`,
            `is_error`, `hidden`, `rolled_back` and `condensed_content`.
    """

    role: str
    content: str
    order_index: int
    meta: Mapping[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PausePair:
    """
    A pause and the resume that ended it.

    Attributes:
        resume_sequence_index: None while the run waits.
    """

    pause_sequence_index: int
    pause_at: datetime
    resume_sequence_index: int | None
    resume_at: datetime | None
    reason: str | None
    pending_tool_calls: Sequence[Any]
    submitted_results: Sequence[Any]
    user_input: str | None
