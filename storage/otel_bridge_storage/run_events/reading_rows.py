"""
Reading events of runs back from the run log.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from otel_bridge_storage.event_tables import run_events
from otel_bridge_storage.fitting import fitting
from otel_bridge_storage.run_events.event import MESSAGE, NewEvent
from otel_bridge_storage.run_events.facts import event_of
from otel_bridge_storage.run_events.interface import Record
from otel_bridge_storage.run_events.paging import EventQuery, Window
from otel_bridge_storage.schema import run_log
from otel_bridge_storage.span_rows import records_texts
from otel_bridge_storage.values import load, map_references, resolve_map

_seq = run_events.c.seq
_EVENTS = select(
    run_events.c.thread_id, run_events.c.run_id, _seq, run_log.c.time_ns, run_log.c.data
).join(run_log, run_log.c.seq == run_events.c.entry)


def messages(
    connection: Connection, thread_id: str, run_id: str | None, window: Window
) -> list[Record]:
    """
    List messages of a thread, or of one run of it.
    """
    query = _EVENTS.where(*of_run(thread_id, run_id), run_events.c.category == MESSAGE)
    return _records(connection, _cut(query, window), newest_first=not window.from_start)


def events(
    connection: Connection, thread_id: str, run_id: str, wanted: EventQuery
) -> list[Record]:
    """
    List events of a run.
    """
    query = _EVENTS.where(*of_run(thread_id, run_id))
    if wanted.event_types is not None:
        query = query.where(run_events.c.event_type.in_(sorted(map(fitting, wanted.event_types))))
    if wanted.task_id is not None:
        query = query.where(run_events.c.task_id == fitting(wanted.task_id))
    return _records(connection, _cut(query, wanted.window), newest_first=False)


def first_of_type(connection: Connection, event: NewEvent) -> Record | None:
    """
    Find the first event of a type in a run.
    """
    query = _EVENTS.where(
        *of_run(event.thread_id, event.run_id),
        run_events.c.event_type == fitting(event.event_type),
    )
    found = _records(connection, query.order_by(_seq).limit(1), newest_first=False)
    return found[0] if found else None


def count_messages(connection: Connection, thread_id: str) -> int:
    """
    Count the messages of a thread.
    """
    query = select(func.count()).where(*of_run(thread_id, None), run_events.c.category == MESSAGE)
    return int(connection.execute(query).scalar_one())


def of_run(thread_id: str, run_id: str | None) -> Sequence[ColumnElement[bool]]:
    """
    Give the conditions for events of a thread, or of one run of it.
    """
    own = [run_events.c.thread_id == fitting(thread_id)]
    return own if run_id is None else [*own, run_events.c.run_id == fitting(run_id)]


def _cut(query: Select[Any], window: Window) -> Select[Any]:
    if window.after is not None:
        query = query.where(_seq > window.after)
    if window.before is not None:
        query = query.where(_seq < window.before)
    query = query.order_by(_seq if window.from_start else _seq.desc())
    return query if window.limit is None else query.limit(window.limit)


def _records(connection: Connection, query: Select[Any], *, newest_first: bool) -> list[Record]:
    rows = connection.execute(query).all()
    loaded = [load(row.data) for row in rows]
    texts = records_texts(connection, {ref for data in loaded for ref in map_references(data)})
    found = [
        event_of(resolve_map(data, texts), row).record(row.seq)
        for row, data in zip(rows, loaded, strict=True)
    ]
    return found[::-1] if newest_first else found
