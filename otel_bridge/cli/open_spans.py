"""
Open spans of a trace that nobody will end, since their run was interrupted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from otel_bridge_storage.records import SpanRecord
from otel_bridge_storage.rows import RunDetail
from otel_bridge_storage.run_store import RunStore

_OPEN = ("running", "paused", "interrupted")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Interruption:
    """
    What was interrupted in a trace.

    Attributes:
        span_ids: The open spans that nobody will end.
        last_seen_at: The last sign of life of their runs; None where there are none.
    """

    span_ids: frozenset[str] = frozenset()
    last_seen_at: datetime | None = None


async def interruption_of(store: RunStore, spans: Sequence[SpanRecord]) -> Interruption:
    """
    Find out which of a trace's open spans nobody will end.
    """
    unended = [span for span in spans if span.end_ns is None]
    if not unended:
        return Interruption()
    runs = await _runs_of(store, spans)
    above = {span.span_id: span.parent_span_id for span in spans}
    found = {span.span_id: _run_of(span.span_id, above, runs) for span in unended}
    gone = {
        span_id: run
        for span_id, run in found.items()
        if run is not None and run.status == "interrupted"
    }
    seen = [run.last_seen_at for run in gone.values() if run.last_seen_at is not None]
    return Interruption(frozenset(gone), max(seen, default=None))


async def _runs_of(store: RunStore, spans: Sequence[SpanRecord]) -> dict[str | None, RunDetail]:
    """
    Give the trace's open runs by their first span; calls outside any run have none.
    """
    starts = [span.start_ns for span in spans]
    in_time = await store.list_runs(
        status=_OPEN,
        started_after=_moment(min(starts)),
        started_before=_moment(max(starts)) + timedelta(microseconds=1),
        limit=None,
    )
    trace_id = spans[0].trace_id
    details = [await store.get_run(run.run_id) for run in in_time if run.trace_id == trace_id]
    return {run.span_id: run for run in details if run is not None}


def _run_of(
    span_id: str | None, above: dict[str, str | None], runs: dict[str | None, RunDetail]
) -> RunDetail | None:
    seen: set[str] = set()
    while span_id is not None and span_id not in seen:
        if span_id in runs:
            return runs[span_id]
        seen.add(span_id)
        span_id = above.get(span_id)
    return runs.get(None)


def _moment(time_ns: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_ns // 1000)
