"""
Several processes record into one file and are killed again and again.
"""

import asyncio
import itertools
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.run_store import RunStore
from otel_bridge_storage.sqlite_files import open_reader
from recording_data import environment, eventually, is_whole, rows

CHILD = Path(__file__).with_name("writing_child.py")
WRITERS = 3


class Killed:
    """
    A recording process, and what it was promised.

    Attributes:
        promised: By prefix, the number up to which spans were acknowledged.
    """

    def __init__(self, path: Path, name: str, seed: int) -> None:
        self.promised: dict[str, int] = {}
        command = [sys.executable, str(CHILD), str(path), name, str(seed)]
        self._process = subprocess.Popen(
            command,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines = 0
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def heard(self, lines: int) -> Callable[[], bool]:
        """
        Make a condition: that the process has printed so many lines.
        """
        return lambda: self._lines >= lines

    def kill(self) -> None:
        """
        Kill it, and hear what it said until then.
        """
        self._process.kill()
        self._process.wait()
        self._listener.join()
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        complaints = self._process.stderr.read()
        self._process.stdout.close()
        self._process.stderr.close()
        assert "Traceback" not in complaints
        assert "lost" not in complaints

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith("\n"):
                prefix, number = line.split()
                self.promised[prefix] = int(number)
                self._lines += 1


class Tail(threading.Thread):
    """
    A reader that follows the run log with a cursor, in small reads, until it is stopped.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.seen: list[int] = []
        self._path = path
        self._over = threading.Event()

    def finish(self) -> list[int]:
        """
        Read to the end.
        """
        self._over.set()
        self.join()
        return self.seen

    def run(self) -> None:
        """
        Follow.
        """
        with closing(open_reader(self._path)) as connection:
            while True:
                over = self._over.is_set()
                cursor = self.seen[-1] if self.seen else 0
                new = connection.execute(
                    "SELECT seq FROM run_log WHERE seq > ? ORDER BY seq LIMIT 100", (cursor,)
                ).fetchall()
                self.seen += [seq for (seq,) in new]
                if over and not new:
                    return


def kill_again_and_again(path: Path, kills: int, seed: int) -> dict[str, int]:
    """
    Have several processes record, and kill one after another at random moments; a new one
    takes the place of each.

    Returns:
        By prefix, the number up to which spans were acknowledged.
    """
    chance = random.Random(seed)
    names = itertools.count()
    alive = [Killed(path, f"w{next(names)}", seed + n) for n in range(WRITERS)]
    promised = {}
    for number in range(kills):
        victim = alive.pop(chance.randrange(len(alive)))
        assert eventually(victim.heard(chance.randrange(1, 12)), 60)
        victim.kill()
        promised.update(victim.promised)
        if len(alive) < kills - number - 1:
            alive.append(Killed(path, f"w{next(names)}", seed + WRITERS + number))
    return promised


async def statuses(path: Path) -> Counter[str]:
    """
    Count the statuses of all runs.
    """
    async with RunStore.from_url(path) as store:
        return Counter([run.status for run in await store.list_runs(limit=1000)])


def assert_kills_are_survived(path: Path, kills: int, seed: int) -> None:
    """
    Kill, and look at what is left.
    """
    open_database(path).close()
    tail = Tail(path)
    tail.start()
    promised = kill_again_and_again(path, kills, seed)
    seen = tail.finish()
    assert is_whole(path)
    kept = Counter(
        name for (name,) in rows(path, "SELECT name FROM spans WHERE end_ns IS NOT NULL")
    )
    assert set(kept.values()) == {1}
    missing = [
        name
        for prefix, last in promised.items()
        for name in (f"{prefix}-{n:06}" for n in range(1, last + 1))
        if name not in kept
    ]
    assert missing == []
    # Sequence numbers have no gaps and no repeats, so that a cursor can have missed none.
    assert seen == list(range(1, len(seen) + 1))
    assert seen == [seq for (seq,) in rows(path, "SELECT seq FROM run_log ORDER BY seq")]
    assert_in_order_of_writing(path)
    found = asyncio.run(statuses(path))
    assert set(found) == {"interrupted"}
    assert found["interrupted"] >= len(promised) >= kills
    sys.stdout.write(
        f"{kills} kills of {WRITERS} writers with seed {seed}: "
        f"{sum(promised.values())} acknowledged spans, none missing, none twice; "
        f"{len(kept)} spans, {len(seen)} log entries\n"
    )


def assert_in_order_of_writing(path: Path) -> None:
    """
    See that what one thread recorded one after another has its numbers in that order.
    """
    found = rows(
        path,
        "SELECT s.name FROM run_log l JOIN spans s ON s.id = l.span "
        "WHERE l.kind = 'llm_call.completed' ORDER BY l.seq",
    )
    last: dict[str, str] = {}
    for (name,) in found:
        prefix = name.partition("-")[0]
        assert last.get(prefix, "") < name
        last[prefix] = name


def test_killed_writers_keep_what_was_acknowledged(tmp_path: Path) -> None:
    """
    Of three processes that record into one file and are killed at random moments, all
    that was acknowledged is there once, the file is sound, the numbers are in order of
    commit, a cursor missed nothing, and the runs are interrupted.
    """
    assert_kills_are_survived(tmp_path / "runs.db", kills=6, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1000, 2000])
def test_many_killed_writers_keep_what_was_acknowledged(tmp_path: Path, seed: int) -> None:
    """
    The same, with ten times as many kills.
    """
    assert_kills_are_survived(tmp_path / "runs.db", kills=30, seed=seed)
