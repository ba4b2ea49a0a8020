"""
Several processes, tasks and event loops on one database of threads.
"""

import asyncio
import multiprocessing
import os
import threading
from pathlib import Path

import pytest
from backends import SHARED_BY_PROCESSES, Backend
from otel_bridge_storage.errors import DatabaseError, ThreadExistsError
from otel_bridge_storage.threads import MetadataStore
from thread_backends import found, make_runs, make_threads

PROCESSES, TURNS = 4, 15
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
ignore_forks = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


async def work(target: str, number: int) -> list[str]:
    """
    Do what processes may dispute over; say which disputes were won.
    """
    won = []
    async with MetadataStore(target) as store:
        for turn in range(TURNS):
            await store.update_thread("shared", metadata={f"{number}": turn}, merge=True)
            await store.create_run(f"{number}-{turn}", "shared", "agent")
            try:
                await store.create_thread(f"claim-{turn}")
                won.append(f"claim-{turn}")
            except ThreadExistsError:
                pass
            if await store.update_run_status(f"disputed-{turn}", "success", error=str(number)):
                won.append(f"disputed-{turn}")
            ended = await store.fail_stale_runs(
                stale_after_seconds=0,
                exclude_run_ids=[f"disputed-{n}" for n in range(TURNS)],
                error="gone",
            )
            won += [row["run_id"] for row in ended]
    return won


def worker(target: str, number: int) -> list[str]:
    """
    Do that in a process of its own.
    """
    return asyncio.run(work(target, number))


async def prepare(target: str) -> None:
    """
    Make what the processes dispute over.
    """
    async with MetadataStore(target) as store:
        await make_threads(store, "shared")
        await make_runs(store, "shared", *[f"disputed-{turn}" for turn in range(TURNS)])


async def outcome(target: str) -> tuple[dict[str, int], list[str]]:
    """
    Read the shared thread's metadata, and its runs from the oldest.
    """
    async with MetadataStore(target) as store:
        row = await store.fetch_thread_row("shared")
        assert row is not None
        runs = await store.list_run_rows("shared", limit=1000, offset=0)
        assert len({run["created_at"] for run in runs}) == len(runs)
        return row["metadata"], [run["run_id"] for run in runs][::-1]


@pytest.mark.slow
def test_processes_share_a_database(backend: Backend) -> None:
    """
    Nothing that one process wrote is lost to another, and each dispute has one winner.
    """
    if backend.kind not in SHARED_BY_PROCESSES:
        return
    target = backend.target
    asyncio.run(prepare(target))
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        won = pool.starmap(worker, [(target, number) for number in range(PROCESSES)])
    metadata, runs = asyncio.run(outcome(target))
    assert metadata == {str(number): TURNS - 1 for number in range(PROCESSES)}
    disputes = [f"{kind}-{turn}" for turn in range(TURNS) for kind in ("claim", "disputed")]
    made = [f"{number}-{turn}" for number in range(PROCESSES) for turn in range(TURNS)]
    assert sorted(each for one in won for each in one) == sorted(disputes + made)
    assert sorted(runs[TURNS:]) == sorted(made)
    for number in range(PROCESSES):
        own = [run for run in runs if run.startswith(f"{number}-")]
        assert own == [f"{number}-{turn}" for turn in range(TURNS)]


def delete_all(folder: Path) -> None:
    """
    Delete the files of a folder.
    """
    for file in folder.iterdir():
        file.unlink()


async def test_tasks_share_a_store(backend: Backend) -> None:
    """
    Updates of many tasks all count, though they share transactions.
    """
    async with MetadataStore(backend.target) as store:
        await make_threads(store, "t")
        updates = [store.update_thread("t", metadata={str(n): n}, merge=True) for n in range(50)]
        failing = store.update_thread("unknown", metadata={"a": 1})
        results = await asyncio.gather(*updates, failing, return_exceptions=True)
        assert results[:-1] == [None] * 50
        assert isinstance(results[-1], LookupError)
        row = await store.fetch_thread_row("t")
        assert row is not None
        assert row["metadata"] == {str(n): n for n in range(50)}


