"""
Telling copies of one call apart from several calls; plain functions of rows.

Frameworks and clients both report the same request, in one trace or in two, and parents
repeat the sums of their children. The rules:

1. Spans with one call id in one run are one call, and so are spans with one provider
   response id that overlap in time and come from different instrumentations. (Local
   model servers and mocks give one id to many answers; what reports a call twice does
   so from two places at the same time.)
2. An LLM span around exactly one call is that call once more.
3. An LLM span around several calls is their sum, and no call.
4. Of the spans of one call the one with the lowest precedence is believed first; what
   it does not say is taken from the others.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

UNKNOWN_TOOL = "unknown"
COPY = "another span shows the same call"
SUM = "it sums up the calls inside it"
_KEPT = frozenset(
    {
        "counted",
        "not_counted_because",
        "precedence",
        "scope",
        "dialect",
        "operation",
        "outer_call",
        "span",
    }
)
_EMPTY_LISTS = frozenset({"finish_reasons", "input_messages", "output_messages"})


@dataclass(frozen=True, slots=True)
class CallSpan:
    """
    One LLM span among those that may show the same call.

    Attributes:
        outer: The LLM span around it, if it is inside one.
        bound: It belongs to a run with a span of its own.
        rank: Which to believe first; the same on every machine and in every order.
        columns: What the span says.
    """

    id: int
    outer: int | None
    bound: bool
    rank: tuple[Any, ...]
    columns: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    What becomes of one LLM span.

    Attributes:
        columns: The call's columns: merged for the span that is counted, its own for
            the others.
    """

    id: int
    counted: bool
    because: str | None
    columns: Mapping[str, Any]


def judge(members: Sequence[CallSpan]) -> list[Verdict]:
    """
    Decide which of some LLM spans are calls, and what is known of each call.

    Args:
        members: Spans that are connected by ids or by nesting, all of them.
    """
    groups = _Groups(members)
    sums = groups.join()
    verdicts = [Verdict(m.id, False, SUM, m.columns) for m in members if m.id in sums]
    for group in groups.of(m for m in members if m.id not in sums):
        ordered = sorted(group, key=lambda m: m.rank)
        verdicts.append(Verdict(ordered[0].id, True, None, _merge(ordered)))
        verdicts.extend(Verdict(m.id, False, COPY, m.columns) for m in ordered[1:])
    return verdicts


def judge_tools(members: Sequence[CallSpan]) -> list[Verdict]:
    """
    Decide which of some tool spans are executions, and what is known of each.

    A tool span directly inside another of the same tool shows the same execution, and
    so do spans of one run with one call id that overlap in time; two executions that
    follow one another under one id are two.

    Args:
        members: Spans that are connected by ids or by nesting, all of them.
    """
    groups = _Groups(members)
    groups.join_tools()
    verdicts = []
    for group in groups.of(members):
        ordered = sorted(group, key=lambda m: m.rank)
        merged = dict(_merge(ordered))
        _span_times(merged, [m.columns for m in ordered if m.outer not in {g.id for g in group}])
        verdicts.append(Verdict(ordered[0].id, True, None, merged))
        verdicts.extend(Verdict(m.id, False, COPY, m.columns) for m in ordered[1:])
    return verdicts


