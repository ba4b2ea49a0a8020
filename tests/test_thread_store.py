"""
What every store of threads and runs does, on each kind of database.
"""

import asyncio
import math
from datetime import UTC
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from backends import Backend
from otel_bridge_storage.errors import (
    DatabaseError,
    QueryError,
    RunExistsError,
    ThreadExistsError,
    ThreadNotFoundError,
)
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.threads import MetadataStore, MetadataStoreProtocol
from thread_backends import (
    SECOND_NS,
    Clock,
    found,
    make_runs,
    make_threads,
    opened,
    run_of,
    thread_of,
)

STRANGE_IDS = ["my thread", "0", "../x", "ä\u2028🎈", "' OR 1=1 --", "%", "A" * 5000, " "]


async def run_ids(store: MetadataStore, thread_id: str, **options: Any) -> list[str]:
    """
    List the ids of a thread's runs.
    """
    rows = await store.list_run_rows(thread_id, **{"limit": 100, "offset": 0, **options})
    return [row["run_id"] for row in rows]


def test_store_has_what_the_protocol_asks_for() -> None:
    """
    The store is one by the protocol, also at run time.
    """
    store: MetadataStoreProtocol = MetadataStore("unused.db")
    assert isinstance(store, MetadataStoreProtocol)


async def test_thread_is_kept_as_given(backend: Backend) -> None:
    """
    What was made is fetched with all its values, with moments in UTC.
    """
    clock = Clock()
    async with opened(backend, clock) as store:
        metadata = {"a": [1, 2.5, None, {"ä": "🎈"}], "$b": True, "": "\0"}
        made = await store.create_thread("t", metadata=metadata, config={"x": 10**30})
        assert made == {
            "thread_id": "t",
            "created_at": clock.now,
            "updated_at": clock.now,
            "state_updated_at": None,
            "metadata": metadata,
            "config": {"x": 10**30},
            "status": "idle",
            "ttl": None,
        }
        assert made["created_at"].tzinfo is UTC
        assert await store.fetch_thread_row("t") == made


async def test_run_is_kept_as_given(backend: Backend) -> None:
    """
    A run is made pending, and fetched by its thread and its id.
    """
    clock = Clock()
    async with opened(backend, clock) as store:
        await make_threads(store, "t", "u")
        made = await store.create_run("r", "t", "agent", {"m": 1}, {"k": [2]}, "enqueue")
        assert made == {
            "run_id": "r",
            "thread_id": "t",
            "assistant_id": "agent",
            "created_at": clock.now,
            "updated_at": clock.now,
            "status": "pending",
            "metadata": {"m": 1},
            "kwargs": {"k": [2]},
            "multitask_strategy": "enqueue",
            "error": None,
        }
        assert await store.fetch_run_row("t", "r") == made
        assert await store.fetch_run_row("u", "r") is None
        assert await store.fetch_run_row("t", "s") is None


async def test_any_text_is_an_id(backend: Backend) -> None:
    """
    Ids need not be UUIDs, and no id makes later searches fail.
    """
    async with opened(backend) as store:
        for thread_id in STRANGE_IDS:
            await store.create_thread(thread_id)
            await store.create_run("run of " + thread_id, thread_id, thread_id)
        assert set(await found(store, limit=100)) == set(STRANGE_IDS)
        for thread_id in STRANGE_IDS:
            assert (await thread_of(store, thread_id))["thread_id"] == thread_id
            assert await run_ids(store, thread_id) == ["run of " + thread_id]


async def test_uuid_is_its_text(backend: Backend) -> None:
    """
    A UUID and its text are the same id.
    """
    one = UUID(int=7)
    async with opened(backend) as store:
        await store.create_thread(one)  # type: ignore[arg-type]
        assert await store.fetch_thread_row(str(one)) is not None
        assert await found(store, ids=[one]) == [str(one)]


@pytest.mark.parametrize("thread_id", ["", "\0", "\ud800", 7, None, b"t"], ids=repr)
async def test_what_is_no_id_is_refused(backend: Backend, thread_id: Any) -> None:
    """
    What a database cannot find again is refused before anything is written.
    """
    async with opened(backend) as store:
        with pytest.raises(QueryError, match="thread_id"):
            await store.create_thread(thread_id)
        assert await found(store) == []


async def test_thread_that_exists_is_left_alone(backend: Backend) -> None:
    """
    A second creation is an error of ours, or gives the thread that is there.
    """
    clock = Clock()
    async with opened(backend, clock) as store:
        first = await store.create_thread("t", metadata={"a": 1})
        clock.pass_by(1)
        with pytest.raises(ThreadExistsError, match="'t'"):
            await store.create_thread("t", metadata={"a": 2})
        again = await store.create_thread("t", metadata={"a": 2}, if_exists="do_nothing")
        assert again == first == await store.fetch_thread_row("t")
        with pytest.raises(QueryError, match="if_exists"):
            await store.create_thread("t", if_exists="replace")  # type: ignore[arg-type]


