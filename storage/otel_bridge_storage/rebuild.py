"""
Rebuilding: all derived rows made anew from spans, logs and the run log.

Each transaction replays some whole traces, so that others go on writing and reading in
between, and every reader sees rows that are true.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, select, union

from otel_bridge_storage.database import Database
from otel_bridge_storage.erasure.deletion import delete_spans
from otel_bridge_storage.ingest import apply_stand_ins
from otel_bridge_storage.readings import Pricer, Reader
from otel_bridge_storage.replay import replay
from otel_bridge_storage.runs import settle_runs
from otel_bridge_storage.schema import run_labels, runs, sessions, spans, steps
from otel_bridge_storage.sessions import settle_sessions
from otel_bridge_storage.stand_ins import differing, next_logs, without_record
from otel_bridge_storage.unit import Unit

_SPANS_AT_ONCE = 2000
_LOGS_AT_ONCE = 500
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """
    What was read, and how many rows for runs there are now.
    """

    traces: int
    spans: int
    runs: int


def rebuild(
    database: Database, *, reader: Reader, pricer: Pricer, progress: Progress | None = None
) -> Rebuilt:
    """
    Make runs, calls, steps and sessions anew from what was recorded.

    Args:
        progress: Called with how many spans are done, and how many there are.

    Raises:
        sqlalchemy.exc.DBAPIError: The database refused; what was done so far stays, and
            all rows are as true as before.
    """
    traces = read = 0
    _stand_anew(database, reader, pricer)
    with database.transaction() as connection:
        total = connection.execute(select(func.count()).select_from(spans)).scalar_one()
    after = ""
    while True:
        with database.transaction() as connection:
            some = _next_traces(connection, after)
            if not some:
                break
            unit = Unit.begin(connection, reader=reader, pricer=pricer)
            read += replay(unit, some)
            unit.numbers.save()
        after = some[-1]
        traces += len(some)
        if progress is not None:
            progress(read, total)
    with database.transaction() as connection:
        unit = Unit.begin(connection, reader=reader, pricer=pricer)
        _drop_the_groundless(unit)
        unit.numbers.save()
        left = connection.execute(select(func.count()).select_from(runs)).scalar_one()
    return Rebuilt(traces, read, left)


def _stand_anew(database: Database, reader: Reader, pricer: Pricer) -> None:
    """
    Let spans stand for the log records which need one now, and for no others.
    """
    last = 0
    while True:
        with database.transaction() as connection:
            after, records = next_logs(connection, last, _LOGS_AT_ONCE)
            if not records:
                break
            unit = Unit.begin(connection, reader=reader, pricer=pricer)
            stale, missing = differing(unit, records)
            delete_spans(unit, stale, keep_logs=True)
            unit.numbers.save()
            if missing:
                unit = Unit.begin(connection, reader=reader, pricer=pricer)
                apply_stand_ins(unit, missing)
                unit.numbers.save()
        last = after
    with database.transaction() as connection:
        unit = Unit.begin(connection, reader=reader, pricer=pricer)
        delete_spans(unit, without_record(connection), keep_logs=True)
        unit.numbers.save()


def _next_traces(connection: Connection, after: str) -> list[str]:
    """
    List the traces that come next, as many as have together not too many spans.
    """
    query = (
        select(spans.c.trace_id, func.count().label("spans"))
        .where(spans.c.trace_id > after)
        .group_by(spans.c.trace_id)
        .order_by(spans.c.trace_id)
        .limit(_SPANS_AT_ONCE)
    )
    found: list[str] = []
    taken = 0
    for trace_id, count in connection.execute(query):
        taken += count
        if found and taken > _SPANS_AT_ONCE:
            break
        found.append(trace_id)
    return found


def _drop_the_groundless(unit: Unit) -> None:
    """
    Settle runs and sessions that no trace accounts for, and drop what hangs from them.
    """
    connection = unit.connection
    traced = select(spans.c.trace_id).where(spans.c.trace_id == runs.c.trace_id).exists()
    unit.fresh_runs.update(
        connection.execute(select(runs.c.run_id).where(~traced)).scalars().all()
    )
    settle_runs(unit)
    named = union(
        select(sessions.c.session_id),
        select(runs.c.session_id).where(runs.c.session_id.is_not(None)),
    )
    unit.dirty_sessions.update(connection.execute(named).scalars().all())
    settle_sessions(unit)
    for table in (steps, run_labels):
        connection.execute(delete(table).where(table.c.run_id.not_in(select(runs.c.run_id))))
