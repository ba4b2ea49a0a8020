"""
Writing events of runs into the run log, each with its number in its thread.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from otel_bridge_storage.batches import Batch
from otel_bridge_storage.event_tables import event_threads, run_events
from otel_bridge_storage.fitting import fitting
from otel_bridge_storage.ingest import apply_batch
from otel_bridge_storage.interning import text_hash
from otel_bridge_storage.run_events.carriers import carrier, carrier_key, ended
from otel_bridge_storage.run_events.event import NewEvent
from otel_bridge_storage.run_events.facts import fact_of, nanoseconds_of
from otel_bridge_storage.run_events.interface import Record
from otel_bridge_storage.schema import run_log
from otel_bridge_storage.span_rows import FIND_BY_KEY, Key, load_by_id
from otel_bridge_storage.statements import KEYS, Lookup, Rows
from otel_bridge_storage.unit import Unit

_LAST = Lookup(select(event_threads).where(KEYS), event_threads.c.digest)
_FIRST = Rows(insert(event_threads))
_NEXT = Rows(
    update(event_threads)
    .where(event_threads.c.digest == bindparam("thread"))
    .values(last_seq=bindparam("last"))
)
_ENTRIES = Lookup(
    select(run_log.c.seq, run_log.c.span, run_log.c.fact_key).where(KEYS),
    run_log.c.span,
    run_log.c.fact_key,
)
_INSERT = Rows(insert(run_events))


def append(unit: Unit, events: Sequence[NewEvent]) -> list[Record]:
    """
    Write events as part of a transaction, and give their records in the same order.
    """
    numbers = _numbers(unit.connection, events)
    batch, keys = Batch(()), [carrier_key(event.thread_id, event.run_id) for event in events]
    stored = {
        (row.trace_id, row.span_id): row for row in unit.select(FIND_BY_KEY, sorted({*keys}))
    }
    carriers = _open_carriers(unit, stored)
    for event, key, seq in zip(events, keys, numbers, strict=True):
        fact = fact_of(event, f"{key[1]}:{seq}")
        batch.facts[key].append(fact)
        if key not in stored or key in carriers:
            before = carriers.get(key) or carrier(event, nanoseconds_of(event))
            carriers[key] = batch.spans[key] = ended(before, event, fact.time_ns)
    apply_batch(unit, batch)
    ids = {key: row.id for key, row in stored.items()}
    ids |= {change.node.key: change.id for change in unit.changes.values()}
    told = [(ids[key], f"{key[1]}:{seq}") for key, seq in zip(keys, numbers, strict=True)]
    entries = {(row.span, row.fact_key): row.seq for row in unit.select(_ENTRIES, told)}
    rows = [
        _row(event, seq, entries[place])
        for event, seq, place in zip(events, numbers, told, strict=True)
    ]
    unit.write(_INSERT, rows)
    return [event.record(seq) for event, seq in zip(events, numbers, strict=True)]


def _open_carriers(unit: Unit, stored: dict[Key, Any]) -> dict[Key, Any]:
    open_ones = {row.id: key for key, row in stored.items() if row.end_ns is None}
    loaded = load_by_id(unit.connection, sorted(open_ones))
    return {open_ones[row_id]: record for row_id, record in loaded.items()}


def _numbers(connection: Connection, events: Sequence[NewEvent]) -> list[int]:
    """
    Give each event the next number of its thread.
    """
    threads = [text_hash(fitting(event.thread_id)) for event in events]
    wanted = Counter(threads)
    last = {row.digest: row.last_seq for row in _LAST.rows(connection, sorted(wanted))}
    counting = {thread: _counting(last.get(thread, 0)) for thread in wanted}
    numbers = [next(counting[thread]) for thread in threads]
    new = [{"digest": t, "last_seq": n} for t, n in wanted.items() if t not in last]
    _FIRST.write(connection, new)
    old = [{"thread": t, "last": last[t] + n} for t, n in wanted.items() if t in last]
    _NEXT.write(connection, old)
    return numbers


def _counting(last: int) -> Iterator[int]:
    while True:
        last += 1
        yield last


def _row(event: NewEvent, seq: int, entry: int) -> dict[str, Any]:
    task = event.metadata.get("task_id")
    return {
        "thread_id": fitting(event.thread_id),
        "seq": seq,
        "run_id": fitting(event.run_id),
        "category": fitting(event.category),
        "event_type": fitting(event.event_type),
        "task_id": fitting(task) if isinstance(task, str) else None,
        "entry": entry,
    }
