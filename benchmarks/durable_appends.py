"""
Facts appended one at a time, each durable before the next, by 1, 4 and 16 threads, and by
4 processes of one thread each into one file.

Each thread emits a fact and waits until it is on disk. Beside it plain sqlite3 writes the
same facts into one table, one commit for each row, WAL and synchronous FULL: the threads
take turns on one connection, and each process has a connection of its own.
"""

import json
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from _baselines import plain_database
from _measure import folder, in_turns, parser, show, show_machine
from _workload import provider
from opentelemetry.sdk._logs import LoggerProvider

from otel_bridge import CustomFact, RunFinished, RunStarted, install

_FACTS_PER_RUN = 50
_NAME = "benchmark.observed"
_START_S = 120

Append = Callable[[int, int], None]
Measure = Callable[[str, int, float, dict[str, Any]], float]


def count_for(seconds: float, threads: int, append: Append) -> tuple[int, float]:
    """
    Let threads append for a time.

    Args:
        append: Appends one fact durably; told the thread and the fact's number.

    Returns:
        How many facts were appended, and in how many seconds.
    """
    counts = [0] * threads
    failures: list[BaseException] = []
    start = threading.Barrier(threads + 1)
    end = [0.0]

    def work(thread: int) -> None:
        start.wait()
        try:
            while time.perf_counter() < end[0]:
                append(thread, counts[thread])
                counts[thread] += 1
        except BaseException as error:
            failures.append(error)
            raise

    end[0] = time.perf_counter() + 3600
    workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    begin = time.perf_counter()
    end[0] = begin + seconds
    start.wait()
    for worker in workers:
        worker.join()
    if failures:
        raise SystemExit(f"a writer failed: {failures[0]!r}")
    return sum(counts), time.perf_counter() - begin


@contextmanager
def bridge(path: Path, data: dict[str, Any]) -> Iterator[Append]:
    """
    Give a function that appends through `emit` and `force_flush`.
    """
    with install(
        path,
        tracer_provider=provider(),
        logger_provider=LoggerProvider(shutdown_on_exit=False),
        threads=False,
    ) as recording:

        def append(thread: int, number: int) -> None:
            run_id = f"run-{thread}-{number // _FACTS_PER_RUN}"
            place_in_run = number % _FACTS_PER_RUN
            if place_in_run == 0:
                recording.emit(RunStarted(run_id=run_id, agent_name="planner"))
            elif place_in_run == _FACTS_PER_RUN - 1:
                recording.emit(RunFinished(run_id=run_id))
            else:
                recording.emit(CustomFact(run_id=run_id, name=_NAME, data=data))
            if not recording.force_flush(30):
                raise RuntimeError("a fact was not written")

        yield append


@contextmanager
def plain(path: Path, data: dict[str, Any]) -> Iterator[Append]:
    """
    Give a function that appends with plain sqlite3.
    """
    connection = plain_database(path)
    turn = threading.Lock()

    def append(thread: int, number: int) -> None:
        body = json.dumps({"thread": thread, "number": number, "data": data})
        with turn:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO rows (name, body) VALUES (?, ?)", (_NAME, body))
            connection.execute("COMMIT")

    yield append
    connection.close()


WAYS = {"otel-bridge": bridge, "plain sqlite3": plain}


def by_threads(way: str, threads: int, seconds: float, data: dict[str, Any]) -> float:
    """
    Append by threads of this process; give facts per second.
    """
    with folder() as place, WAYS[way](place / "runs.db", data) as append:
        count, taken = count_for(seconds, threads, append)
        return count / taken


def by_processes(way: str, processes: int, seconds: float, data: dict[str, Any]) -> float:
    """
    Append by processes of one thread each, into one file; give facts per second.
    """
    context = multiprocessing.get_context("spawn")
    start, counts = context.Barrier(processes), context.Queue()
    with folder() as place:
        path = place / "runs.db"
        with WAYS[way](path, data):
            # It makes the file.
            pass
        children = [
            context.Process(
                target=one_process, args=(way, path, number, seconds, data, start, counts)
            )
            for number in range(processes)
        ]
        for child in children:
            child.start()
        rates: list[float] = [counts.get(timeout=_START_S) for _ in children]
        for child in children:
            child.join()
    return sum(rates)


def one_process(
    way: str,
    path: Path,
    number: int,
    seconds: float,
    data: dict[str, Any],
    start: Barrier,
    counts: "Queue[float]",
) -> None:
    """
    Append by one thread, once all processes are ready; tell how many facts per second.
    """
    with WAYS[way](path, data) as append:
        append(number, 0)
        start.wait(_START_S)
        count, taken = count_for(seconds, 1, lambda _, done: append(number, done + 1))
        counts.put(count / taken)


def main() -> None:
    """
    Measure and print.
    """
    options = parser(__doc__, runs=5)
    options.add_argument("--threads", type=int, nargs="*", default=[1, 4, 16])
    options.add_argument("--processes", type=int, nargs="*", default=[4])
    options.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    options.add_argument("--bytes", type=int, default=300, help="of data in each fact")
    chosen = options.parse_args()
    data = {"text": "x" * chosen.bytes}
    show_machine()
    writers: list[tuple[Measure, str, int]] = [(by_threads, "threads", n) for n in chosen.threads]
    writers += [(by_processes, "processes", n) for n in chosen.processes]
    for by, kind, number in writers:
        cases = {
            f"{way}, {number} {kind}": partial(by, way, number, chosen.seconds, data)
            for way in WAYS
        }
        _, beside = cases
        found = in_turns(cases, chosen.runs)
        goal = "≥ 5000" if number == 16 else None
        show("durable facts", found, unit="per second", baselines=(beside,), goal=goal, digits=0)


if __name__ == "__main__":
    main()