class _Groups:
    """
    Union-find over the spans of calls.
    """

    def __init__(self, members: Sequence[CallSpan]) -> None:
        self._members = {m.id: m for m in members}
        self._root = {m.id: m.id for m in members}

    def join(self) -> set[int]:
        """
        Join what is one call, innermost spans first.

        Returns:
            The spans that are sums.
        """
        inner = defaultdict(list)
        for member in self._members.values():
            if member.outer in self._members:
                inner[member.outer].append(member.id)
        self._join_ids(m for m in self._members.values() if m.id not in inner)
        sums: set[int] = set()
        for outer in sorted(inner, key=self._depth, reverse=True):
            calls = {self._find(i) for i in inner[outer] if i not in sums}
            within_sums = any(i in sums for i in inner[outer])
            if len(calls) > 1 or within_sums:
                sums.add(outer)
            else:
                self._union(outer, calls.pop())
        self._join_ids(m for m in self._members.values() if m.id not in sums)
        return sums

    def join_tools(self) -> None:
        """
        Join what is one execution of a tool.
        """
        by_id = defaultdict(list)
        for member in self._members.values():
            outer = self._members.get(member.outer) if member.outer is not None else None
            if outer is not None and _same_tool(member.columns, outer.columns):
                self._union(outer.id, member.id)
            if member.columns["tool_call_id"]:
                by_id[_tool_key(member.columns)].append(member)
        for same in by_id.values():
            self._join_executions(same)

    def _join_executions(self, members: list[CallSpan]) -> None:
        members.sort(key=lambda m: m.columns["start_ns"])
        latest = members[0]
        for member in members[1:]:
            if _overlap(latest.columns, member.columns) and _same_tool(
                latest.columns, member.columns
            ):
                self._union(latest.id, member.id)
            if _end(member.columns) >= _end(latest.columns):
                latest = member

    def of(self, members: Iterable[CallSpan]) -> list[list[CallSpan]]:
        """
        Give the members group by group.
        """
        groups = defaultdict(list)
        for member in members:
            groups[self._find(member.id)].append(member)
        return list(groups.values())

    def _join_ids(self, members: Iterable[CallSpan]) -> None:
        first: dict[tuple[str, ...], int] = {}
        by_response: defaultdict[str, list[CallSpan]] = defaultdict(list)
        for member in members:
            columns = member.columns
            if columns["response_id"]:
                by_response[columns["response_id"]].append(member)
            if columns["call_id"]:
                key = (columns["run_id"], columns["call_id"])
                self._union(first.setdefault(key, member.id), member.id)
        for same in by_response.values():
            for one, other in combinations(same, 2):
                if _are_copies(one.columns, other.columns):
                    self._union(one.id, other.id)

    def _depth(self, member_id: int | None) -> int:
        depth = 0
        while member_id in self._members and depth <= len(self._members):
            member_id = self._members[member_id].outer
            depth += 1
        return depth

    def _find(self, member_id: int) -> int:
        while self._root[member_id] != member_id:
            self._root[member_id] = self._root[self._root[member_id]]
            member_id = self._root[member_id]
        return member_id

    def _union(self, one: int, other: int) -> None:
        low, high = sorted((self._find(one), self._find(other)))
        self._root[high] = low


def _merge(ordered: Sequence[CallSpan]) -> Mapping[str, Any]:
    best = ordered[0]
    if len(ordered) == 1:
        return best.columns
    merged = dict(best.columns)
    for column, value in best.columns.items():
        if column in _KEPT or _says(column, value):
            continue
        for other in ordered[1:]:
            if _says(column, other.columns[column]):
                merged[column] = other.columns[column]
                break
    merged["run_id"] = next((m for m in ordered if m.bound), best).columns["run_id"]
    ended = next((m.columns for m in ordered if m.columns["status"] != "running"), None)
    if ended is not None and best.columns["status"] == "running":
        merged["status"], merged["end_ns"] = ended["status"], ended["end_ns"]
    _merge_times(merged, ordered)
    if merged["status"] != "error":
        merged["error_type"] = merged["error_message"] = None
    return merged


def _merge_times(merged: dict[str, Any], ordered: Sequence[CallSpan]) -> None:
    """
    Join the stretches of a call that was told in pieces, and let an end end it.
    """
    if merged.get("call_id"):
        same = [m.columns for m in ordered if m.columns["call_id"] == merged["call_id"]]
        _span_times(merged, same)


def _span_times(merged: dict[str, Any], pieces: Sequence[Mapping[str, Any]]) -> None:
    if len(pieces) > 1:
        merged["start_ns"] = min(p["start_ns"] for p in pieces)
        ends = [p["end_ns"] for p in pieces if p["end_ns"] is not None]
        merged["end_ns"] = max(ends) if ends else None
        statuses = {p["status"] for p in pieces}
        merged["status"] = next(s for s in ("error", "ok", "running") if s in statuses)


def _tool_key(columns: Mapping[str, Any]) -> tuple[Any, ...]:
    return (columns["run_id"], columns["tool_call_id"])


def _same_tool(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    ids = {one["tool_call_id"], other["tool_call_id"]} - {None}
    names = {one["tool_name"], other["tool_name"]} - {UNKNOWN_TOOL}
    return len(names) < 2 and len(ids) < 2


def _overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return bool(one["start_ns"] <= _end(other) and other["start_ns"] <= _end(one))


def _are_copies(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one["scope"] != other["scope"] and _overlap(one, other)


def _end(columns: Mapping[str, Any]) -> float:
    return float("inf") if columns["end_ns"] is None else columns["end_ns"]


def _says(column: str, value: Any) -> bool:
    return value is not None and not (column in _EMPTY_LISTS and value == "[]")
