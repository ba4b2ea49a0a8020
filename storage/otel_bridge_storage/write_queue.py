"""
A bounded queue with one writer thread that takes whatever waits as one batch.

The thread writes as soon as something waits; while it writes, more gathers, so that
batches grow by themselves under load and nothing is delayed on purpose.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Generic, TypeVar

from otel_bridge_storage.batch_writer import BatchWriter
from otel_bridge_storage.holding import HoldableWork
from otel_bridge_storage.milestones import Milestones
from otel_bridge_storage.queue_stats import QueueStats
from otel_bridge_storage.rare_warnings import RareWarnings, in_short

T = TypeVar("T")

_GRACE_S = 2.0


class WriteQueue(Generic[T]):
    """
    Hands items from many threads to one writer.

    Args:
        write: Writes a batch durably, all or nothing. `TryAgainError` keeps the batch for
            another try; `GiveUpError` counts all of it as failed at once; after any other
            error the items are tried in ever smaller batches, and one that fails alone
            is given up and counted.
        max_items: Items that may wait.
        max_bytes: Sum of their sizes that may wait.
        max_batch: Items that one batch may hold.
        block_s: How long an offer waits for room. After one such wait in vain, offers
            are refused at once until there is room again.
        idle: Called by the thread every `idle_s` seconds in which nothing came.
    """

    _taken: int
    _written: int
    _failed: int
    _refused: int

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
        self._complain = RareWarnings(20.0)
        self._writer = BatchWriter(
            write, complain=self._complain, settle=self._settle, pause=self._pause
        )
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._max_batch = max_batch
        self._block_s = block_s
        self._idle = idle
        self._idle_s = idle_s
        self._name = name
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
            if self._has_room():
                self._items.append((item, size))
                self._bytes += size
                self._taken += 1
                if self._thread is None:
                    self._start()
                elif self._sleeping:
                    self._wake.notify()
                return True
            self._refused += 1
            refused = self._refused
            why = "is closed" if self._closed else "cannot write fast enough"
        if not self._silent:
            self._complain.warn(why, "otel-bridge %s: %d records lost so far", why, refused)
        return False

    def miss(self, what: str, error: Exception) -> None:
        """
        Count an item as refused that could not be offered, since making it failed.
        """
        with self._lock:
            self._offered += 1
            self._refused += 1
        self._complain.warn(what, "otel-bridge could not record %s: %s", what, in_short(error))

    def flush(self, timeout_s: float | None = None) -> bool:
        """
        Wait until all that was taken so far is written.

        Returns:
            Whether it is, with nothing lost since this thread last flushed; False on a
            time-out, and on the writer's own thread.
        """
        if self.on_writer_thread():
            return False
        deadline = math.inf if timeout_s is None else time.monotonic() + timeout_s
        with self._lock:
            target = self._taken
            if self._thread is None and self._items:
                self._start()
        while not self._reached(target):
            left = min(deadline - time.monotonic(), 1.0)
            if left <= 0:
                return False
            if self._alive():
                self._wait_for(target, left)
            else:
                self._drain(deadline, left)
        return self._nothing_lost()

    def close(self, timeout_s: float = 30.0) -> bool:
        """
        Write what waits and stop; what cannot be written in time is counted as failed.

        Returns:
            As `flush`.
        """
        whole = self.flush(timeout_s)
        with self._lock:
            self._closed = True
            self._wake.notify_all()
            self._room.notify_all()
            thread = self._thread
        if thread is not None and not self.on_writer_thread():
            thread.join(_GRACE_S)
        with self._lock:
            lost = len(self._items)
            self._failed += lost
            self._items.clear()
            self._bytes = 0
            self._done.wake_all()
        if lost:
            self._complain.warn(
                "ended", "otel-bridge could not write %d records before the end", lost
            )
        return whole and not lost

    def forget(self, *, refuse: bool = False) -> None:
        """
        Start anew in a forked child: what waits is the parent's to write.

        Args:
            refuse: Take nothing from now on, and only count it: the caller tells why.
        """
        self._reset()
        self._closed = self._silent = refuse

    def hold(self, timeout_s: float) -> bool:
        """
        Keep the writer from starting anything, until `release`.

        Returns:
            Whether it is held; False if what was under way did not end in time.
        """
        return not self.on_writer_thread() and self._work.hold(timeout_s)

    def release(self) -> None:
        """
        Let the writer go on.
        """
        self._work.release()

    def on_writer_thread(self) -> bool:
        """
        Whether the caller is the writer thread, or a thread that writes in its place.
        """
        return threading.get_ident() in self._writers

    def _reset(self) -> None:
        self._lock = threading.RLock()
        self._wake = threading.Condition(self._lock)
        self._done = Milestones()
        self._room = threading.Condition(self._lock)
        self._turn = threading.Lock()
        self._items: deque[tuple[T, int]] = deque()
        self._thread: threading.Thread | None = None
        self._writers: set[int] = set()
        self._told = threading.local()
        self._bytes = 0
        self._offered = 0
        self._taken = 0
        self._written = 0
        self._failed = 0
        self._refused = 0
        self._work = HoldableWork()
        self._sleeping = False
        self._closed = False
        self._silent = False
        self._stalled = False

    def _has_room(self) -> bool:
        if self._full() and not self._closed:
            if self._stalled or self.on_writer_thread():
                return False
            self._stalled = not self._room.wait_for(
                lambda: self._closed or not self._full(), self._block_s
            )
        return not self._closed and not self._full()

    def _full(self) -> bool:
        return len(self._items) >= self._max_items or self._bytes >= self._max_bytes

    def _wait_for(self, target: int, timeout_s: float) -> None:
        with self._lock:
            if self._reached(target) or not self._alive():
                return
            waiter = self._done.waiter(target)
        waiter.wait(timeout_s)

    def _reached(self, target: int) -> bool:
        return self._written + self._failed >= target

    def _nothing_lost(self) -> bool:
        with self._lock:
            lost = self._refused + self._failed
        told: int = getattr(self._told, "lost", 0)
        self._told.lost = lost
        return lost == told

    def _alive(self) -> bool:
        thread = self._thread
        return thread is not None and thread.is_alive()

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread = thread
        try:
            thread.start()
        except RuntimeError:
            # The interpreter is ending: flush and close write on the caller's thread.
            self._thread = None

    def _run(self) -> None:
        self._writers.add(threading.get_ident())
        try:
            self._write_on()
        finally:
            with self._lock:
                self._writers.discard(threading.get_ident())
                self._thread = None
                if self._items and not self._closed:
                    self._start()
                self._done.wake_all()

    def _write_on(self) -> None:
        while (state := self._await_items()) is not _State.CLOSED:
            if state is _State.ITEMS:
                with self._turn:
                    whole = self._write_next(math.inf)
                if not whole:
                    return
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
            with self._work.piece():
                idle()
        except Exception as error:  # noqa: BLE001 - the thread must outlive its upkeep
            self._complain.warn("idle", "otel-bridge: the writer's upkeep failed: %s", error)

    def _drain(self, deadline: float, wait_s: float) -> None:
        """
        Write what waits on the caller's thread, where no thread can be had.
        """
        if not self._turn.acquire(timeout=wait_s):
            return
        self._writers.add(threading.get_ident())
        try:
            while self._items and self._write_next(deadline):
                pass
        finally:
            self._writers.discard(threading.get_ident())
            self._turn.release()

    def _write_next(self, deadline: float) -> bool:
        """
        Write a batch; the caller has the turn.

        Returns:
            Whether all of it is settled; what is not waits again.
        """
        with self._lock:
            count = min(len(self._items), self._max_batch)
            taken = [self._items.popleft() for _ in range(count)]
            self._bytes -= sum(size for _, size in taken)
            self._stalled = False
            self._room.notify_all()
        left = self._writer.write([item for item, _ in taken], self._work, deadline)
        with self._lock:
            again = taken[count - left :]
            self._items.extendleft(reversed(again))
            self._bytes += sum(size for _, size in again)
        return not left

    def _pause(self, seconds: float) -> bool:
        with self._lock:
            if not self._closed:
                self._wake.wait(seconds)
            return not self._closed

    def _settle(self, *, written: int = 0, failed: int = 0) -> None:
        with self._lock:
            self._written += written
            self._failed += failed
            self._done.reach(self._written + self._failed)


class _State(Enum):
    ITEMS = "items"
    IDLE = "idle"
    CLOSED = "closed"
