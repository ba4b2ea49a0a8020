"""
Which stored spans show the same call as one of them, and which of these is counted.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, and_, or_, select

from otel_bridge_storage.call_spans import are_copies, from_two_sources, is_log_told, overlap
from otel_bridge_storage.schema import llm_calls, scopes, spans, tool_calls
from otel_bridge_storage.span_rows import records_texts

_MOST = 200
_RESPONSE, _ECHO = "response_id", "echo"
_AT_ONE_TIME = frozenset({_RESPONSE, "tool_call_id"})
_IDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "llm": ((_RESPONSE,), ("call_id",), (_ECHO,)),
    "tool": (("tool_call_id", "home"),),
}
_SAID = {
    "call_id": "same call id",
    _RESPONSE: "same response id",
    _ECHO: "same words in a log record",
    "tool_call_id": "same call id",
}
_INSIDE, _AROUND = "being inside it", "being around it"
_LISTS = ("finish_reasons", "input_messages", "output_messages")
_TEXTS = ("arguments", "result")
_NOT_TOLD = frozenset({"span", "outer_call", "scope", "labels"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMember:
    """
    One span that shows a call.

    Attributes:
        because: Why it is not counted; None where it is.
        relation: How it is connected with the span that is explained; empty where only by
            way of others.
        columns: What its row of `llm_calls` or `tool_calls` says of the call, merged with
            what its copies say where it is counted; messages as their number.
    """

    trace_id: str
    span_id: str
    name: str
    scope: str
    dialect: str
    counted: bool
    because: str | None
    relation: str
    columns: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SameCalls:
    """
    What shows the same call as a span.

    Attributes:
        itself: The span.
        counted: Where it is not counted: what is instead; several calls for a sum.
        copies: Where it is counted: the others, the most believed first.
        sums: What is not counted since it sums up this and other calls.
    """

    itself: CallMember | None = None
    counted: Sequence[CallMember] = ()
    copies: Sequence[CallMember] = ()
    sums: Sequence[CallMember] = ()


def same_calls(connection: Connection, span: int, role: str | None) -> SameCalls | None:
    """
    Find what shows the same call as a span; None for a span that is no call.

    Args:
        span: The span's row id.
        role: Its role.
    """
    if role is None or role not in _IDS:
        return None
    members = _Members(connection, llm_calls if role == "llm" else tool_calls, _IDS[role])
    members.load(span)
    own = members.rows.get(span)
    if own is None:
        return None
    reached = {each: members.counted_for(each) for each in members.rows}
    itself = members.member(own, own)

    def shown(wanted: Iterable[int]) -> tuple[CallMember, ...]:
        rows = [members.rows[each] for each in wanted if each != span]
        rows.sort(key=lambda r: (r.get("precedence") or 0, r["start_ns"], r["trace"], r["spanid"]))
        return tuple(members.member(row, own) for row in rows)

    if not own["counted"]:
        return SameCalls(itself=itself, counted=shown(reached[span]))
    return SameCalls(
        itself=itself,
        copies=shown(each for each, found in reached.items() if found == {span}),
        sums=shown(each for each, found in reached.items() if span in found and len(found) > 1),
    )


class _Members:
    """
    The rows of one table that are connected with a span.
    """

    def __init__(
        self, connection: Connection, table: Table, ids: Sequence[tuple[str, ...]]
    ) -> None:
        self._connection = connection
        self._table = table
        self._ids = ids
        self._rows = (
            select(
                table,
                spans.c.trace_id.label("trace"),
                spans.c.span_id.label("spanid"),
                spans.c.name.label("span_name"),
                scopes.c.name.label("scope_name"),
            )
            .join(spans, spans.c.id == table.c.span)
            .join(scopes, scopes.c.id == spans.c.scope_id)
        )
        self.rows: dict[int, Mapping[Any, Any]] = {}
        self._echoes: set[tuple[int, int]] = set()

    def load(self, span: int) -> None:
        """
        Read a row and all that is connected with it, some hundreds at most.
        """
        fresh = self._select(self._table.c.span.in_([span]))
        while fresh and len(self.rows) < _MOST:
            self.rows.update((row["span"], row) for row in fresh)
            near = self._near(fresh)
            fresh = list({r["span"]: r for r in near if r["span"] not in self.rows}.values())
        self._echoes = _paired(self.rows)

    def counted_for(self, span: int) -> frozenset[int]:
        """
        Give the counted calls that a span shows: itself, that of a copy, those of a sum.
        """
        return self._counted_for(span, set())

    def member(self, row: Mapping[Any, Any], own: Mapping[Any, Any]) -> CallMember:
        """
        Make a row ready to be shown.
        """
        columns = {c.name: row[c.name] for c in self._table.c if c.name not in _NOT_TOLD}
        for name in _LISTS:
            if name in columns:
                listed = json.loads(columns[name])
                columns[name] = listed if name == "finish_reasons" else len(listed)
        wanted = {columns[name] for name in _TEXTS if columns.get(name) is not None}
        texts = records_texts(self._connection, wanted)
        columns.update((n, texts.get(columns[n])) for n in _TEXTS if n in columns)
        return CallMember(
            trace_id=row["trace"],
            span_id=row["spanid"],
            name=row["span_name"],
            scope=row["scope_name"],
            dialect=row["dialect"],
            counted=bool(row["counted"]),
            because=row["not_counted_because"],
            relation="" if row is own else self._relation(row, own),
            columns=columns,
        )

    def _counted_for(self, span: int, seen: set[int]) -> frozenset[int]:
        row = self.rows[span]
        if row["counted"]:
            return frozenset((span,))
        seen.add(span)
        inner = [r["span"] for r in self.rows.values() if r["outer_call"] == span]
        # A span around several calls is their sum, whatever ids it has.
        within = self._of(inner, seen)
        if len(within) > 1:
            return within
        alike = [r["span"] for r in self.rows.values() if self._shared_id(r, row)]
        return self._of(alike, seen) or within or self._of([row["outer_call"]], seen)

    def _of(self, some: Iterable[int | None], seen: set[int]) -> frozenset[int]:
        found: frozenset[int] = frozenset()
        for each in some:
            if each is not None and each in self.rows and each not in seen:
                found |= self._counted_for(each, seen)
        return found

    def _near(self, rows: Sequence[Mapping[Any, Any]]) -> list[Mapping[Any, Any]]:
        columns = self._table.c
        near = self._select(columns.outer_call.in_([row["span"] for row in rows]))
        near += self._select(columns.span.in_({r["outer_call"] for r in rows} - {None}))
        for names in self._ids:
            wanted = {self._alike(row, names): row for row in rows if row[names[0]]}
            for row in wanted.values():
                near += self._select(and_(*self._conditions(row, names)))
        return [r for r in near if any(self._connected(r, row) for row in rows)]

    def _alike(self, row: Mapping[Any, Any], names: tuple[str, ...]) -> tuple[Any, ...]:
        """
        Give what two rows have in common of which the same rows are found.
        """
        times = (row["start_ns"], row["end_ns"]) if names[0] in _AT_ONE_TIME else ()
        return (*(row[name] for name in names), *times)

    def _conditions(self, row: Mapping[Any, Any], names: tuple[str, ...]) -> list[Any]:
        columns = self._table.c
        found = [columns[name] == row[name] for name in names]
        if names[0] in _AT_ONE_TIME:
            # A mock gives one id for ever: only what is at the same time may be the same.
            found.append(or_(columns.end_ns.is_(None), columns.end_ns >= row["start_ns"]))
            if row["end_ns"] is not None:
                found.append(columns.start_ns <= row["end_ns"])
        return found

    def _connected(self, one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
        if one["outer_call"] == other["span"] or other["outer_call"] == one["span"]:
            return True
        echoes = one.get(_ECHO) and one[_ECHO] == other[_ECHO]
        return bool(echoes) or self._shared_id(one, other) is not None

    def _shared_id(self, one: Mapping[Any, Any], other: Mapping[Any, Any]) -> str | None:
        for names in self._ids:
            if not one[names[0]] or any(one[name] != other[name] for name in names):
                continue
            if names[0] in _AT_ONE_TIME and not overlap(one, other):
                continue
            if names[0] == _RESPONSE and not from_two_sources(one, other):
                continue
            if (
                names[0] == "call_id"
                and one["home"] != other["home"]
                and not are_copies(one, other)
            ):
                continue
            if names[0] == _ECHO and (one["span"], other["span"]) not in self._echoes:
                continue
            return names[0]
        return None

    def _relation(self, row: Mapping[Any, Any], own: Mapping[Any, Any]) -> str:
        shared = self._shared_id(row, own)
        nested = (
            _INSIDE
            if row["outer_call"] == own["span"]
            else _AROUND
            if own["outer_call"] == row["span"]
            else None
        )
        return ", ".join(filter(None, (shared and _SAID[shared], nested)))

    def _select(self, condition: Any) -> list[Mapping[Any, Any]]:
        query = self._rows.where(condition).order_by(self._table.c.start_ns).limit(_MOST)
        return list(self._connection.execute(query).mappings())


def _paired(rows: Mapping[int, Mapping[Any, Any]]) -> set[tuple[int, int]]:
    """
    Pair, of each echo, the first span with the first log record, and so on, both ways.
    """
    told: defaultdict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for row in sorted((row for row in rows.values() if row.get(_ECHO)), key=_by_time):
        by_log = is_log_told(row)
        if not (by_log and row["outer_call"] in rows):
            told[row[_ECHO]][by_log].append(row["span"])
    pairs = {pair for spans_, logs_ in told.values() for pair in zip(spans_, logs_, strict=False)}
    return pairs | {(other, one) for one, other in pairs}


def _by_time(row: Mapping[Any, Any]) -> tuple[Any, ...]:
    return (row["start_ns"], row["precedence"], row["trace"], row["spanid"])
