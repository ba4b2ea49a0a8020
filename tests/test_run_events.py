"""
What every store of run events does alike.
"""

import asyncio
import copy
import itertools
import sys
from collections.abc import AsyncIterator
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from backends import POSTGRES, Backend
from hypothesis import given, settings
from hypothesis import strategies as st
from otel_bridge_storage.errors import DatabaseError, QueryError
from otel_bridge_storage.run_events import RunEventStore
from otel_bridge_storage.run_events.event import NewEvent
from otel_bridge_storage.run_events.json_values import DEEPEST
from run_event_backends import BACKENDS, event, every_durable_backend, opened, seqs

Store = RunEventStore
ODD_IDS = [
    "a/b",
    "..",
    ".",
    "CON",
    "a\\b:c*?",
    " ",
    "ä–漢🎉",
    "x" * 5000,
    "%2F",
    "'; --",
    "\n\u2028",
]


@pytest_asyncio.fixture(params=[*BACKENDS, POSTGRES])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """
    An empty store of each kind.
    """
    if request.param == POSTGRES:
        database = Backend(POSTGRES, tmp_path, request.getfixturevalue("postgres_url"))
        async with Store.from_url(database.target) as made:
            yield made
        database.close()
        return
    async with opened(request.param, tmp_path / "events") as made:
        yield made


async def filled(store: Store) -> list[dict[str, Any]]:
    """
    Put 24 events of three runs, types, tasks and two categories, and delete some.
    """
    events = [
        event(
            run_id=f"r{number % 3}",
            event_type=f"type{number % 4}",
            category="message" if number % 5 < 3 else "trace",
            content=number,
            metadata={"task_id": f"task{number % 2}"} if number % 7 else {"task_id": number},
        )
        for number in range(24)
    ]
    records = await store.put_batch(events[:10])
    records += [await store.put(**each) for each in events[10:]]
    await store.delete_by_run("t", "r1")
    return [record for record in records if record["run_id"] != "r1"]


def cut(
    records: list[dict[str, Any]], limit: int | None, before: int | None, after: int | None
) -> list[dict[str, Any]]:
    """
    Cut a page the slow and plain way.
    """
    found = [
        record
        for record in records
        if (before is None or record["seq"] < before) and (after is None or record["seq"] > after)
    ]
    if limit is None:
        return found
    return found[:limit] if after is not None else found[max(0, len(found) - limit) :]


async def test_a_record_has_all_fields_in_their_final_form(store: Store) -> None:
    """
    What `put` returns is the whole record, and what a read returns later.
    """
    record = await store.put(
        **event(
            content={"role": "user"}, metadata={"a": 1}, created_at="2026-01-31T14:00:00+02:00"
        )
    )
    assert record == {
        "thread_id": "t",
        "run_id": "r",
        "seq": 1,
        "event_type": "llm.ai.response",
        "category": "message",
        "content": {"role": "user"},
        "metadata": {"a": 1},
        "created_at": "2026-01-31T12:00:00.000000Z",
    }
    assert await store.list_events("t", "r") == [record]
    assert await store.list_messages("t") == [record]


async def test_defaults_are_an_empty_text_no_metadata_and_now(store: Store) -> None:
    """
    Only four arguments are needed.
    """
    first = await store.put(thread_id="t", run_id="r", event_type="e", category="c")
    assert (first["content"], first["metadata"]) == ("", {})
    assert first["created_at"].endswith("Z")
    second = await store.put(thread_id="t", run_id="r", event_type="e", category="c")
    assert first["created_at"] <= second["created_at"]


async def test_numbers_are_contiguous_in_each_thread(store: Store) -> None:
    """
    Numbers begin with 1 in every thread and leave none out, however events are put.
    """
    await store.put(**event())
    await store.put_batch([event(), event(thread_id="u"), event()])
    await store.put_if_absent(**event(event_type="run.end"))
    await store.put_if_absent(**event(event_type="run.end"))
    await store.put(**event())
    assert seqs(await store.list_events("t", "r")) == [1, 2, 3, 4, 5]
    assert seqs(await store.list_events("u", "r")) == [1]


