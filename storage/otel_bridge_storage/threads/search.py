"""
Which threads are searched for, in which order, and from where on.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.moments import nanoseconds
from otel_bridge_storage.threads.arguments import (
    fields_of,
    given_ids,
    given_map,
    one_of,
    thread_status,
    whole,
)
from otel_bridge_storage.threads.protocol import ThreadRow

MOST_ROWS = 1000
_MOST_IDS = 10_000
_LARGEST = 2**63 - 1
_FIELDS = tuple(ThreadRow.__annotations__)
# What the columns are called in rows; the last one settles ties. Threads of one status
# are further ordered by their updates.
_COLUMNS = {
    "thread_id": "thread_id",
    "created_ns": "created_at",
    "updated_ns": "updated_at",
    "state_updated_ns": "state_updated_at",
    "status": "status",
}
ORDERS: Mapping[str, tuple[str, ...]] = {
    "thread_id": ("thread_id",),
    "status": ("status", "updated_ns", "thread_id"),
    "created_at": ("created_ns", "thread_id"),
    "updated_at": ("updated_ns", "thread_id"),
    "state_updated_at": ("state_updated_ns", "thread_id"),
}
_NOT_KEPT = ("values", "extract")


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadSearch:
    """
    Which threads are wanted; None does not narrow.

    Attributes:
        ids: Only these; an empty list matches nothing.
        metadata: All of these keys have these values. Numbers are the same if they are
            equal, and never the same as true or false; None means that the key is there
            and its value is null.
        created_after: From this moment on; aware, as are the next three.
        created_before: Up to this moment, and not at it.
        sort_by: `thread_id`, `status`, `created_at`, `updated_at` or `state_updated_at`,
            where threads whose state never changed count as the oldest. Ties are settled
            by id.
        sort_order: "asc" or "desc".
        limit: From 1 to 1000.
        offset: How many to leave out, after the cursor if there is one.
        cursor: Go on after the thread that `MetadataStore.cursor_after` was given, in the
            same order. Unlike with an offset, threads that are made or deleted meanwhile
            move none of the others.
        select: Which keys the rows have; None is all.
    """

    ids: Sequence[str | UUID] | None = None
    metadata: Mapping[str, Any] | None = None
    status: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    sort_by: str | None = None
    sort_order: str | None = None
    limit: int = 10
    offset: int = 0
    cursor: str | None = None
    select: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedSearch:
    """
    A search whose fields make sense.

    Attributes:
        ranges: Column and its bounds in nanoseconds: from, and up to but not at.
        after: Values of the order's columns to go on after.
    """

    ids: Sequence[str] | None
    metadata: Mapping[str, Any]
    status: str | None
    ranges: Sequence[tuple[str, int | None, int | None]]
    order: Sequence[str]
    descending: bool
    limit: int
    offset: int
    after: Sequence[Any] | None
    select: frozenset[str] | None


def checked_search(request: Any) -> CheckedSearch:
    """
    Read a `ThreadSearch`, or an object or dict with its fields.

    Raises:
        QueryError: A field makes no sense, or asks for what is not kept here, as `values`
            and `extract` do, which are about the state of a graph.
    """
    given = _given(request)
    sort_by = one_of(given["sort_by"] or "updated_at", ORDERS, "sort_by")
    sort_order = one_of(given["sort_order"] or "desc", ("asc", "desc"), "sort_order")
    return CheckedSearch(
        ids=None if given["ids"] is None else _ids(given["ids"]),
        metadata=given_map(given["metadata"] or {}, "metadata"),
        status=None if given["status"] is None else thread_status(given["status"]),
        ranges=[_range(given, "created"), _range(given, "updated")],
        order=ORDERS[sort_by],
        descending=sort_order == "desc",
        limit=whole(given["limit"], "limit", 1, MOST_ROWS),
        offset=whole(given["offset"], "offset", 0, _LARGEST),
        after=None
        if given["cursor"] is None
        else _place(given["cursor"], sort_by, descending=sort_order == "desc"),
        select=None if given["select"] is None else _selected(given["select"]),
    )


def cursor_after(row: Mapping[str, Any], request: Any) -> str:
    """
    Write down a thread's place in the order of a search.

    Raises:
        QueryError: The row lacks what the search is ordered by.
    """
    search = checked_search(request)
    names = {column: _COLUMNS[column] for column in search.order}
    if missing := [name for name in names.values() if name not in row]:
        raise QueryError(f"the row has no {missing[0]!r}, which the cursor needs: select it too")
    place = [_sorted_value(row[name], name) for name in names.values()]
    text = json.dumps([*search.order, search.descending, *place])
    return base64.urlsafe_b64encode(text.encode()).decode("ascii").rstrip("=")


def _given(request: Any) -> dict[str, Any]:
    defaults = {field.name: field.default for field in fields(ThreadSearch)}
    given = fields_of(request, (*defaults, *_NOT_KEPT), "the search")
    for name in _NOT_KEPT:
        if given.pop(name, None):
            raise QueryError(
                f"threads cannot be searched with {name}, which are in the checkpoints and "
                "not here: search by metadata, ids or status"
            )
    return {**defaults, **given}


def _ids(given: Any) -> list[str]:
    ids = given_ids(given, "ids")
    if len(ids) > _MOST_IDS:
        raise QueryError(f"{len(ids)} ids are too many: give at most {_MOST_IDS} at a time")
    return ids


def _range(given: Mapping[str, Any], what: str) -> tuple[str, int | None, int | None]:
    after, before = given[f"{what}_after"], given[f"{what}_before"]
    return (
        f"{what}_ns",
        None if after is None else nanoseconds(after, f"{what}_after"),
        None if before is None else nanoseconds(before, f"{what}_before"),
    )


def _selected(select: Any) -> frozenset[str]:
    if isinstance(select, str) or not isinstance(select, Sequence):
        raise QueryError(f"select={select!r} is no list: give a list of {', '.join(_FIELDS)}")
    return frozenset(one_of(name, _FIELDS, "a selected field") for name in select)


def _sorted_value(value: Any, name: str) -> Any:
    if isinstance(value, datetime):
        return nanoseconds(value, name)
    return 0 if value is None else str(value)


def _place(cursor: Any, sort_by: str, *, descending: bool) -> list[Any]:
    order = ORDERS[sort_by]
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        head, values = found[: len(order) + 1], list(found[len(order) + 1 :])
    except (ValueError, TypeError, LookupError, RecursionError):
        head, values = [], []
    if head != [*order, descending] or not _are_values(order, values):
        raise QueryError(
            f"{cursor!r} is not a cursor of threads sorted by {sort_by}: give one that "
            "`cursor_after` made for the same sort_by and sort_order"
        )
    return values


def _are_values(order: Sequence[str], values: Sequence[Any]) -> bool:
    kinds = [int if column.endswith("_ns") else str for column in order]
    return [type(value) for value in values] == kinds and all(
        abs(value) <= _LARGEST for value in values if isinstance(value, int)
    )
