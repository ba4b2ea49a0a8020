"""
Telling copies of one call apart from several calls; plain functions of rows.

Frameworks and clients both report the same request, in one trace or in two, and parents
repeat the sums of their children. The rules:

1. Spans with one call id in one run are one call, and so are spans with one call id or
   one provider's response id that overlap in time and come from different sources. (Local
   model servers and mocks give one id to many answers; what reports a call twice does
   so from two places at the same time.)
2. An LLM span around exactly one call is that call once more.
3. An LLM span around several calls is their sum, and no call.
4. What a log record tells of a call is one more copy: inside the call's span, with its
   response id, or with its echo; of one echo each span has one log record.
5. Of the spans of one call the one with the lowest precedence is believed first; what
   it does not say is taken from the others.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from otel_bridge_storage.call_merging import hand_down, let_fail, merge, span_times, tell_why
from otel_bridge_storage.call_spans import (
    UNKNOWN_TOOL,
    CallSpan,
    are_copies,
    end_of,
    is_log_told,
    overlap,
    same_tool,
    start_of,
    time_of,
)

ECHOES_WITHIN_NS = 30 * 60 * 10**9
"""
How far apart in time a span and a log record that say the same may show one call.
"""
COPY = "another span shows the same call"
SUM = "it sums up the calls inside it"


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
    if len(members) == 1:
        return _alone(*members)
    groups = _Groups(members)
    sums = groups.join()
    verdicts = [Verdict(m.id, False, SUM, m.columns) for m in members if m.id in sums]
    around: dict[int | None, CallSpan] = {m.id: m for m in members if m.id in sums}
    inside: defaultdict[int, list[tuple[CallSpan, dict[str, Any]]]] = defaultdict(list)
    for group in groups.of(m for m in members if m.id not in sums):
        ordered = sorted(group, key=lambda m: m.rank)
        merged = dict(merge(ordered))
        if whole := next((around[m.outer] for m in ordered if m.outer in around), None):
            inside[whole.id].append((ordered[0], merged))
        verdicts.append(Verdict(ordered[0].id, True, None, merged))
        verdicts.extend(Verdict(m.id, False, COPY, m.columns) for m in ordered[1:])
    for sum_id, calls in inside.items():
        hand_down(around[sum_id].columns, calls)
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
    if len(members) == 1:
        return _alone(*members)
    groups = _Groups(members)
    groups.join_tools()
    verdicts = []
    for group in groups.of(members):
        ordered = sorted(group, key=lambda m: m.rank)
        merged = dict(merge(ordered))
        ids = {m.id for m in group}
        span_times(merged, [m.columns for m in ordered if m.outer not in ids])
        let_fail(merged, [m.columns for m in ordered if m.outer in ids])
        tell_why(merged, [m.columns for m in ordered])
        verdicts.append(Verdict(ordered[0].id, True, None, merged))
        verdicts.extend(Verdict(m.id, False, COPY, m.columns) for m in ordered[1:])
    return verdicts


def _alone(member: CallSpan) -> list[Verdict]:
    """
    Count a span that nothing is connected with, as most are.
    """
    return [Verdict(member.id, True, None, member.columns)]


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
            shown, logged = self._inside(inner[outer], sums)
            calls = {self._find(i) for i in shown or logged}
            if len(calls) > 1 or any(i in sums for i in inner[outer]):
                sums.add(outer)
                # Where spans show the calls, a log record beside them tells of the sum.
                sums.update(logged if shown else ())
            else:
                for each in (*shown, *logged):
                    self._union(outer, each)
        calls_only = [m for m in self._members.values() if m.id not in sums]
        self._join_ids(calls_only)
        self._join_echoes(calls_only)
        return sums

    def _inside(self, inner: Sequence[int], sums: set[int]) -> tuple[list[int], list[int]]:
        """
        Tell apart what spans and what log records tell of the calls inside one.
        """
        parts: tuple[list[int], list[int]] = ([], [])
        for each in inner:
            if each not in sums:
                parts[is_log_told(self._members[each].columns)].append(each)
        return parts

    def join_tools(self) -> None:
        """
        Join what is one execution of a tool.
        """
        by_id = defaultdict(list)
        for member in self._members.values():
            outer = self._members.get(member.outer) if member.outer is not None else None
            if outer is not None and same_tool(member.columns, outer.columns):
                self._union(outer.id, member.id)
            if member.columns["tool_call_id"]:
                by_id[_tool_key(member.columns)].append(member)
        for same in by_id.values():
            self._join_executions(same)
        self._join_echoes(self._members.values())

    def _join_executions(self, members: Sequence[CallSpan]) -> None:
        """
        Join what overlaps in time, of spans with one call id in one run.

        A span without a name shows the first of the executions that it overlaps with.
        """
        by_name: defaultdict[str, list[CallSpan]] = defaultdict(list)
        for member in sorted(members, key=start_of):
            by_name[member.columns["tool_name"]].append(member)
        nameless = by_name.pop(UNKNOWN_TOOL, [])
        for same in (*by_name.values(), nameless):
            self._join_overlapping(same)
        for member in nameless:
            near = (
                m for same in by_name.values() for m in same if overlap(m.columns, member.columns)
            )
            first = min(near, key=start_of, default=None)
            if first is not None:
                self._union(first.id, member.id)

    def _join_overlapping(self, members: Sequence[CallSpan]) -> None:
        if not members:
            return
        latest = members[0]
        for member in members[1:]:
            if overlap(latest.columns, member.columns):
                self._union(latest.id, member.id)
            if end_of(member.columns) >= end_of(latest.columns):
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
        by_id: defaultdict[tuple[str, str], list[CallSpan]] = defaultdict(list)
        for member in members:
            columns = member.columns
            for name in ("response_id", "call_id"):
                if columns[name]:
                    by_id[name, columns[name]].append(member)
            if columns["call_id"]:
                key = (columns["home"], columns["call_id"])
                self._union(first.setdefault(key, member.id), member.id)
        for same in by_id.values():
            for one, other in combinations(same, 2):
                if are_copies(one.columns, other.columns):
                    self._union(one.id, other.id)

    def _join_echoes(self, members: Iterable[CallSpan]) -> None:
        """
        Pair log records with spans that say the same around one time, one to one.

        A log record inside a call's span is that call already.
        """
        told: defaultdict[str, tuple[list[CallSpan], list[CallSpan]]] = defaultdict(
            lambda: ([], [])
        )
        ordered = sorted(members, key=time_of)
        signals: defaultdict[int, set[bool]] = defaultdict(set)
        for member in ordered:
            signals[self._find(member.id)].add(is_log_told(member.columns))
        stood: set[tuple[int, str]] = set()
        for member in ordered:
            echo, root = member.columns["echo"], self._find(member.id)
            by_log = is_log_told(member.columns)
            if not echo or (by_log and member.outer in self._members):
                continue
            # What has both signals by an id already is no one else's, and copies stand once.
            if len(signals[root]) == 1 and (root, echo) not in stood:
                stood.add((root, echo))
                told[echo][by_log].append(member)
        for shown, logged in told.values():
            for one, other in _pairs(shown, logged):
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


def _pairs(
    shown: Sequence[CallSpan], logged: Sequence[CallSpan]
) -> Iterator[tuple[CallSpan, CallSpan]]:
    """
    Pair what is in order of time, leaving out what begins too far from all others.
    """
    left, right = list(reversed(shown)), list(reversed(logged))
    while left and right:
        apart = time_of(left[-1])[0] - time_of(right[-1])[0]
        if abs(apart) <= ECHOES_WITHIN_NS:
            yield left.pop(), right.pop()
        else:
            (right if apart > 0 else left).pop()


def _tool_key(columns: Mapping[str, Any]) -> tuple[Any, ...]:
    return (columns["home"], columns["tool_call_id"])
