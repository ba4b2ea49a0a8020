"""
One destination's way out: what waits is read, sent, and settled, a batch at a time.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from otel_bridge_storage.database import Database
from otel_bridge_storage.ended_records import (
    Ended,
    logs_by_row,
    logs_stored_after,
    spans_by_row,
    spans_ended_after,
)
from otel_bridge_storage.forward_cursors import ForwardCursor, Places, Progress, SetAside
from otel_bridge_storage.forward_states import is_named, is_waiting, set_aside_of
from otel_bridge_storage.rare_warnings import RareWarnings
from otel_bridge_storage.tolerant_reading import tolerant_reading
from sqlalchemy import Connection

from otel_bridge.forwarder.choosing import Choice
from otel_bridge.forwarder.delivery import Delivered, deliver
from otel_bridge.forwarder.destination import ALL_SIGNALS, Destination, Signal
from otel_bridge.forwarder.outcomes import NotNow, NotSo, Outcome
from otel_bridge.forwarder.signal_pauses import SignalPauses
from otel_bridge.otlp.signals import BY_NAME

_FEWEST = 16
_MOST = 512
_MUCH_TEXT = 1024 * 1024


class Sender(Protocol):
    """
    Sends requests to one destination.
    """

    def send(self, signal: Signal, request: bytes) -> Outcome:
        """
        Send one request, and say what became of it.
        """

    def close(self) -> None:
        """
        Let go of the connection.
        """


class Route:
    """
    Takes stored records to one destination, from its cursor on.

    Args:
        database: Holds the cursor; not closed by this.
        destination: Where to, and what.
        sender: Sends; not closed by this.
        goes_on: Asked between requests whether to go on.
        pauses: Tells which signals are not sent now.
    """

    def __init__(
        self,
        database: Database,
        destination: Destination,
        sender: Sender,
        goes_on: Callable[[], bool] = lambda: True,
        pauses: SignalPauses | None = None,
    ) -> None:
        self._address = database.address
        self._destination = destination
        self._sender = sender
        self._goes_on = goes_on
        self._choice = Choice(destination)
        self._cursor = ForwardCursor(database, destination.label, destination.shown_url)
        self._pauses = pauses or SignalPauses()
        self._trusted = False
        self._limit = _FEWEST
        self._warnings = RareWarnings(60.0)

    def begin(self, *, anew: bool = False, from_first: bool = False) -> None:
        """
        Make the cursor where there is none.

        Args:
            anew: Move one that is there.
            from_first: A new one begins with everything, whatever the destination says.
        """
        destination = self._destination
        left_out = [each for each in ALL_SIGNALS if each not in destination.signals]
        since_ns = 0 if from_first else destination.since_ns
        self._cursor.begin(since_ns, anew=anew, left_out=left_out)

    def is_named(self, connection: Connection) -> bool:
        """
        Whether there is a cursor; somebody may have had the destination forgotten.
        """
        return is_named(connection, self._destination.label)

    def has_news(self, connection: Connection) -> bool:
        """
        Whether something waits that is to be sent now.
        """
        return is_waiting(connection, self._destination.label, self._signals())

    def claim(self) -> Places | None:
        """
        Become the one who sends; None where another process does.
        """
        return self._cursor.claim()

    def release(self) -> None:
        """
        Let another process send.
        """
        self._cursor.release()

    def drain(
        self, places: Places, moved: Callable[[], None] = lambda: None
    ) -> NotNow | NotSo | None:
        """
        Send until nothing waits.

        Args:
            moved: Called after each batch.

        Returns:
            Why something still waits; None where nothing does, another process became the
            one who sends, or this is not to go on.
        """
        while self._goes_on():
            came_to = self._step(places)
            if came_to is None:
                break
            if not isinstance(came_to, Places):
                return came_to
            moved()
            places = came_to
        return None

    def _step(self, places: Places) -> "Places | NotNow | NotSo | None":
        """
        Send the next batch of each signal.

        Returns:
            Where the destination stands now; the trouble where something was not sent;
            None where nothing waited, or another process became the one who sends.
        """
        moved = places
        for signal in self._signals():
            after = moved.of(signal)
            batch = self._read(signal, after)
            if not batch:
                continue
            wanted = [
                each._replace(record=self._choice.treated(each.record))
                for each in batch
                if self._choice.takes(each.record)
            ]
            done = self._deliver(signal, wanted)
            place = _place_after(batch, wanted, done, after)
            moved = moved.moved(signal, place)
            if not self._cursor.advance(_progress(signal, moved, done)):
                return None
            if done.settled and wanted and self._pauses.end(signal):
                self._cursor.note_taken(signal)
            if done.trouble is not None and not self._does_without(signal, done.trouble):
                self._cursor.note_trouble(done.trouble.reason)
                return done.trouble
        return moved if moved != places else None

    def retry_set_aside(self) -> tuple[int, int]:
        """
        Send once more what was set aside.

        Returns:
            How many the destination took, and how many it did not.
        """
        places = self._cursor.claim()
        if places is None:
            return (0, 0)
        with tolerant_reading(self._address) as connection:
            listed = set_aside_of(connection, self._destination.label)
            found = {
                signal: read(connection, [each.row for each in listed if each.signal == signal])
                for signal, read in (("traces", spans_by_row), ("logs", logs_by_row))
            }
        taken = 0
        by_key = {(each.signal, each.row): each for each in listed}
        for signal in self._destination.signals:
            for each in found[signal]:
                treated = each._replace(record=self._choice.treated(each.record))
                done = deliver(signal, [treated], self._sender.send, trusted=True)
                if done.accepted:
                    progress = _progress(signal, places, done)
                    self._cursor.take_back([by_key[signal, each.row]], progress)
                    taken += 1
        self._cursor.release()
        return (taken, len(listed) - taken)

    def _deliver(self, signal: Signal, wanted: Sequence[Ended]) -> Delivered:
        if not wanted:
            return Delivered()
        done = deliver(
            signal, wanted, self._sender.send, trusted=self._trusted, goes_on=self._goes_on
        )
        self._trusted = self._trusted or bool(done.accepted)
        if done.rejected:
            self._warnings.warn(
                "rejected",
                "otel-bridge: %s rejected %d of the %s it was sent: %s",
                self._destination.label,
                done.rejected,
                BY_NAME[signal].things,
                done.message,
            )
        if done.refused:
            self._warnings.warn(
                "refused",
                "otel-bridge: %s does not take %d record(s), which are set aside: %s",
                self._destination.label,
                len(done.refused),
                done.refused[-1][1],
            )
        return done

    def _signals(self) -> list[Signal]:
        """
        Give those that the destination is to get and does not lack a place for.
        """
        return [each for each in self._destination.signals if self._pauses.is_over(each)]

    def _does_without(self, signal: Signal, trouble: NotNow | NotSo) -> bool:
        """
        Keep log records for later from what has no place for them, as Jaeger has none.
        """
        if signal == "traces" or not isinstance(trouble, NotSo) or not trouble.of_signal:
            return False
        self._cursor.note_untaken(signal, trouble.reason)
        if self._pauses.begin(signal, trouble):
            self._warnings.warn(
                "signal",
                "otel-bridge: %s takes no log records (%s); they are kept, and it is asked "
                'again every few minutes; signals = ["traces"] says that it gets none',
                self._destination.label,
                trouble.reason,
            )
        return True

    def _read(self, signal: Signal, after: int) -> list[Ended]:
        read = spans_ended_after if signal == "traces" else logs_stored_after
        # To ask whether there is a place for a signal, a few records will do.
        limit = _FEWEST if self._pauses.holds(signal) else self._limit
        with tolerant_reading(self._address) as connection:
            batch = _within_memory(read, connection, after, limit)
        # The next batch is as large as this one shows to be wise.
        size = sum(_text_size(each) for each in batch)
        self._limit = max(_FEWEST, self._limit // 2) if size > _MUCH_TEXT else self._limit
        self._limit = min(_MOST, self._limit * 2) if size < _MUCH_TEXT // 4 else self._limit
        return batch


def _within_memory(
    read: Callable[[Connection, int, int], list[Ended]],
    connection: Connection,
    after: int,
    limit: int,
) -> list[Ended]:
    """
    Read a batch, in pieces that hold little text.
    """
    batch: list[Ended] = []
    size = 0
    while len(batch) < limit and size < 2 * _MUCH_TEXT:
        piece = read(connection, after, min(_FEWEST * 4, limit - len(batch)))
        if not piece:
            break
        batch += piece
        after = piece[-1].place
        size += sum(map(_text_size, piece))
    return batch


def _text_size(each: Ended) -> int:
    values = each.record.attributes.values()
    return sum(len(value) for value in values if isinstance(value, str))


def _place_after(
    batch: Sequence[Ended], wanted: Sequence[Ended], done: Delivered, after: int
) -> int:
    """
    Say up to where all is settled; what the destination does not get settles by itself.
    """
    if done.settled == len(wanted):
        return batch[-1].place
    following = wanted[done.settled].place
    return max((each.place for each in batch if each.place < following), default=after)


def _progress(signal: Signal, places: Places, done: Delivered) -> Progress:
    is_spans = signal == "traces"
    return Progress(
        places=places,
        sent_spans=done.accepted if is_spans else 0,
        sent_logs=0 if is_spans else done.accepted,
        rejected=done.rejected,
        set_aside=[
            SetAside(
                signal=signal,
                row=each.row,
                trace_id=each.record.trace_id,
                span_id=each.record.span_id,
                reason=reason,
            )
            for each, reason in done.refused
        ],
    )