async def test_a_batch_keeps_its_order_over_threads_and_runs(store: Store) -> None:
    """
    Records come back in the order of the events, each in its own thread and run.
    """
    places = [("a", "1"), ("b", "1"), ("a", "2"), ("a", "1"), ("b", "2")]
    batch = [event(thread_id=t, run_id=r, content=n) for n, (t, r) in enumerate(places)]
    records = await store.put_batch(batch)
    assert [(r["thread_id"], r["run_id"], r["content"]) for r in records] == [
        (*place, number) for number, place in enumerate(places)
    ]
    assert seqs(records) == [1, 1, 2, 3, 2]
    for thread, run in set(places):
        assert await store.list_events(thread, run) == [
            r for r in records if (r["thread_id"], r["run_id"]) == (thread, run)
        ]


async def test_an_empty_batch_is_nothing(store: Store) -> None:
    """
    No events give no records.
    """
    assert await store.put_batch([]) == []


@pytest.mark.parametrize(
    ("item", "told"),
    [
        ({"thread_id": "t", "run_id": "r", "event_type": "e"}, r"events\[2\] has no 'category'"),
        (event(user_id="u"), r"events\[2\] has the unknown key 'user_id'"),
        (event(content=object()), r"events\[2\]: content is a object"),
        (event(created_at="yesterday"), r"events\[2\]: created_at='yesterday'"),
        (["t"], r"events\[2\] is a list"),
    ],
    ids=["missing", "unknown", "content", "moment", "no dict"],
)
async def test_a_bad_batch_writes_nothing(store: Store, item: Any, told: str) -> None:
    """
    A batch is checked as a whole before any of it is written; the error names the item.
    """
    with pytest.raises(QueryError, match=told):
        await store.put_batch([event(), event(thread_id="u"), item])
    assert await store.list_messages("t") == await store.list_messages("u") == []
    assert (await store.put(**event()))["seq"] == 1


@pytest.mark.parametrize("events", [None, event(), "text", 5], ids=["none", "dict", "text", "int"])
async def test_a_batch_is_a_list(store: Store, events: Any) -> None:
    """
    What is no list of events is refused.
    """
    with pytest.raises(QueryError, match="give a list of dicts"):
        await store.put_batch(events)


async def test_the_first_event_of_a_type_in_a_run_wins(store: Store) -> None:
    """
    `put_if_absent` writes once for each run and type, until the run is deleted.
    """
    first, written = await store.put_if_absent(**event(event_type="run.end", content="first"))
    again, rewritten = await store.put_if_absent(**event(event_type="run.end", content="second"))
    assert (written, rewritten) == (True, False)
    assert again == first
    for other in ({"run_id": "r2"}, {"thread_id": "t2"}, {"event_type": "run.start"}):
        assert (await store.put_if_absent(**event(**({"event_type": "run.end"} | other))))[1]
    await store.delete_by_run("t", "r")
    assert (await store.put_if_absent(**event(event_type="run.end")))[1]


async def test_concurrent_puts_if_absent_write_one(store: Store) -> None:
    """
    Of many that try at once, one wins, and all get its record, each a copy of its own.
    """
    tries = [store.put_if_absent(**event(content=[number])) for number in range(20)]
    # While the first one is written the others gather, and are written together.
    other = asyncio.create_task(store.put(**event(run_id="r2")))
    await asyncio.sleep(0)
    answers = await asyncio.gather(*tries)
    await other
    assert sum(written for _, written in answers) == 1
    before = copy.deepcopy(answers[0][0])
    answers[0][0]["content"].append("changed")
    assert all(record == before for record, _ in answers[1:])
    assert await store.list_events("t", "r") == [before]


async def test_concurrent_puts_get_numbers_of_their_own(store: Store) -> None:
    """
    Puts at the same time lose nothing and share no number.
    """
    puts = [store.put(**event(thread_id=f"t{n % 3}", content=n)) for n in range(90)]
    records = await asyncio.gather(*puts)
    for thread in range(3):
        own = sorted(
            (r for r in records if r["thread_id"] == f"t{thread}"), key=lambda r: r["seq"]
        )
        assert seqs(own) == list(range(1, 31))
        assert await store.list_messages(f"t{thread}", limit=None) == own


