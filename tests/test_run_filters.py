"""
Filters of runs against the same filters in plain Python, on every kind of database.
"""

import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from backends import Backend, ask
from otel_bridge_storage.labels import run_labels_of
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.rows import RunSummary
from otel_bridge_storage.run_store import RunStore
from otel_bridge_storage.schema import run_labels, runs, writers
from run_tables import row
from sqlalchemy import insert, update

S = 1_000_000_000
HERE = socket.gethostname()
HOUR = 3600 * S
Row = dict[str, Any]


def some_runs(seed: int, count: int) -> list[Row]:
    """
    Make up runs of few values in all combinations, several of which start together.
    """
    source = random.Random(seed)

    def one(number: int) -> Row:
        status = source.choice(["running", "paused", "success", "error", "cancelled"])
        return row(
            f"r{number:03}",
            started_ns=source.randrange(count // 3) * 1000,
            status=status,
            writer_id=source.choice(["alive", "silent", "closed", None])
            if status == "running"
            else None,
            agent_name=source.choice(["a", "b", None]),
            service=source.choice(["s", "t"]),
            session_id=source.choice(["x", "y"]),
            tags=json.dumps(sorted(source.sample(["red", "blue", "green"], 2))),
            metadata=json.dumps({"n": source.choice([1, 2]), "on": source.choice([True, None])}),
        )

    return [one(number) for number in range(count)]


def fill(target: str, rows: list[Row], now_ns: int) -> None:
    """
    Write runs, their labels, and writers of which one is alive.
    """
    seen = {"alive": now_ns, "silent": now_ns - HOUR, "closed": now_ns}
    own = {"host": HERE, "pid": os.getpid(), "started_ns": 0}
    with open_database(target) as database, database.transaction() as connection:
        connection.execute(
            insert(writers),
            [
                own
                | {"writer_id": w, "last_seen_ns": at, "closed_ns": at if w == "closed" else None}
                for w, at in seen.items()
            ],
        )
        connection.execute(insert(runs), rows)
        labels = [label for each in rows for label in run_labels_of(each)]
        connection.execute(insert(run_labels), labels)


def status_of(each: Row) -> str:
    """
    Say how a run stands.
    """
    gone = each["status"] == "running" and each["writer_id"] in ("silent", "closed")
    return "interrupted" if gone else str(each["status"])


HAS: Mapping[str, Callable[[Row, Any], bool]] = {
    "agent_name": lambda each, asked: each["agent_name"] == asked,
    "service": lambda each, asked: each["service"] == asked,
    "session_id": lambda each, asked: each["session_id"] == asked,
    "tag": lambda each, asked: asked in json.loads(each["tags"]),
    "metadata_filter": lambda each, asked: asked.items() <= json.loads(each["metadata"]).items(),
    "status": lambda each, asked: status_of(each) in asked,
}
ASKED: dict[str, list[Any]] = {
    "agent_name": ["a", "none"],
    "service": ["s", "t"],
    "session_id": ["x"],
    "tag": ["red", "blue"],
    "metadata_filter": [{"n": 2}, {"on": None}, {"n": 2, "on": True}],
    "status": [
        ["running"],
        ["interrupted"],
        ["running", "interrupted"],
        ["running", "success"],
        ["interrupted", "error", "cancelled"],
        ["paused"],
        ["running", "paused", "success", "error", "cancelled", "interrupted"],
    ],
}


@pytest.mark.parametrize("seed", range(3))
def test_filters_are_what_they_are_in_python(backend: Backend, seed: int) -> None:
    """
    One filter, two or more give the same runs in the same order, page by page, and counts.
    """
    rows = some_runs(seed, 90)
    fill(backend.target, rows, time.time_ns())
    rows.sort(key=lambda each: (each["started_ns"], each["run_id"]), reverse=True)
    source = random.Random(seed)
    wanted = [{name: value} for name, values in ASKED.items() for value in values]
    for _ in range(40):
        names = source.sample(list(ASKED), source.randrange(2, 5))
        wanted.append({name: source.choice(ASKED[name]) for name in names})

    async def answers(store: RunStore) -> list[tuple[list[str], int]]:
        return [(await pages(store, each), await store.count_runs(**each)) for each in wanted]

    for each, (listed, counted) in zip(wanted, ask(backend.target, answers), strict=True):
        right = [
            r["run_id"] for r in rows if all(HAS[name](r, asked) for name, asked in each.items())
        ]
        assert (each, listed, counted) == (each, right, len(right))


async def pages(store: RunStore, wanted: Mapping[str, Any]) -> list[str]:
    """
    List runs by pages of seven, with cursors.
    """
    found: list[str] = []
    cursor = None
    while page := await store.list_runs(**wanted, limit=7, cursor=cursor):
        found += [each.run_id for each in page]
        cursor = store.cursor_after(page[-1])
    return found


def interrupted(target: str) -> RunSummary:
    """
    Give the one interrupted run there is.
    """
    (found,) = ask(target, lambda store: store.list_runs(status="interrupted"))
    detail = ask(target, lambda store: store.get_run(found.run_id))
    assert (detail.status, detail.ended_at, detail.last_seen_at, detail.duration_ms) == (
        found.status,
        found.ended_at,
        found.last_seen_at,
        found.duration_ms,
    )
    return found  # type: ignore[no-any-return]


def open_run(target: str, *, host: str, pid: int, told_ns: int, seen_ns: int) -> None:
    """
    Write a run that is open, and its writer.
    """
    with open_database(target) as database, database.transaction() as connection:
        writer = {"writer_id": "w", "host": host, "pid": pid, "started_ns": 0}
        connection.execute(insert(writers), [writer | {"last_seen_ns": seen_ns}])
        made = row("r", status="running", writer_id="w", started_ns=told_ns, updated_ns=told_ns)
        connection.execute(insert(runs), [made])


@pytest.mark.parametrize(("told_s", "seen_s", "end_s"), [(100, 103.5, 103.5), (100, 90, 100)])
def test_an_interrupted_run_ended_with_its_last_sign_of_life(
    backend: Backend, told_s: float, seen_s: float, end_s: float
) -> None:
    """
    Its end is the later of what its telemetry tells and what its writer last said.
    """
    open_run(
        backend.target,
        host="elsewhere",
        pid=1,
        told_ns=int(told_s * S),
        seen_ns=int(seen_s * S),
    )
    found = interrupted(backend.target)
    assert found.ended_at is not None
    assert found.ended_at.timestamp() == end_s
    assert found.last_seen_at == found.ended_at
    assert found.duration_ms == (end_s - told_s) * 1000


def test_a_run_that_goes_on_has_been_seen_and_not_ended(backend: Backend) -> None:
    """
    A running run has a last sign of life and no end; one that ended has no last sign.
    """
    now = time.time_ns()
    open_run(backend.target, host=HERE, pid=os.getpid(), told_ns=now - 9 * S, seen_ns=now)
    (found,) = ask(backend.target, lambda store: store.list_runs(status="running"))
    assert (found.ended_at, found.duration_ms) == (None, None)
    assert found.last_seen_at.timestamp() == pytest.approx(now / S, abs=1e-3)
    with open_database(backend.target) as database, database.transaction() as connection:
        connection.execute(update(runs).values(status="success", ended_ns=now))
    (found,) = ask(backend.target, lambda store: store.list_runs())
    assert (found.last_seen_at, found.status) == (None, "success")
    assert found.ended_at is not None


@pytest.mark.skipif(sys.platform == "win32", reason="processes are not looked for there")
def test_a_process_that_is_gone_interrupts_at_once(backend: Backend) -> None:
    """
    A writer of this host that was heard of a moment ago is dead once its process is.
    """
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    now = time.time_ns()
    open_run(backend.target, host=HERE, pid=child.pid, told_ns=now - 9 * S, seen_ns=now)
    assert interrupted(backend.target).last_seen_at is not None
    assert ask(backend.target, lambda store: store.count_runs(status="interrupted")) == 1
    assert ask(backend.target, lambda store: store.count_runs(status="running")) == 0


def test_a_sign_of_life_in_the_future_is_one_of_now(backend: Backend) -> None:
    """
    After a clock was set back a run goes on, and was seen now and not in the future.
    """
    future = time.time_ns() + HOUR
    open_run(backend.target, host=HERE, pid=os.getpid(), told_ns=9 * S, seen_ns=future)
    (found,) = ask(backend.target, lambda store: store.list_runs(status="running"))
    assert found.last_seen_at.timestamp() <= time.time()
    assert found.ended_at is None
    assert ask(backend.target, lambda store: store.count_runs(status="interrupted")) == 0


def test_a_paused_run_stays_paused(backend: Backend) -> None:
    """
    A run that waits is not interrupted when the process that paused it ends.
    """
    open_run(backend.target, host="elsewhere", pid=1, told_ns=9 * S, seen_ns=9 * S)
    with open_database(backend.target) as database, database.transaction() as connection:
        connection.execute(update(runs).values(status="paused"))
    (found,) = ask(backend.target, lambda store: store.list_runs(status="paused"))
    assert (found.ended_at, found.last_seen_at.timestamp()) == (None, 9)
    assert ask(backend.target, lambda store: store.count_runs(status="interrupted")) == 0


def test_thousands_of_dead_writers_are_no_long_statement(backend: Backend) -> None:
    """
    Each interrupted run may have a writer of its own, however many there are.
    """
    count = 3000
    with open_database(backend.target) as database, database.transaction() as connection:
        own = {"host": HERE, "pid": os.getpid(), "started_ns": 0, "last_seen_ns": 1}
        ids = [f"w{number}" for number in range(count)]
        connection.execute(insert(writers), [own | {"writer_id": w} for w in ids])
        connection.execute(insert(runs), [row(status="running", writer_id=w) for w in ids])

    async def both(store: RunStore) -> tuple[int, int]:
        listed = await store.list_runs(status="interrupted", limit=1000)
        return await store.count_runs(status="interrupted"), len(listed)

    assert ask(backend.target, both) == (count, 1000)
