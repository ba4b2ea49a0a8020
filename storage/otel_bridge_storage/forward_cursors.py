"""
How far forwarding has got, for each destination, and who does it: one process at a time.

A cursor moves only after the destination answered, in a transaction of its own, so that
nothing is skipped whatever is killed; what was answered just before may be sent twice.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from otel_bridge_storage.database import Database
from otel_bridge_storage.dead_writers import is_dead
from otel_bridge_storage.ended_records import last_places, places_before
from otel_bridge_storage.forward_signals import note_left_out, note_sent, note_unsent
from otel_bridge_storage.forward_tables import forward_cursors, set_aside, unsent_signals
from otel_bridge_storage.liveness import Writer

_REASON_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class Places:
    """
    Where a destination stands: what was settled last.

    Attributes:
        spans: `spans.ended_seq`.
        logs: `logs.id`.
    """

    spans: int
    logs: int

    def of(self, signal: str) -> int:
        """
        Give the place of a signal.
        """
        return self.spans if signal == "traces" else self.logs

    def moved(self, signal: str, place: int) -> "Places":
        """
        Give the same with another place of a signal.
        """
        return Places(place, self.logs) if signal == "traces" else Places(self.spans, place)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """
    A span or a log record that a destination would not take.

    Attributes:
        signal: `traces` or `logs`.
        row: `spans.id` or `logs.id`.
    """

    signal: str
    row: int
    trace_id: str
    span_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """
    What became of a batch.

    Attributes:
        places: Where the destination stands now.
        sent_spans: Spans that it accepted.
        sent_logs: Log records that it accepted.
        rejected: How many of these it said it rejected for good.
        set_aside: What it would not take, each refused alone.
    """

    places: Places
    sent_spans: int = 0
    sent_logs: int = 0
    rejected: int = 0
    set_aside: Sequence[SetAside] = field(default=())


class ForwardCursor:
    """
    One destination's cursor, as one process moves it.

    Args:
        database: Where it is; shared with others, not closed by this.
        name: The destination's.
        url: Where it is, to be shown; without credentials.
    """

    def __init__(self, database: Database, name: str, url: str) -> None:
        self._database = database
        self._name = name
        self._url = url
        self._holder = Writer.here()

    def begin(
        self, since_ns: int | None, *, anew: bool = False, left_out: Collection[str] = ()
    ) -> None:
        """
        Make the cursor where there is none.

        Args:
            since_ns: Where a new one begins: at this time, in nanoseconds since the epoch;
                0 for everything that is stored; None for what is stored from now on.
            anew: Move one that is there to that place, too.
            left_out: Signals that the destination is not to get.
        """
        with self._database.transaction() as connection:
            note_left_out(connection, self._name, left_out)
            there = self._row(connection)
            if there is not None and not anew:
                connection.execute(self._update().values(url=self._url))
                return
            places = _beginning(connection, since_ns)
            if there is None:
                connection.execute(insert(forward_cursors), self._new_row(places))
            else:
                moved = {"spans_after": places.spans, "logs_after": places.logs}
                connection.execute(self._update().values(url=self._url, **moved))

    def claim(self) -> Places | None:
        """
        Become, or stay, the one who sends.

        Returns:
            Where the destination stands; None if another process that lives sends to it,
            or the cursor is gone.
        """
        with self._database.transaction() as connection:
            row = self._row(connection)
            if row is None or self._is_held_by_another(row):
                return None
            connection.execute(self._update().values(**self._hold()))
            return Places(row["spans_after"], row["logs_after"])

    def advance(self, progress: Progress) -> bool:
        """
        Move the cursor past what is settled.

        Returns:
            False if another became the one who sends; nothing is moved then.
        """
        with self._database.transaction() as connection:
            row = self._row(connection)
            if row is None or row["holder"] != self._holder.writer_id:
                return False
            values = _moved(row, progress)
            connection.execute(self._update().values(**values, **self._hold()))
            self._note_set_aside(connection, progress.set_aside)
            return True

    def note_trouble(self, reason: str) -> None:
        """
        Keep for others to see why nothing goes out now.
        """
        with self._database.transaction() as connection:
            values = {"trouble": _short(reason)} | self._hold()
            mine = forward_cursors.c.holder == self._holder.writer_id
            connection.execute(self._update().where(mine).values(**values))

    def note_untaken(self, signal: str, reason: str) -> None:
        """
        Keep for others to see that the destination has no place for a signal now.
        """
        with self._database.transaction() as connection:
            note_unsent(connection, self._name, signal, _short(reason))

    def note_taken(self, signal: str) -> None:
        """
        Forget that the destination had no place for a signal.
        """
        with self._database.transaction() as connection:
            note_sent(connection, self._name, signal)

    def release(self) -> None:
        """
        Let another process send.
        """
        with self._database.transaction() as connection:
            mine = forward_cursors.c.holder == self._holder.writer_id
            nobody = dict.fromkeys(("holder", "holder_host", "holder_pid", "held_ns"))
            connection.execute(self._update().where(mine).values(**nobody))

    def take_back(self, settled: Sequence[SetAside], sent: Progress) -> None:
        """
        Forget of some records that they were set aside, since they were sent after all.
        """
        with self._database.transaction() as connection:
            row = self._row(connection)
            for each in settled:
                connection.execute(delete(set_aside).where(*_same(self._name, each)))
            if row is not None:
                counted = _moved(row, sent)
                connection.execute(self._update().values(**counted))

    def _note_set_aside(self, connection: Connection, refused: Sequence[SetAside]) -> None:
        for each in refused:
            connection.execute(delete(set_aside).where(*_same(self._name, each)))
            connection.execute(
                insert(set_aside),
                {
                    "destination": self._name,
                    "signal": each.signal,
                    "row": each.row,
                    "trace_id": each.trace_id,
                    "span_id": each.span_id,
                    "time_ns": time.time_ns(),
                    "reason": _short(each.reason),
                },
            )

    def _row(self, connection: Connection) -> Mapping[str, Any] | None:
        query = select(forward_cursors).where(forward_cursors.c.destination == self._name)
        row = connection.execute(query).mappings().one_or_none()
        return None if row is None else dict(row)

    def _update(self) -> Any:
        return update(forward_cursors).where(forward_cursors.c.destination == self._name)

    def _is_held_by_another(self, row: Mapping[str, Any]) -> bool:
        if row["holder"] is None or row["holder"] == self._holder.writer_id:
            return False
        return not is_dead(row["holder_host"], row["holder_pid"], row["held_ns"], None)

    def _hold(self) -> dict[str, Any]:
        return {
            "holder": self._holder.writer_id,
            "holder_host": self._holder.host,
            "holder_pid": self._holder.pid,
            "held_ns": time.time_ns(),
        }

    def _new_row(self, places: Places) -> dict[str, Any]:
        return {
            "destination": self._name,
            "url": self._url,
            "spans_after": places.spans,
            "logs_after": places.logs,
            "sent_spans": 0,
            "sent_logs": 0,
            "rejected": 0,
        }


def forget_destination(database: Database, destination: str) -> bool:
    """
    Forget how far a destination is, what it would not take and what it has no place for. A
    forwarder that goes on with it begins as with a new one.

    Returns:
        Whether it was known.
    """
    with database.transaction() as connection:
        for table in (set_aside, unsent_signals):
            connection.execute(delete(table).where(table.c.destination == destination))
        of_it = forward_cursors.c.destination == destination
        return connection.execute(delete(forward_cursors).where(of_it)).rowcount > 0


def _beginning(connection: Connection, since_ns: int | None) -> Places:
    if since_ns is None:
        return Places(*last_places(connection))
    return Places(*places_before(connection, since_ns)) if since_ns else Places(0, 0)


def _moved(row: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    accepted = progress.sent_spans + progress.sent_logs
    return {
        "spans_after": progress.places.spans,
        "logs_after": progress.places.logs,
        "sent_spans": row["sent_spans"] + progress.sent_spans,
        "sent_logs": row["sent_logs"] + progress.sent_logs,
        "rejected": row["rejected"] + progress.rejected,
        "sent_ns": time.time_ns() if accepted else row["sent_ns"],
        "trouble": None,
    }


def _short(reason: str) -> str:
    """
    Cut an answer, which may hold anything; PostgreSQL has no place for NUL.
    """
    return reason[:_REASON_CHARACTERS].replace("\x00", "\ufffd")


def _same(destination: str, each: SetAside) -> tuple[Any, ...]:
    return (
        set_aside.c.destination == destination,
        set_aside.c.signal == each.signal,
        set_aside.c.row == each.row,
    )
