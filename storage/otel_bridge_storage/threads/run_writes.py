"""
Making, moving and deleting runs of threads, within a transaction.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, text, update

from otel_bridge_storage.columns import any_of
from otel_bridge_storage.errors import RunExistsError
from otel_bridge_storage.statements import KEYS, Lookup, Rows
from otel_bridge_storage.thread_tables import IN_FLIGHT, thread_runs, threads
from otel_bridge_storage.threads.expiry import NOW, THREAD_IS_SEEN, settled
from otel_bridge_storage.threads.protocol import RunRow
from otel_bridge_storage.threads.rows import run_row, written
from otel_bridge_storage.threads.thread_writes import no_thread

# Moments are in whole microseconds, as callers see them.
TICK_NS = 1000

_BY_ID = Lookup(select(thread_runs).where(KEYS), thread_runs.c.run_id)
_NEWEST = Lookup(
    select(func.max(thread_runs.c.created_ns).label("created_ns")).where(KEYS),
    thread_runs.c.thread_id,
)
_INSERT = Rows(insert(thread_runs))
_MOVE = Rows(
    update(thread_runs)
    .where(thread_runs.c.run_id == bindparam("of"))
    .values(
        status=bindparam("new_status"),
        error=bindparam("new_error"),
        updated_ns=bindparam("new_updated_ns"),
    )
)
# The constants let the index of runs in flight be used.
_IN_FLIGHT = text(any_of("thread_runs.status", IN_FLIGHT))
_TOUCH = Rows(
    update(thread_runs)
    .where(thread_runs.c.run_id == bindparam("of"), thread_runs.c.updated_ns < NOW, _IN_FLIGHT)
    .values(updated_ns=NOW)
)
_STALE = (
    select(thread_runs)
    .join(threads, threads.c.thread_id == thread_runs.c.thread_id)
    .where(_IN_FLIGHT, thread_runs.c.updated_ns <= bindparam("until_ns"), THREAD_IS_SEEN)
    .order_by(thread_runs.c.updated_ns, thread_runs.c.run_id)
)
_DELETE = delete(thread_runs).where(
    thread_runs.c.run_id == bindparam("of"), thread_runs.c.thread_id == bindparam("thread")
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """
    A run that is to be made, checked.
    """

    run_id: str
    thread_id: str
    assistant_id: str
    metadata: Mapping[str, Any]
    kwargs: Mapping[str, Any]
    multitask_strategy: str | None


def create_run(connection: Connection, new: NewRun, now_ns: int) -> RunRow:
    """
    Make a run, the newest of its thread whatever the clock says.

    Raises:
        ThreadNotFoundError: There is no such thread.
        RunExistsError: A run has its id, in this thread or another.
    """
    if settled(connection, new.thread_id, now_ns) is None:
        raise no_thread(new.thread_id)
    known = _seen(connection, new.run_id, now_ns)
    if known is not None:
        raise RunExistsError(
            f"thread {known.thread_id!r} has a run {new.run_id!r} already: choose another id"
        )
    newest_ns = _NEWEST.rows(connection, [new.thread_id])[0].created_ns
    created_ns = now_ns if newest_ns is None else max(now_ns, newest_ns + TICK_NS)
    row = {
        "run_id": new.run_id,
        "thread_id": new.thread_id,
        "assistant_id": new.assistant_id,
        "created_ns": created_ns,
        "updated_ns": created_ns,
        "status": "pending",
        "metadata": written(new.metadata),
        "kwargs": written(new.kwargs),
        "multitask_strategy": new.multitask_strategy,
        "error": None,
    }
    _INSERT.write(connection, [row])
    return run_row(row)


def update_run_status(
    connection: Connection, run_id: str, status: str, error: str | None, now_ns: int
) -> bool:
    """
    Move a run that is in flight.

    Returns:
        Whether it was moved.
    """
    row = _seen(connection, run_id, now_ns)
    if row is None or row.status not in IN_FLIGHT:
        return False
    _move(connection, row, status, error, now_ns)
    return True


def touch_runs(connection: Connection, run_ids: Collection[str], now_ns: int) -> None:
    """
    Say that runs are alive.
    """
    _TOUCH.write(connection, [{"of": run_id, "now_ns": now_ns} for run_id in run_ids])


def fail_stale_runs(
    connection: Connection, until_ns: int, spared: Collection[str], error: str, now_ns: int
) -> list[RunRow]:
    """
    End runs in flight that were last touched at some moment or before.

    Returns:
        The ended runs, the stalest first.
    """
    given = {"until_ns": until_ns, "now_ns": now_ns}
    found = [r.run_id for r in connection.execute(_STALE, given) if r.run_id not in spared]
    ended = []
    for run_id in found:
        row = _seen(connection, run_id, now_ns)
        if row is not None:
            ended.append(_move(connection, row, "error", error, now_ns))
    return ended


def delete_run(connection: Connection, thread_id: str, run_id: str, now_ns: int) -> None:
    """
    Delete a run of a thread, if there is one.
    """
    if settled(connection, thread_id, now_ns) is not None:
        connection.execute(_DELETE, {"of": run_id, "thread": thread_id})


def _seen(connection: Connection, run_id: str, now_ns: int) -> Any:
    """
    Find the stored row of a run once the expiry of its thread is carried out.
    """
    found = _BY_ID.rows(connection, [run_id])
    if not found:
        return None
    settled(connection, found[0].thread_id, now_ns)
    still = _BY_ID.rows(connection, [run_id])
    return still[0] if still else None


def _move(connection: Connection, row: Any, status: str, error: str | None, now_ns: int) -> RunRow:
    changed = {
        "status": status,
        "error": row.error if error is None else error,
        "updated_ns": max(now_ns, row.updated_ns),
    }
    values = {f"new_{name}": value for name, value in changed.items()}
    _MOVE.write(connection, [{"of": row.run_id, **values}])
    return run_row({**row._asdict(), **changed})