async def test_pages_equal_brute_force(store: Store) -> None:
    """
    Every combination of limit and cursors gives what plain filtering gives.
    """
    records = [r for r in await filled(store) if r["category"] == "message"]
    own = [r for r in records if r["run_id"] == "r2"]
    cursors = [None, -3, 0, 1, 5, 6, 7, 13, 24, 25, 10**30]
    for limit, before, after in itertools.product([None, 1, 2, 7, 10**30], cursors, cursors):
        window = {"limit": limit, "before_seq": before, "after_seq": after}
        assert await store.list_messages("t", **window) == cut(records, limit, before, after)
        page = await store.list_messages_by_run("t", "r2", **window)
        assert page == cut(own, limit, before, after)
    assert await store.count_messages("t") == len(records)
    assert await store.list_messages_by_run("t", "r2") == own


async def test_events_equal_brute_force(store: Store) -> None:
    """
    Types, task and cursor are applied before the limit.
    """
    own = [r for r in await filled(store) if r["run_id"] == "r0"]
    kinds = [None, [], ["type0"], ["type0", "type2", "none"], ("type1",)]
    tasks = [None, "task0", "task1", "none", "7"]
    for types, task, after, limit in itertools.product(
        kinds, tasks, [None, 0, 7, 99], [None, 1, 3]
    ):
        matching = [
            r
            for r in own
            if (types is None or r["event_type"] in types)
            and (task is None or r["metadata"]["task_id"] == task)
            and (after is None or r["seq"] > after)
        ]
        found = await store.list_events(
            "t", "r0", event_types=types, task_id=task, after_seq=after, limit=limit
        )
        assert found == matching[:limit]


async def test_lists_have_a_usual_length(store: Store) -> None:
    """
    Without a limit 50 messages, 500 events, and all messages of a run are listed.
    """
    await store.put_batch([event(content=number) for number in range(510)])
    assert seqs(await store.list_messages("t")) == list(range(461, 511))
    assert seqs(await store.list_events("t", "r")) == list(range(1, 501))
    assert len(await store.list_messages_by_run("t", "r")) == 510


@pytest.mark.parametrize("limit", [0, -3, True, 1.0, "5"], ids=repr)
async def test_a_limit_is_a_number_from_1_on(store: Store, limit: Any) -> None:
    """
    Other limits are refused, by all lists.
    """
    with pytest.raises(QueryError, match="limit="):
        await store.list_messages("t", limit=limit)
    with pytest.raises(QueryError, match="limit="):
        await store.list_events("t", "r", limit=limit)
    with pytest.raises(QueryError, match="limit="):
        await store.list_messages_by_run("t", "r", limit=limit)


async def test_cursors_and_filters_are_checked(store: Store) -> None:
    """
    A cursor is a number, event types are a list of texts, a task is a text.
    """
    wrong: Any = "5"
    with pytest.raises(QueryError, match="before_seq='5'"):
        await store.list_messages("t", before_seq=wrong)
    with pytest.raises(QueryError, match="after_seq='5'"):
        await store.list_messages_by_run("t", "r", after_seq=wrong)
    with pytest.raises(QueryError, match="event_types='5'"):
        await store.list_events("t", "r", event_types=wrong)
    wrong = 5
    with pytest.raises(QueryError, match="event_types=5"):
        await store.list_events("t", "r", event_types=wrong)
    with pytest.raises(QueryError, match="event_types=5"):
        await store.list_events("t", "r", event_types=[wrong])
    with pytest.raises(QueryError, match="task_id=5"):
        await store.list_events("t", "r", task_id=wrong)


async def test_what_is_not_there_is_empty(store: Store) -> None:
    """
    Unknown threads and runs have no events, and asking for them makes none.
    """
    assert await store.list_messages("t") == await store.list_events("t", "r") == []
    assert await store.list_messages_by_run("t", "r") == []
    assert await store.count_messages("t") == 0
    assert await store.delete_by_thread("t") == await store.delete_by_run("t", "r") == 0
    assert (await store.put(**event()))["seq"] == 1
    assert await store.list_events("t", "other") == await store.list_messages("other") == []