async def test_update_replaces_what_is_given(backend: Backend) -> None:
    """
    Only what is given changes, as a whole, and the thread counts as updated.
    """
    clock = Clock()
    async with opened(backend, clock) as store:
        made = await store.create_thread("t", metadata={"a": 1, "b": 2}, config={"c": 3})
        clock.pass_by(1)
        await store.update_thread("t", metadata={"b": 4}, status_value="busy")
        changed = {"metadata": {"b": 4}, "status": "busy", "updated_at": clock.now}
        assert await store.fetch_thread_row("t") == {**made, **changed}
        assert await found(store, metadata={"a": 1}) == []
        assert await found(store, metadata={"b": 4}) == ["t"]
        clock.pass_by(1)
        await store.update_thread("t", mark_state_updated=True)
        row = await thread_of(store, "t")
        assert row["state_updated_at"] == row["updated_at"] == clock.now


async def test_update_can_merge(backend: Backend) -> None:
    """
    Asked to, an update adds keys to metadata and config, and both old and new are found.
    """
    async with opened(backend) as store:
        await store.create_thread("t", metadata={"a": 1, "b": 2}, config={"c": 3})
        await store.update_thread("t", metadata={"b": 4}, config={"d": 5}, merge=True)
        row = await thread_of(store, "t")
        assert row["metadata"] == {"a": 1, "b": 4}
        assert row["config"] == {"c": 3, "d": 5}
        assert await found(store, metadata={"a": 1, "b": 4}) == ["t"]
        assert await found(store, metadata={"b": 2}) == []


async def test_update_with_nothing_does_nothing(backend: Backend) -> None:
    """
    With nothing to set, not even the moment of the last update changes.
    """
    clock = Clock()
    async with opened(backend, clock) as store:
        made = await store.create_thread("t")
        clock.pass_by(1)
        await store.update_thread("t")
        assert await store.fetch_thread_row("t") == made


async def test_unknown_threads_are_told(backend: Backend) -> None:
    """
    Changing a thread that is not there, or giving it a run, is an error of ours.
    """
    async with opened(backend) as store:
        assert await store.fetch_thread_row("t") is None
        with pytest.raises(ThreadNotFoundError, match="'t'"):
            await store.update_thread("t", status_value="busy")
        with pytest.raises(ThreadNotFoundError, match="'t'"):
            await store.create_run("r", "t", "agent")
        await store.delete_thread("t")
        assert await run_ids(store, "t") == []


async def test_run_id_is_given_once(backend: Backend) -> None:
    """
    A second run of an id is refused in any thread, and the first one stays.
    """
    async with opened(backend) as store:
        await make_threads(store, "t", "u")
        first = await store.create_run("r", "t", "agent", {"a": 1})
        for thread_id in ("t", "u"):
            with pytest.raises(RunExistsError, match="'r'"):
                await store.create_run("r", thread_id, "other")
        assert await store.fetch_run_row("t", "r") == first
        assert await run_ids(store, "u") == []


@pytest.mark.parametrize(
    "metadata",
    [{"a": {"bad": object()}}, {"bad": math.nan}, {"bad": b"x"}, {"a": [{"bad": {1, 2}}]}],
    ids=["object", "nan", "bytes", "set"],
)
async def test_what_json_cannot_hold_is_refused(
    backend: Backend, metadata: dict[str, Any]
) -> None:
    """
    The error names the key, and nothing is written.
    """
    async with opened(backend) as store:
        with pytest.raises(QueryError, match=r"metadata.*\['bad'\]"):
            await store.create_thread("t", metadata=metadata)
        await store.create_thread("t")
        with pytest.raises(QueryError, match=r"kwargs.*\['bad'\]"):
            await store.create_run("r", "t", "agent", {}, metadata)
        with pytest.raises(QueryError, match=r"metadata.*\['bad'\]"):
            await store.update_thread("t", metadata=metadata)
        assert (await thread_of(store, "t"))["metadata"] == {}
        assert await run_ids(store, "t") == []


async def test_status_moves_until_it_is_final(backend: Backend) -> None:
    """
    A run that is pending or running moves; any other status is final, and told so.
    """
    clock = Clock()
    async with opened(backend, clock) as store:
        await make_threads(store, "t")
        await make_runs(store, "t", "r")
        clock.pass_by(1)
        assert await store.update_run_status("r", "running") is True
        assert await store.update_run_status("r", "success") is True
        ended = await run_of(store, "t", "r")
        assert (ended["status"], ended["updated_at"]) == ("success", clock.now)
        clock.pass_by(1)
        for status in ("running", "error", "success"):
            assert await store.update_run_status("r", status, error="no") is False
        assert await store.fetch_run_row("t", "r") == ended
        assert await store.update_run_status("unknown", "running") is False


