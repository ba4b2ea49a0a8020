"""
Deleting spans and all that hangs from them; what is left is derived anew.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, literal_column, select

from otel_bridge_storage.binding import home_of
from otel_bridge_storage.erasure.erased import Erased
from otel_bridge_storage.erasure.spans_of import linked_traces, neighbours
from otel_bridge_storage.event_tables import run_events
from otel_bridge_storage.forward_tables import set_aside
from otel_bridge_storage.replay import replay
from otel_bridge_storage.schema import (
    llm_calls,
    logs,
    run_log,
    runs,
    spans,
    steps,
    tool_calls,
)
from otel_bridge_storage.statements import KEYS, Lookup
from otel_bridge_storage.unit import Unit

_GONE = Lookup(
    select(
        spans.c.trace_id, spans.c.span_id, spans.c.run_id, spans.c.session_id, spans.c.log_hash
    ).where(KEYS),
    spans.c.id,
)
_TRACES_OF = Lookup(select(spans.c.trace_id).where(KEYS).distinct(), spans.c.id)
_LEFT = Lookup(select(spans.c.trace_id).where(KEYS).distinct(), spans.c.trace_id)
_SPANS_IN = Lookup(select(spans.c.id, spans.c.trace_id).where(KEYS), spans.c.trace_id)
_ENTRIES = Lookup(select(run_log.c.seq, run_log.c.run_id).where(KEYS), run_log.c.span)
_EVENTS = Lookup(delete(run_events).where(KEYS), run_events.c.entry)
_DEPENDENT = (llm_calls, tool_calls, steps, run_log)
_RUNS_OF = tuple(Lookup(select(t.c.run_id).where(KEYS), t.c.span) for t in _DEPENDENT)
_DELETE_OF = tuple(Lookup(delete(t).where(KEYS), t.c.span) for t in _DEPENDENT)
_DELETE_SPANS = Lookup(delete(spans).where(KEYS), spans.c.id)
_LOGS_OF_SPANS = Lookup(select(logs.c.id).where(KEYS), logs.c.trace_id, logs.c.span_id)
_LOGS_OF_TRACES = Lookup(select(logs.c.id).where(KEYS), logs.c.trace_id)
_LOGS_BY_HASH = Lookup(select(logs.c.id).where(KEYS), logs.c.hash)
_HASHES = Lookup(select(logs.c.id, logs.c.hash).where(KEYS), logs.c.id)
_STANDING = Lookup(select(spans.c.log_hash).where(KEYS), spans.c.log_hash)
_DELETE_LOGS = Lookup(delete(logs).where(KEYS), logs.c.id)
_SET_ASIDE_SPANS, _SET_ASIDE_LOGS = (
    Lookup(
        delete(set_aside).where(set_aside.c.signal == literal_column(f"'{signal}'"), KEYS),
        set_aside.c.row,
    )
    for signal in ("traces", "logs")
)
_RUNS = Lookup(select(runs.c.run_id).where(KEYS), runs.c.run_id)


def delete_spans(unit: Unit, doomed: set[int], *, keep_logs: bool = False) -> Erased:
    """
    Delete spans with their logs, calls, steps and entries of the run log.

    What copies of their calls elsewhere, the rest of their traces, their runs and their
    sessions come to without them is settled in the same transaction.
    """
    if not doomed:
        return Erased()
    ids = sorted(doomed)
    near = {row.trace_id for row in unit.select(_TRACES_OF, sorted(neighbours(unit, doomed)))}
    gone = unit.select(_GONE, ids)
    near |= linked_traces(unit, {row.trace_id for row in gone})
    concerned = _runs_of(unit, ids) | {
        home_of(row.run_id, row.trace_id, row.session_id) for row in gone
    }
    there = _count_runs(unit, concerned)
    _delete_dependent(unit, ids)
    unit.delete(_SET_ASIDE_SPANS, ids)
    unit.delete(_DELETE_SPANS, ids)
    traces = sorted({row.trace_id for row in gone})
    left = {row.trace_id for row in unit.select(_LEFT, traces)}
    whole = [trace for trace in traces if trace not in left]
    logs_gone = set() if keep_logs else _logs_of(unit, gone, whole)
    delete_logs(unit, logs_gone)
    unit.fresh_runs |= concerned
    unit.reshaped_runs |= concerned
    replay(unit, sorted(left | near))
    return Erased(
        runs=there - _count_runs(unit, concerned), spans=_sent(gone), logs=len(logs_gone)
    )


def foresee(unit: Unit, doomed: set[int]) -> Erased:
    """
    Say which spans and logs `delete_spans` would delete.
    """
    gone = unit.select(_GONE, sorted(doomed))
    traces = sorted({row.trace_id for row in gone})
    there = {row.trace_id for row in unit.select(_SPANS_IN, traces) if row.id not in doomed}
    found = _logs_of(unit, gone, [trace for trace in traces if trace not in there])
    return Erased(spans=_sent(gone), logs=len(found))


def _sent(gone: Sequence[Any]) -> int:
    """
    Count the spans that were sent as such, and do not stand for log records.
    """
    return sum(row.log_hash is None for row in gone)


def _runs_of(unit: Unit, ids: Sequence[int]) -> set[str]:
    return {
        row.run_id
        for lookup in _RUNS_OF
        for row in unit.select(lookup, ids)
        if row.run_id is not None
    }


def _count_runs(unit: Unit, run_ids: set[str]) -> int:
    return len(unit.select(_RUNS, sorted(run_ids)))


def _delete_dependent(unit: Unit, ids: Sequence[int]) -> None:
    unit.delete(_EVENTS, [row.seq for row in unit.select(_ENTRIES, ids)])
    for lookup in _DELETE_OF:
        unit.delete(lookup, ids)


def _logs_of(unit: Unit, gone: Sequence[Any], whole_traces: Sequence[str]) -> set[int]:
    """
    Find the logs of some spans, and of traces of which nothing is left.
    """
    keys = sorted((row.trace_id, row.span_id) for row in gone)
    stood_for = [row.log_hash for row in gone if row.log_hash is not None]
    found = {row.id for row in unit.select(_LOGS_OF_SPANS, keys)}
    found |= {row.id for row in unit.select(_LOGS_BY_HASH, stood_for)}
    found |= {row.id for row in unit.select(_LOGS_OF_TRACES, whole_traces)}
    return found - _told_elsewhere(unit, found, {bytes(digest) for digest in stood_for})


def _told_elsewhere(unit: Unit, found: set[int], going: set[bytes]) -> set[int]:
    """
    Give the log records that spans stand for which stay: they belong to those.
    """
    digests = {row.id: bytes(row.hash) for row in unit.select(_HASHES, sorted(found))}
    asked = sorted(set(digests.values()) - going)
    standing = {bytes(row.log_hash) for row in unit.select(_STANDING, asked)}
    return {row_id for row_id, digest in digests.items() if digest in standing}


def delete_logs(unit: Unit, ids: set[int]) -> Erased:
    """
    Delete log records.
    """
    unit.delete(_SET_ASIDE_LOGS, sorted(ids))
    unit.delete(_DELETE_LOGS, sorted(ids))
    return Erased(logs=len(ids))
