"""
A process that is killed keeps what it was promised, and what it left open is interrupted.
"""

import asyncio
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from otel_bridge_storage.run_store import RunStore
from recording_data import environment, eventually, is_whole, names, rows, value

CHILD = Path(__file__).parent / "crash_child.py"


@contextmanager
def child(path: Path, seed: int, *options: str) -> Iterator[subprocess.Popen[str]]:
    """
    Start a program that records, and kill it at the end.
    """
    command = [sys.executable, str(CHILD), str(path), str(seed), *options]
    with subprocess.Popen(
        command, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def promised_until_killed(path: Path, seed: int) -> int:
    """
    Kill a recording program after a random number of its lines.

    Returns:
        The number of the last span that a flush acknowledged.
    """
    acknowledged = 0
    lines = random.Random(seed).randrange(1, 120)
    with child(path, seed) as process:
        assert process.stdout is not None
        while lines > 0 or not acknowledged:
            what, number = next(process.stdout).split()
            lines -= 1
            if what == "flushed":
                acknowledged = int(number)
        process.kill()
        for line in process.stdout:
            what, _, number = line.partition(" ")
            if what == "flushed" and number.endswith("\n"):
                acknowledged = int(number)
    return acknowledged


async def statuses(path: Path) -> list[str]:
    """
    List the statuses of all runs.
    """
    async with RunStore.from_url(path) as store:
        return [run.status for run in await store.list_runs()]


def assert_nothing_lost(folder: Path, seed: int) -> None:
    """
    Kill a program once and look at what it left.
    """
    path = folder / f"{seed}.db"
    acknowledged = promised_until_killed(path, seed)
    kept = names(path)
    expected = [f"span {number:06}" for number in range(1, len(kept) + 1)]
    assert kept == expected
    assert len(kept) >= acknowledged
    assert is_whole(path)
    assert ("invoke_agent planner",) in rows(path, "SELECT name FROM spans WHERE end_ns IS NULL")
    assert value(path, "SELECT llm_calls FROM runs") >= acknowledged
    assert asyncio.run(statuses(path)) == ["interrupted"]


@pytest.mark.parametrize("seed", range(5))
def test_a_killed_process_keeps_what_was_flushed(tmp_path: Path, seed: int) -> None:
    """
    After SIGKILL at a random moment every acknowledged span is there, the file is sound,
    the open run is a row, and it is interrupted.
    """
    assert_nothing_lost(tmp_path, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 150))
def test_fifty_killed_processes_keep_what_was_flushed(tmp_path: Path, seed: int) -> None:
    """
    The same, fifty times.
    """
    assert_nothing_lost(tmp_path, seed)


def test_a_killed_process_keeps_what_was_not_flushed(tmp_path: Path) -> None:
    """
    Ended spans are on disk a moment later without any flush, and stay there.
    """
    path = tmp_path / "runs.db"
    with child(path, 1, "noflush") as process:
        assert process.stdout is not None
        ended = [next(process.stdout) for _ in range(200)]
        assert ended[-1] == "ended 200\n"
        assert eventually(lambda: len(names(path)) >= 200)
    assert names(path)[199] == "span 000200"
    assert is_whole(path)


def test_a_run_of_a_living_process_is_running(tmp_path: Path) -> None:
    """
    A run is a row while it runs, and is not called interrupted.
    """
    path = tmp_path / "runs.db"
    with child(path, 1) as process:
        assert process.stdout is not None
        while not next(process.stdout).startswith("flushed"):
            pass
        assert asyncio.run(statuses(path)) == ["running"]
    assert asyncio.run(statuses(path)) == ["interrupted"]
