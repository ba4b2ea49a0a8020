"""
What the run log answers with: decisions, compactions, and a run as it stood.

Times, costs and what is unknown are as in `rows`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from otel_bridge_storage.rows import PausePair, StoredEvent, TraceEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionState:
    """
    The latest decision of each kind in a run or a session; None where there was none.

    The latest is the one that happened last, whatever order they were told in. Each is
    the entry of the log, with its run, `sequence_index`, `created_at` and data.
    """

    latest_termination: StoredEvent | None
    latest_compaction: StoredEvent | None
    latest_compaction_failure: StoredEvent | None
    latest_step_back: StoredEvent | None
    latest_rollback: StoredEvent | None
    latest_pause: StoredEvent | None
    latest_resume: StoredEvent | None
    latest_approval_request: StoredEvent | None
    latest_approval_decision: StoredEvent | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compaction:
    """
    A compaction of the model's context, applied or failed.

    A field is None where it was not told, or where what was told is not of its type;
    `data` has everything as it was told.

    Attributes:
        applied: Whether it took place; the fields of errors are of those that did not.
        before_tokens: Size of the context before, estimated, in tokens.
        after_tokens: Size of the context after, likewise.
        message_count: How many messages the summary stands for.
        model: The model that wrote the summary.
        attempt: From 1.
        terminal: It will not be tried again.
    """

    sequence_index: int
    run_id: str | None
    created_at: datetime
    applied: bool
    first_step_id: str | None
    last_step_id: str | None
    before_tokens: int | None
    after_tokens: int | None
    message_count: int | None
    summary: str | None
    model: str | None
    error_type: str | None
    error_message: str | None
    attempt: int | None
    max_attempts: int | None
    terminal: bool | None
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """
    A request to a model or an execution of a tool that had begun and not ended.

    Attributes:
        kind: `llm_call` or `tool`.
        name: The model asked, or the tool.
        call_id: The runtime's id of the call, or the model's of the tool call.
    """

    kind: str
    name: str | None
    call_id: str | None
    iteration: int | None
    started_at: datetime
    trace_id: str
    span_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """
    A run as it stood after an entry of its log.

    Totals are of the calls known then; a call that was open counts as a call, and what it
    used is not known yet.

    Attributes:
        sequence_index: Of the last entry that it takes account of; None where the run's
            log is empty.
        created_at: When that happened.
        status: As in `RunSummary`.
        steps: Those known then, the hidden and rolled back ones among them, as
            `RunStore.get_traces` gives them.
        open_calls: Calls to models and tools under way, in the order of their starts.
        pauses: Those known then, each with the resume that had ended it by then.
    """

    run_id: str
    sequence_index: int | None
    created_at: datetime | None
    status: str
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
    steps: Sequence[TraceEntry]
    open_calls: Sequence[OpenCall]
    pauses: Sequence[PausePair]
