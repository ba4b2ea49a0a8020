"""
Ingest: what arrives becomes rows, in one transaction for each batch.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from otel_bridge_storage.batches import Batch
from otel_bridge_storage.binding import arrived_node, key_above, stored_node
from otel_bridge_storage.database import Database
from otel_bridge_storage.interning import KnownRows
from otel_bridge_storage.liveness import Presence, Writer
from otel_bridge_storage.log_content import store_logs
from otel_bridge_storage.log_identity import log_hash
from otel_bridge_storage.read_ahead import Incoming, ReadSpan, read_span
from otel_bridge_storage.readings import FactReading, Pricer, Reader
from otel_bridge_storage.records import LogRecord, SpanRecord
from otel_bridge_storage.settling import settle
from otel_bridge_storage.span_binding import bind, home, mark, write_bindings, write_spans
from otel_bridge_storage.span_rows import FIND_BY_KEY, Key, load_by_id, richness
from otel_bridge_storage.stand_ins import StandIns, stand_ins_of
from otel_bridge_storage.unit import Change, Unit

_REAL = (None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """
    What a batch came to.

    Attributes:
        spans: Spans that were new, or completed an open or poorer version.
        duplicates: Spans and logs that were there already.
        logs: Log records that were new.
        facts: Entries that the run log gained.
        orphaned_events: Early events of spans that are not known; they come once more
            with the end of their span.
    """

    spans: int = 0
    duplicates: int = 0
    logs: int = 0
    facts: int = 0
    orphaned_events: int = 0


class Ingestor:
    """
    Stores telemetry and keeps all that is derived from it true.

    Args:
        database: Where to.
        reader: Says what telemetry means.
        pricer: Says what calls cost.
        writer: Who writes; open spans belong to it. By default this process, now.
    """

    def __init__(
        self, database: Database, *, reader: Reader, pricer: Pricer, writer: Writer | None = None
    ) -> None:
        self._database = database
        self._reader = reader
        self._pricer = pricer
        self._presence = Presence(writer or Writer.here())
        self._known = KnownRows()

    def apply(self, arrivals: Sequence[Incoming]) -> Applied:
        """
        Store a batch in one transaction; it is durable when this returns.

        Args:
            arrivals: Spans among them may be read already; those that are not, are now.

        Raises:
            sqlalchemy.exc.DBAPIError: The database refused; nothing of the batch is
                stored.
        """
        batch = Batch(arrivals)
        try:
            with self._database.transaction() as connection:
                unit = Unit.begin(
                    connection,
                    self._known,
                    reader=self._reader,
                    pricer=self._pricer,
                    writer_id=self._presence.show(connection),
                )
                applied = apply_batch(unit, batch)
                unit.numbers.save()
        except BaseException:
            self._known.forget()
            self._presence.rolled_back()
            raise
        self._presence.committed()
        self._known.remember(unit.texts.stored, unit.origins.stored, unit.origins.objects)
        return applied

    def renew(self) -> None:
        """
        Say that the writer lives, where nothing is to be written.
        """
        try:
            with self._database.transaction() as connection:
                self._presence.show(connection)
        except BaseException:
            self._presence.rolled_back()
            raise
        self._presence.committed()

    def leave(self) -> None:
        """
        Say that the writer ended in good order; what it left open is interrupted.
        """
        with self._database.transaction() as connection:
            self._presence.leave(connection)


def apply_batch(unit: Unit, batch: Batch) -> Applied:
    """
    Store a batch as part of a transaction, and settle all that is derived from it.
    """
    logs = {log_hash(record): record for record in batch.logs}
    applied = _apply(unit, batch, logs, stand_ins_of(unit.reader, logs))
    there = len(batch.spans) - applied.spans + len(batch.logs) - applied.logs
    return replace(applied, duplicates=batch.duplicates + there)


def apply_stand_ins(unit: Unit, stand_ins: StandIns) -> None:
    """
    Store spans that stand for log records which are stored already.
    """
    _apply(unit, Batch(()), {}, stand_ins)


def _apply(
    unit: Unit, batch: Batch, logs: Mapping[bytes, LogRecord], stand_ins: StandIns
) -> Applied:
    came = {**{key: span for key, (_, span) in stand_ins.items()}, **batch.spans}
    arrived = {*came, *batch.events, *batch.facts}
    parents = {key_above(span) for span in came.values()}
    wanted = sorted(arrived | {key for key in parents if key is not None})
    known = {(row.trace_id, row.span_id): row for row in unit.select(FIND_BY_KEY, wanted)}
    stored = {key: row for key, row in known.items() if key in arrived}
    accepted = _better_ones(unit, came, stored)
    _take(
        unit,
        [batch.read.get(s.key) or read_span(unit.reader, s) for s in accepted],
        stored,
        stand_ins,
    )
    events, orphaned = _live_events(unit, batch, stored)
    unit.texts.store()
    moved = bind(unit, known)
    write_spans(unit)
    write_bindings(unit, moved)
    mark(unit, moved)
    new_logs = store_logs(unit, logs)
    facts = settle(unit, events, {node.id: home(node) for node in moved})
    return Applied(
        spans=sum(span.key in batch.spans for span in accepted),
        logs=new_logs,
        facts=facts,
        orphaned_events=orphaned,
    )


def _better_ones(
    unit: Unit, arrived: Mapping[Key, SpanRecord], stored: Mapping[Key, Any]
) -> list[SpanRecord]:
    """
    Leave out spans of which the database has this version or a richer one.
    """
    same = {k for k, span in arrived.items() if k in stored and _same_stage(span, stored[k])}
    known = load_by_id(unit.connection, [stored[key].id for key in sorted(same)])
    accepted = []
    for key, span in arrived.items():
        row = stored.get(key)
        completes = row is not None and row.end_ns is None and span.end_ns is not None
        richer = key in same and richness(span) > richness(known[stored[key].id])
        if row is None or completes or richer:
            accepted.append(span)
    return accepted


def _same_stage(span: SpanRecord, row: Any) -> bool:
    return (span.end_ns is None) == (row.end_ns is None)


def _take(
    unit: Unit,
    accepted: Iterable[ReadSpan],
    stored: Mapping[Key, Any],
    stand_ins: StandIns,
) -> None:
    """
    Give each accepted span its row and its node, and announce every text in it.
    """
    for read in accepted:
        span, reading = read.record, read.reading
        row = stored.get(span.key)
        before = None if row is None else stored_node(row)
        row_id = unit.numbers.next("span") if before is None else before.id
        node = arrived_node(row_id, span, reading, before)
        (digest, _) = stand_ins.get(span.key, _REAL)
        unit.changes[row_id] = Change(span, reading, read.prepared, node, before, digest)
        for text in read.texts:
            unit.texts.announce(text)


def _live_events(
    unit: Unit, batch: Batch, stored: Mapping[Key, Any]
) -> tuple[dict[int, list[FactReading]], int]:
    """
    Read events that came ahead of their span's end.

    Returns:
        Facts by span row, and how many events belong to no known span.
    """
    rows = {change.node.key: change.id for change in unit.changes.values()}
    facts: defaultdict[int, list[FactReading]] = defaultdict(list)
    orphaned = 0
    for key in {**batch.events, **batch.facts}:
        events = batch.events.get(key, ())
        span = rows.get(key) or (stored[key].id if key in stored else None)
        if span is None:
            orphaned += len(events)
            continue
        if key not in rows:
            unit.event_runs[span] = home(stored_node(stored[key]))
        read = [unit.reader.read_event(event.event) for event in events]
        facts[span] += [fact for fact in read if fact is not None]
        facts[span] += batch.facts.get(key, ())
    return facts, orphaned
