"""
Erasing what an agent server keeps of threads and runs that go.
"""

from collections.abc import Iterable

from sqlalchemy import Column, Connection, delete, func, select

from otel_bridge_storage.fitting import fitting
from otel_bridge_storage.schema import sessions
from otel_bridge_storage.statements import KEYS, Lookup
from otel_bridge_storage.thread_tables import thread_runs, threads

_DELETE_RUNS = Lookup(delete(thread_runs).where(KEYS), thread_runs.c.run_id)
_DELETE_THREADS = Lookup(delete(threads).where(KEYS), threads.c.thread_id)
_UPDATED = Lookup(
    select(threads.c.thread_id, threads.c.updated_ns).where(KEYS), threads.c.thread_id
)
_STILL_THERE = Lookup(select(sessions.c.session_id).where(KEYS), sessions.c.session_id)
# No id of fewer characters is too long for an index.
_MAY_BE_CUT = 100


def delete_thread_runs(connection: Connection, run_ids: set[str]) -> None:
    """
    Delete what is kept of some runs, named as telemetry names them.
    """
    _DELETE_RUNS.run(connection, _whole(connection, thread_runs.c.run_id, run_ids))


def delete_threads(
    connection: Connection, session_ids: set[str], *, before_ns: int | None = None
) -> None:
    """
    Delete what is kept of threads whose session is no longer there.

    Args:
        before_ns: Only threads that were last updated before this time.
    """
    there = {row.session_id for row in _STILL_THERE.rows(connection, sorted(session_ids))}
    gone = _whole(connection, threads.c.thread_id, session_ids - there)
    if before_ns is not None:
        rows = _UPDATED.rows(connection, gone)
        gone = sorted(row.thread_id for row in rows if row.updated_ns < before_ns)
    _DELETE_THREADS.run(connection, gone)


def _whole(connection: Connection, column: Column[str], ids: Iterable[str]) -> list[str]:
    """
    Add the ids that telemetry holds in short, see `fitting`, and these tables whole.
    """
    wanted = set(ids)
    if not wanted:
        return []
    long = connection.execute(select(column).where(func.length(column) > _MAY_BE_CUT)).scalars()
    return sorted(wanted | {one for one in long if fitting(one) in wanted})
