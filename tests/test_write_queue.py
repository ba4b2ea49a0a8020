"""
The queue between the agent's threads and the writer.
"""

import itertools
import logging
import threading
from collections.abc import Callable, Iterator, Sequence

import pytest
from otel_bridge_storage.batch_writer import GiveUpError, TryAgainError
from otel_bridge_storage.rate_limit import RateLimit
from otel_bridge_storage.write_queue import WriteQueue

LONG_S = 20.0


class Gate:
    """
    A writer that says when a batch has begun, and ends it when told to.
    """

    def __init__(self, *, is_open: bool = True) -> None:
        self.written: list[int] = []
        self.batches: list[list[int]] = []
        self.begun = threading.Event()
        self.opened = threading.Event()
        if is_open:
            self.opened.set()

    def __call__(self, batch: Sequence[int]) -> None:
        """
        Write a batch.
        """
        self.begun.set()
        assert self.opened.wait(LONG_S)
        self.batches.append(list(batch))
        self.written += batch


@pytest.fixture
def closing() -> Iterator[Callable[[WriteQueue[int]], WriteQueue[int]]]:
    """
    Close the queues that a test makes.
    """
    made: list[WriteQueue[int]] = []

    def remember(queue: WriteQueue[int]) -> WriteQueue[int]:
        made.append(queue)
        return queue

    yield remember
    for queue in made:
        queue.close(1)


Closing = Callable[[WriteQueue[int]], WriteQueue[int]]


def test_flush_waits_for_all_that_was_offered(closing: Closing) -> None:
    """
    What was offered before a flush is written when it returns True, in order.
    """
    gate = Gate()
    queue = closing(WriteQueue(gate))
    for number in range(5000):
        queue.offer(number)
    assert queue.flush(LONG_S)
    assert gate.written == list(range(5000))
    assert queue.stats.written == queue.stats.offered == 5000
    assert queue.stats.lost == queue.stats.waiting == 0


def test_flush_does_not_wait_for_what_comes_later(closing: Closing) -> None:
    """
    A flush ends although other threads go on offering.
    """
    enough = threading.Event()
    queue = closing(WriteQueue(lambda batch: None))

    def offer_on() -> None:
        while not enough.is_set():
            queue.offer(1)

    thread = threading.Thread(target=offer_on)
    thread.start()
    try:
        assert queue.flush(LONG_S)
    finally:
        enough.set()
        thread.join()


def test_what_gathers_during_a_write_is_one_batch(closing: Closing) -> None:
    """
    While a batch is being written the next one grows, up to its bound.
    """
    gate = Gate(is_open=False)
    queue = closing(WriteQueue(gate, max_batch=50))
    queue.offer(0)
    assert gate.begun.wait(LONG_S)
    for number in range(1, 121):
        queue.offer(number)
    gate.opened.set()
    assert queue.flush(LONG_S)
    assert [len(batch) for batch in gate.batches] == [1, 50, 50, 20]


def test_a_full_queue_holds_up_once_and_then_refuses(closing: Closing) -> None:
    """
    An offer waits for room for its bounded time, the next ones not at all; all are counted.
    """
    gate = Gate(is_open=False)
    queue = closing(WriteQueue(gate, max_items=2, block_s=0.05))
    queue.offer(0)
    assert gate.begun.wait(LONG_S)
    assert queue.offer(1)
    assert queue.offer(2)
    waits: list[float | None] = []
    wait_for = queue._room.wait_for

    def counted(ready: Callable[[], bool], timeout: float | None = None) -> bool:
        waits.append(timeout)
        return wait_for(ready, timeout)

    queue._room.wait_for = counted  # type: ignore[assignment, method-assign]
    assert not queue.offer(3)
    assert not queue.offer(4)
    assert waits == [0.05]
    assert (queue.stats.refused, queue.stats.waiting, queue.stats.offered) == (2, 3, 5)
    gate.opened.set()
    assert not queue.flush(LONG_S)
    assert queue.flush(LONG_S)
    assert gate.written == [0, 1, 2]
    assert queue.offer(5)
    assert queue.flush(LONG_S)
    assert gate.written == [0, 1, 2, 5]
    assert queue.stats.lost == 2


