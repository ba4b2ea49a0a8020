"""
Where wanted runs stand in the list of all: the start and the id of each, by an index.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    func,
    or_,
    select,
    union_all,
)

from otel_bridge_storage.run_terms import StatusTerm, Term, holds_at, places_of
from otel_bridge_storage.schema import runs

_SOME_WAY = 500


@dataclass(frozen=True, slots=True)
class Window:
    """
    From where to where in the order of starts.

    Attributes:
        since_ns: From this moment on.
        until_ns: Up to this moment, and not at it.
        after: Go on below a run: between which moments it started, and its id.
    """

    since_ns: int | None = None
    until_ns: int | None = None
    after: tuple[int, int, str] | None = None

    def conditions(self, place: FromClause) -> list[ColumnElement[bool]]:
        """
        Give the conditions on a table that has starts and ids of runs.
        """
        found = []
        if self.since_ns is not None:
            found.append(place.c.started_ns >= self.since_ns)
        if self.until_ns is not None:
            found.append(place.c.started_ns < self.until_ns)
        if self.after is not None:
            first_ns, last_ns, run_id = self.after
            found.append(place.c.started_ns <= last_ns)
            found.append(or_(place.c.started_ns < first_ns, place.c.run_id < run_id))
        return found


@dataclass(frozen=True, slots=True)
class Places:
    """
    The places of wanted runs.

    Attributes:
        lists: One select for each part, in which every run is once.
    """

    lists: Sequence[Select[Any]]

    def latest_first(self) -> Select[Any]:
        """
        Give all places in order; each part comes in order from its index.
        """
        if len(self.lists) == 1:
            found = self.lists[0]
            started_ns, run_id = found.selected_columns
        else:
            parts = union_all(*self.lists).subquery()
            found = select(parts)
            started_ns, run_id = parts.c
        return found.order_by(started_ns.desc(), run_id.desc())

    def number(self) -> Select[Any]:
        """
        Count them.
        """
        counts = [select(func.count()).select_from(one.subquery()) for one in self.lists]
        if len(counts) == 1:
            return counts[0]
        parts = [count.scalar_subquery() for count in counts]
        return select(sum(parts[1:], parts[0]))


def find_places(connection: Connection, terms: Sequence[Term], window: Window) -> Places:
    """
    Find the runs of which all terms hold, by the index of the rarest.
    """
    if not terms:
        return Places([select(runs.c.started_ns, runs.c.run_id).where(*window.conditions(runs))])
    first = _rarest(connection, terms, window)
    conditions = window.conditions(first.table)
    conditions += [holds_at(term, first.table) for term in terms if term is not first]
    return Places([found.where(*conditions) for found in places_of(first)])


def _rarest(connection: Connection, terms: Sequence[Term], window: Window) -> Term:
    """
    Give the term of which the latest runs are the furthest apart.
    """
    if len(terms) == 1:
        return terms[0]
    marks = [_marks(term, window) for term in terms]
    values = iter(connection.execute(select(*(mark for own in marks for mark in own))).one())
    reach = [[v for v in (next(values) for _ in own) if v is not None] for own in marks]
    # Of what goes by in no part, there are few runs in all.
    return min(zip(reach, terms, strict=True), key=lambda pair: max(pair[0], default=-math.inf))[1]


def _marks(term: Term, window: Window) -> list[ColumnElement[int | None]]:
    """
    Give the start of a run some way down the list, for each part of what a term finds.
    """
    if isinstance(term, StatusTerm):
        term = replace(term, lives=None)
    place = term.table
    return [
        found.with_only_columns(place.c.started_ns)
        .where(*window.conditions(place))
        .order_by(place.c.started_ns.desc(), place.c.run_id.desc())
        .offset(_SOME_WAY)
        .limit(1)
        .scalar_subquery()
        for found in places_of(term)
    ]
