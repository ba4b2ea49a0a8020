"""
From writing a fact to its delivery by a live tail: in the same process, and across two.

In the same process nobody flushes: the time is that from `emit` in an agent's thread to
the fact's arrival at the reader. Across processes a child writes at random moments and
puts the time into the fact. Beside it a reader looks every 100 ms for new rows of a plain
sqlite3 table, which a writer fills with one commit for each row.
"""

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import aclosing, closing, contextmanager
from functools import partial
from pathlib import Path

from _baselines import plain_database
from _measure import folder, in_turns, parser, percentile, show, show_machine
from _workload import provider
from opentelemetry.sdk._logs import LoggerProvider

from otel_bridge import Bridge, CustomFact, RunFinished, RunStarted, RunStore, install

_NAME = "benchmark.observed"
_RUN = "run-1"
_PLAIN = "plain sqlite3, polled each 100 ms"
_POLL_S = 0.1

Write = Callable[[int, int], None]
Measure = Callable[[], Coroutine[None, None, list[float]]]


@contextmanager
def bridge_writer(path: Path) -> Iterator[Write]:
    """
    Give what writes a fact with its number and time through the recorder.
    """
    with _installed(path) as recording:
        recording.emit(RunStarted(run_id=_RUN, agent_name="planner"))
        recording.force_flush(30)

        def write(number: int, now_ns: int) -> None:
            data = {"number": number, "sent_ns": now_ns}
            recording.emit(CustomFact(run_id=_RUN, name=_NAME, data=data))

        yield write
        recording.emit(RunFinished(run_id=_RUN))


@contextmanager
def plain_writer(path: Path) -> Iterator[Write]:
    """
    Give what writes a row with its number and time, and commits.
    """
    with closing(plain_database(path)) as connection:

        def write(number: int, now_ns: int) -> None:
            body = json.dumps({"number": number, "sent_ns": now_ns})
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO rows (name, body) VALUES (?, ?)", (_NAME, body))
            connection.execute("COMMIT")

        yield write


def _installed(path: Path) -> Bridge:
    return install(
        path,
        tracer_provider=provider(),
        logger_provider=LoggerProvider(shutdown_on_exit=False),
        threads=False,
    )


def pace(write: Write, count: int, seed: int) -> None:
    """
    Write one by one, with pauses that no rhythm of a reader fits.
    """
    chance = random.Random(seed)
    for number in range(count):
        time.sleep(chance.uniform(0.01, 0.05))
        write(number, time.time_ns())


async def follow_bridge(path: Path, count: int) -> list[float]:
    """
    Follow the run; give for each fact how many milliseconds it took to arrive.
    """
    taken = []
    async with (
        RunStore.from_url(path) as store,
        aclosing(store.stream_events(_RUN, stay=True)) as stream,
    ):
        async for event in stream:
            now_ns = time.time_ns()
            if event.event_type == _NAME:
                taken.append((now_ns - int(event.data["sent_ns"])) / 1e6)
                if len(taken) == count:
                    break
    return taken


async def follow_plain(path: Path, count: int) -> list[float]:
    """
    Look for new rows now and then.
    """
    taken: list[float] = []
    last = 0
    with closing(plain_database(path)) as connection:
        while len(taken) < count:
            rows = connection.execute(
                "SELECT id, body FROM rows WHERE id > ? ORDER BY id", (last,)
            ).fetchall()
            now_ns = time.time_ns()
            taken += [(now_ns - int(json.loads(body)["sent_ns"])) / 1e6 for _, body in rows]
            last = rows[-1][0] if rows else last
            await asyncio.sleep(_POLL_S)
    return taken


async def same_process(count: int, seed: int) -> list[float]:
    """
    Write in a thread of this process, and follow.
    """
    with folder() as place, bridge_writer(place / "runs.db") as write:
        reading = asyncio.create_task(follow_bridge(place / "runs.db", count))
        await asyncio.to_thread(pace, write, count, seed)
        return await reading


async def two_processes(kind: str, count: int, seed: int) -> list[float]:
    """
    Have a child write, and follow.
    """
    with folder() as place:
        path = place / "runs.db"
        with started(kind, path, count, seed) as go:
            follow = follow_bridge if kind == "bridge" else follow_plain
            reading = asyncio.create_task(follow(path, count))
            go()
            return await reading


@contextmanager
def started(kind: str, path: Path, count: int, seed: int) -> Iterator[Callable[[], None]]:
    """
    Start a child that is ready to write, and give what lets it.
    """
    command = [sys.executable, __file__, "--write", kind, str(path), str(count), str(seed)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        yield child.stdin.close


def write_as_child(kind: str, path: Path, count: int, seed: int) -> None:
    """
    Write when told to.
    """
    with (bridge_writer if kind == "bridge" else plain_writer)(path) as write:
        print("ready", flush=True)
        sys.stdin.read()
        pace(write, count, seed)


def main() -> None:
    """
    Measure and print.
    """
    options = parser(__doc__, runs=3)
    options.add_argument("--facts", type=int, default=100, help="of each measurement")
    options.add_argument("--write", nargs=4, help="for the child: kind, database, facts, seed")
    chosen = options.parse_args()
    if chosen.write:
        kind, path, count, seed = chosen.write
        write_as_child(kind, Path(path), int(count), int(seed))
        return
    show_machine()
    most: dict[str, list[float]] = {}

    def middle(name: str, measure: Measure) -> float:
        taken = asyncio.run(measure())
        most.setdefault(name, []).append(max(taken))
        return percentile(taken, 0.5)

    cases: dict[str, Measure] = {
        "otel-bridge, same process": partial(same_process, chosen.facts, chosen.seed),
        "otel-bridge, two processes": partial(two_processes, "bridge", chosen.facts, chosen.seed),
        _PLAIN: partial(two_processes, "plain", chosen.facts, chosen.seed),
    }
    found = in_turns(
        {name: partial(middle, name, case) for name, case in cases.items()},
        chosen.runs,
        warm_up=False,
    )
    goal = "≤ 20 in the same process"
    show("write to delivery, p50", found, unit="ms", baselines=(_PLAIN,), goal=goal)
    show("write to delivery, max", most, unit="ms", baselines=(_PLAIN,), goal="≤ 250")


if __name__ == "__main__":
    main()
