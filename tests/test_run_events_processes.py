"""
Run events of several processes, and of processes that are killed.
"""

import random
import subprocess
import sys
from pathlib import Path

import pytest
from recording_data import environment
from run_event_backends import BACKENDS, event, every_durable_backend, opened, seqs

CHILD = Path(__file__).parent / "run_event_child.py"


def child(backend: str, folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    """
    Start a program that puts events.
    """
    command = [sys.executable, str(CHILD), BACKENDS[backend](folder), name, str(count)]
    return subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True)


def promised(lines: list[str]) -> dict[int, str]:
    """
    Read what a program was promised: the content of each number.
    """
    whole = [line.split() for line in lines if line.endswith("\n")]
    return {int(seq): content for seq, content in whole}


@every_durable_backend
async def test_two_processes_share_a_thread(backend: str, tmp_path: Path) -> None:
    """
    Processes that put into one thread at the same time share no number and tear no line.
    """
    children = [child(backend, tmp_path, name, 400) for name in ("a", "b")]
    outputs = [process.communicate(timeout=60)[0] for process in children]
    assert [process.returncode for process in children] == [0, 0]
    told = [promised(output.splitlines(keepends=True)) for output in outputs]
    assert [len(each) for each in told] == [400, 400]
    async with opened(backend, tmp_path) as store:
        records = await store.list_messages("t", limit=None)
        assert seqs(records) == list(range(1, 801))
        assert {r["seq"]: r["content"] for r in records} == told[0] | told[1]
        for name, own in zip("ab", told, strict=True):
            listed = await store.list_messages_by_run("t", name)
            assert [r["seq"] for r in listed] == sorted(own)


async def kill_once(backend: str, folder: Path, name: str, lines: int) -> dict[int, str]:
    """
    Kill a program after it told so many lines, and give what it was promised.
    """
    with child(backend, folder, name, 0) as process:
        assert process.stdout is not None
        told = [next(process.stdout) for _ in range(lines)]
        process.kill()
        told += process.stdout
        process.wait()
    return promised(told)


async def assert_nothing_lost(backend: str, folder: Path, kills: int) -> None:
    """
    Kill programs one after the other and look each time at what they left.
    """
    acknowledged: dict[int, str] = {}
    for number in range(kills):
        lines = random.Random(number).randrange(1, 200)
        acknowledged |= await kill_once(backend, folder, f"r{number}", lines)
        async with opened(backend, folder) as store:
            records = await store.list_messages("t", limit=None)
            kept = {record["seq"]: record["content"] for record in records}
            assert kept == kept | acknowledged
            assert seqs(records) == list(range(1, len(records) + 1))
            # No batch of three is there in part.
            contents = {
                int(r["content"].partition("-")[2]) for r in records if r["run_id"] == f"r{number}"
            }
            assert all(({n, n + 1, n + 2} <= contents) for n in contents if n % 8 == 1)
            assert not {n for n in contents if n % 8 in (2, 3) and n - n % 8 + 1 not in contents}
            record = await store.put(**event(run_id="between", content="mine"))
            assert record["seq"] == len(records) + 1
            acknowledged[record["seq"]] = "mine"


@every_durable_backend
async def test_killed_processes_keep_what_was_acknowledged(backend: str, tmp_path: Path) -> None:
    """
    After SIGKILL all acknowledged events are there, batches are whole, and numbers go on.
    """
    await assert_nothing_lost(backend, tmp_path, 3)


@pytest.mark.slow
@every_durable_backend
async def test_many_killed_processes_keep_it_too(backend: str, tmp_path: Path) -> None:
    """
    The same, twenty times.
    """
    await assert_nothing_lost(backend, tmp_path, 20)