def test_room_ends_the_wait(closing: Closing) -> None:
    """
    An offer that waits is taken as soon as the writer takes a batch.
    """
    gate = Gate(is_open=False)
    queue = closing(WriteQueue(gate, max_items=1, block_s=LONG_S))
    queue.offer(0)
    assert gate.begun.wait(LONG_S)
    queue.offer(1)
    waiting = threading.Event()
    wait_for = queue._room.wait_for

    def watched(ready: Callable[[], bool], timeout: float | None = None) -> bool:
        waiting.set()
        return wait_for(ready, timeout)

    queue._room.wait_for = watched  # type: ignore[assignment, method-assign]
    thread = threading.Thread(target=queue.offer, args=(2,))
    thread.start()
    assert waiting.wait(LONG_S)
    gate.opened.set()
    thread.join(LONG_S)
    assert queue.flush(LONG_S)
    assert gate.written == [0, 1, 2]


def test_bytes_bound_the_queue_too(closing: Closing) -> None:
    """
    What waits may not hold on to more than the given size.
    """
    gate = Gate(is_open=False)
    queue = closing(WriteQueue(gate, max_bytes=100, block_s=0))
    queue.offer(0)
    assert gate.begun.wait(LONG_S)
    assert queue.offer(1, 60)
    assert queue.offer(2, 60)
    assert not queue.offer(3, 1)
    gate.opened.set()
    queue.flush(LONG_S)
    assert queue.offer(4, 60)
    assert queue.flush(LONG_S)
    assert gate.written == [0, 1, 2, 4]


def test_a_batch_that_cannot_be_written_now_is_kept(closing: Closing) -> None:
    """
    `TryAgainError` keeps the batch, whole and in order, until it can be written.
    """
    tries = iter([TryAgainError("locked"), TryAgainError("locked"), None])
    written: list[int] = []

    def write(batch: Sequence[int]) -> None:
        if (error := next(tries, None)) is not None:
            raise error
        written.extend(batch)

    queue = closing(WriteQueue(write))
    queue.offer(1)
    queue.offer(2)
    assert queue.flush(LONG_S)
    assert written == [1, 2]
    assert queue.stats.lost == 0


def test_a_batch_that_is_given_up_is_tried_once_and_told_once(
    closing: Closing, caplog: pytest.LogCaptureFixture
) -> None:
    """
    `GiveUpError` counts the whole batch as failed after one try; its reason is logged once,
    and later batches are tried again.
    """
    tries: list[int] = []

    def write(batch: Sequence[int]) -> None:
        tries.append(len(batch))
        if batch[0] < 100:
            raise GiveUpError("the file is damaged")

    queue = closing(WriteQueue(write))
    for first in (0, 50):
        assert queue.hold(LONG_S)
        for number in range(first, first + 50):
            queue.offer(number)
        queue.release()
        assert not queue.flush(LONG_S)
    assert (queue.stats.failed, queue.stats.waiting) == (100, 0)
    assert len(tries) <= 4
    assert caplog.text.count("the file is damaged") == 1
    queue.offer(100)
    assert queue.flush(LONG_S)


