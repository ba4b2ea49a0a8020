"""
What was decided in a run or a session: the latest of each kind, and all compactions.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, func, select

from otel_bridge_storage.arguments import given_index, given_text
from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.event_rows import entries_by, entries_of
from otel_bridge_storage.log_rows import Compaction, DecisionState
from otel_bridge_storage.pauses import PAUSED, RESUMED
from otel_bridge_storage.rows import StoredEvent
from otel_bridge_storage.schema import run_log, runs

COMPACTED, COMPACTION_FAILED = "compaction.applied", "compaction.failed"
_DECISIONS: Mapping[str, str] = {
    "termination.decided": "latest_termination",
    COMPACTED: "latest_compaction",
    COMPACTION_FAILED: "latest_compaction_failure",
    "retrospect.applied": "latest_step_back",
    "run.rolled_back": "latest_rollback",
    PAUSED: "latest_pause",
    RESUMED: "latest_resume",
    "approval.requested": "latest_approval_request",
    "approval.decided": "latest_approval_decision",
}

T = TypeVar("T")


def get_decision_state(
    connection: Connection, *, run_id: str | None, session_id: str | None, as_of: int | None
) -> DecisionState:
    """
    Find the latest decision of each kind.
    """
    terms = _terms(run_id, session_id, as_of, _DECISIONS)
    place = func.row_number().over(
        partition_by=run_log.c.kind,
        order_by=(run_log.c.time_ns.desc(), run_log.c.bound_seq.desc()),
    )
    ranked = select(run_log.c.seq, place.label("place")).where(*terms).subquery()
    latest = select(ranked.c.seq).where(ranked.c.place == 1)
    query = entries_by(run_log.c.bound_seq, None).where(run_log.c.seq.in_(latest))
    found: dict[str, StoredEvent | None] = dict.fromkeys(_DECISIONS.values())
    for _, event in entries_of(connection, query):
        found[_DECISIONS[event.event_type]] = event
    return DecisionState(**found)


def get_compactions(
    connection: Connection, *, run_id: str | None, session_id: str | None, as_of: int | None
) -> list[Compaction]:
    """
    List the compactions that were applied and those that failed, in order of time.
    """
    terms = _terms(run_id, session_id, as_of, (COMPACTED, COMPACTION_FAILED))
    query = entries_by(run_log.c.bound_seq, None).where(*terms)
    events = [event for _, event in entries_of(connection, query)]
    ordered = sorted(events, key=lambda event: (event.time_ns, event.sequence_index))
    return [_compaction(event) for event in ordered]


def _terms(
    run_id: str | None, session_id: str | None, as_of: int | None, kinds: Iterable[str]
) -> list[ColumnElement[bool]]:
    terms = [_of(run_id, session_id), run_log.c.kind.in_(kinds)]
    last = given_index(as_of, "as_of")
    return terms if last is None else [*terms, run_log.c.bound_seq <= last]


def _of(run_id: str | None, session_id: str | None) -> ColumnElement[bool]:
    """
    Give the condition that an entry is of one run, or of one of a session's runs.
    """
    if (run_id is None) == (session_id is None):
        raise QueryError("whose decisions? give a run_id or a session_id, one of the two")
    if run_id is not None:
        return run_log.c.run_id == given_text(run_id, "run_id")
    session = given_text(session_id, "session_id")
    return run_log.c.run_id.in_(select(runs.c.run_id).where(runs.c.session_id == session))


def _compaction(event: StoredEvent) -> Compaction:
    data = event.data
    return Compaction(
        sequence_index=event.sequence_index,
        run_id=event.run_id,
        created_at=event.created_at,
        applied=event.event_type == COMPACTED,
        first_step_id=_told(data, "first_step_id", str),
        last_step_id=_told(data, "last_step_id", str),
        before_tokens=_told(data, "before_tokens", int),
        after_tokens=_told(data, "after_tokens", int),
        message_count=_told(data, "message_count", int),
        summary=_told(data, "summary", str),
        model=_told(data, "model", str),
        error_type=_told(data, "error_type", str),
        error_message=_told(data, "error_message", str),
        attempt=_told(data, "attempt", int),
        max_attempts=_told(data, "max_attempts", int),
        terminal=_told(data, "terminal", bool),
        data=data,
    )


def _told(data: Mapping[str, Any], name: str, kind: type[T]) -> T | None:
    value = data.get(name)
    return value if type(value) is kind else None
