"""
What a run's row says, made of its spans, its calls and its facts.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from otel_bridge_storage.call_rows import text
from otel_bridge_storage.fitting import fitting
from otel_bridge_storage.readings import Message, Reading, has_failed
from otel_bridge_storage.records import SpanRecord
from otel_bridge_storage.run_totals import Hints, Sums
from otel_bridge_storage.unit import Unit
from otel_bridge_storage.values import plain

ANSWERED = ("success", "error", "cancelled")
_PAUSES = ("run.paused", "run.resumed")
_IDENTITY = (
    "trace_id",
    "span_id",
    "agent_name",
    "agent_id",
    "session_id",
    "user_id",
    "tenant_id",
    "parent_run_id",
    "service",
    "strategy",
    "own_model",
    "started_ns",
    "ended_ns",
    "outcome",
    "error_type",
    "error_message",
    "termination_reason",
    "tags",
    "metadata",
    "writer_id",
    "input_message",
    "answer_message",
)


@dataclass(frozen=True, slots=True)
class Segment:
    """
    One span of a run; a run that paused and went on elsewhere has several.

    Attributes:
        session_id: Its own or that of a span above it; so is `user_id`.
        run_above: The run that the span is in.
    """

    id: int
    span: SpanRecord
    reading: Reading
    session_id: str | None
    user_id: str | None
    run_above: str | None
    writer_id: str | None


def told_messages(segments: Sequence[Segment]) -> list[Message]:
    """
    List the messages that `identity` asks for the row ids of: question and answer.
    """
    runs = [s.reading.run for s in segments if s.reading.run is not None]
    told = (_last(_asked(r.input) for r in runs), _last(_answer(r.output) for r in runs))
    return [message for message in told if message is not None]


def identity(unit: Unit, run_id: str, segments: Sequence[Segment]) -> dict[str, Any]:
    """
    Give the columns that a run's own spans tell, the earliest span first.
    """
    first = segments[0]
    runs = [s.reading.run for s in segments if s.reading.run is not None]
    # A run that goes on inside itself, as after a pause, is not its own parent.
    above_it = [*(r.parent_run_id for r in runs), *(s.run_above for s in segments)]
    service = first.span.resource.attributes.get("service.name")
    return {
        "trace_id": first.span.trace_id,
        "span_id": first.span.span_id,
        "agent_name": text(_first(s.reading.agent_name for s in segments)),
        "agent_id": text(_first(r.agent_id for r in runs)),
        "session_id": text(_first(s.session_id for s in segments)),
        "user_id": text(_first(s.user_id for s in segments)),
        "tenant_id": text(_first(s.reading.tenant_id for s in segments)),
        "parent_run_id": text(_first(above for above in above_it if above != run_id)),
        "service": None if service is None else fitting(str(service)),
        "strategy": text(_first(r.strategy for r in runs)),
        "own_model": text(_first(r.model for r in runs)),
        "started_ns": min(start_of(s.span, s.reading) for s in segments),
        "ended_ns": _ended(segments),
        "lasts": not any(r.tells_end for r in runs),
        "outcome": _outcome(segments),
        "error_type": text(_last(s.reading.error_type for s in segments)),
        "error_message": text(_last(_error_message(s) for s in segments)),
        "termination_reason": text(_last(r.termination_reason for r in runs)),
        "tags": json.dumps(_tags(s.reading for s in segments)),
        "metadata": plain(_metadata(s.reading for s in segments)),
        "writer_id": _last(s.writer_id for s in segments if s.span.end_ns is None),
        "input_message": _message_id(unit, _last(_asked(r.input) for r in runs)),
        "answer_message": _message_id(unit, _last(_answer(r.output) for r in runs)),
    }


def start_of(span: SpanRecord, reading: Reading) -> int:
    """
    Say when what a span is started: an agent may tell of its start late.
    """
    told = None if reading.run is None else reading.run.started_ns
    return span.start_ns if told is None else min(told, span.start_ns)


def implicit_identity(hint: Hints) -> dict[str, Any]:
    """
    Give the same columns for calls outside any agent, which have no run's span.
    """
    return {
        **dict.fromkeys(_IDENTITY),
        "trace_id": hint.trace_id,
        "agent_name": hint.agent_name,
        "session_id": hint.session_id,
        "user_id": hint.user_id,
        "service": hint.service,
        "writer_id": hint.writer_id,
        **join_labels(hint.labels),
    }


def kept_identity(row: Mapping[str, Any]) -> dict[str, Any]:
    """
    Give the same columns as a stored row has them.
    """
    kept = {name: row[name] for name in _IDENTITY if name in row}
    ended = row["ended_ns"] is not None
    outcome = row["status"] if row["status"] in ANSWERED else "success"
    return {**kept, "own_model": row["model"], "outcome": outcome if ended else None}


def is_implicit(columns: Mapping[str, Any]) -> bool:
    """
    Whether a run has no span of its own.
    """
    return columns["span_id"] is None


def run_row(run_id: str, own: Mapping[str, Any], sums: Sums) -> dict[str, Any]:
    """
    Give the whole row of a run but for its level, its input and its answer.
    """
    columns = {name: own[name] for name in _IDENTITY if name not in ("own_model", "outcome")}
    outcome = own["outcome"]
    if own.get("lasts") and columns["ended_ns"] is not None:
        # Its span tells the start alone: it lasts as long as something happens in it.
        columns["ended_ns"] = None if sums.running else max(columns["ended_ns"], sums.last_ns or 0)
        outcome = None if sums.running else outcome
    if is_implicit(own):
        columns |= _implicit_end(sums)
        outcome = columns.pop("outcome")
    turns = [(time_ns, kind) for time_ns, kind, _ in sums.turns if kind in _PAUSES]
    decided = [d.get("reason") for _, kind, d in sums.turns if kind == "termination.decided"]
    heard = (columns["started_ns"], columns["ended_ns"], sums.last_ns)
    stands = status(outcome, turns)
    if stands == "paused":
        columns["ended_ns"] = None
    return {
        **columns,
        **sums.columns,
        "run_id": run_id,
        "status": stands,
        "model": (sums.latest.model if sums.latest else None) or own["own_model"],
        "termination_reason": columns["termination_reason"] or _last(decided),
        "iteration_count": sums.iteration or sums.columns["llm_calls"],
        "updated_ns": max(time_ns for time_ns in heard if time_ns is not None),
        "delegation_level": None,
    }


def _implicit_end(sums: Sums) -> dict[str, Any]:
    latest = sums.latest
    failed = latest is not None and latest.status == "error"
    return {
        "started_ns": sums.first_ns,
        "ended_ns": None if sums.running else sums.last_ns,
        "error_type": latest.error_type if failed else None,
        "error_message": latest.error_message if failed else None,
        "outcome": None if sums.running else "error" if failed else "success",
    }


def status(outcome: str | None, turns: Sequence[tuple[int, str]]) -> str:
    """
    Say how a run stands.

    Args:
        outcome: How its spans ended; None while one is open.
        turns: Time and kind of its pauses and resumes.
    """
    waiting = [kind for _, kind in sorted(turns)][-1:] == ["run.paused"]
    if outcome in ("error", "cancelled"):
        return outcome
    if waiting:
        return "paused"
    return outcome or "running"


def join_labels(labels: Sequence[str]) -> dict[str, Any]:
    """
    Join the tags, metadata and tenants that several calls carry.
    """
    loaded = [json.loads(item) for item in sorted(labels)]
    metadata: dict[str, Any] = {}
    for item in loaded:
        metadata.update(item.get("metadata", {}))
    tags = sorted({tag for item in loaded for tag in item.get("tags", [])})
    return {
        "tags": json.dumps(tags),
        "metadata": plain(metadata),
        "tenant_id": _first(item.get("tenant_id") for item in loaded),
    }


def _outcome(segments: Sequence[Segment]) -> str | None:
    if any(s.span.end_ns is None for s in segments):
        return None
    last = max(segments, key=lambda s: (s.span.end_ns or 0, s.span.span_id))
    run = last.reading.run
    if run is not None and run.status in ANSWERED:
        return run.status
    return "error" if has_failed(last.reading, last.span) else "success"


def _asked(messages: Sequence[Message]) -> Message | None:
    asked = [message for message in messages if message.role == "user"]
    return asked[-1] if asked else None


def _answer(messages: Sequence[Message]) -> Message | None:
    return messages[-1] if messages else None


def _message_id(unit: Unit, message: Message | None) -> int | None:
    return None if message is None else unit.text_id(message.body)


def _ended(segments: Sequence[Segment]) -> int | None:
    ends = [s.span.end_ns for s in segments]
    return None if None in ends else max(end for end in ends if end is not None)


def _error_message(segment: Segment) -> str | None:
    return segment.reading.error_message or segment.span.status_message or None


def _tags(readings: Any) -> list[str]:
    return sorted({tag for reading in readings for tag in reading.tags})


def _metadata(readings: Any) -> Mapping[str, Any]:
    joined: dict[str, Any] = {}
    for reading in readings:
        joined.update(reading.metadata)
    return joined


def _first(values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _last(values: Any) -> Any:
    return _first(reversed(list(values)))