async def test_deleting_a_run_leaves_the_others(store: Store) -> None:
    """
    Only the run's events go, and their number is told.
    """
    records = await store.put_batch([event(run_id=f"r{n % 2}", content=n) for n in range(10)])
    assert await store.delete_by_run("t", "r1") == 5
    assert await store.delete_by_run("t", "r1") == 0
    assert await store.list_messages("t") == records[::2]
    assert await store.count_messages("t") == 5


async def test_numbers_are_never_given_twice(store: Store) -> None:
    """
    A reader that polls with `after_seq` sees what comes after any deletion.
    """
    await store.put_batch([event(), event(run_id="r2"), event(run_id="r2")])
    assert await store.delete_by_run("t", "r2") == 2
    assert (await store.put(**event()))["seq"] == 4
    assert await store.delete_by_thread("t") == 2
    assert await store.list_messages("t") == []
    assert (await store.put(**event()))["seq"] == 5
    assert seqs(await store.list_messages("t", after_seq=4)) == [5]


async def test_any_text_is_an_id(store: Store) -> None:
    """
    Ids are compared as they are, whatever file systems make of them.
    """
    ids = [*ODD_IDS, "a", "A", "ä", "a\u0308", "a/B"]
    for each in ids:
        await store.put(**event(thread_id=each, run_id=each, content=each))
    for each in ids:
        assert [r["content"] for r in await store.list_events(each, each)] == [each]
    assert [await store.delete_by_thread(each) for each in ids] == [1] * len(ids)


@pytest.mark.parametrize("bad", ["", None, 5, b"t", "a\0b", "\ud800"], ids=ascii)
@pytest.mark.parametrize("name", ["thread_id", "run_id", "event_type", "category"])
async def test_ids_that_no_store_could_keep_are_refused(store: Store, name: str, bad: Any) -> None:
    """
    An id is a text that is not empty, without NUL and lone surrogates; the error names it.
    """
    for put in (store.put, store.put_if_absent):
        with pytest.raises(QueryError, match=f"{name}="):
            await put(**event(**{name: bad}))
    if name == "thread_id":
        for read in (store.list_messages, store.count_messages, store.delete_by_thread):
            with pytest.raises(QueryError, match="thread_id="):
                await read(bad)
    if name == "run_id":
        for look in (store.list_events, store.list_messages_by_run, store.delete_by_run):
            with pytest.raises(QueryError, match="run_id="):
                await look("t", bad)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=15,
)


@pytest.mark.parametrize("backend", BACKENDS)
def test_json_values_come_back_as_they_were(
    backend: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """
    Whatever JSON can hold is the same after a round trip, type by type.
    """

    @settings(max_examples=60, deadline=None)
    @given(
        json_values,
        st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), json_values),
    )
    def check(content: Any, metadata: dict[str, Any]) -> None:
        asyncio.run(come_back(backend, tmp_path_factory.mktemp("events"), content, metadata))

    check()


async def come_back(backend: str, folder: Path, content: Any, metadata: dict[str, Any]) -> None:
    """
    Put one event and compare it with what is read.
    """
    async with opened(backend, folder) as store:
        record = await store.put(**event(content=content, metadata=metadata))
        assert repr((record["content"], record["metadata"])) == repr((content, metadata))
        assert repr(await store.list_messages("t")) == repr([record])


@pytest.mark.parametrize(
    "content",
    [
        "a\u2028b\u2029c\x85d\r\ne\x0bf",
        "nul \0",
        "🎉",
        2**64,
        -(10**4000),
        -0.0,
        1e308,
        "",
        None,
        {},
        [[]],
    ],
    ids=["separators", "nul", "emoji", "2^64", "huge", "-0", "1e308", "", "null", "{}", "[[]]"],
)
async def test_awkward_content_comes_back(store: Store, content: Any) -> None:
    """
    No letter and no number that JSON knows ends a record or changes it.
    """
    await store.put(**event(content=content, metadata={"content_is_json": True, "k": content}))
    await store.put(**event(content="next"))
    first, second = await store.list_messages("t")
    assert repr(first["content"]) == repr(first["metadata"]["k"]) == repr(content)
    assert first["metadata"]["content_is_json"] is True
    assert (second["seq"], second["content"]) == (2, "next")