async def test_of_many_that_end_a_run_one_wins(backend: Backend) -> None:
    """
    Whoever is told to have ended a run is the only one, and its outcome is stored.
    """
    async with opened(backend) as store:
        await make_threads(store, "t")
        await make_runs(store, "t", "r")
        moves = [store.update_run_status("r", "error", error=f"by {n}") for n in range(20)]
        won = await asyncio.gather(*moves)
        assert won.count(True) == 1
        assert (await run_of(store, "t", "r"))["error"] == f"by {won.index(True)}"


async def test_error_of_a_run_is_kept(backend: Backend) -> None:
    """
    A move without an error keeps the one that is stored.
    """
    async with opened(backend) as store:
        await make_threads(store, "t")
        await make_runs(store, "t", "r")
        await store.update_run_status("r", "running", error="first try failed")
        await store.update_run_status("r", "success")
        assert (await run_of(store, "t", "r"))["error"] == "first try failed"


async def test_unknown_statuses_are_refused(backend: Backend) -> None:
    """
    A status that there is not is refused; a member of an enumeration counts as its value.
    """
    status = Enum("status", {"BUSY": "busy"})
    async with opened(backend) as store:
        await make_threads(store, "t")
        await make_runs(store, "t", "r")
        await store.update_thread("t", status_value=status["BUSY"])  # type: ignore[arg-type]
        assert await found(store, status="busy") == ["t"]
        for refused in ("runing", None, 1):
            with pytest.raises(QueryError, match="pending, running"):
                await store.update_run_status("r", refused)  # type: ignore[arg-type]
        with pytest.raises(QueryError, match="idle, busy"):
            await store.update_thread("t", status_value="success")  # type: ignore[arg-type]


async def test_runs_are_listed_newest_first(backend: Backend) -> None:
    """
    Runs come in the reverse order of their making, though the clock stood still or went
    back, and parts of the list fit together.
    """
    clock = Clock()
    async with opened(backend, clock) as store:
        await make_threads(store, "t", "u")
        await make_runs(store, "u", "other")
        names = ["b", "a", "d", "c", "e"]
        for place, name in enumerate(names):
            await make_runs(store, "t", name)
            clock.pass_by(-1 if place == 2 else 0)
        assert await run_ids(store, "t") == names[::-1]
        assert await run_ids(store, "t", limit=2, offset=1) == ["c", "d"]
        assert await run_ids(store, "t", offset=5) == []
        await store.update_run_status("d", "success")
        assert await run_ids(store, "t", status_value="success") == ["d"]
        assert await run_ids(store, "t", status_value="pending", limit=2) == ["e", "c"]
        rows = await store.list_run_rows("t", limit=5, offset=0)
        assert len({row["created_at"] for row in rows}) == 5
        assert all(row["updated_at"] >= row["created_at"] for row in rows)


@pytest.mark.parametrize(("limit", "offset"), [(0, 0), (1001, 0), (1, -1), (True, 0), ("5", 0)])
async def test_parts_that_make_no_sense_are_refused(
    backend: Backend, limit: Any, offset: Any
) -> None:
    """
    Limits from 1 to 1000 and offsets from 0 on are taken, and nothing else.
    """
    async with opened(backend) as store:
        with pytest.raises(QueryError, match=r"limit|offset"):
            await store.list_run_rows("t", limit=limit, offset=offset)
        with pytest.raises(QueryError, match=r"limit|offset"):
            await found(store, limit=limit, offset=offset)


async def test_moments_never_go_back(backend: Backend) -> None:
    """
    A clock that goes back makes no row older than it was.
    """
    clock = Clock()
    async with opened(backend, clock) as store:
        await make_threads(store, "t")
        await make_runs(store, "t", "r")
        clock.pass_by(-60)
        await store.update_thread("t", status_value="busy", mark_state_updated=True)
        await store.update_run_status("r", "running")
        await store.touch_runs(["r"])
        for row in (await store.fetch_thread_row("t"), await store.fetch_run_row("t", "r")):
            assert row is not None
            assert row["updated_at"] == row["created_at"]


