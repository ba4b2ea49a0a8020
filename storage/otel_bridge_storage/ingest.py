"""
Ingest: what arrives becomes rows, in one transaction for each batch.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, insert, update

from otel_bridge_storage.binding import Forest, Node, arrived_node, parent_key, stored_node
from otel_bridge_storage.calls import settle_llm_calls
from otel_bridge_storage.database import Database
from otel_bridge_storage.interning import KnownRows
from otel_bridge_storage.liveness import Presence, Writer
from otel_bridge_storage.log_content import store_logs
from otel_bridge_storage.readings import FactReading, Pricer, Reader, Role
from otel_bridge_storage.records import Arrival, LogRecord, SpanEvent, SpanRecord
from otel_bridge_storage.run_log import write_log
from otel_bridge_storage.runs import settle_runs
from otel_bridge_storage.schema import spans
from otel_bridge_storage.sessions import settle_sessions
from otel_bridge_storage.span_rows import FIND_BY_KEY, Key, load_by_id, prepare_span, richness
from otel_bridge_storage.statements import Rows
from otel_bridge_storage.steps import settle_steps
from otel_bridge_storage.tools import settle_tool_calls
from otel_bridge_storage.unit import Change, Unit

_log = logging.getLogger("otel_bridge")

_BINDING = ("role", "run_id", "outer_call", "session_id", "user_id", "names")
_INSERT_SPANS = Rows(insert(spans).values({c.name: bindparam(c.name) for c in spans.columns}))
_UPDATE_SPANS = Rows(
    update(spans)
    .where(spans.c.id == bindparam("at"))
    .values(
        {
            column.name: bindparam(f"{column.name}_")
            for column in spans.columns
            if column.name != "id"
        }
    )
)
_UPDATE_BINDINGS = Rows(
    update(spans)
    .where(spans.c.id == bindparam("at"))
    .values({name: bindparam(f"{name}_") for name in _BINDING})
)


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

    def apply(self, arrivals: Sequence[Arrival]) -> Applied:
        """
        Store a batch in one transaction; it is durable when this returns.

        Raises:
            sqlalchemy.exc.DBAPIError: The database refused; nothing of the batch is
                stored.
        """
        batch = _Batch(arrivals)
        if self._database.vanished():
            self._begin_anew()
        try:
            with self._database.transaction() as connection:
                unit = Unit.begin(
                    connection,
                    self._known,
                    reader=self._reader,
                    pricer=self._pricer,
                    writer_id=self._presence.show(connection),
                )
                applied = _apply(unit, batch)
                unit.numbers.save()
        except BaseException:
            self._known.forget()
            self._presence.rolled_back()
            raise
        self._presence.committed()
        self._known.remember(unit.texts.stored, unit.origins.stored, unit.origins.objects)
        return applied

    def _begin_anew(self) -> None:
        _log.warning(
            "otel-bridge: %s was deleted or replaced, and what it held with it; "
            "recording goes on into a new one",
            self._database.address,
        )
        self._database.make_anew()
        self._known.forget()
        self._presence = Presence(Writer.here())

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


class _Batch:
    """
    A batch with the versions of each span joined.
    """

    def __init__(self, arrivals: Sequence[Arrival]) -> None:
        self.spans: dict[Key, SpanRecord] = {}
        self.events: defaultdict[Key, list[SpanEvent]] = defaultdict(list)
        self.logs: list[LogRecord] = []
        self.duplicates = 0
        for arrival in arrivals:
            if isinstance(arrival, SpanRecord):
                self._add_span(arrival)
            elif isinstance(arrival, SpanEvent):
                self.events[arrival.trace_id, arrival.span_id].append(arrival)
            else:
                self.logs.append(arrival)

    def _add_span(self, span: SpanRecord) -> None:
        other = self.spans.get(span.key)
        if other is None or (other.end_ns is None and span.end_ns is not None):
            self.spans[span.key] = span
        else:
            self.duplicates += span.end_ns is not None or other.end_ns is None
            if richness(span) > richness(other):
                self.spans[span.key] = span


def _apply(unit: Unit, batch: _Batch) -> Applied:
    arrived = {*batch.spans, *batch.events}
    parents = {parent_key(s.trace_id, s.parent_span_id) for s in batch.spans.values()}
    wanted = sorted(arrived | {key for key in parents if key is not None})
    known = {(row.trace_id, row.span_id): row for row in unit.select(FIND_BY_KEY, wanted)}
    stored = {key: row for key, row in known.items() if key in arrived}
    accepted = _better_ones(unit, batch.spans, stored)
    _take(unit, accepted, stored)
    events, orphaned = _live_events(unit, batch.events, stored)
    unit.texts.store()
    moved = _bind_and_write(unit, known)
    new_logs = store_logs(unit, batch.logs)
    settle_llm_calls(unit)
    settle_tool_calls(unit)
    facts = write_log(unit, events, moved)
    settle_runs(unit)
    settle_steps(unit)
    settle_sessions(unit)
    there = len(batch.spans) - len(accepted) + len(batch.logs) - new_logs
    return Applied(
        spans=len(accepted),
        duplicates=batch.duplicates + there,
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


def _take(unit: Unit, accepted: Iterable[SpanRecord], stored: Mapping[Key, Any]) -> None:
    """
    Read the accepted spans and announce every text in them.
    """
    for span in accepted:
        reading = unit.reader.read_span(span)
        row = stored.get(span.key)
        before = None if row is None else stored_node(row)
        row_id = unit.numbers.next("span") if before is None else before.id
        node = arrived_node(row_id, span, reading, before)
        prepared = prepare_span(span, unit.texts.announce)
        unit.changes[row_id] = Change(span, reading, prepared, node, before)
        if reading.call is not None:
            unit.announce(reading.call.input)
            unit.announce(reading.call.output)


def _live_events(
    unit: Unit, arrived: Mapping[Key, Sequence[SpanEvent]], stored: Mapping[Key, Any]
) -> tuple[dict[int, list[FactReading]], int]:
    """
    Read events that came ahead of their span's end.

    Returns:
        Facts by span row, and how many events belong to no known span.
    """
    rows = {change.node.key: change.id for change in unit.changes.values()}
    facts: defaultdict[int, list[FactReading]] = defaultdict(list)
    orphaned = 0
    for key, events in arrived.items():
        span = rows.get(key) or (stored[key].id if key in stored else None)
        if span is None:
            orphaned += len(events)
            continue
        if key not in rows:
            unit.event_runs[span] = stored[key].run_id or key[0]
        read = [unit.reader.read_event(event.event) for event in events]
        facts[span] += [fact for fact in read if fact is not None]
    return facts, orphaned


def _bind_and_write(unit: Unit, known: Mapping[Key, Any]) -> dict[int, str]:
    """
    Bind the accepted spans, write them, and mark what must be settled.

    Returns:
        The run of each stored span whose binding changed, by span row.
    """
    forest = Forest(unit.connection, known)
    bound = forest.bind([change.node for change in unit.changes.values()])
    unit.fresh_runs |= forest.visited_runs
    _write_spans(unit)
    moved = [node for node in bound if node.id not in unit.changes]
    unit.write(_UPDATE_BINDINGS, [{"at": node.id} | _renamed(_binding(node)) for node in moved])
    for change in unit.changes.values():
        _mark(unit, change.node)
    for node in moved:
        _mark(unit, node)
        if node.stored is not None:
            ids = (node.stored.run_id or node.key[0], node.bound.run_id or node.key[0])
            unit.reshaped_runs.update(ids)
    return {node.id: node.bound.run_id or node.key[0] for node in moved}


def _mark(unit: Unit, node: Node) -> None:
    roles = {node.role, node.stored_role}
    if Role.LLM in roles:
        unit.dirty_calls.add(node.id)
    if Role.TOOL in roles:
        unit.dirty_tools.add(node.id)
    before = node.stored
    if before and (before.session_id, before.user_id) != (
        node.bound.session_id,
        node.bound.user_id,
    ):
        unit.fresh_runs.add(node.bound.run_id or node.key[0])
    if node.stored_role is Role.RUN and node.stored is not None and node.stored.run_id:
        unit.fresh_runs.add(node.stored.run_id)
        unit.reshaped_runs.add(node.stored.run_id)
    if node.own_run_id:
        unit.fresh_runs.add(node.own_run_id)
        unit.reshaped_runs.add(node.own_run_id)


def _write_spans(unit: Unit) -> None:
    new, completed = [], []
    for change in unit.changes.values():
        row = change.prepared.row(unit.texts, unit.origins)
        row.update(_binding(change.node))
        row["writer_id"] = unit.writer_id if change.record.end_ns is None else None
        if change.stored is None:
            row["id"] = change.id
            new.append(row)
        else:
            completed.append({"at": change.id} | _renamed(row))
    unit.write(_INSERT_SPANS, new)
    unit.write(_UPDATE_SPANS, completed)


def _binding(node: Node) -> dict[str, Any]:
    return {
        "role": None if node.role is Role.OTHER else node.role.value,
        "run_id": node.bound.run_id,
        "outer_call": node.bound.outer_call,
        "session_id": node.bound.session_id,
        "user_id": node.bound.user_id,
        "names": node.names,
    }


def _renamed(row: Mapping[str, Any]) -> dict[str, Any]:
    """
    Name values as an update's parameters are, which may not be named as its columns.
    """
    return {f"{name}_": value for name, value in row.items()}
