"""
Threads expire when their time is over, whoever looks and whenever somebody sweeps.
"""

from types import SimpleNamespace
from typing import Any

import pytest
from backends import Backend
from otel_bridge_storage.errors import QueryError, ThreadNotFoundError
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.thread_tables import thread_labels, thread_runs, threads
from otel_bridge_storage.threads import MetadataStore, ThreadTtl
from sqlalchemy import func, select
from thread_backends import SECOND_NS, Clock, found, make_runs, make_threads, opened, thread_of

KEEP = ThreadTtl(10, "keep_latest")


def stored(backend: Backend) -> list[int]:
    """
    Count the rows of threads, labels and runs.
    """
    with open_database(backend.target) as database, database.transaction() as connection:
        counts = (
            select(func.count()).select_from(t) for t in (threads, thread_labels, thread_runs)
        )
        return [connection.execute(count).scalar_one() for count in counts]


async def run_ids(store: MetadataStore, thread_id: str, **options: Any) -> list[str]:
    """
    List a thread's runs.
    """
    rows = await store.list_run_rows(thread_id, **{"limit": 9, "offset": 0, **options})
    return [row["run_id"] for row in rows]


@pytest.mark.parametrize(
    "ttl",
    [
        ThreadTtl(1.5),
        {"ttl": 1.5},
        {"ttl": 1.5, "strategy": "delete"},
        SimpleNamespace(ttl=1.5, strategy="delete", sweep="no"),
    ],
    ids=["ours", "short dict", "dict", "object"],
)
async def test_time_to_live_is_shown(backend: Backend, ttl: Any) -> None:
    """
    A row shows strategy, minutes and the moment of expiry, whatever class said so.
    """
    async with opened(backend) as store:
        row = await store.create_thread("t", ttl=ttl)
        assert row["ttl"] == {
            "strategy": "delete",
            "ttl_minutes": 1.5,
            "expires_at": "2027-01-15T08:01:30+00:00",
        }
        assert await store.fetch_thread_row("t") == row
        assert (await store.create_thread("u", ttl=ThreadTtl(None)))["ttl"] is None


@pytest.mark.parametrize("ttl", [0, -1, float("inf"), float("nan"), "5", True], ids=str)
async def test_no_time_is_refused(backend: Backend, ttl: Any) -> None:
    """
    A time to live is a number of minutes above 0, with a known strategy.
    """
    async with opened(backend) as store:
        for refused in (ThreadTtl(ttl), {"ttl": 1, "strategy": "hide"}, {"minutes": 5}, 5):
            with pytest.raises(QueryError, match="ttl"):
                await store.create_thread("t", ttl=refused)
        assert await found(store) == []


async def test_expired_thread_is_not_found(backend: Backend) -> None:
    """
    At the moment of expiry, and not before, no method knows the thread or its runs.
    """
    clock = Clock()
    async with opened(backend, clock) as store:
        await store.create_thread("t", metadata={"a": 1}, ttl=ThreadTtl(10))
        await make_runs(store, "t", "r")
        clock.now_ns += 600 * SECOND_NS - 1000
        assert await found(store, metadata={"a": 1}) == ["t"]
        clock.now_ns += 1000
        assert await store.fetch_thread_row("t") is None
        assert await found(store) == await found(store, metadata={"a": 1}) == []
        assert await store.fetch_run_row("t", "r") is None
        assert await run_ids(store, "t") == []
        assert await store.fail_stale_runs(stale_after_seconds=0, error="gone") == []
        assert await store.update_run_status("r", "running") is False
        with pytest.raises(ThreadNotFoundError):
            await store.update_thread("t", status_value="busy")