def test_event_loops_share_a_store(backend: Backend) -> None:
    """
    Event loops of several threads read and write through one store at the same time.
    """
    store = MetadataStore(backend.target)
    seen: list[int] = []

    async def several(number: int) -> None:
        for turn in range(10):
            await make_threads(store, f"{number}-{turn}")
            ids = await asyncio.gather(*[found(store, limit=1000) for _ in range(3)])
            seen.append(min(sum(i.startswith(f"{number}-") for i in part) for part in ids) - turn)

    threads = [threading.Thread(target=lambda n=n: asyncio.run(several(n))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert seen == [1] * 40
    asyncio.run(store.aclose())


@needs_fork
@ignore_forks
def test_forked_child_has_the_store(backend: Backend) -> None:
    """
    After a fork, parent and child both read and write through the store that was open; a
    child is told that it cannot use its parent's memory.
    """
    store = MetadataStore(backend.target)
    asyncio.run(make_threads(store, "before"))
    assert asyncio.run(found(store)) == ["before"]
    child = os.fork()
    if child == 0:
        code = 1
        try:
            asyncio.run(make_threads(store, "child"))
            code = 0 if "child" in asyncio.run(found(store)) else 2
        except DatabaseError as error:
            code = 3 if "parent process" in str(error) else 4
        finally:
            os._exit(code)
    asyncio.run(make_threads(store, "parent"))
    status = exit_code(child)
    ids = set(asyncio.run(found(store)))
    asyncio.run(store.aclose())
    shared = backend.kind in SHARED_BY_PROCESSES
    assert status == (0 if shared else 3)
    assert ids == {"before", "parent", *(["child"] if shared else [])}


def exit_code(child: int) -> int:
    """
    Wait for a child.
    """
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@needs_fork
@ignore_forks
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system has no /proc")
def test_file_is_not_open_across_a_fork(tmp_path: Path) -> None:
    """
    A child inherits no open file of the database: SQLite's locks would not hold there.
    """
    path = tmp_path / "runs.db"

    def open_files() -> int:
        files = [os.path.realpath(entry.path) for entry in os.scandir("/proc/self/fd")]
        return sum(file.startswith(str(path)) for file in files)

    store = MetadataStore(path)
    asyncio.run(make_threads(store, "t"))
    asyncio.run(found(store))
    assert open_files() > 1
    child = os.fork()
    if child == 0:
        os._exit(open_files())
    assert exit_code(child) == 0
    asyncio.run(store.aclose())


@needs_fork
@ignore_forks
def test_forks_while_others_read_and_write(backend: Backend) -> None:
    """
    Children that are forked in the midst of reads and writes of other threads read and
    write themselves, and the parent goes on.
    """
    if backend.kind not in SHARED_BY_PROCESSES:
        return
    store = MetadataStore(backend.target)
    asyncio.run(make_threads(store, "t"))
    enough = threading.Event()
    turns: list[int] = []

    async def work() -> None:
        turn = 0
        while not enough.is_set():
            await asyncio.gather(found(store), found(store), store.update_thread("t", config={}))
            turn += 1
        turns.append(turn)

    threads = [threading.Thread(target=lambda: asyncio.run(work())) for _ in range(2)]
    for thread in threads:
        thread.start()
    codes = []
    try:
        for number in range(5):
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    asyncio.run(make_threads(store, f"child-{number}"))
                    code = 0 if len(asyncio.run(found(store))) == number + 2 else 2
                finally:
                    os._exit(code)
            codes.append(exit_code(child))
    finally:
        enough.set()
        for thread in threads:
            thread.join(60)
    assert codes == [0] * 5
    assert len(turns) == 2
    assert min(turns) > 0
    assert len(asyncio.run(found(store))) == 6
    asyncio.run(store.aclose())


async def test_deleted_file_is_noticed(tmp_path: Path) -> None:
    """
    After the file was deleted, reads and writes agree on the new one.
    """
    path = tmp_path / "runs.db"
    async with MetadataStore(path) as store:
        await make_threads(store, "lost")
        assert await found(store) == ["lost"]
        if os.name == "nt":
            return
        delete_all(tmp_path)
        await make_threads(store, "new")
        assert await found(store) == ["new"]
