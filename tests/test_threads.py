"""
Context that is carried into other threads.
"""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from otel_bridge.session import current_session, session
from otel_bridge.threads import carry, propagate_to_threads


def seen() -> str | None:
    """
    Say which session the calling code is in.
    """
    current = current_session()
    return current.session_id if current else None


def in_thread(thread_class: type[threading.Thread] = threading.Thread) -> str | None:
    """
    Say which session a thread started here is in.
    """
    found: list[str | None] = []
    thread = thread_class(target=lambda: found.append(seen()))
    thread.start()
    thread.join()
    return found[0]


@pytest.fixture
def propagating() -> Iterator[None]:
    """
    Threads carry the context during the test.
    """
    undo = propagate_to_threads()
    yield
    undo()


def test_carry_binds_to_the_context_it_was_called_in() -> None:
    """
    A carried function sees the context of the place that carried it, and its own result
    and name are unchanged.
    """
    with session("s-1"):
        carried = carry(seen)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(carried).result() == "s-1"
        assert pool.submit(seen).result() is None
    assert carried.__name__ == "seen"
    assert seen() is None


def test_carry_binds_async_functions() -> None:
    """
    A carried async function runs in the context, in any event loop.
    """

    async def answer(value: int) -> tuple[int, str | None]:
        await asyncio.sleep(0)
        return value, seen()

    with session("s-1"):
        carried = carry(answer)
    assert asyncio.run(carried(3)) == (3, "s-1")


def test_threads_carry_nothing_unless_asked() -> None:
    """
    Without propagation a thread starts in an empty context.
    """
    with session("s-1"):
        assert in_thread() is None


@pytest.mark.usefixtures("propagating")
def test_threads_carry_the_context() -> None:
    """
    A thread sees the context of the code that started it, also one whose class runs
    its own code.
    """
    found: list[str | None] = []

    class Own(threading.Thread):
        def run(self) -> None:
            found.append(seen())

    with session("s-1"):
        assert in_thread() == "s-1"
        thread = Own()
        thread.start()
        thread.join()
    assert found == ["s-1"]
    assert "run" not in vars(thread)


@pytest.mark.usefixtures("propagating")
def test_pool_carries_each_task_its_own_context() -> None:
    """
    A task sees the context it was submitted in, never that of an earlier task.
    """
    with ThreadPoolExecutor(1) as pool:
        with session("s-1"):
            assert pool.submit(seen).result() == "s-1"
        assert pool.submit(seen).result() is None
        with session("s-2"):
            assert pool.submit(seen).result() == "s-2"


@pytest.mark.usefixtures("propagating")
def test_worker_of_a_pool_belongs_to_no_task() -> None:
    """
    The thread that a pool starts for its first task does not keep that task's context.
    """
    found: list[str | None] = []
    with (
        ThreadPoolExecutor(1, initializer=lambda: found.append(seen())) as pool,
        session("s-1"),
    ):
        assert pool.submit(seen).result() == "s-1"
    assert found == [None]


@pytest.mark.usefixtures("propagating")
def test_a_thread_started_twice_still_raises() -> None:
    """
    The error of `Thread.start` is unchanged, and the thread's `run` is its own again.
    """
    with session("s-1"):
        thread = threading.Thread(target=seen)
        thread.start()
        thread.join()
        with pytest.raises(RuntimeError, match="once"):
            thread.start()
    assert "run" not in vars(thread)


def test_propagation_is_undone() -> None:
    """
    Asked for twice and undone once, threads are as they were.
    """
    start, submit = threading.Thread.start, ThreadPoolExecutor.submit
    propagate_to_threads()
    undo = propagate_to_threads()
    assert threading.Thread.start is not start
    undo()
    undo()
    assert threading.Thread.start is start
    assert ThreadPoolExecutor.submit is submit


def test_propagation_works_beside_another_that_does_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Where another library replaces `start` afterwards, both work, and undoing leaves the
    other in place.
    """
    undo = propagate_to_threads()
    ours = threading.Thread.start
    calls: list[str] = []

    def start(thread: threading.Thread) -> None:
        calls.append("other")
        ours(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    with session("s-1"):
        assert in_thread() == "s-1"
    undo()
    with session("s-1"):
        assert in_thread() is None
    assert threading.Thread.start is start
    assert calls == ["other", "other"]
    monkeypatch.undo()
    assert threading.Thread.start is ours
    threading.Thread.start = ours.__wrapped__  # type: ignore[attr-defined,method-assign]
