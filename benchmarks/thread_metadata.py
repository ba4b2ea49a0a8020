"""
Threads and runs of an agent server: runs made and moved by 1 and 16 tasks, and reads.

Beside it plain sqlite3, WAL and synchronous FULL, with the tables and indexes that a
server would make for itself: one connection in a thread of its own, one commit for each
call, and no search by metadata but a scan.
"""

import asyncio
import itertools
import json
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from _measure import folder, in_turns, note, parser, percentile, show, show_machine
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.threads.run_writes import NewRun, create_run
from otel_bridge_storage.threads.thread_writes import NewThread, create_thread

from otel_bridge import MetadataStore

_RUNS_PER_THREAD = 5
_KWARGS = {"input": {"messages": [{"role": "user", "content": "x" * 200}]}}
_PLAIN = """
CREATE TABLE threads (thread_id TEXT PRIMARY KEY, created_at TEXT, updated_at TEXT,
    metadata TEXT, config TEXT, status TEXT);
CREATE TABLE runs (run_id TEXT PRIMARY KEY, thread_id TEXT REFERENCES threads, assistant_id TEXT,
    created_at TEXT, updated_at TEXT, status TEXT, metadata TEXT, kwargs TEXT, error TEXT);
CREATE INDEX runs_by_thread ON runs (thread_id, created_at DESC);
CREATE INDEX threads_by_status ON threads (status, updated_at);
CREATE INDEX threads_by_update ON threads (updated_at);
"""


class Store(Protocol):
    """
    What is measured.
    """

    async def create_run(self, run_id: str, thread_id: str) -> object:
        """
        Make a run.
        """

    async def update_run(self, run_id: str) -> object:
        """
        End a run.
        """

    async def fetch_run(self, thread_id: str, run_id: str) -> object:
        """
        Read a run.
        """

    async def latest(self) -> object:
        """
        List the ten threads that were updated last.
        """

    async def of_rare(self) -> object:
        """
        List threads of a value that one in a thousand has.
        """

    async def of_common(self) -> object:
        """
        List threads of a value that all have.
        """

    async def close(self) -> None:
        """
        End.
        """


class Ours:
    """
    The store of otel-bridge.
    """

    def __init__(self, path: Path) -> None:
        self._store = MetadataStore(path)

    async def create_run(self, run_id: str, thread_id: str) -> object:
        """
        Make a run.
        """
        return await self._store.create_run(run_id, thread_id, "agent", {}, _KWARGS, "enqueue")

    async def update_run(self, run_id: str) -> object:
        """
        End a run.
        """
        return await self._store.update_run_status(run_id, "success")

    async def fetch_run(self, thread_id: str, run_id: str) -> object:
        """
        Read a run.
        """
        return await self._store.fetch_run_row(thread_id, run_id)

    async def latest(self) -> object:
        """
        List the latest ten.
        """
        return await self._store.search_thread_rows({})

    async def of_rare(self) -> object:
        """
        List rare ones.
        """
        return await self._store.search_thread_rows({"metadata": {"user": "user-7"}})

    async def of_common(self) -> object:
        """
        List common ones.
        """
        return await self._store.search_thread_rows({"metadata": {"graph": "agent"}})

    async def close(self) -> None:
        """
        Close.
        """
        await self._store.aclose()


class Plain:
    """
    Plain sqlite3 in a thread.
    """

    def __init__(self, path: Path) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")

    async def create_run(self, run_id: str, thread_id: str) -> object:
        """
        Make a run.
        """
        now = str(time.time())
        row = (run_id, thread_id, "agent", now, now, "pending", "{}", json.dumps(_KWARGS), None)
        return await self._do("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    async def update_run(self, run_id: str) -> object:
        """
        End a run.
        """
        given = ("success", str(time.time()), run_id)
        return await self._do("UPDATE runs SET status = ?, updated_at = ? WHERE run_id = ?", given)

    async def fetch_run(self, thread_id: str, run_id: str) -> object:
        """
        Read a run.
        """
        given = (thread_id, run_id)
        return await self._do("SELECT * FROM runs WHERE thread_id = ? AND run_id = ?", given)

    async def latest(self) -> object:
        """
        List the latest ten.
        """
        return await self._do("SELECT * FROM threads ORDER BY updated_at DESC LIMIT 10", ())

    async def of_rare(self) -> object:
        """
        List rare ones.
        """
        return await self._of("user", "user-7")

    async def of_common(self) -> object:
        """
        List common ones.
        """
        return await self._of("graph", "agent")

    async def close(self) -> None:
        """
        Close.
        """
        self._thread.shutdown()
        self._connection.close()

    async def _of(self, name: str, value: str) -> object:
        return await self._do(
            "SELECT * FROM threads WHERE json_extract(metadata, '$.' || ?) = ? "
            "ORDER BY updated_at DESC LIMIT 10",
            (name, value),
        )

    async def _do(self, sql: str, values: Sequence[Any]) -> object:
        def work() -> object:
            return self._connection.execute(sql, values).fetchall()

        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def fill_ours(path: Path, count: int) -> None:
    """
    Make threads and runs.
    """
    with open_database(path) as database, database.transaction() as connection:
        for number in range(count):
            now_ns = (1_700_000_000 + number) * 10**9
            thread_id = f"thread-{number}"
            metadata = _metadata(number, count)
            new = NewThread(
                thread_id=thread_id, metadata=metadata, config={}, term=None, may_exist=False
            )
            create_thread(connection, new, now_ns)
            for place in range(_RUNS_PER_THREAD):
                run = NewRun(
                    run_id=f"run-{number}-{place}",
                    thread_id=thread_id,
                    assistant_id="agent",
                    metadata={},
                    kwargs=_KWARGS,
                    multitask_strategy="enqueue",
                )
                create_run(connection, run, now_ns)


def fill_plain(path: Path, count: int) -> None:
    """
    Make the same in plain tables.
    """
    connection = sqlite3.connect(path)
    connection.executescript(_PLAIN)
    kwargs = json.dumps(_KWARGS)
    for number in range(count):
        now, thread_id = str(1_700_000_000 + number), f"thread-{number}"
        metadata = json.dumps(_metadata(number, count))
        connection.execute(
            "INSERT INTO threads VALUES (?, ?, ?, ?, ?, ?)",
            (thread_id, now, now, metadata, "{}", "idle"),
        )
        connection.executemany(
            "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (f"run-{number}-{n}", thread_id, "agent", now, now, "pending", "{}", kwargs, None)
                for n in range(_RUNS_PER_THREAD)
            ],
        )
    connection.commit()
    connection.close()


