"""
One write transaction and what is known in it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from otel_bridge_storage.allocation import Allocation
from otel_bridge_storage.binding import Node, home_of
from otel_bridge_storage.fitting import FittingReader
from otel_bridge_storage.interning import KnownRows, Origins, Texts
from otel_bridge_storage.readings import Message, Pricer, Reader, Reading
from otel_bridge_storage.records import SpanRecord
from otel_bridge_storage.schema import spans
from otel_bridge_storage.span_rows import PreparedSpan, load_by_id, records_texts
from otel_bridge_storage.statements import KEYS, Lookup, Rows
from otel_bridge_storage.step_rows import Turn

_PLACES = Lookup(
    select(
        spans.c.id, spans.c.trace_id, spans.c.run_id, spans.c.session_id, spans.c.outer_call
    ).where(KEYS),
    spans.c.id,
)


@dataclass(slots=True)
class Change:
    """
    A span that this transaction stores, new or completed.

    Attributes:
        prepared: Its row on the way to the database; None where it stands as it is.
        stored: The node it had before; None for a new span.
        node: The node it has now.
        log_hash: Of the log record that the span stands for, where it does.
    """

    record: SpanRecord
    reading: Reading
    prepared: PreparedSpan | None
    node: Node
    stored: Node | None
    log_hash: bytes | None = None

    @property
    def id(self) -> int:
        """
        The span's row id.
        """
        return self.node.id


class Place(NamedTuple):
    """
    Where a span that is bound belongs.

    Attributes:
        home: The run, be it an agent's or one that its session or its trace stands for.
        grounds: What says so: 2 an agent's span, 1 the session, 0 the trace alone.
        outer_call: The LLM or tool span around it.
    """

    home: str
    grounds: int
    outer_call: int | None

    @classmethod
    def of(
        cls, trace_id: str, run_id: str | None, session_id: str | None, outer_call: int | None
    ) -> "Place":
        """
        Make a place of what a span is bound to.
        """
        grounds = 2 if run_id is not None else 1 if session_id is not None else 0
        return cls(home_of(run_id, trace_id, session_id), grounds, outer_call)


@dataclass(slots=True)
class Unit:
    """
    One write transaction.

    Attributes:
        changes: The spans it stores, by row id.
        dirty_calls: LLM spans whose call must be settled.
        dirty_tools: Tool spans whose call must be settled.
        dirty_runs: Runs whose row must be made anew.
        fresh_runs: Runs of which a span of their own, or a call, arrived or left, so that
            what their row says of session and user may no longer hold.
        dirty_sessions: Sessions whose row must be made anew.
        call_runs: The runs of the calls whose row was made anew, by span row.
        rehomed_calls: Calls that belong to another run than before, by span row.
        surfaced_calls: Calls that were taken for copies before, by span row.
        event_runs: The runs of stored spans that events arrived for, by span row.
        new_turns: New facts that make or change steps, with their runs.
        heard_ns: The latest time that new entries of the log tell of, by run.
        reshaped_runs: Runs of which a span of their own, or something that was stored
            already, arrived or left.
    """

    connection: Connection
    numbers: Allocation
    texts: Texts
    origins: Origins
    reader: FittingReader
    pricer: Pricer
    writer_id: str | None
    changes: dict[int, Change] = field(default_factory=dict)
    dirty_calls: set[int] = field(default_factory=set)
    dirty_tools: set[int] = field(default_factory=set)
    dirty_runs: set[str] = field(default_factory=set)
    fresh_runs: set[str] = field(default_factory=set)
    dirty_sessions: set[str] = field(default_factory=set)
    call_runs: dict[int, str] = field(default_factory=dict)
    rehomed_calls: set[int] = field(default_factory=set)
    surfaced_calls: set[int] = field(default_factory=set)
    event_runs: dict[int, str] = field(default_factory=dict)
    new_turns: list[tuple[str, Turn]] = field(default_factory=list)
    heard_ns: dict[str, int] = field(default_factory=dict)
    reshaped_runs: set[str] = field(default_factory=set)
    _read: dict[int, tuple[SpanRecord, Reading]] = field(default_factory=dict)

    @classmethod
    def begin(
        cls,
        connection: Connection,
        known: KnownRows | None = None,
        *,
        reader: Reader,
        pricer: Pricer,
        writer_id: str | None = None,
    ) -> "Unit":
        """
        Start the bookkeeping of a transaction that has begun.

        Args:
            known: What earlier transactions of the writer stored; by default nothing.
            writer_id: Who writes; None where no span is written that could stay open.
        """
        numbers = Allocation(connection)
        known = KnownRows() if known is None else known
        known.heed(numbers.last("erasures"))
        return cls(
            connection=connection,
            numbers=numbers,
            texts=Texts(connection, numbers, known),
            origins=Origins(connection, known),
            reader=FittingReader(reader),
            pricer=pricer,
            writer_id=writer_id,
        )

    def readings(self, ids: Sequence[int]) -> dict[int, tuple[SpanRecord, Reading]]:
        """
        Give spans and what they mean, from this transaction or from the database.
        """
        result = {}
        missing = []
        for row_id in ids:
            if (change := self.changes.get(row_id)) is not None:
                result[row_id] = (change.record, change.reading)
            elif row_id in self._read:
                result[row_id] = self._read[row_id]
            else:
                missing.append(row_id)
        for row_id, record in load_by_id(self.connection, missing).items():
            result[row_id] = self._read[row_id] = (record, self.reader.read_span(record))
        return result

    def note_calls(
        self,
        rows_before: Sequence[Any],
        rows: Sequence[Mapping[str, Any]],
        groups: Sequence[Sequence[int]],
    ) -> None:
        """
        Take note of what became of some calls.

        Args:
            rows_before: Span, run, end and whether it was counted, of the rows that were
                there.
            rows: The rows that are there now.
            groups: The spans that were judged together.
        """
        before = {row.span: row.run_id for row in rows_before}
        after = {row["span"]: row["run_id"] for row in rows}
        copies = {row.span for row in rows_before if not row.counted}
        self.surfaced_calls |= {row["span"] for row in rows if row["counted"]} & copies
        sunk = {row["span"] for row in rows if not row["counted"]} & (before.keys() - copies)
        # What a run's row says of its model may have been said by a call that is no more.
        self.fresh_runs.update(before[call] for call in sunk)
        self.call_runs.update(after)
        self.dirty_runs.update(before.values(), after.values())
        regrouped = {row["span"] for row in rows if row["counted"]} & copies | sunk
        ends = {row["span"]: row["end_ns"] for row in rows}
        for row in rows_before:
            if row.end_ns is not None and (ends.get(row.span) or 0) < row.end_ns:
                runs = (before[row.span], after.get(row.span))
                self.reshaped_runs.update(run for run in runs if run)
        for group in groups:
            # What a copy that left or joined tells of times is no longer, or newly, the run's.
            if not regrouped.isdisjoint(group):
                told = (known.get(call) for call in group for known in (before, after))
                self.reshaped_runs.update(run for run in told if run)
        for call in before.keys() | after.keys():
            if before.get(call) != after.get(call):
                if call in before and call in after:
                    self.rehomed_calls.add(call)
                if call in before:
                    self.reshaped_runs.update(r for r in (before[call], after.get(call)) if r)
                self.fresh_runs.update(r for r in (before.get(call), after.get(call)) if r)

    def hear(self, run_id: str, time_ns: int) -> None:
        """
        Take note of a new entry in a run's log.
        """
        self.dirty_runs.add(run_id)
        self.heard_ns[run_id] = max(time_ns, self.heard_ns.get(run_id, time_ns))

    def places(self, ids: Sequence[int]) -> dict[int, Place]:
        """
        Say where spans belong that are stored and bound.
        """
        found: dict[int, Place] = {}
        for row_id in ids:
            if (change := self.changes.get(row_id)) is not None:
                run_id, outer_call, session_id, _ = change.node.bound
                found[row_id] = Place.of(change.node.key[0], run_id, session_id, outer_call)
        missing = [row_id for row_id in ids if row_id not in found]
        for row in self.select(_PLACES, missing):
            found[row.id] = Place.of(row.trace_id, row.run_id, row.session_id, row.outer_call)
        return found

    def known_before(self, ids: Iterable[int]) -> list[int]:
        """
        Leave out spans that are new in this transaction: no stored row refers to them.
        """
        return [row_id for row_id in ids if not self.is_new(row_id)]

    def is_new(self, row_id: int) -> bool:
        """
        Whether a span is new in this transaction.
        """
        change = self.changes.get(row_id)
        return change is not None and change.stored is None

    def select(self, lookup: Lookup, keys: Sequence[Any]) -> list[Any]:
        """
        Read rows by a list of keys.
        """
        return lookup.rows(self.connection, keys)

    def delete(self, lookup: Lookup, keys: Sequence[Any]) -> None:
        """
        Delete rows by a list of keys.
        """
        lookup.run(self.connection, keys)

    def write(self, statement: Rows, rows: Sequence[Mapping[str, Any]]) -> None:
        """
        Write rows, which all have the same columns.
        """
        statement.write(self.connection, rows)

    def announce(self, messages: Sequence[Message]) -> None:
        """
        Tell of messages that `message_ids` will be asked for.
        """
        for message in messages:
            self.texts.announce(message.body)

    def message_ids(self, messages: Sequence[Message]) -> list[int]:
        """
        Give the row ids of messages, storing those that are new.
        """
        return self.texts.ids([message.body for message in messages]) if messages else []

    def stored_texts(self, ids: set[int]) -> dict[int, str]:
        """
        Fetch stored texts by row id.
        """
        return records_texts(self.connection, ids)

    def text_id(self, body: str | None) -> int | None:
        """
        Give the row id of a text, storing it if it is new.
        """
        return None if body is None else self.texts.ids((body,))[0]