async def test_expired_id_can_be_used_again(backend: Backend) -> None:
    """
    A thread with the id of an expired one is new, without its runs, and so are run ids.
    """
    clock = Clock()
    async with opened(backend, clock) as store:
        await store.create_thread("t", metadata={"a": 1}, ttl=ThreadTtl(10))
        await make_threads(store, "u")
        await make_runs(store, "t", "r")
        clock.pass_by(10)
        await make_runs(store, "u", "r")
        made = await store.create_thread("t", if_exists="do_nothing")
        assert (made["metadata"], made["created_at"]) == ({}, clock.now)
        assert await run_ids(store, "t") == []
        assert await run_ids(store, "u") == ["r"]


async def test_time_counts_from_the_last_update(backend: Backend) -> None:
    """
    Each update of a thread, and nothing else, begins its time anew.
    """
    clock = Clock()
    async with opened(backend, clock) as store:
        await make_threads(store, "t", "u", ttl=ThreadTtl(10))
        clock.pass_by(9)
        await store.update_thread("t", mark_state_updated=True)
        await store.update_thread("u")
        clock.pass_by(9)
        assert await found(store) == ["t"]
        clock.pass_by(1)
        assert await found(store) == []


async def test_sweep_removes_what_expired(backend: Backend) -> None:
    """
    A sweep removes expired threads with runs and labels, more than fit in one go, and
    says how many.
    """
    clock = Clock()
    async with opened(backend, clock) as store:
        await make_threads(store, "kept", metadata={"a": 1})
        for number in range(501 if backend.kind == "sqlite-memory" else 3):
            await store.create_thread(str(number), metadata={"a": 1}, ttl=ThreadTtl(10))
        await make_runs(store, "0", "r1", "r2")
        clock.pass_by(10)
        assert await store.sweep() == (501 if backend.kind == "sqlite-memory" else 3)
        assert stored(backend) == [1, 1, 0]
        assert await store.sweep() == 0


async def test_writes_sweep_now_and_then(backend: Backend) -> None:
    """
    A write sweeps when the last sweep is a minute ago, and not before.
    """
    clock = Clock()
    async with opened(backend, clock) as store:
        await make_threads(store, "t", ttl=ThreadTtl(0.5))
        clock.pass_by(0.9)
        await make_threads(store, "u")
        assert stored(backend)[0] == 2
        clock.pass_by(0.1)
        await make_threads(store, "v")
        await store.update_thread("v", status_value="busy")
        assert stored(backend)[0] == 2


async def test_keep_latest_keeps_the_newest_run(backend: Backend) -> None:
    """
    At expiry the thread stays with its newest run and gets a new term, in every list and
    before any sweep.
    """
    clock = Clock()
    async with opened(backend, clock) as store:
        made = await store.create_thread("t", ttl=KEEP)
        await make_runs(store, "t", "z", "b", "a")
        clock.pass_by(25)
        assert await found(store) == ["t"]
        assert await run_ids(store, "t") == ["a"]
        assert await run_ids(store, "t", offset=1) == []
        assert await store.fetch_run_row("t", "b") is None
        assert await store.update_run_status("b", "success") is False
        row = await thread_of(store, "t")
        assert row["ttl"]["expires_at"] == "2027-01-15T08:30:00+00:00"
        assert {**row, "ttl": None} == {**made, "ttl": None}
        assert await store.sweep() == 0
        assert stored(backend) == [1, 0, 1]
        assert await store.fetch_thread_row("t") == row


@pytest.mark.parametrize("swept", [False, True], ids=["unswept", "swept"])
async def test_keep_latest_does_not_depend_on_sweeps(backend: Backend, swept: bool) -> None:
    """
    A run that is made after expiry is of the new term, and lives through it with the one
    that was kept.
    """
    clock = Clock()
    async with opened(backend, clock) as store:
        await store.create_thread("t", ttl=KEEP)
        await make_runs(store, "t", "a", "b")
        clock.pass_by(11)
        if swept:
            await store.sweep()
        await make_runs(store, "t", "c")
        clock.pass_by(8)
        assert await run_ids(store, "t") == ["c", "b"]
        clock.pass_by(1)
        assert await run_ids(store, "t") == ["c"]