def _metadata(number: int, count: int) -> dict[str, Any]:
    return {"graph": "agent", "user": f"user-{number % min(1000, count)}", "turns": number % 7}


def per_second(
    make: Callable[[], Store],
    call: Callable[[Store, str, str], Awaitable[object]],
    tasks: int,
    calls: int,
    names: Callable[[int], tuple[str, str]],
) -> float:
    """
    Give calls per second.
    """

    async def run() -> float:
        store = make()
        await store.latest()

        async def one(task: int) -> None:
            for number in range(task, calls, tasks):
                await call(store, *names(number))

        begin = time.perf_counter()
        await asyncio.gather(*map(one, range(tasks)))
        taken = time.perf_counter() - begin
        await store.close()
        return calls / taken

    return asyncio.run(run())


def median_ms(
    make: Callable[[], Store], call: Callable[[Store], Awaitable[object]], calls: int
) -> float:
    """
    Give how long a call takes.
    """

    async def run() -> float:
        store = make()
        await call(store)
        times = []
        for _ in range(calls):
            begin = time.perf_counter()
            await call(store)
            times.append(time.perf_counter() - begin)
        await store.close()
        return percentile(times, 0.5) * 1000

    return asyncio.run(run())


def measure(count: int, runs: int, calls: int) -> None:
    """
    Measure with so many threads in the database.
    """
    with folder() as place:
        note(f"filling with {count} threads")
        fill_ours(place / "ours.db", count)
        fill_plain(place / "plain.db", count)
        makers: dict[str, Callable[[], Store]] = {
            "otel-bridge": partial(Ours, place / "ours.db"),
            "plain sqlite3": partial(Plain, place / "plain.db"),
        }
        made, ended = itertools.count(), itertools.count()

        def new(_: int) -> tuple[str, str]:
            number = next(made)
            return f"new-{number}", f"thread-{number % count}"

        def old(_: int) -> tuple[str, str]:
            # Each run is ended once: what has ended is not written again.
            turn, number = divmod(next(ended), count)
            return f"run-{number}-{turn % _RUNS_PER_THREAD}", ""

        writes: dict[str, Any] = {
            "create_run": (lambda s, r, t: s.create_run(r, t), new),
            "update_run_status": (lambda s, r, _: s.update_run(r), old),
        }
        for title, (call, names) in writes.items():
            for tasks in (1, 16):
                cases = {
                    name: partial(per_second, make, call, tasks, calls, names)
                    for name, make in makers.items()
                }
                show(
                    f"{title}, {tasks} tasks, {count} threads",
                    in_turns(cases, runs),
                    unit="per second",
                    baselines=("plain sqlite3",),
                    digits=0,
                )
        reads: dict[str, Callable[[Store], Awaitable[object]]] = {
            "fetch_run_row": lambda s: s.fetch_run(f"thread-{count // 2}", f"run-{count // 2}-3"),
            "search, the latest ten": lambda s: s.latest(),
            "search, metadata of one in 1000": lambda s: s.of_rare(),
            "search, metadata of all": lambda s: s.of_common(),
        }
        for title, read in reads.items():
            timed = {n: partial(median_ms, make, read, 200) for n, make in makers.items()}
            show(
                f"{title}, {count} threads",
                in_turns(timed, runs),
                unit="ms, p50",
                baselines=("plain sqlite3",),
                digits=2,
            )


def main() -> None:
    """
    Measure and print.
    """
    options = parser(__doc__, runs=3)
    options.add_argument("--threads", type=int, nargs="+", default=[10_000, 100_000])
    options.add_argument("--calls", type=int, default=1000, help="of each measurement of writes")
    chosen = options.parse_args()
    show_machine()
    for count in chosen.threads:
        measure(count, chosen.runs, chosen.calls)


if __name__ == "__main__":
    main()
