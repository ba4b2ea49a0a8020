"""
Databases that several threads and processes write at the same time.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from backends import POSTGRES, SHARED_BY_PROCESSES, Backend, ask, picture, store, table
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.run_store import RunStore
from recording_data import environment, eventually
from stored import PRICER, READER
from trees import agent, chat, span

WRITERS, RUNS, BATCHES = 4, 3, 12
CHILD = Path(__file__).with_name("backend_child.py")


@pytest.fixture(params=SHARED_BY_PROCESSES)
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Backend]:
    """
    Give each kind of database that several processes may use.
    """
    server = request.getfixturevalue("postgres_url") if request.param == POSTGRES else None
    made = Backend(request.param, tmp_path, server)
    try:
        yield made
    finally:
        made.close()


def child(target: str, *arguments: object) -> "subprocess.Popen[str]":
    """
    Start a process that writes once it is told to.
    """
    return subprocess.Popen(
        [sys.executable, CHILD, target, *map(str, arguments)],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def go(process: "subprocess.Popen[str]") -> None:
    """
    Wait until a child is ready, and let it go on.
    """
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "ready\n", process.communicate()[1]
    process.stdin.write("go\n")
    process.stdin.flush()


@pytest.mark.slow
def test_a_tail_reader_misses_nothing_of_several_processes(shared: Backend) -> None:
    """
    A reader who asks for what comes after the last number it saw gets every entry of four
    writing processes once, in the order of the numbers, while they write.
    """
    open_database(shared.target).close()
    children = [child(shared.target, "write", number, BATCHES) for number in range(WRITERS)]
    for process in children:
        go(process)
    seen: list[int] = []
    told = 0
    while True:
        ended = all(process.poll() is not None for process in children)
        last = seen[-1] if seen else None
        found = ask(shared.target, partial(RunStore.get_log, after_sequence=last, limit=20))
        seen += [entry.sequence_index for entry in found]
        told += bool(found)
        if ended and not found:
            break
    assert [process.communicate()[1] for process in children] == [""] * WRITERS
    assert seen == sorted(row["seq"] for row in table(shared.target, "run_log"))
    assert len(seen) == WRITERS * BATCHES * 4
    assert told > 1
    assert len(table(shared.target, "llm_calls")) == WRITERS * BATCHES


@pytest.mark.slow
def test_processes_that_store_the_same_store_it_once(shared: Backend) -> None:
    """
    Four processes that deliver the same spans at the same time store and count them once.
    """
    children = [child(shared.target, "write", 1, BATCHES) for _ in range(WRITERS)]
    for process in children:
        go(process)
    assert [process.communicate()[1] for process in children] == [""] * WRITERS
    alone = child(other := shared.fresh(), "write", 1, BATCHES)
    go(alone)
    assert alone.communicate()[1] == ""
    assert picture(shared.target) == picture(other)


def test_a_run_whose_process_was_killed_is_interrupted(shared: Backend) -> None:
    """
    What a killed process had committed is there, and its open run is interrupted.
    """
    process = child(shared.target, "hang")
    go(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    (run,) = ask(shared.target, lambda runs: runs.list_runs())
    assert run.status == "running"
    process.kill()
    process.communicate()
    (run,) = ask(shared.target, lambda runs: runs.list_runs())
    assert run.status == ("running" if os.name == "nt" else "interrupted")
    assert len(table(shared.target, "llm_calls")) == 1


def test_a_writer_that_was_killed_keeps_nobody_waiting(shared: Backend) -> None:
    """
    A process that dies in the middle of a transaction leaves neither a lock nor a row.
    """
    open_database(shared.target).close()
    process = child(shared.target, "lock")
    go(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    process.kill()
    process.communicate()
    store(shared.target, [[span(1, 1, **agent("a"))]])
    assert {row["name"]: row["value"] for row in table(shared.target, "counters")}["log"] == 0


def test_threads_with_objects_of_their_own_take_turns(backend: Backend) -> None:
    """
    Threads that write through databases of their own give the picture that one gives.
    """
    batches = [[span(t, 1, **agent("a")), span(t, 2, 1, **chat(f"r{t}", t))] for t in range(1, 17)]

    def write(batch: list[object]) -> None:
        with open_database(backend.target) as database:
            Ingestor(database, reader=READER, pricer=PRICER).apply(batch)  # type: ignore[arg-type]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, batches))
    store(other := backend.fresh(), batches)
    assert picture(backend.target) == picture(other)
    numbers = [row["seq"] for row in table(backend.target, "run_log")]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))


def test_a_tail_reader_misses_nothing_of_several_threads(backend: Backend) -> None:
    """
    The same holds for threads, also where readers and the writer wait for each other.
    """

    def write(number: int) -> None:
        with open_database(backend.target) as database:
            ingestor = Ingestor(database, reader=READER, pricer=PRICER)
            for each in range(BATCHES):
                trace = number * 100 + each + 1
                ingestor.apply([span(trace, 1, **agent("a"))])

    with open_database(backend.target), ThreadPoolExecutor(WRITERS) as pool:
        writing = [pool.submit(write, number) for number in range(WRITERS)]
        seen: list[int] = []

        def more() -> bool:
            last = seen[-1] if seen else None
            found = ask(backend.target, lambda runs: runs.get_log(after_sequence=last))
            seen.extend(entry.sequence_index for entry in found)
            return len(seen) >= WRITERS * BATCHES * 2

        assert eventually(more)
        for each in writing:
            each.result()
    assert seen == list(range(1, WRITERS * BATCHES * 2 + 1))