async def test_what_json_writes_otherwise_is_so_from_the_start(store: Store) -> None:
    """
    Tuples become lists, enumerations their values, and lone surrogates question marks.
    """

    class Role(StrEnum):
        USER = "user"

    class Level(IntEnum):
        LOW = 1

    record = await store.put(**event(content=(1, {"a": (Role.USER, Level.LOW)}, "\ud83d!")))
    assert repr(record["content"]) == repr([1, {"a": ["user", 1]}, "?!"])
    assert repr(await store.list_messages("t")) == repr([record])


def nested(depth: int) -> list[Any]:
    """
    Make lists within lists.
    """
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def endless() -> list[Any]:
    """
    Make a list that contains itself.
    """
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (float("nan"), r"\['a'\]\[0\] is nan"),
        (float("-inf"), r"\['a'\]\[0\] is -inf"),
        ({1: "x"}, r"\['a'\]\[0\] has the key 1"),
        ({"\ud800": "x"}, r"\['a'\]\[0\] has the key '\\ud800'"),
        (object(), r"\['a'\]\[0\] is a object"),
        (b"x", r"\['a'\]\[0\] is a bytes"),
        ({"x"}, r"\['a'\]\[0\] is a set"),
        (2**20_000, r"\['a'\]\[0\] is a whole number"),
        (nested(DEEPEST), "nested more than"),
        (endless(), "nested more than"),
    ],
    ids=["nan", "inf", "key", "surrogate", "object", "bytes", "set", "huge", "deep", "endless"],
)
async def test_what_json_cannot_hold_is_refused(store: Store, value: Any, told: str) -> None:
    """
    The error says where the value is, and nothing is written.
    """
    with pytest.raises(QueryError, match=f"^content.*{told}"):
        await store.put(**event(content={"a": [value]}))
    with pytest.raises(QueryError, match=told):
        await store.put_if_absent(**event(metadata={"a": [value]}))
    assert await store.list_messages("t") == []


async def test_the_deepest_nesting_comes_back(store: Store) -> None:
    """
    What is just not too deep is kept.
    """
    record = await store.put(**event(content=nested(DEEPEST)))
    assert await store.list_messages("t") == [record]


@pytest.mark.parametrize("metadata", ["x", [], 5, [("a", 1)]], ids=repr)
async def test_metadata_is_an_object(store: Store, metadata: Any) -> None:
    """
    Other metadata is refused.
    """
    with pytest.raises(QueryError, match="metadata is a"):
        await store.put(**event(metadata=metadata))


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ("2026-01-31T12:00:00.25+00:00", "2026-01-31T12:00:00.25+00:00"),
        ("2026-01-31t12:00:00.5z", "2026-01-31T12:00:00.500000Z"),
        ("2026-01-31 12:00:00.123456789-00:00", "2026-01-31T12:00:00.123456Z"),
        ("2026-01-31T23:30:00-05:30", "2026-02-01T05:00:00.000000Z"),
        ("2024-02-29T00:00:00+14:00", "2024-02-28T10:00:00.000000Z"),
    ],
)
async def test_moments_are_brought_into_utc(store: Store, given_text: str, kept: str) -> None:
    """
    Texts of all offsets come back in UTC, and those in UTC as they were written.
    """
    assert (await store.put(**event(created_at=given_text)))["created_at"] == kept
    assert (await store.list_messages("t"))[0]["created_at"] == kept


@pytest.mark.parametrize(
    "wrong",
    [
        "yesterday",
        "",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-02-30T12:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T12:00:00+25:00",
        "0001-01-01T00:00:00+01:00",
        "2026-01-31T12:00:00Z\n",
        "٢٠٢٦-01-31T12:00:00Z",
        1769860800,
    ],
    ids=ascii,
)
async def test_what_is_no_moment_is_refused(store: Store, wrong: Any) -> None:
    """
    A text that is not RFC 3339 with an offset is refused, and the field named.
    """
    with pytest.raises(QueryError, match="created_at="):
        await store.put(**event(created_at=wrong))


