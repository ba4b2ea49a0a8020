"""
Finding the spans that may show the same call as one that arrived or moved.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any, NamedTuple

from sqlalchemy import Column, Table, bindparam, null, select

from otel_bridge_storage.readings import Reading, Role
from otel_bridge_storage.schema import llm_calls, tool_calls
from otel_bridge_storage.statements import KEYS, Lookup
from otel_bridge_storage.unit import Unit

# A mock that answers with one id for ever must not make every call cost more than the last.
_ROWS_LIMIT = 500
_NEAREST = 20
_NEVER = 2**63 - 1
_RESPONSE = "response"

Key = tuple[str, ...]


class Link(NamedTuple):
    """
    What connects one call's span to others: the span around it, and its ids by kind.

    A provider's response id connects only spans of different scopes that overlap in time.
    """

    span: int
    outer: int | None
    scope: int | None
    start_ns: int
    end_ns: int
    keys: tuple[tuple[str, Key], ...]

    def may_copy(self, other: "Link") -> bool:
        """
        Whether two spans with one response id can be copies of one call.
        """
        overlap = self.start_ns <= other.end_ns and other.start_ns <= self.end_ns
        return overlap and self.scope != other.scope


class Links:
    """
    The connections between the spans of one table of calls.

    Args:
        keys: Columns that, where the first is not NULL, tell spans of one call.
    """

    def __init__(self, table: Table, role: Role, keys: dict[str, tuple[Column[Any], ...]]) -> None:
        columns = {c.name: c for of_key in keys.values() for c in of_key}
        own = ("span", "outer_call", "run_id", "start_ns", "end_ns")
        scope = table.c.get("scope", null().label("scope"))
        rows = select(*(table.c[name] for name in own), scope, *columns.values())
        limited = rows.where(KEYS).limit(_ROWS_LIMIT)
        self._role = role
        self._names = {kind: tuple(c.name for c in of_key) for kind, of_key in keys.items()}
        self._by_span = Lookup(rows.where(KEYS), table.c.span)
        self._by_outer = Lookup(rows.where(KEYS), table.c.outer_call)
        self._by_key = {kind: Lookup(limited, *of_key) for kind, of_key in keys.items()}
        if _RESPONSE in keys:
            self._nearest = (
                rows.where(keys[_RESPONSE][0] == bindparam("response"))
                .where(table.c.start_ns <= bindparam("end"))
                .order_by(table.c.start_ns.desc())
                .limit(_NEAREST)
            )

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
                end_ns = _NEVER if record.end_ns is None else record.end_ns
                scope = unit.origins.scope_id(record.scope)
                keys = self._keys(said)
                yield Link(span, outer, scope, record.start_ns, end_ns, keys)

    def _neighbours(self, unit: Unit, links: Sequence[Link]) -> list[Link]:
        rows = unit.select(self._by_outer, unit.known_before(link.span for link in links))
        rows += unit.select(self._by_span, [link.outer for link in links if link.outer])
        near = [self._link(row) for row in rows]
        by_kind: defaultdict[str, set[Key]] = defaultdict(set)
        for link in links:
            for kind, key in link.keys:
                by_kind[kind].add(key)
        for kind, keys in by_kind.items():
            if kind == _RESPONSE:
                near += self._copies(unit, links, sorted(key[0] for key in keys))
            else:
                near += [self._link(row) for row in unit.select(self._by_key[kind], sorted(keys))]
        return near

    def _copies(self, unit: Unit, links: Sequence[Link], responses: Sequence[str]) -> list[Link]:
        """
        Find the spans with these response ids that overlap with one of the links.
        """
        rows = unit.select(self._by_key[_RESPONSE], responses)
        of_response: defaultdict[str, list[Link]] = defaultdict(list)
        for link in links:
            of_response[dict(link.keys).get(_RESPONSE, ("",))[0]].append(link)
        if len(rows) >= _ROWS_LIMIT:
            rows = [
                row
                for response in responses
                for link in of_response[response]
                for row in unit.connection.execute(
                    self._nearest, {"response": response, "end": link.end_ns}
                )
            ]
        return [
            found
            for row in rows
            if any(map((found := self._link(row)).may_copy, of_response[row.response_id]))
        ]

    def _link(self, row: Any) -> Link:
        end_ns = _NEVER if row.end_ns is None else row.end_ns
        keys = self._keys(row._asdict())
        return Link(row.span, row.outer_call, row.scope, row.start_ns, end_ns, keys)

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


def _groups(links: dict[int, Link]) -> list[list[int]]:
    root = {span: span for span in links}

    def find(span: int) -> int:
        while root[span] != span:
            root[span] = root[root[span]]
            span = root[span]
        return span

    first: dict[Any, int] = {}
    by_response: defaultdict[Any, list[Link]] = defaultdict(list)
    for link in links.values():
        for key in (link.span, link.outer, *link.keys):
            if isinstance(key, tuple) and key[0] == _RESPONSE:
                by_response[key].append(link)
            elif key is not None:
                root[find(link.span)] = find(first.setdefault(key, link.span))
    for same in by_response.values():
        for one, other in combinations(same, 2):
            if one.may_copy(other):
                root[find(one.span)] = find(other.span)
    groups = defaultdict(list)
    for span in sorted(links):
        groups[find(span)].append(span)
    return list(groups.values())


LLM_LINKS = Links(
    llm_calls,
    Role.LLM,
    {
        _RESPONSE: (llm_calls.c.response_id,),
        "call": (llm_calls.c.call_id, llm_calls.c.run_id),
    },
)
TOOL_LINKS = Links(
    tool_calls, Role.TOOL, {"call": (tool_calls.c.tool_call_id, tool_calls.c.run_id)}
)
