"""
Finding the LLM spans that may show the same call as one that arrived or moved.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select

from otel_bridge_storage.readings import Role
from otel_bridge_storage.schema import llm_calls
from otel_bridge_storage.statements import KEYS, Lookup
from otel_bridge_storage.unit import Unit

# A mock that answers with one id for ever must not make every call cost more than the last.
_COPIES_LIMIT = 200
_ROWS_LIMIT = 5_000

_ROWS = select(
    llm_calls.c.span,
    llm_calls.c.outer_call,
    llm_calls.c.response_id,
    llm_calls.c.call_id,
    llm_calls.c.run_id,
).order_by(llm_calls.c.start_ns, llm_calls.c.span)
_BY_SPAN = Lookup(_ROWS.where(KEYS), llm_calls.c.span)
_BY_OUTER = Lookup(_ROWS.where(KEYS), llm_calls.c.outer_call)
_BY_RESPONSE = Lookup(_ROWS.where(KEYS).limit(_ROWS_LIMIT), llm_calls.c.response_id)
_BY_CALL = Lookup(_ROWS.where(KEYS), llm_calls.c.call_id, llm_calls.c.run_id)


class Link(NamedTuple):
    """
    What connects one LLM span to others: the span around it, and its ids.
    """

    span: int
    outer: int | None
    response_id: str | None
    call: tuple[str, str] | None


def components(unit: Unit) -> list[list[int]]:
    """
    Group the dirty LLM spans with all that may show the same calls.

    What a span was connected to before this transaction is looked at too: a copy that
    left must be missed by those it left.
    """
    now = {link.span: link for link in _current(unit)}
    before = [_link(row) for row in unit.select(_BY_SPAN, sorted(unit.dirty_calls))]
    seen = dict(now)
    frontier = [*now.values(), *before]
    while frontier:
        near = _neighbours(unit, frontier)
        frontier = [link for link in near if link.span not in seen]
        seen.update((link.span, link) for link in frontier)
    return _groups(seen)


def _current(unit: Unit) -> Iterable[Link]:
    moved = []
    for span in unit.dirty_calls:
        change = unit.changes.get(span)
        if change is None:
            moved.append(span)
        elif change.reading.role is Role.LLM and change.reading.call is not None:
            call, bound = change.reading.call, change.node.bound
            run_id = bound.run_id or change.record.trace_id
            key = (call.call_id, run_id) if call.call_id else None
            yield Link(span, bound.outer_call, call.response_id, key)
    places = unit.places(moved)
    for row in unit.select(_BY_SPAN, moved):
        bound_run, outer = places[row.span]
        key = (row.call_id, bound_run or row.run_id) if row.call_id else None
        yield Link(row.span, outer, row.response_id, key)


def _neighbours(unit: Unit, links: Sequence[Link]) -> list[Link]:
    rows = list(unit.select(_BY_OUTER, [link.span for link in links]))
    rows += unit.select(_BY_SPAN, [link.outer for link in links if link.outer])
    rows += _copies(unit, {link.response_id for link in links if link.response_id})
    rows += unit.select(_BY_CALL, sorted({link.call for link in links if link.call}))
    return [_link(row) for row in rows]


def _groups(links: dict[int, Link]) -> list[list[int]]:
    root = {span: span for span in links}

    def find(span: int) -> int:
        while root[span] != span:
            root[span] = root[root[span]]
            span = root[span]
        return span

    first: dict[Any, int] = {}
    for link in links.values():
        for key in (link.span, link.outer, link.response_id, link.call):
            if key is not None:
                root[find(link.span)] = find(first.setdefault(key, link.span))
    groups = defaultdict(list)
    for span in sorted(links):
        groups[find(span)].append(span)
    return list(groups.values())


def _link(row: Any) -> Link:
    call = (row.call_id, row.run_id) if row.call_id else None
    return Link(row.span, row.outer_call, row.response_id, call)


def _copies(unit: Unit, response_ids: set[str]) -> list[Any]:
    rows = unit.select(_BY_RESPONSE, sorted(response_ids))
    if len(rows) < _ROWS_LIMIT:
        return rows
    return [
        row
        for response_id in sorted(response_ids)
        for row in unit.select(_BY_RESPONSE, [response_id])[:_COPIES_LIMIT]
    ]