async def test_records_are_copies(store: Store) -> None:
    """
    Changing what was put in or what came out changes nothing in the store.
    """
    content, metadata = {"list": [1]}, {"deep": {"a": 1}}
    put = await store.put(**event(content=content, metadata=metadata))
    (batched,) = await store.put_batch([event(content=content, metadata=metadata)])
    first, _ = await store.put_if_absent(**event(content=content, metadata=metadata))
    before = copy.deepcopy(await store.list_messages("t"))
    lists = [
        await store.list_messages("t"),
        await store.list_events("t", "r"),
        await store.list_messages_by_run("t", "r"),
    ]
    content["list"].append(2)
    metadata["deep"]["a"] = 2
    for record in [put, batched, first, *itertools.chain(*lists)]:
        record["content"]["list"].append(3)
        record["metadata"]["deep"]["a"] = 3
        record["metadata"]["new"] = record["seq"] = 99
    assert await store.list_messages("t") == before


async def test_a_closed_store_says_so(store: Store) -> None:
    """
    After `close`, which may be called twice, everything raises a clear error.
    """
    await store.put(**event())
    await store.close()
    await store.close()
    with pytest.raises(DatabaseError, match="is closed"):
        await store.put(**event())
    with pytest.raises(DatabaseError, match="is closed"):
        await store.list_messages("t")
    with pytest.raises(DatabaseError, match="is closed"):
        await store.delete_by_thread("t")


def test_a_store_serves_several_event_loops(tmp_path: Path) -> None:
    """
    One store may be used from one event loop after another.
    """
    for backend in BACKENDS:
        store = opened(backend, tmp_path / backend)
        for seq in (1, 2, 3):
            assert asyncio.run(put_once(store))["seq"] == seq


async def put_once(store: Store) -> dict[str, Any]:
    """
    Put an event in an event loop of its own.
    """
    return await store.put(**event())


@every_durable_backend
async def test_numbers_and_events_outlive_the_store(backend: str, tmp_path: Path) -> None:
    """
    After opening anew everything is there, and numbers go on, also after deletions.
    """
    async with opened(backend, tmp_path) as store:
        records = await store.put_batch([event(content=n, run_id=f"r{n}") for n in range(5)])
    async with opened(backend, tmp_path) as store:
        assert await store.list_messages("t") == records
        await store.delete_by_run("t", "r4")
    async with opened(backend, tmp_path) as store:
        assert (await store.put(**event()))["seq"] == 6
        assert await store.delete_by_thread("t") == 5
    async with opened(backend, tmp_path) as store:
        assert await store.list_messages("t") == []
        assert (await store.put(**event()))["seq"] == 7


@every_durable_backend
async def test_two_stores_see_each_other(backend: str, tmp_path: Path) -> None:
    """
    What one store put, deleted or numbered, another one over the same place knows at once.
    """
    async with opened(backend, tmp_path) as one, opened(backend, tmp_path) as two:
        for number in range(10):
            record = await (one, two)[number % 2].put(**event(run_id=f"r{number % 4}"))
            assert record["seq"] == number + 1
            for each in (one, two):
                assert seqs(await each.list_messages("t")) == list(range(1, number + 2))
        assert await one.delete_by_run("t", "r3") == 2
        assert await two.count_messages("t") == 8
        assert not (await two.put_if_absent(**event(run_id="r1")))[1]
        assert (await two.put_if_absent(**event(run_id="r3")))[0]["seq"] == 11
        assert await one.delete_by_thread("t") == 9
        assert (await two.put(**event()))["seq"] == 12


def test_an_event_is_checked_in_one_place() -> None:
    """
    The numbers of Python's own limits do not matter to what is refused.
    """
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        with pytest.raises(QueryError, match="whole number"):
            NewEvent.checked(**event(content=2**20_000))
    finally:
        sys.set_int_max_str_digits(before)
