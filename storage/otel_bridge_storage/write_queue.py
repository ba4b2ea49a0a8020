"""
A bounded queue with one writer thread that takes whatever waits as one batch.

The thread writes as soon as something waits; while it writes, more gathers, so that
batches grow by themselves under load and nothing is delayed on purpose.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Generic, TypeVar

from otel_bridge_storage.rate_limit import RateLimit

T = TypeVar("T")

_log = logging.getLogger("otel_bridge")
_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 1.0


class TryAgainError(Exception):
    """
    The batch could not be written now and may be later; nothing of it was written.
    """


@dataclass(frozen=True, slots=True)
class QueueStats:
    """
    What became of the items offered so far.

    Attributes:
        offered: All of them.
        written: Durably written.
        refused: Not taken, since the queue stayed full.
        failed: Taken and given up.
        waiting: Taken and not written yet.
    """

    offered: int = 0
    written: int = 0
    refused: int = 0
    failed: int = 0
    waiting: int = 0

    @property
    def lost(self) -> int:
        """
        Items that will not be written.
        """
        return self.refused + self.failed


class WriteQueue(Generic[T]):
    """
    Hands items from many threads to one writer.

    Args:
        write: Writes a batch durably, all or nothing. `TryAgainError` keeps the batch for
            another try; after any other error the items are tried in ever smaller
            batches, and one that fails alone is given up and counted.
        max_items: Items that may wait.
        max_bytes: Sum of their sizes that may wait.
        max_batch: Items that one batch may hold.
        block_s: How long an offer waits for room. After one such wait in vain, offers
            are refused at once until there is room again.
        idle: Called by the thread every `idle_s` seconds in which nothing came.
    """

    def __init__(
        self,
        write: Callable[[Sequence[T]], None],
        *,
        max_items: int = 8192,
        max_bytes: int = 64 * 1024 * 1024,
        max_batch: int = 1000,
        block_s: float = 0.25,
        idle: Callable[[], None] | None = None,
        idle_s: float = 5.0,
        name: str = "otel-bridge-writer",
    ) -> None:
        self._write = write
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._max_batch = max_batch
        self._block_s = block_s
        self._idle = idle
        self._idle_s = idle_s
        self._name = name
        self._complain = RateLimit(20.0)
        self._reset()

    @property
    def stats(self) -> QueueStats:
        """
        What became of the items so far.
        """
        with self._lock:
            waiting = self._taken - self._written - self._failed
            return QueueStats(self._offered, self._written, self._refused, self._failed, waiting)

    def offer(self, item: T, size: int = 0) -> bool:
        """
        Hand over an item; never raises.

        Args:
            size: About how many bytes the item holds on to.

        Returns:
            Whether it was taken; False counts it as refused.
        """
        with self._lock:
            self._offered += 1
            if self._closed or (self._full() and not self._wait_for_room()):
                self._refused += 1
                refused = self._refused
            else:
                self._items.append((item, size))
                self._bytes += size
                self._taken += 1
                if self._thread is None:
                    self._start()
                elif self._sleeping:
                    self._wake.notify()
                return True
        if self._complain.allows("refused"):
            _log.warning("otel-bridge cannot write fast enough: %d records lost so far", refused)
        return False

    def flush(self, timeout_s: float | None = None) -> bool:
        """
        Wait until all that was taken so far is written.

        Returns:
            Whether it is, with nothing lost since the last flush; False on a time-out.
        """
        if self.on_writer_thread():
            return False
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        with self._lock:
            target = self._taken
            if self._thread is None and self._items:
                self._start()
            while self._written + self._failed < target:
                if not self._alive():
                    self._drain()
                    continue
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    return False
                self._done.wait(1.0 if left is None else min(left, 1.0))
            lost = self._refused + self._failed
            whole, self._lost_at_flush = lost == self._lost_at_flush, lost
            return whole

    def close(self, timeout_s: float = 30.0) -> bool:
        """
        Write what waits and stop; what cannot be written in time is counted as failed.
        """
        whole = self.flush(timeout_s)
        with self._lock:
            self._closed = True
            self._wake.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)
        with self._lock:
            self._failed += len(self._items)
            self._items.clear()
            self._bytes = 0
        return whole

    def forget(self) -> None:
        """
        Start anew in a forked child: what waits is the parent's to write.
        """
        self._reset()

    def on_writer_thread(self) -> bool:
        """
        Whether the caller is the writer thread.
        """
        return self._thread is threading.current_thread()

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._wake = threading.Condition(self._lock)
        self._done = threading.Condition(self._lock)
        self._room = threading.Condition(self._lock)
        self._writing = threading.RLock()
        self._items: deque[tuple[T, int]] = deque()
        self._thread: threading.Thread | None = None
        self._bytes = 0
        self._offered = 0
        self._taken = 0
        self._written = 0
        self._failed = 0
        self._refused = 0
        self._lost_at_flush = 0
        self._sleeping = False
        self._closed = False
        self._stalled = False

    def _full(self) -> bool:
        return len(self._items) >= self._max_items or self._bytes >= self._max_bytes

    def _wait_for_room(self) -> bool:
        if self._stalled or self.on_writer_thread():
            return False
        self._stalled = not self._room.wait_for(lambda: not self._full(), self._block_s)
        return not self._stalled

    def _alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread = thread
        try:
            thread.start()
        except RuntimeError:
            # The interpreter is ending: flush and close write on the caller's thread.
            self._thread = None

    def _run(self) -> None:
        while (state := self._await_items()) is not _State.CLOSED:
            if state is _State.ITEMS:
                self._write_next()
            elif self._idle is not None:
                self._call_idle(self._idle)

    def _await_items(self) -> "_State":
        with self._lock:
            if not self._items and not self._closed:
                self._sleeping = True
                self._wake.wait(self._idle_s)
                self._sleeping = False
            if self._items:
                return _State.ITEMS
            return _State.CLOSED if self._closed else _State.IDLE

    def _call_idle(self, idle: Callable[[], None]) -> None:
        try:
            idle()
        except Exception as error:  # noqa: BLE001 - the thread must outlive its upkeep
            if self._complain.allows("idle"):
                _log.warning("otel-bridge: the writer's upkeep failed: %s", error)

    def _drain(self) -> None:
        """
        Write what waits on the caller's thread, where no thread can be had.
        """
        while self._items:
            self._write_next()

    def _write_next(self) -> None:
        with self._writing:
            with self._lock:
                count = min(len(self._items), self._max_batch)
                taken = [self._items.popleft() for _ in range(count)]
                self._bytes -= sum(size for _, size in taken)
                self._stalled = False
                self._room.notify_all()
            self._write_batch([item for item, _ in taken])

    def _write_batch(self, batch: Sequence[T]) -> None:
        """
        Write a batch, or as much of it as can be written.
        """
        pause = _FIRST_PAUSE_S
        while True:
            try:
                self._write(batch)
            except TryAgainError as error:
                if not self._wait_to_retry(pause, error):
                    self._settle(failed=len(batch))
                    return
                pause = min(pause * 2, _LONGEST_PAUSE_S)
            except Exception as error:  # noqa: BLE001 - one record must not take others along
                self._split(batch, error)
                return
            else:
                self._settle(written=len(batch))
                return

    def _wait_to_retry(self, pause: float, error: Exception) -> bool:
        if self._complain.allows("retry"):
            _log.warning("otel-bridge cannot write now and goes on trying: %s", error)
        with self._lock:
            if not self._closed:
                self._wake.wait(pause)
            return not self._closed

    def _split(self, batch: Sequence[T], error: Exception) -> None:
        if len(batch) == 1:
            self._settle(failed=1)
            if self._complain.allows("failed"):
                _log.warning("otel-bridge lost a record that cannot be stored: %r", error)
            return
        middle = len(batch) // 2
        self._write_batch(batch[:middle])
        self._write_batch(batch[middle:])

    def _settle(self, *, written: int = 0, failed: int = 0) -> None:
        with self._lock:
            self._written += written
            self._failed += failed
            self._done.notify_all()


class _State(Enum):
    ITEMS = "items"
    IDLE = "idle"
    CLOSED = "closed"
