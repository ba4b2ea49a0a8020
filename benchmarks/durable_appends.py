"""
Facts appended one at a time, each durable before the next, by 1, 4 and 16 threads.

Each thread emits a fact and waits until it is on disk. Beside it plain sqlite3 writes the
same facts into one table, one commit for each row, WAL and synchronous FULL: the threads
take turns, since SQLite has one writer at a time.
"""

import json
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from _baselines import plain_database
from _measure import folder, in_turns, parser, show, show_machine
from _workload import provider
from opentelemetry.sdk._logs import LoggerProvider

from otel_bridge import CustomFact, RunFinished, RunStarted, install

_FACTS_PER_RUN = 50
_NAME = "benchmark.observed"


def count_for(
    seconds: float, threads: int, append: Callable[[int, int], None]
) -> tuple[int, float]:
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


def bridge(threads: int, seconds: float, data: dict[str, Any]) -> float:
    """
    Append through `emit` and `force_flush`; give facts per second.
    """
    with (
        folder() as place,
        install(
            place / "runs.db",
            tracer_provider=provider(),
            logger_provider=LoggerProvider(shutdown_on_exit=False),
            threads=False,
        ) as recording,
    ):

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

        count, taken = count_for(seconds, threads, append)
        return count / taken


def plain(threads: int, seconds: float, data: dict[str, Any]) -> float:
    """
    Append with plain sqlite3; give rows per second.
    """
    with folder() as place:
        connection = plain_database(place / "plain.db")
        turn = threading.Lock()

        def append(thread: int, number: int) -> None:
            body = json.dumps({"thread": thread, "number": number, "data": data})
            with turn:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("INSERT INTO rows (name, body) VALUES (?, ?)", (_NAME, body))
                connection.execute("COMMIT")

        count, taken = count_for(seconds, threads, append)
        connection.close()
        return count / taken


def main() -> None:
    """
    Measure and print.
    """
    options = parser(__doc__, runs=5)
    options.add_argument("--threads", type=int, nargs="+", default=[1, 4, 16])
    options.add_argument("--seconds", type=float, default=1.0, help="of each measurement")
    options.add_argument("--bytes", type=int, default=300, help="of data in each fact")
    chosen = options.parse_args()
    data = {"text": "x" * chosen.bytes}
    show_machine()
    for threads in chosen.threads:
        beside = f"plain sqlite3, {threads} threads"
        cases = {
            f"otel-bridge, {threads} threads": partial(bridge, threads, chosen.seconds, data),
            beside: partial(plain, threads, chosen.seconds, data),
        }
        found = in_turns(cases, chosen.runs)
        goal = "≥ 5000" if threads == 16 else None
        show("durable facts", found, unit="per second", baselines=(beside,), goal=goal, digits=0)


if __name__ == "__main__":
    main()