async def test_touching_keeps_runs_from_being_stale(backend: Backend) -> None:
    """
    Runs in flight that were not touched for long end as errors, each told to one caller.
    """
    clock = Clock()
    async with opened(backend, clock) as store:
        await make_threads(store, "t")
        await make_runs(store, "t", "lost", "alive", "spared", "done")
        await store.update_run_status("lost", "running")
        await store.update_run_status("done", "success")
        clock.pass_by(3)
        await store.touch_runs(["alive", "done", "unknown"])
        done = await store.fetch_run_row("t", "done")
        fail: dict[str, Any] = {
            "stale_after_seconds": 120,
            "exclude_run_ids": ["spared"],
            "error": "gone",
        }
        claims = await asyncio.gather(*[store.fail_stale_runs(**fail) for _ in range(4)])
        (claimed,) = [row for rows in claims for row in rows]
        assert claimed["run_id"] == "lost"
        assert (claimed["status"], claimed["error"]) == ("error", "gone")
        assert claimed["updated_at"] == clock.now
        assert await store.fetch_run_row("t", "lost") == claimed
        assert await store.fetch_run_row("t", "done") == done
        assert await run_ids(store, "t", status_value="pending") == ["spared", "alive"]


async def test_stale_at_the_very_moment(backend: Backend) -> None:
    """
    A run is stale when the given time has passed, and not before.
    """
    clock = Clock()
    async with opened(backend, clock) as store:
        await make_threads(store, "t")
        await make_runs(store, "t", "r")
        clock.now_ns += 2 * SECOND_NS - 1000
        assert await store.fail_stale_runs(stale_after_seconds=2, error="gone") == []
        clock.now_ns += 1000
        assert len(await store.fail_stale_runs(stale_after_seconds=2, error="gone")) == 1


async def test_deleting_a_thread_deletes_its_runs(backend: Backend) -> None:
    """
    Nothing of a deleted thread turns up when its id is used again.
    """
    async with opened(backend) as store:
        await make_threads(store, "t", "u", metadata={"a": 1})
        await make_runs(store, "t", "r1", "r2")
        await make_runs(store, "u", "kept")
        await store.delete_thread("t")
        assert await store.fetch_thread_row("t") is None
        assert await store.fetch_run_row("t", "r1") is None
        assert await found(store, metadata={"a": 1}) == ["u"]
        await store.create_thread("t")
        assert await run_ids(store, "t") == []
        assert await found(store, metadata={"a": 1}) == ["u"]
        await make_runs(store, "t", "r1")
        assert await run_ids(store, "u") == ["kept"]


async def test_deleting_a_run_deletes_only_that(backend: Backend) -> None:
    """
    A run is deleted through its own thread, and its id can be used again.
    """
    async with opened(backend) as store:
        await make_threads(store, "t", "u")
        await make_runs(store, "t", "r1", "r2")
        await store.delete_run("u", "r1")
        assert await run_ids(store, "t") == ["r2", "r1"]
        await store.delete_run("t", "r1")
        await store.delete_run("t", "r1")
        assert await run_ids(store, "t") == ["r2"]
        await make_runs(store, "u", "r1")


async def test_rows_are_copies(backend: Backend) -> None:
    """
    Changing what was given or what came back changes nothing that is stored.
    """
    async with opened(backend) as store:
        metadata: dict[str, Any] = {"a": []}
        made = await store.create_thread("t", metadata=metadata)
        metadata["a"].append("given")
        made["metadata"]["a"].append("returned")
        (await store.search_thread_rows({}))[0]["metadata"]["a"].append("found")
        assert (await thread_of(store, "t"))["metadata"] == {"a": []}


async def test_what_was_written_lasts(backend: Backend) -> None:
    """
    Another store over the same database sees what the first has returned.
    """
    async with opened(backend) as first, opened(backend) as second:
        await first.create_thread("t", metadata={"a": 1})
        assert await second.fetch_thread_row("t") == await first.fetch_thread_row("t")
        await second.update_thread("t", metadata={"a": 2})
        assert await found(first, metadata={"a": 2}) == ["t"]


async def test_open_database_is_used_and_stays_open(backend: Backend) -> None:
    """
    A store over a database that is open leaves it open.
    """
    with open_database(backend.target) as database:
        for thread_id in ("t", "u"):
            async with MetadataStore(database) as store:
                await store.create_thread(thread_id)
        async with MetadataStore(database) as store:
            assert sorted(await found(store)) == ["t", "u"]


async def test_closed_store_says_so(backend: Backend) -> None:
    """
    After closing, which may be done twice, every use is an error of ours.
    """
    async with opened(backend) as store:
        await store.create_thread("t")
    await store.aclose()
    for use in (store.setup(), store.fetch_thread_row("t"), store.delete_thread("t")):
        with pytest.raises(DatabaseError, match="closed"):
            await use


def test_event_loops_may_take_turns(backend: Backend) -> None:
    """
    One store serves several event loops, one after the other.
    """
    store = MetadataStore(backend.target)
    for number in range(3):
        asyncio.run(make_threads(store, f"t{number}"))
    assert sorted(asyncio.run(found(store))) == ["t0", "t1", "t2"]
    asyncio.run(store.aclose())
