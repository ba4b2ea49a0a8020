"""
Reading threads and runs.
"""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    exists,
    func,
    literal,
    select,
    tuple_,
)

from otel_bridge_storage.labels import comparable, short
from otel_bridge_storage.thread_tables import thread_labels, thread_runs, threads
from otel_bridge_storage.threads.expiry import RUN_IS_SEEN, THREAD_IS_SEEN
from otel_bridge_storage.threads.protocol import RunRow, ThreadRow
from otel_bridge_storage.threads.rows import run_row, thread_row
from otel_bridge_storage.threads.search import CheckedSearch

# With fewer threads than this, a label is where a search begins.
_FEW = 1000

_THREAD = select(threads).where(threads.c.thread_id == bindparam("thread"), THREAD_IS_SEEN)
_RUNS = (
    select(thread_runs)
    .join(threads, threads.c.thread_id == thread_runs.c.thread_id)
    .where(thread_runs.c.thread_id == bindparam("thread"), RUN_IS_SEEN)
)
_RUN = _RUNS.where(thread_runs.c.run_id == bindparam("run"))
_LIST = (
    _RUNS.order_by(thread_runs.c.created_ns.desc(), thread_runs.c.run_id.desc())
    .limit(bindparam("limit"))
    .offset(bindparam("offset"))
)
_LIST_OF_STATUS = _LIST.where(thread_runs.c.status == bindparam("status"))


def fetch_thread(connection: Connection, thread_id: str, now_ns: int) -> ThreadRow | None:
    """
    Find a thread that has not expired.
    """
    found = connection.execute(_THREAD, {"thread": thread_id, "now_ns": now_ns}).mappings().first()
    return None if found is None else thread_row(dict(found), now_ns)


def fetch_run(connection: Connection, thread_id: str, run_id: str, now_ns: int) -> RunRow | None:
    """
    Find a run of a thread.
    """
    given = {"thread": thread_id, "run": run_id, "now_ns": now_ns}
    found = connection.execute(_RUN, given).mappings().first()
    return None if found is None else run_row(dict(found))


def list_runs(
    connection: Connection,
    thread_id: str,
    status: str | None,
    limit: int,
    offset: int,
    now_ns: int,
) -> list[RunRow]:
    """
    List runs of a thread, the newest first.
    """
    given = {"thread": thread_id, "limit": limit, "offset": offset, "now_ns": now_ns}
    if status is None:
        found = connection.execute(_LIST, given)
    else:
        found = connection.execute(_LIST_OF_STATUS, {**given, "status": status})
    return [run_row(dict(row)) for row in found.mappings()]


def search_threads(connection: Connection, search: CheckedSearch, now_ns: int) -> list[ThreadRow]:
    """
    List threads.
    """
    query = select(threads).where(THREAD_IS_SEEN, *_conditions(search))
    query = query.where(*_label_conditions(connection, search))
    query = _in_order(query, search).limit(search.limit).offset(search.offset)
    found = connection.execute(query, {"now_ns": now_ns}).mappings()
    rows = [thread_row(dict(row), now_ns) for row in found]
    if search.select is None:
        return rows
    return [_only(row, search.select) for row in rows]


def _conditions(search: CheckedSearch) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if search.ids is not None:
        found.append(threads.c.thread_id.in_(search.ids))
    if search.status is not None:
        found.append(threads.c.status == search.status)
    for column, first_ns, end_ns in search.ranges:
        if first_ns is not None:
            found.append(threads.c[column] >= first_ns)
        if end_ns is not None:
            found.append(threads.c[column] < end_ns)
    return found


def _label_conditions(connection: Connection, search: CheckedSearch) -> list[ColumnElement[bool]]:
    """
    Give the conditions on metadata, so that the database begins with the rarest of few.

    SQLite begins with the threads of a list and ends with those of an EXISTS.
    """
    wanted = [(short(name), comparable(value)) for name, value in search.metadata.items()]
    counts = [_count(connection, name, value) for name, value in wanted]
    begin = counts.index(min(counts)) if counts and min(counts) < _FEW else None
    return [
        _listed(name, value) if place == begin else _has(name, value)
        for place, (name, value) in enumerate(wanted)
    ]


def _count(connection: Connection, name: str, value: str) -> int:
    some = select(literal(1)).where(*_is(name, value)).limit(_FEW).subquery()
    return connection.execute(select(func.count()).select_from(some)).scalar_one()


def _listed(name: str, value: str) -> ColumnElement[bool]:
    return threads.c.thread_id.in_(select(thread_labels.c.thread_id).where(*_is(name, value)))


def _has(name: str, value: str) -> ColumnElement[bool]:
    same = thread_labels.c.thread_id == threads.c.thread_id
    return exists(select(literal(1)).where(same, *_is(name, value)))


def _is(name: str, value: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return thread_labels.c.name == name, thread_labels.c.value == value


def _in_order(query: Select[Any], search: CheckedSearch) -> Select[Any]:
    columns = [threads.c[name] for name in search.order]
    if search.after is not None:
        here = tuple_(*columns)
        there = tuple_(*(literal(v, c.type) for v, c in zip(search.after, columns, strict=True)))
        query = query.where(here < there if search.descending else here > there)
    return query.order_by(*(c.desc() if search.descending else c.asc() for c in columns))


def _only(row: ThreadRow, select: frozenset[str]) -> ThreadRow:
    return {name: value for name, value in row.items() if name in select}  # type: ignore[return-value]
