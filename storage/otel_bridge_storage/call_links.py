"""
Finding the spans that may show the same call as one that arrived or moved.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Column, Table, select

from otel_bridge_storage.readings import Reading, Role
from otel_bridge_storage.schema import llm_calls, tool_calls
from otel_bridge_storage.statements import KEYS, Lookup
from otel_bridge_storage.unit import Unit

# A mock that answers with one id for ever must not make every call cost more than the last.
_COPIES_LIMIT = 200
_ROWS_LIMIT = 5_000

Key = tuple[str, ...]


class Link(NamedTuple):
    """
    What connects one call's span to others: the span around it, and its ids by kind.
    """

    span: int
    outer: int | None
    keys: tuple[tuple[str, Key], ...]


class Links:
    """
    The connections between the spans of one table of calls.

    Args:
        keys: Columns that, where the first is not NULL, tell spans of one call.
    """

    def __init__(self, table: Table, role: Role, keys: dict[str, tuple[Column[Any], ...]]) -> None:
        columns = {c.name: c for of_key in keys.values() for c in of_key}
        rows = select(table.c.span, table.c.outer_call, table.c.run_id, *columns.values())
        rows = rows.order_by(table.c.start_ns, table.c.span)
        limited = rows.where(KEYS).limit(_ROWS_LIMIT)
        self._role = role
        self._names = {kind: tuple(c.name for c in of_key) for kind, of_key in keys.items()}
        self._by_span = Lookup(rows.where(KEYS), table.c.span)
        self._by_outer = Lookup(rows.where(KEYS), table.c.outer_call)
        self._by_key = {kind: Lookup(limited, *of_key) for kind, of_key in keys.items()}

    def components(self, unit: Unit, dirty: set[int]) -> list[list[int]]:
        """
        Group the dirty spans with all that may show the same calls.

        What a span was connected to before this transaction is looked at too: a copy
        that left must be missed by those it left.
        """
        now = {link.span: link for link in self._current(unit, dirty)}
        before = [
            self._link(row) for row in unit.select(self._by_span, unit.known_before(sorted(dirty)))
        ]
        seen = dict(now)
        frontier = [*now.values(), *before]
        while frontier:
            near = self._neighbours(unit, frontier)
            frontier = [link for link in near if link.span not in seen]
            seen.update((link.span, link) for link in frontier)
        return _groups(seen)

    def _current(self, unit: Unit, dirty: set[int]) -> Iterable[Link]:
        places = unit.places(sorted(dirty))
        for span, (record, reading) in unit.readings(sorted(dirty)).items():
            if reading.role is self._role:
                run_id, outer = places[span]
                said = _ids(reading) | {"run_id": run_id or record.trace_id}
                yield Link(span, outer, self._keys(said))

    def _neighbours(self, unit: Unit, links: Sequence[Link]) -> list[Link]:
        rows = unit.select(self._by_outer, unit.known_before(link.span for link in links))
        rows += unit.select(self._by_span, [link.outer for link in links if link.outer])
        by_kind: defaultdict[str, set[Key]] = defaultdict(set)
        for link in links:
            for kind, key in link.keys:
                by_kind[kind].add(key)
        for kind, keys in by_kind.items():
            rows += _copies(unit, self._by_key[kind], keys)
        return [self._link(row) for row in rows]

    def _link(self, row: Any) -> Link:
        return Link(row.span, row.outer_call, self._keys(row._asdict()))

    def _keys(self, columns: dict[str, Any]) -> tuple[tuple[str, Key], ...]:
        return tuple(
            (kind, tuple(columns[name] for name in names))
            for kind, names in self._names.items()
            if columns[names[0]]
        )


def _ids(reading: Reading) -> dict[str, Any]:
    if reading.call is not None:
        return {"response_id": reading.call.response_id, "call_id": reading.call.call_id}
    return {"tool_call_id": reading.tool.tool_call_id if reading.tool else None}


def _copies(unit: Unit, lookup: Lookup, keys: set[Key]) -> list[Any]:
    wanted: list[Any] = sorted(keys)
    if wanted and len(wanted[0]) == 1:
        wanted = [key[0] for key in wanted]
    rows = unit.select(lookup, wanted)
    if len(rows) < _ROWS_LIMIT:
        return rows
    return [row for key in wanted for row in unit.select(lookup, [key])[:_COPIES_LIMIT]]


def _groups(links: dict[int, Link]) -> list[list[int]]:
    root = {span: span for span in links}

    def find(span: int) -> int:
        while root[span] != span:
            root[span] = root[root[span]]
            span = root[span]
        return span

    first: dict[Any, int] = {}
    for link in links.values():
        for key in (link.span, link.outer, *link.keys):
            if key is not None:
                root[find(link.span)] = find(first.setdefault(key, link.span))
    groups = defaultdict(list)
    for span in sorted(links):
        groups[find(span)].append(span)
    return list(groups.values())


LLM_LINKS = Links(
    llm_calls,
    Role.LLM,
    {
        "response": (llm_calls.c.response_id,),
        "call": (llm_calls.c.call_id, llm_calls.c.run_id),
    },
)
TOOL_LINKS = Links(
    tool_calls, Role.TOOL, {"call": (tool_calls.c.tool_call_id, tool_calls.c.run_id)}
)
