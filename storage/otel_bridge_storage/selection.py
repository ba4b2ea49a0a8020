"""
Which of the stored spans and logs are wanted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from otel_bridge_storage.binding import home_of
from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.salvage import SalvagedRows
from otel_bridge_storage.schema import runs


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """
    What wanted spans have in common; None does not narrow.

    Attributes:
        runs: They belong to one of these runs.
        session_id: They belong to this session.
        since_ns: They started at this time or later, in nanoseconds since the epoch.
        until_ns: They started before this time.
    """

    runs: frozenset[str] | None = None
    session_id: str | None = None
    since_ns: int | None = None
    until_ns: int | None = None

    @property
    def by_span(self) -> bool:
        """
        Whether only a span says if it is wanted, and a log record does not.
        """
        return self.runs is not None or self.session_id is not None

    def takes_span(self, row: Mapping[str, Any]) -> bool:
        """
        Whether a row of `spans` is wanted.
        """
        if self.runs is not None:
            # An older file has runs of traces also where there is a session.
            homes = {home_of(row["run_id"], row["trace_id"], row["session_id"])}
            homes |= set() if row["run_id"] else {row["trace_id"]}
            if homes.isdisjoint(self.runs):
                return False
        if self.session_id is not None and row["session_id"] != self.session_id:
            return False
        return self.takes_time(row["start_ns"])

    def takes_time(self, time_ns: int) -> bool:
        """
        Whether something of that time is wanted.
        """
        return (self.since_ns is None or time_ns >= self.since_ns) and (
            self.until_ns is None or time_ns < self.until_ns
        )


def runs_with_those_below(connection: Connection, named: Sequence[str]) -> frozenset[str]:
    """
    Find runs by their ids, or unique beginnings of these, with the runs that they started.

    An id is taken as it is where the table of runs cannot be read.

    Raises:
        QueryError: There is no such run, or more than one begins so.
    """
    rows = SalvagedRows(connection)
    found: set[str] = set()
    fresh = {_run_id(rows, name) for name in named}
    while fresh:
        found |= fresh
        below: set[str] = set()
        for run_id in sorted(fresh):
            children, _ = rows.rows(_BELOW, run=run_id)
            below.update(row["run_id"] for row in children)
        fresh = below - found
    return frozenset(found)


def _run_id(rows: SalvagedRows, name: str) -> str:
    found, whole = rows.rows(_NAMED, first=name, last=name + _LAST)
    ids = [row["run_id"] for row in found]
    if name in ids or not whole:
        return name
    if len(ids) == 1:
        return str(ids[0])
    if ids:
        raise QueryError(f"more than one run begins with {name!r}: give more of its id")
    raise QueryError(f"there is no run {name!r}: `otel-bridge runs` lists them")


_LAST = "\U0010ffff"
_BELOW = select(runs.c.run_id).where(runs.c.parent_run_id == bindparam("run"))
_NAMED = (
    select(runs.c.run_id)
    .where(runs.c.run_id >= bindparam("first"), runs.c.run_id <= bindparam("last"))
    .order_by(runs.c.run_id)
    .limit(2)
)
