"""
Finding the spans that may show the same call as one that arrived or moved.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, pairwise
from typing import Any, NamedTuple

from sqlalchemy import Column, Table, bindparam, null, select

from otel_bridge_storage.call_groups import ECHOES_WITHIN_NS
from otel_bridge_storage.readings import LOG_TOLD, Reading, Role
from otel_bridge_storage.schema import llm_calls, spans, tool_calls
from otel_bridge_storage.statements import KEYS, Lookup
from otel_bridge_storage.unit import Unit

# A mock that answers with one id for ever must not make every call cost more than the last.
_ROWS_LIMIT = 500
_NEAREST = 20
_NEVER = 2**63 - 1
_RESPONSE, _OWN, _ECHO = "response", "own", "echo"
_COPIED = (_RESPONSE, _OWN)
"""
Ids that only connect what overlaps in time and comes from different sources.
"""

Key = tuple[str, ...]


class Link(NamedTuple):
    """
    What connects one call's span to others: the span around it, and its ids by kind.

    A source is the scope, and whether a log record told it.
    """

    span: int
    outer: int | None
    source: tuple[int | None, bool]
    start_ns: int
    end_ns: int
    keys: tuple[tuple[str, Key], ...]

    def may_copy(self, other: "Link") -> bool:
        """
        Whether two spans with one id can be copies of one call.
        """
        overlap = self.start_ns <= other.end_ns and other.start_ns <= self.end_ns
        return overlap and self.source != other.source


class Links:
    """
    The connections between the spans of one table of calls.

    Args:
        keys: Columns that, where the first is not NULL, tell spans of one call.
    """

    def __init__(self, table: Table, role: Role, keys: dict[str, tuple[Column[Any], ...]]) -> None:
        columns = {c.name: c for of_key in keys.values() for c in of_key}
        source = [table.c.get(name, null().label(name)) for name in ("scope", "precedence")]
        # The row of a call that is counted has the times of its copies as well.
        rows = select(
            table.c.span,
            table.c.outer_call,
            spans.c.start_ns,
            spans.c.end_ns,
            *source,
            *columns.values(),
        ).join(spans, spans.c.id == table.c.span)
        self._role = role
        self._names = {kind: tuple(c.name for c in of_key) for kind, of_key in keys.items()}
        self._by_span = Lookup(rows.where(KEYS), table.c.span)
        self._by_outer = Lookup(rows.where(KEYS), table.c.outer_call)
        # The indexes of the ids leave out rows without one.
        self._by_key = {
            kind: Lookup(rows.where(KEYS, on[0].is_not(None)), *on) for kind, on in keys.items()
        }
        limited = rows.where(KEYS).limit(_ROWS_LIMIT)
        self._by_key[_ECHO] = Lookup(limited, *keys[_ECHO])
        self._around = rows.where(
            keys[_ECHO][0] == bindparam("echo"),
            table.c.start_ns.between(bindparam("from"), bindparam("to")),
        )
        self._nearest = {}
        for kind in _COPIED:
            if kind in keys:
                self._by_key[kind] = Lookup(limited, *keys[kind])
                self._nearest[kind] = (
                    rows.where(keys[kind][0] == bindparam("id"))
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
        # One that was open until now may have been taken for a copy of anything later.
        before = [
            self._link(row)._replace(end_ns=_NEVER)
            for row in unit.select(self._by_span, unit.known_before(sorted(dirty)))
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
                home, _, outer = places[span]
                said = _ids(reading) | {"home": home}
                end_ns = _NEVER if record.end_ns is None else record.end_ns
                source = (unit.origins.scope_id(record.scope), _is_log_told(reading))
                keys = self._keys(said)
                yield Link(span, outer, source, record.start_ns, end_ns, keys)

    def _neighbours(self, unit: Unit, links: Sequence[Link]) -> list[Link]:
        rows = unit.select(self._by_outer, unit.known_before(link.span for link in links))
        rows += unit.select(self._by_span, [link.outer for link in links if link.outer])
        near = [self._link(row) for row in rows]
        by_kind: defaultdict[str, set[Key]] = defaultdict(set)
        for link in links:
            for kind, key in link.keys:
                by_kind[kind].add(key)
        for kind, keys in by_kind.items():
            if kind == _ECHO:
                near += self._echoes(unit, links, sorted(key[0] for key in keys))
            elif kind in _COPIED:
                near += self._copies(unit, links, kind, sorted(key[0] for key in keys))
            else:
                near += [self._link(row) for row in unit.select(self._by_key[kind], sorted(keys))]
        return near

    def _copies(
        self, unit: Unit, links: Sequence[Link], kind: str, ids: Sequence[str]
    ) -> list[Link]:
        """
        Find the spans with these ids that overlap with one of the links.
        """
        rows = unit.select(self._by_key[kind], ids)
        with_id: defaultdict[str, list[Link]] = defaultdict(list)
        for link in links:
            with_id[dict(link.keys).get(kind, ("",))[0]].append(link)
        if len(rows) >= _ROWS_LIMIT:
            rows = [
                row
                for each in ids
                for link in with_id[each]
                for row in unit.connection.execute(
                    self._nearest[kind], {"id": each, "end": link.end_ns}
                )
            ]
        (column,) = self._names[kind]
        return [
            found
            for row in rows
            if any(map((found := self._link(row)).may_copy, with_id[getattr(row, column)]))
        ]

    def _echoes(self, unit: Unit, links: Sequence[Link], echoes: Sequence[str]) -> list[Link]:
        """
        Find what has one of these echoes and is near in time to one of the links.
        """
        rows = unit.select(self._by_key[_ECHO], echoes)
        if len(rows) >= _ROWS_LIMIT:
            rows = [
                row
                for echo, (low, high) in _stretches(links)
                for row in unit.connection.execute(
                    self._around, {"echo": echo, "from": low, "to": high}
                )
            ]
        return [self._link(row) for row in rows]

    def _link(self, row: Any) -> Link:
        end_ns = _NEVER if row.end_ns is None else row.end_ns
        keys = self._keys(row._asdict())
        source = (row.scope, row.precedence == LOG_TOLD)
        return Link(row.span, row.outer_call, source, row.start_ns, end_ns, keys)

    def _keys(self, columns: dict[str, Any]) -> tuple[tuple[str, Key], ...]:
        return tuple(
            (kind, tuple(columns[name] for name in names))
            for kind, names in self._names.items()
            if columns[names[0]]
        )


def _ids(reading: Reading) -> dict[str, Any]:
    if reading.call is not None:
        call = reading.call
        return {"response_id": call.response_id, "call_id": call.call_id, "echo": call.echo}
    tool = reading.tool
    if tool is None:
        return {"tool_call_id": None, "echo": None}
    return {"tool_call_id": tool.tool_call_id, "echo": tool.echo}


def _is_log_told(reading: Reading) -> bool:
    part = reading.call or reading.tool
    return part is not None and part.precedence == LOG_TOLD


def _stretches(links: Iterable[Link]) -> Iterator[tuple[str, tuple[int, int]]]:
    """
    List the times around the links of each echo, without overlaps.
    """
    starts: defaultdict[str, list[int]] = defaultdict(list)
    for link in links:
        if key := dict(link.keys).get(_ECHO):
            starts[key[0]].append(link.start_ns)
    for echo, times in starts.items():
        low = high = None
        for start in sorted(times):
            if low is None or high is None:
                low = start - ECHOES_WITHIN_NS
            elif start - ECHOES_WITHIN_NS > high:
                yield echo, (low, high)
                low = start - ECHOES_WITHIN_NS
            high = start + ECHOES_WITHIN_NS
        if low is not None and high is not None:
            yield echo, (low, high)


def _groups(links: dict[int, Link]) -> list[list[int]]:
    root = {span: span for span in links}

    def find(span: int) -> int:
        while root[span] != span:
            root[span] = root[root[span]]
            span = root[span]
        return span

    first: dict[Any, int] = {}
    by_copied: defaultdict[Any, list[Link]] = defaultdict(list)
    by_echo: defaultdict[Any, list[Link]] = defaultdict(list)
    for link in links.values():
        for key in (link.span, link.outer, *link.keys):
            if isinstance(key, tuple) and key[0] in _COPIED:
                by_copied[key].append(link)
            elif isinstance(key, tuple) and key[0] == _ECHO:
                by_echo[key].append(link)
            elif key is not None:
                root[find(link.span)] = find(first.setdefault(key, link.span))
    for same in by_copied.values():
        for one, other in combinations(same, 2):
            if one.may_copy(other):
                root[find(one.span)] = find(other.span)
    for same in by_echo.values():
        same.sort(key=lambda link: link.start_ns)
        for one, other in pairwise(same):
            if other.start_ns - one.start_ns <= ECHOES_WITHIN_NS:
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
        _OWN: (llm_calls.c.call_id,),
        "call": (llm_calls.c.call_id, llm_calls.c.home),
        _ECHO: (llm_calls.c.echo,),
    },
)
TOOL_LINKS = Links(
    tool_calls,
    Role.TOOL,
    {
        "call": (tool_calls.c.tool_call_id, tool_calls.c.home),
        _ECHO: (tool_calls.c.echo,),
    },
)
