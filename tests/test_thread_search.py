"""
Searching threads: all conditions count before a part of the list is taken.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from backends import Backend
from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.threads import MetadataStore, ThreadSearch
from pydantic import BaseModel
from thread_backends import Clock, found, make_threads, opened

# Each is another value than all others.
VALUES: list[Any] = [None, False, True, 0, 1, 1.5, "", "1", "true", "null", [], [1], {}, {"a": 1}]
EQUAL = [
    (1, 1.0),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1.0}),
    ([1, 2], (1, 2)),
    ("x" * 900, "x" * 900),
]


async def paged(store: MetadataStore, **request: Any) -> list[str]:
    """
    Search by cursor, part after part.
    """
    ids: list[str] = []
    cursor = None
    while rows := await store.search_thread_rows({**request, "cursor": cursor}):
        ids += [row["thread_id"] for row in rows]
        cursor = store.cursor_after(rows[-1], request)
    return ids


async def make_varied(store: MetadataStore, clock: Clock) -> None:
    """
    Make threads with ties in every order but that of ids.
    """
    for number in range(12):
        await store.create_thread(f"t{number * 7 % 12:02}", metadata={"n": number})
        if number % 3 == 0:
            clock.pass_by(1)
    for number in range(0, 12, 2):
        status: Any = ["idle", "busy", "error"][number % 3]
        await store.update_thread(
            f"t{number:02}", status_value=status, mark_state_updated=number % 4 == 0
        )


async def test_metadata_is_matched_before_the_part_is_taken(backend: Backend) -> None:
    """
    A rare thread is found with a small limit, however many others are newer.
    """
    async with opened(backend) as store:
        await store.create_thread("rare", metadata={"group": "rare", "n": 0})
        await make_threads(store, *map(str, range(30)), metadata={"group": "common", "n": 0})
        assert await found(store, metadata={"group": "rare"}, limit=1) == ["rare"]
        assert await found(store, metadata={"group": "rare", "n": 0}, limit=1) == ["rare"]
        assert await found(store, metadata={"group": "rare", "n": 1}) == []
        assert await found(store, metadata={"unknown": None}) == []


async def test_metadata_is_equal_by_type(backend: Backend) -> None:
    """
    Each value finds the threads that have it, and no other, though SQL or Python think
    some of them equal.
    """
    async with opened(backend) as store:
        for number, value in enumerate(VALUES):
            await store.create_thread(str(number), metadata={"key": value, "same": 1})
        await store.create_thread("without")
        for number, value in enumerate(VALUES):
            assert await found(store, metadata={"key": value}) == [str(number)]


@pytest.mark.parametrize(("kept", "wanted"), EQUAL, ids=["number", "map", "list", "long"])
async def test_metadata_is_equal_by_value(backend: Backend, kept: Any, wanted: Any) -> None:
    """
    The same value is found in each of its forms.
    """
    async with opened(backend) as store:
        await store.create_thread("t", metadata={"key": kept})
        await store.create_thread("u", metadata={"key": "x" * 901})
        assert await found(store, metadata={"key": wanted}) == ["t"]


async def test_strange_keys_are_keys(backend: Backend) -> None:
    """
    Any text is a key of metadata.
    """
    keys = ["", "$map", "a.b", '"', "' OR 1=1 --", "k" * 900, "\0", "%"]
    async with opened(backend) as store:
        for number, key in enumerate(keys):
            await store.create_thread(str(number), metadata={key: 1})
        for number, key in enumerate(keys):
            assert await found(store, metadata={key: 1}) == [str(number)]


@pytest.mark.parametrize("descending", [False, True], ids=["asc", "desc"])
@pytest.mark.parametrize(
    "sort_by", ["thread_id", "status", "created_at", "updated_at", "state_updated_at"]
)
async def test_orders_are_whole(backend: Backend, sort_by: str, descending: bool) -> None:
    """
    Each order settles ties by id, and its parts by offset or cursor are the whole list.
    """
    clock = Clock()
    never = datetime.min.replace(tzinfo=UTC)

    def place(row: Any) -> Any:
        second = row["updated_at"] if sort_by == "status" else ""
        return (
            (row[sort_by] or never) if sort_by.endswith("_at") else row[sort_by],
            second,
            row["thread_id"],
        )

    async with opened(backend, clock) as store:
        await make_varied(store, clock)
        order = {"sort_by": sort_by, "sort_order": "desc" if descending else "asc"}
        rows = await store.search_thread_rows({**order, "limit": 100})
        assert rows == sorted(rows, key=place, reverse=descending)
        ids = [row["thread_id"] for row in rows]
        assert len(ids) == 12
        offsets = [await found(store, **order, limit=5, offset=n) for n in (0, 5, 10, 15)]
        assert [each for part in offsets for each in part] == ids
        assert await paged(store, **order, limit=5) == ids
        assert await paged(store, **order, limit=1, metadata={"n": 4}) == ["t04"]


async def test_default_is_the_latest_ten(backend: Backend) -> None:
    """
    With nothing given, the ten threads that were updated last are listed.
    """
    clock = Clock()
    async with opened(backend, clock) as store:
        for number in range(12):
            await make_threads(store, f"t{number}")
            clock.pass_by(1)
        await store.update_thread("t0", status_value="busy")
        wanted = ["t0", *[f"t{number}" for number in range(11, 2, -1)]]
        assert await found(store) == wanted
        assert [r["thread_id"] for r in await store.search_thread_rows(ThreadSearch())] == wanted


async def test_cursor_is_not_moved_by_others(backend: Backend) -> None:
    """
    Threads that are made or deleted while somebody pages neither repeat nor hide others.
    """
    clock = Clock()
    async with opened(backend, clock) as store:
        for number in range(6):
            await make_threads(store, f"t{number}")
            clock.pass_by(1)
        request = ThreadSearch(limit=2, sort_by="created_at")
        first = await store.search_thread_rows(request)
        cursor = store.cursor_after(first[-1], request)
        await make_threads(store, "new")
        await store.delete_thread("t4")
        assert await found(store, sort_by="created_at", limit=9, cursor=cursor) == [
            "t3",
            "t2",
            "t1",
            "t0",
        ]


async def test_other_conditions(backend: Backend) -> None:
    """
    Ids, status and ranges of time narrow together; ranges hold their beginning only.
    """
    clock = Clock()
    start = clock.now
    minute = timedelta(minutes=1)
    async with opened(backend, clock) as store:
        for name in ("a", "b", "c", "d"):
            await make_threads(store, name)
            clock.pass_by(1)
        await store.update_thread("b", status_value="busy")
        assert await found(store, ids=["a", "b", "x"]) == ["b", "a"]
        assert await found(store, ids=[]) == []
        assert await found(store, status="busy") == ["b"]
        assert await found(store, status="busy", ids=["a"]) == []
        assert await found(store, created_after=start + minute) == ["b", "d", "c"]
        assert await found(store, created_before=start + minute) == ["a"]
        window = {"created_after": start + minute, "created_before": start + 3 * minute}
        assert await found(store, **window, sort_order="asc", sort_by="created_at") == ["b", "c"]
        assert await found(store, updated_after=start + 4 * minute) == ["b"]
        assert await found(store, updated_before=start + minute) == ["a"]


async def test_select_leaves_out_the_rest(backend: Backend) -> None:
    """
    Rows have the selected keys; what a row has not cannot be selected.
    """
    async with opened(backend) as store:
        await make_threads(store, "t")
        rows: list[Any] = list(await store.search_thread_rows({"select": ["thread_id", "status"]}))
        assert rows == [{"thread_id": "t", "status": "idle"}]
        with pytest.raises(QueryError, match="updated_at"):
            store.cursor_after(rows[0], ThreadSearch())
        for refused in (["values"], "thread_id", [1]):
            with pytest.raises(QueryError, match="thread_id"):
                await found(store, select=refused)


REFUSED: dict[str, dict[str, Any]] = {
    "unknown key": {"metdata": {}},
    "values": {"values": {"a": 1}},
    "extract": {"extract": {"a": "values.a"}},
    "status": {"status": "sleeping"},
    "sort_by": {"sort_by": "thread_id; DROP TABLE threads"},
    "sort_order": {"sort_order": "down"},
    "ids": {"ids": "t"},
    "an id": {"ids": [""]},
    "many ids": {"ids": [str(n) for n in range(10_001)]},
    "metadata": {"metadata": ["a"]},
    "a value": {"metadata": {"a": object()}},
    "naive time": {"created_after": datetime.fromisoformat("2026-01-01")},
    "time": {"updated_before": "2026-01-01"},
    "cursor": {"cursor": "no cursor"},
    "cursor of bytes": {"cursor": b"x"},
    "forged cursor": {"cursor": "WyJ1cGRhdGVkX25zIiwgInRocmVhZF9pZCIsIHRydWUsICJ4IiwgMV0"},
}


@pytest.mark.parametrize("request_", REFUSED.values(), ids=REFUSED)
async def test_what_makes_no_sense_is_refused(backend: Backend, request_: Any) -> None:
    """
    A search that cannot be carried out as asked is refused instead of being widened.
    """
    async with opened(backend) as store:
        with pytest.raises(QueryError):
            await store.search_thread_rows(request_)


async def test_cursor_of_another_order_is_refused(backend: Backend) -> None:
    """
    A cursor goes with the order that it was made for.
    """
    async with opened(backend) as store:
        await make_threads(store, "t")
        (row,) = await store.search_thread_rows({})
        cursor = store.cursor_after(row, {})
        for other in ({"sort_by": "created_at"}, {"sort_order": "asc"}):
            with pytest.raises(QueryError, match="cursor"):
                await found(store, cursor=cursor, **other)


class _Model(BaseModel):
    ids: list[str] | None = None
    metadata: dict[str, Any] | None = None
    values: dict[str, Any] | None = None
    status: str | None = None
    limit: int = 10
    offset: int = 0
    sort_by: str | None = None
    sort_order: str | None = None
    select: list[str] | None = None
    extract: dict[str, str] | None = None


@dataclass
class _Foreign:
    metadata: dict[str, Any] = field(default_factory=dict)
    limit: int = 3
    something: str = "else"


@pytest.mark.parametrize(
    "request_",
    [
        ThreadSearch(metadata={"a": 1}),
        {"metadata": {"a": 1}},
        _Model(metadata={"a": 1}),
        _Foreign(metadata={"a": 1}),
    ],
    ids=["ours", "dict", "pydantic", "dataclass"],
)
async def test_request_may_be_any_object_with_such_fields(backend: Backend, request_: Any) -> None:
    """
    Requests of a server's own classes are understood.
    """
    async with opened(backend) as store:
        await make_threads(store, "t", metadata={"a": 1})
        await make_threads(store, "u", metadata={"a": 2})
        assert [r["thread_id"] for r in await store.search_thread_rows(request_)] == ["t"]
        with pytest.raises(QueryError, match="metadata"):
            await store.search_thread_rows(object())


@pytest.mark.slow
async def test_large_and_small_groups(backend: Backend) -> None:
    """
    The same threads are found whether a search begins with a label or with the order.
    """
    async with opened(backend) as store:
        for number in range(1100):
            labels = {"all": 1, "half": number % 2, "rare": number // 500}
            await store.create_thread(f"{number:04}", metadata=labels)
        order = {"sort_by": "thread_id", "sort_order": "asc", "limit": 1000}
        for wanted in ({"all": 1}, {"half": 1}, {"rare": 2}, {"all": 1, "half": 0, "rare": 2}):
            expected = [
                f"{n:04}"
                for n in range(1100)
                if {"all": 1, "half": n % 2, "rare": n // 500}.items() >= wanted.items()
            ]
            assert await found(store, metadata=wanted, **order) == expected[:1000]
