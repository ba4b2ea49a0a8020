"""
Lists and counts of runs: filters, order, pages, times and interrupted runs.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.liveness import Writer
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.run_store import RunStore
from otel_bridge_storage.schema import runs
from run_store_data import call, run, tool, when, write, writing
from sqlalchemy import update


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[RunStore]:
    """
    Three runs: one that is open, one that failed with all there is to filter by, a child.
    """
    told = {
        "agent_name": "planner",
        "tenant_id": "acme",
        "session_id": "s-1",
        "user_id": "u-1",
        "tags": ("red", "a'b"),
        "metadata": {"thread": "t-1", "n": 1},
    }
    path = write(
        tmp_path / "runs.db",
        run("01", "run-1", 0, 9, failed=True, **told),
        call("02", 1, 2, parent="01", model="m", provider="p", input_tokens=3, output_tokens=4),
        run("03", "run-2", 10, 11, parent="01", agent_name="helper", metadata={"n": True}),
        run("04", "run-3", 20, None, trace="b", agent_name="helper", service="other"),
    )
    async with RunStore.from_url(path) as opened:
        yield opened


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["run-3", "run-2", "run-1"]),
        ({"status": "error"}, ["run-1"]),
        ({"status": ["error", "success"]}, ["run-2", "run-1"]),
        ({"status": ("error",)}, ["run-1"]),
        ({"status": {"running", "interrupted"}}, ["run-3"]),
        ({"status": []}, []),
        ({"agent_name": "helper"}, ["run-3", "run-2"]),
        ({"agent_name": "\ud800"}, []),
        ({"parent_run_id": "run-1"}, ["run-2"]),
        ({"tenant_id": "acme"}, ["run-1"]),
        ({"tenant_id": ""}, []),
        ({"session_id": "s-1"}, ["run-2", "run-1"]),
        ({"user_id": "u-1"}, ["run-2", "run-1"]),
        ({"tag": "red"}, ["run-1"]),
        ({"tag": "a'b"}, ["run-1"]),
        ({"tag": "re"}, []),
        ({"service": "other"}, ["run-3"]),
        ({"metadata_filter": {"thread": "t-1", "n": 1}}, ["run-1"]),
        ({"metadata_filter": {}}, ["run-3", "run-2", "run-1"]),
        ({"started_after": when(10)}, ["run-3", "run-2"]),
        ({"started_before": when(10)}, ["run-1"]),
        ({"started_after": when(1), "agent_name": "helper", "service": "shop"}, ["run-2"]),
    ],
)
async def test_filters_narrow_lists_and_counts_alike(
    store: RunStore, wanted: dict[str, Any], found: list[str]
) -> None:
    """
    Each filter lets through the runs that have what it asks for, latest first.
    """
    assert [each.run_id for each in await store.list_runs(**wanted)] == found
    assert await store.count_runs(**wanted) == len(found)


async def test_any_iterable_is_a_list_of_statuses(store: RunStore) -> None:
    """
    A generator of statuses is as good as a list of them.
    """
    found = await store.list_runs(status=(name for name in ("error",)))
    assert [each.run_id for each in found] == ["run-1"]


@pytest.mark.parametrize("hours", [-7.5, 0, 8])
async def test_any_offset_from_utc_is_right(store: RunStore, hours: float) -> None:
    """
    A moment is the same moment whatever its time zone.
    """
    zone = timezone(timedelta(hours=hours))
    at_second_run = when(10).astimezone(zone)
    after = await store.list_runs(started_after=at_second_run)
    before = await store.list_runs(started_before=at_second_run)
    assert [each.run_id for each in after] == ["run-3", "run-2"]
    assert [each.run_id for each in before] == ["run-1"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"status": "done"}, "'done'.*running, paused, success, error, cancelled, interrupted"),
        ({"status": ["error", 7]}, "'7'"),
        ({"status": 7}, "status=7"),
        ({"status": [["error"]]}, "no run has status"),
        ({"started_after": "2026-11-21"}, "started_after='2026-11-21' is not a moment"),
        ({"started_before": date(2026, 11, 21)}, "started_before=.* is not a moment"),
        ({"agent_name": ["helper"]}, "agent_name=.'helper'. is not a text"),
        ({"tag": 3}, "tag=3 is not a text"),
        ({"metadata_filter": ["thread"]}, "metadata_filter"),
        ({"started_after": datetime(2026, 3, 1)}, "started_after=2026-03-01T00:00:00 has no time"),  # noqa: DTZ001
        ({"started_before": datetime(2026, 3, 1)}, "started_before"),  # noqa: DTZ001
    ],
)
async def test_senseless_filters_are_refused(
    store: RunStore, wanted: dict[str, Any], message: str
) -> None:
    """
    An unknown status and a time without a zone raise an error that says what to give.
    """
    with pytest.raises(QueryError, match=message):
        await store.list_runs(**wanted)
    with pytest.raises(ValueError, match=message):
        await store.count_runs(**wanted)


@pytest.mark.parametrize(
    "cursor", ["", "x", "é", "bnVsbA", "WyJhIiwgImIiXQ", "WzEsMl0x", "W0luZmluaXR5LDFd"]
)
async def test_what_is_no_cursor_is_refused(store: RunStore, cursor: str) -> None:
    """
    Text that no cursor is made of raises an error of this library.
    """
    with pytest.raises(QueryError, match="is not a cursor"):
        await store.list_runs(cursor=cursor)


async def test_limit_and_offset_are_brought_into_range(store: RunStore) -> None:
    """
    A huge limit is what there is, none is all, an offset below zero is zero.
    """
    assert len(await store.list_runs(limit=None)) == 3
    assert len(await store.list_runs(limit=10**30)) == 3
    assert [each.run_id for each in await store.list_runs(limit=1, offset=1)] == ["run-2"]
    assert len(await store.list_runs(offset=-3)) == 3
    assert await store.list_runs(offset=10**30) == []


@pytest.mark.parametrize("limit", [0, -5, "3", True, 1.0])
async def test_what_is_no_limit_is_refused(store: RunStore, limit: Any) -> None:
    """
    Every list refuses a limit that is not a whole number from 1 on.
    """
    with pytest.raises(QueryError, match="limit="):
        await store.list_runs(limit=limit)
    with pytest.raises(QueryError, match="limit="):
        await store.get_llm_calls("run-1", limit=limit)
    with pytest.raises(QueryError, match="limit="):
        await store.get_log(limit=limit)


@pytest.mark.parametrize(
    "zone", [UTC, timezone(timedelta(hours=14)), timezone(-timedelta(hours=9))]
)
async def test_moments_beyond_the_database_are_its_ends(store: RunStore, zone: timezone) -> None:
    """
    The first and the last datetime there are bound lists and counts like any other.
    """
    first, last = datetime.min.replace(tzinfo=zone), datetime.max.replace(tzinfo=zone)
    assert len(await store.list_runs(started_after=first, started_before=last)) == 3
    assert await store.count_runs(started_after=last) == 0
    assert await store.count_runs(started_before=first) == 0
    assert await store.count_runs(started_before=datetime(2500, 1, 1, tzinfo=zone)) == 3


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.get_run(None),
        lambda store: store.get_llm_calls(7),
        lambda store: store.get_tool_invocations(b"run-1"),
        lambda store: store.get_traces(None),
        lambda store: store.get_events(None),
        lambda store: store.get_pauses(["run-1"]),
        lambda store: store.get_spans(None),
        lambda store: store.get_logs(None),
        lambda store: store.resolve_run_id(None),
    ],
)
async def test_an_id_that_is_no_text_is_refused(
    store: RunStore, ask: Callable[[Any], Awaitable[Any]]
) -> None:
    """
    An id of another type raises an error of this library that says so.
    """
    with pytest.raises(QueryError, match="is not a text"):
        await ask(store)


async def test_a_run_says_all_that_can_be_filtered_by(store: RunStore) -> None:
    """
    Tenant, tags, metadata, times and sums of a run can be read.
    """
    found = (await store.list_runs(status="error"))[0]
    assert (found.tenant_id, found.session_id, found.user_id) == ("acme", "s-1", "u-1")
    assert (list(found.tags), found.metadata) == (["a'b", "red"], {"thread": "t-1", "n": 1})
    assert (found.started_at, found.ended_at, found.duration_ms) == (when(0), when(9), 9000.0)
    assert found.started_at.tzinfo is UTC
    assert (found.llm_calls, found.total_input_tokens, found.total_output_tokens) == (1, 3, 4)
    assert (found.total_cost_usd, found.unpriced_calls) == (7e-6, 0)
    assert (found.service, found.model, found.delegation_level) == ("shop", "m", 0)
    child = (await store.list_runs(parent_run_id="run-1"))[0]
    assert (child.total_cost_usd, child.total_input_tokens) == (None, None)


async def test_pages_stay_whole_while_runs_are_added(tmp_path: Path) -> None:
    """
    A cursor goes on after its run: nothing comes twice, and nothing is left out.
    """
    path = tmp_path / "runs.db"
    # Five runs to a start, and starts that differ by less than a datetime can hold.
    old = {f"old-{n:02}": (23 - n) // 5 * 2e-7 for n in range(23)}
    seen: list[str] = []
    with writing(path) as ingestor:
        spans = [run(f"{n:02}", name, start, 9) for n, (name, start) in enumerate(old.items())]
        ingestor.apply(spans)
        async with RunStore.from_url(path) as store:
            cursor = None
            for page_number in range(100):
                page = await store.list_runs(limit=3, cursor=cursor)
                if not page:
                    break
                seen += [each.run_id for each in page]
                cursor = store.cursor_after(page[-1])
                ingestor.apply([run(f"f{page_number:02}", f"new-{page_number:02}", 100, 101)])
    assert seen == sorted(old, key=lambda name: (old[name], name), reverse=True)


async def test_a_cursor_outlives_its_run(store: RunStore) -> None:
    """
    A page goes on from the place of a run that is not in this database.
    """
    place = (await store.list_runs(limit=1))[0]
    gone = type(place)(
        **{name: getattr(place, name) for name in place.__dataclass_fields__} | {"run_id": "gone"}
    )
    cursor = store.cursor_after(gone)
    found = [each.run_id for each in await store.list_runs(cursor=cursor)]
    assert found == ["run-2", "run-1"]
    huge = "Wy0xZTMwMCwgMV0"
    assert await store.list_runs(cursor=huge) == []


async def test_an_open_run_of_a_dead_writer_is_interrupted(tmp_path: Path) -> None:
    """
    An open run counts as running while its writer lives, and as interrupted from then
    on; one that nobody writes may still be running.
    """
    path = tmp_path / "runs.db"
    with writing(path, Writer.here()) as ingestor:
        ingestor.apply([run("01", "dead", 0, None), run("02", "ended", 1, 2)])
        async with RunStore.from_url(path) as store:
            assert await store.count_runs(status="running") == 1
            ingestor.leave()
            with writing(path, Writer.here()) as other:
                other.apply([run("03", "alive", 3, None)])
                found = {each.run_id: each.status for each in await store.list_runs()}
                assert found == {"dead": "interrupted", "ended": "success", "alive": "running"}
                detail = await store.get_run("dead")
                assert detail is not None
                assert detail.status == "interrupted"
                for status, name in (("interrupted", "dead"), ("running", "alive")):
                    assert [r.run_id for r in await store.list_runs(status=status)] == [name]
                    assert await store.count_runs(status=status) == 1
                both = ["interrupted", "success"]
                assert await store.count_runs(status=both) == 2
                with open_database(path) as database, database.transaction() as connection:
                    alive = runs.c.run_id == "alive"
                    connection.execute(update(runs).where(alive).values(writer_id=None))
                assert await store.count_runs(status="running") == 1


async def test_what_an_interrupted_run_left_open_is_interrupted(tmp_path: Path) -> None:
    """
    Open calls and tools run while the writer of their run lives, and are interrupted from
    then on; what had ended stays as it was.
    """
    path = tmp_path / "runs.db"
    with writing(path, Writer.here()) as ingestor:
        ingestor.apply(
            [
                run("01", "r", 0, None),
                call("02", 1, None, parent="01", model="m", provider="p"),
                call("03", 2, 3, parent="01", model="m", provider="p"),
                tool("04", 4, None, parent="01", tool_name="search"),
            ]
        )
        async with RunStore.from_url(path) as opened:

            async def stand() -> list[str]:
                calls = [each.status for each in await opened.get_llm_calls("r")]
                return calls + [each.status for each in await opened.get_tool_invocations("r")]

            assert await stand() == ["running", "ok", "running"]
            ingestor.leave()
            assert await stand() == ["interrupted", "ok", "interrupted"]
            assert (await opened.get_tool_invocations("r"))[0].success is None


async def test_an_open_run_of_no_writer_is_running(tmp_path: Path) -> None:
    """
    An open run stays running where nothing tells that its writer is gone.
    """
    with writing(tmp_path / "runs.db", Writer("w", "another-host", 1)) as ingestor:
        ingestor.apply([run("01", "far", 0, None)])
        async with RunStore.from_url(tmp_path / "runs.db") as store:
            assert [r.status for r in await store.list_runs(status="running")] == ["running"]
            assert await store.count_runs(status="interrupted") == 0


async def test_ids_are_found_by_their_beginning(store: RunStore) -> None:
    """
    A beginning finds the ids that have it, in order; its letters mean nothing else.
    """
    assert await store.resolve_run_id("run-") == ["run-1", "run-2", "run-3"]
    assert await store.resolve_run_id("run-2") == ["run-2"]
    assert await store.resolve_run_id("run-", limit=2) == ["run-1", "run-2"]
    assert await store.resolve_run_id("") == ["run-1", "run-2", "run-3"]
    for nothing in ("RUN", "run%", "run_", "\ud800", "run-11"):
        assert await store.resolve_run_id(nothing) == []


ODD = {
    "dotted.key": 1,
    'quo"ted': "x",
    "$map": {"a": 1},
    "$other": "y",
    "é\n'": "é\n'",
    "": "empty",
    "\ud800": "alone",
}
METADATA: dict[str, Any] = {
    "one": 1,
    "yes": True,
    "no": False,
    "half": 0.5,
    "null": None,
    "text": "1",
    "list": [1, {"a": None, "b": [True]}],
    "map": {"x": {"y": 1}, "z": 2},
    "none": {},
    "large": 2**80,
    "nan": float("nan"),
    "bytes": b"\x00",
}


@pytest.fixture
async def labelled(tmp_path: Path) -> AsyncIterator[RunStore]:
    """
    One run with metadata of every type, one with odd keys, one with none.
    """
    path = write(
        tmp_path / "runs.db",
        run("01", "typed", 0, 1, metadata=METADATA),
        run("02", "odd", 0, 1, metadata=ODD),
        run("03", "bare", 0, 1),
    )
    async with RunStore.from_url(path) as opened:
        yield opened


@pytest.mark.parametrize("key", list(METADATA))
async def test_metadata_is_found_by_every_value(labelled: RunStore, key: str) -> None:
    """
    A run is found by the very value its metadata has, whatever its type.
    """
    found = await labelled.list_runs(metadata_filter={key: METADATA[key]})
    assert [each.run_id for each in found] == ["typed"]


@pytest.mark.parametrize("key", list(ODD))
async def test_metadata_is_found_under_every_key(labelled: RunStore, key: str) -> None:
    """
    Keys may be any text.
    """
    found = await labelled.list_runs(metadata_filter={key: ODD[key]})
    assert [each.run_id for each in found] == ["odd"]
    assert await labelled.count_runs(metadata_filter=ODD) == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("one", True),
        ("one", "1"),
        ("one", 2),
        ("yes", 1),
        ("yes", "true"),
        ("yes", False),
        ("no", 0),
        ("no", None),
        ("text", 1),
        ("null", 0),
        ("null", ""),
        ("absent", None),
        ("list", [1]),
        ("list", [1, {"a": None, "b": [1]}]),
        ("list", [{"a": None, "b": [True]}, 1]),
        ("map", {"x": {"y": 1}}),
        ("map", {"x": {"y": 1}, "z": 2, "more": None}),
        ("map", []),
        ("none", []),
        ("none", None),
        ("large", 2**90),
        ("dotted", 1),
        ("dotted.key.more", 1),
        ("$map", {"$other": "y"}),
        ("a", 1),
        ("x", {"y": 1}),
        ("one' OR 1=1 --", 1),
    ],
)
async def test_metadata_is_not_found_by_what_resembles_it(
    labelled: RunStore, key: str, value: Any
) -> None:
    """
    Another type, another nesting or a part of a value is another value.
    """
    assert await labelled.list_runs(metadata_filter={key: value}) == []


async def test_maps_in_metadata_have_no_order(labelled: RunStore) -> None:
    """
    A map is the same map in whatever order its keys are given; a tuple is a list.
    """
    turned = {"z": 2, "x": {"y": 1}}
    listed = (1, {"b": (True,), "a": None})
    assert await labelled.count_runs(metadata_filter={"map": turned, "list": listed}) == 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=2) | st.just(0.5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=4,
)


@settings(max_examples=30, deadline=None)
@given(stored=VALUES, asked=VALUES)
async def test_metadata_compares_as_json(
    tmp_path_factory: pytest.TempPathFactory, stored: Any, asked: Any
) -> None:
    """
    A value is found exactly where it is equal as JSON.
    """
    path = tmp_path_factory.mktemp("metadata") / "runs.db"
    write(path, run("01", "one", 0, 1, metadata={"k": stored}))
    async with RunStore.from_url(path) as store:
        assert await store.count_runs(metadata_filter={"k": stored}) == 1
        assert await store.count_runs(metadata_filter={"k": asked}) == _same(stored, asked)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        pairs = zip(one, other, strict=False)
        return len(one) == len(other) and all(_same(a, b) for a, b in pairs)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return type(one) is type(other) and bool(one == other)