def test_a_poison_item_takes_no_other_along(
    closing: Closing, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Items that cannot be written are given up, counted and logged; all others are written.
    """
    gate = Gate(is_open=False)

    def write(batch: Sequence[int]) -> None:
        if not gate.begun.is_set():
            gate(batch)
        elif {13, 77} & set(batch):
            raise ValueError("poison")
        else:
            gate(batch)

    queue = closing(WriteQueue(write))
    queue.offer(0)
    assert gate.begun.wait(LONG_S)
    for number in range(1, 101):
        queue.offer(number)
    gate.opened.set()
    assert not queue.flush(LONG_S)
    assert gate.written == [n for n in range(101) if n not in (13, 77)]
    assert (queue.stats.failed, queue.stats.written) == (2, 99)
    assert "poison" in caplog.text


def test_a_loss_is_told_without_what_was_lost(
    closing: Closing, caplog: pytest.LogCaptureFixture
) -> None:
    """
    An error that holds the record itself does not put it into the log.
    """

    def write(batch: Sequence[int]) -> None:
        raise UnicodeEncodeError("utf-8", "the secret", 0, 3, "surrogates")

    queue = closing(WriteQueue(write))
    queue.offer(1)
    assert not queue.flush(LONG_S)
    assert "UnicodeEncodeError" in caplog.text
    assert "secret" not in caplog.text


def test_poison_that_is_met_while_writing_must_be_retried(closing: Closing) -> None:
    """
    A batch may be refused for now and be found to hold poison afterwards.
    """
    written: list[int] = []
    calls = 0

    def write(batch: Sequence[int]) -> None:
        nonlocal calls
        calls += 1
        if calls % 2:
            raise TryAgainError("locked")
        if 2 in batch:
            raise ValueError("poison")
        written.extend(batch)

    queue = closing(WriteQueue(write))
    with queue._lock:
        for number in range(4):
            queue.offer(number)
    assert not queue.flush(LONG_S)
    assert written == [0, 1, 3]


def test_flush_gives_up_in_time(closing: Closing) -> None:
    """
    A flush that does not get done in its time answers False, and loses nothing by it.
    """
    gate = Gate(is_open=False)
    queue = closing(WriteQueue(gate))
    queue.offer(1)
    assert not queue.flush(0.01)
    gate.opened.set()
    assert queue.flush(LONG_S)
    assert gate.written == [1]


def test_every_thread_is_told_of_a_loss_once(closing: Closing) -> None:
    """
    A loss makes the next flush of each thread False, not only that of the first to ask.
    """
    gate = Gate(is_open=False)
    queue = closing(WriteQueue(gate, max_items=1, block_s=0))
    queue.offer(0)
    assert gate.begun.wait(LONG_S)
    queue.offer(1)
    assert not queue.offer(2)
    gate.opened.set()
    answers: list[bool] = []
    thread = threading.Thread(
        target=lambda: answers.extend([queue.flush(LONG_S), queue.flush(LONG_S)])
    )
    thread.start()
    thread.join()
    assert answers == [False, True]
    assert [queue.flush(LONG_S), queue.flush(LONG_S)] == [False, True]


def test_an_item_that_could_not_be_made_counts_as_lost(closing: Closing) -> None:
    """
    What failed before it could be offered is counted and reported by the next flush.
    """
    queue = closing(WriteQueue(lambda batch: None))
    queue.miss("a thing", ValueError("broken"))
    assert (queue.stats.offered, queue.stats.lost) == (1, 1)
    assert not queue.flush(LONG_S)


def test_close_writes_what_waits_and_then_refuses(caplog: pytest.LogCaptureFixture) -> None:
    """
    Nothing that was taken is lost by closing; what comes later is refused and counted.
    """
    gate = Gate()
    queue: WriteQueue[int] = WriteQueue(gate)
    for number in range(100):
        queue.offer(number)
    assert queue.close(LONG_S)
    assert gate.written == list(range(100))
    assert queue._thread is None
    assert not queue.offer(100)
    assert queue.stats.refused == 1
    assert "closed" in caplog.text


def test_close_ends_in_time_and_counts_what_is_left(caplog: pytest.LogCaptureFixture) -> None:
    """
    A writer that can never write does not keep a program from ending; the loss is told.
    """

    def write(batch: Sequence[int]) -> None:
        raise TryAgainError("full")

    queue: WriteQueue[int] = WriteQueue(write)
    for number in range(10):
        queue.offer(number)
    assert not queue.close(0.01)
    stats = queue.stats
    assert (stats.failed, stats.written, stats.waiting) == (10, 0, 0)
    assert "10 records" in caplog.text


def test_close_wakes_an_offer_that_waits() -> None:
    """
    An offer that waits for room when the queue is closed is refused, not left in it.
    """
    gate = Gate(is_open=False)
    queue: WriteQueue[int] = WriteQueue(gate, max_items=1, block_s=LONG_S)
    queue.offer(0)
    assert gate.begun.wait(LONG_S)
    queue.offer(1)
    waiting = threading.Event()
    wait_for = queue._room.wait_for

    def watched(ready: Callable[[], bool], timeout: float | None = None) -> bool:
        waiting.set()
        return wait_for(ready, timeout)

    queue._room.wait_for = watched  # type: ignore[assignment, method-assign]
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(queue.offer(2)))
    thread.start()
    assert waiting.wait(LONG_S)
    with queue._lock:
        queue._closed = True
        queue._room.notify_all()
    thread.join(LONG_S)
    assert answers == [False]
    gate.opened.set()
    queue.close(LONG_S)
    assert queue.stats.waiting == 0


def test_forget_leaves_what_waits_to_the_parent() -> None:
    """
    After a fork the child has an empty queue of its own that works.
    """
    gate = Gate(is_open=False)
    queue: WriteQueue[int] = WriteQueue(gate)
    queue.offer(1)
    assert gate.begun.wait(LONG_S)
    queue.offer(2)
    gate.opened.set()
    assert queue.flush(LONG_S)
    queue.forget()
    assert queue.stats.offered == 0
    assert queue.offer(3)
    assert queue.close(LONG_S)
    assert gate.written == [1, 2, 3]


def test_a_child_may_refuse_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    """
    A forked child that cannot write counts what it is offered, and logs nothing of it.
    """
    gate = Gate()
    queue: WriteQueue[int] = WriteQueue(gate)
    queue.forget(refuse=True)
    assert not any(queue.offer(number) for number in range(5))
    assert (queue.stats.offered, queue.stats.refused) == (5, 5)
    assert not queue.flush(LONG_S)
    assert gate.written == []
    assert caplog.text == ""


def test_the_writer_thread_itself_may_use_the_queue(closing: Closing) -> None:
    """
    An offer from inside a write is taken, a flush there answers at once, and a full
    queue refuses there without waiting.
    """
    answers: list[object] = []

    def write(batch: Sequence[int]) -> None:
        if 0 in batch:
            answers.extend([queue.offer(1), queue.offer(2), queue.flush(), queue.hold(LONG_S)])

    queue: WriteQueue[int] = closing(WriteQueue(write, max_items=1, block_s=LONG_S))
    queue.offer(0)
    assert not queue.flush(LONG_S)
    assert queue.flush(LONG_S)
    assert answers == [True, False, False, False]
    assert queue.stats.written == 2


def test_a_queue_closed_on_its_own_thread_ends(closing: Closing) -> None:
    """
    A finaliser that closes the queue on the writer's thread does not wait for itself.
    """
    answers: list[bool] = []
    queue: WriteQueue[int] = closing(WriteQueue(lambda batch: answers.append(queue.close())))
    queue.offer(0)
    thread = queue._thread
    assert thread is not None
    thread.join(LONG_S)
    assert answers == [False]
    assert not queue.offer(1)


class NoThread(threading.Thread):
    """
    A thread that cannot be had, as at the interpreter's end.
    """

    def start(self) -> None:
        """
        Refuse.
        """
        raise RuntimeError("can't create new thread at interpreter shutdown")


def test_flush_writes_itself_where_no_thread_can_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    When the interpreter ends and no thread can start, flush and close write on their own.
    """
    monkeypatch.setattr(threading, "Thread", NoThread)
    gate = Gate()
    queue: WriteQueue[int] = WriteQueue(gate, max_batch=3)
    for number in range(10):
        assert queue.offer(number)
    assert gate.written == []
    assert queue.flush(LONG_S)
    assert gate.written == list(range(10))
    queue.offer(10)
    assert queue.close(LONG_S)
    assert gate.written == list(range(11))


def test_flush_without_a_thread_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where no thread can start, a database that stays locked holds up the end for a bounded
    time, and what could not be written is counted.
    """
    monkeypatch.setattr(threading, "Thread", NoThread)

    def write(batch: Sequence[int]) -> None:
        raise TryAgainError("locked")

    queue: WriteQueue[int] = WriteQueue(write)
    queue.offer(1)
    assert not queue.flush(0.05)
    assert queue.stats.waiting == 1
    assert not queue.close(0.05)
    assert queue.stats.failed == 1


def test_two_flushes_without_a_thread_do_not_block_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Several threads may flush where no writer can start; each item is written once.
    """
    real = threading.Thread
    monkeypatch.setattr(threading, "Thread", NoThread)
    tries = iter([TryAgainError("locked")] * 3)
    written: list[int] = []

    def write(batch: Sequence[int]) -> None:
        if (error := next(tries, None)) is not None:
            raise error
        written.extend(batch)

    queue: WriteQueue[int] = WriteQueue(write, max_batch=7)
    for number in range(100):
        queue.offer(number)
    answers: list[bool] = []
    threads = [real(target=lambda: answers.append(queue.flush(LONG_S))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG_S)
    assert answers == [True] * 4
    assert sorted(written) == list(range(100))


def test_a_writer_thread_that_dies_is_replaced(
    closing: Closing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What no writer can catch costs the batch, which is counted, and not the queue.
    """
    written: list[int] = []

    def write(batch: Sequence[int]) -> None:
        if 0 in batch:
            raise SystemExit
        written.extend(batch)

    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    queue = closing(WriteQueue(write))
    with queue._lock:
        queue.offer(0)
        thread = queue._thread
    assert thread is not None
    thread.join(LONG_S)
    assert not queue.flush(LONG_S)
    assert queue.offer(1)
    assert queue.flush(LONG_S)
    assert written == [1]
    assert queue.stats.failed == 1


def test_hold_keeps_the_writer_still(closing: Closing) -> None:
    """
    While the queue is held nothing is written, and what was offered is written afterwards.
    """
    gate = Gate()
    queue = closing(WriteQueue(gate))
    assert queue.hold(LONG_S)
    queue.offer(1)
    assert not queue.flush(0.05)
    assert gate.written == []
    queue.release()
    assert queue.flush(LONG_S)
    assert gate.written == [1]


def test_hold_gives_up_in_time(closing: Closing) -> None:
    """
    A batch under way is waited for, and not longer than asked; the writer then goes on.
    """
    gate = Gate(is_open=False)
    queue = closing(WriteQueue(gate))
    queue.offer(1)
    assert gate.begun.wait(LONG_S)
    assert not queue.hold(0.01)
    gate.opened.set()
    assert queue.flush(LONG_S)
    assert queue.hold(LONG_S)
    queue.release()


def test_hold_comes_through_under_load(closing: Closing) -> None:
    """
    A writer that always has something to do does not keep a fork from happening, nor
    does one that tries again and again.
    """
    enough = threading.Event()
    turns = itertools.count()

    def write(batch: Sequence[int]) -> None:
        if next(turns) % 2:
            raise TryAgainError("locked")

    queue: WriteQueue[int] = closing(WriteQueue(write, max_batch=2, max_items=10, block_s=0))

    def offer_on() -> None:
        while not enough.is_set():
            queue.offer(1)

    thread = threading.Thread(target=offer_on)
    thread.start()
    try:
        for _ in range(20):
            assert queue.hold(2.0)
            queue.release()
    finally:
        enough.set()
        thread.join()


def test_upkeep_runs_when_nothing_comes_and_may_fail(closing: Closing) -> None:
    """
    The writer calls its upkeep while idle, survives its failure, and is held like a write.
    """
    calls = threading.Semaphore(0)

    def idle() -> None:
        calls.release()
        raise ValueError("broken")

    queue = closing(WriteQueue(lambda batch: None, idle=idle, idle_s=0.001))
    queue.offer(1)
    assert queue.flush(LONG_S)
    assert all(calls.acquire(timeout=LONG_S) for _ in range(3))
    assert queue.hold(LONG_S)
    while calls.acquire(blocking=False):
        pass
    assert not calls.acquire(timeout=0.02)
    queue.release()
    assert calls.acquire(timeout=LONG_S)


def test_a_broken_log_handler_stops_nothing(closing: Closing) -> None:
    """
    A logging handler of the program that raises does not reach the agent or the writer.
    """

    class Broken(logging.Handler):
        """
        Raises.
        """

        def emit(self, record: logging.LogRecord) -> None:
            """
            Raise.
            """
            raise ValueError("broken handler")

    logger = logging.getLogger("otel_bridge")
    handler = Broken()
    logger.addHandler(handler)
    try:
        written: list[int] = []

        def write(batch: Sequence[int]) -> None:
            if 0 in batch:
                raise ValueError("poison")
            written.extend(batch)

        queue = closing(WriteQueue(write))
        queue.offer(0)
        queue.flush(LONG_S)
        queue.miss("a thing", ValueError("x"))
        queue.offer(1)
        queue.flush(LONG_S)
        assert written == [1]
    finally:
        logger.removeHandler(handler)


def test_many_threads_lose_nothing(closing: Closing) -> None:
    """
    What sixteen threads offer at once is written once each, in each thread's order.
    """
    gate = Gate()
    queue = closing(WriteQueue(gate, max_items=500, block_s=LONG_S))

    def offer_all(base: int) -> None:
        for number in range(500):
            assert queue.offer(base + number)

    threads = [threading.Thread(target=offer_all, args=(n * 1000,)) for n in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert queue.flush(LONG_S)
    assert len(gate.written) == len(set(gate.written)) == 16 * 500
    for base in range(0, 16_000, 1000):
        own = [n for n in gate.written if base <= n < base + 1000]
        assert own == sorted(own)


def test_rate_limit_lets_each_key_through_once_a_period(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A key is allowed again when its period is over; keys do not hinder each other.
    """
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    limit = RateLimit(20)
    assert [limit.allows("a"), limit.allows("b"), limit.allows("a")] == [True, True, False]
    now = 119.0
    assert not limit.allows("a")
    now = 120.5
    assert limit.allows("a")
