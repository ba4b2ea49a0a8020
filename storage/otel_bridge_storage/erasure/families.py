"""
Families of runs: a run with all above and below it. They are kept or erased together.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from otel_bridge_storage.labels import TAG, comparable
from otel_bridge_storage.schema import run_labels, runs, writers
from otel_bridge_storage.statements import KEYS, Lookup

_COLUMNS = (
    select(
        runs.c.run_id,
        runs.c.parent_run_id,
        runs.c.status,
        runs.c.started_ns,
        runs.c.updated_ns,
        writers.c.last_seen_ns,
    )
    .outerjoin(writers, writers.c.writer_id == runs.c.writer_id)
    .where(KEYS)
)
_BY_ID = Lookup(_COLUMNS, runs.c.run_id)
_BY_PARENT = Lookup(_COLUMNS, runs.c.parent_run_id)
_SESSIONS = Lookup(select(runs.c.session_id).where(KEYS).distinct(), runs.c.run_id)
_MANY = 500


@dataclass(frozen=True, slots=True)
class Family:
    """
    Runs that belong together.

    Attributes:
        last_ns: The latest time seen in one of them, or of a writer that has one open.
    """

    run_ids: frozenset[str]
    last_ns: int
    failed: bool


def below(connection: Connection, run_ids: Iterable[str]) -> set[str]:
    """
    Give some runs and all below them.
    """
    return {row.run_id for row in _descend(connection, run_ids)}


def families_of(connection: Connection, run_ids: Iterable[str]) -> list[Family]:
    """
    Give the families that some runs belong to.
    """
    rows = {row.run_id: row for row in _descend(connection, _roots(connection, run_ids))}
    top = {run_id: _top(run_id, rows) for run_id in rows}
    members: defaultdict[str, list[Any]] = defaultdict(list)
    for run_id, row in rows.items():
        members[top[run_id]].append(row)
    return [_family(own) for own in members.values()]


def held(connection: Connection, run_ids: Collection[str], hold_tags: Sequence[str]) -> set[str]:
    """
    Give those of some runs that carry one of the tags.
    """
    values = [comparable(tag) for tag in hold_tags]
    found: set[str] = set()
    for part in _parts(run_ids):
        query = select(run_labels.c.run_id).where(
            run_labels.c.kind == TAG,
            run_labels.c.value.in_(values),
            run_labels.c.run_id.in_(part),
        )
        found.update(connection.execute(query).scalars())
    return found


def sessions_of(connection: Connection, run_ids: Collection[str]) -> set[str]:
    """
    Give the sessions that some runs are in.
    """
    rows = _SESSIONS.rows(connection, sorted(run_ids))
    return {row.session_id for row in rows if row.session_id}


def _family(rows: Sequence[Any]) -> Family:
    last = max(
        max(row.updated_ns, row.last_seen_ns or 0)
        if row.status in ("running", "paused")
        else row.updated_ns
        for row in rows
    )
    failed = any(row.status == "error" for row in rows)
    return Family(frozenset(row.run_id for row in rows), last, failed)


def _roots(connection: Connection, run_ids: Iterable[str]) -> set[str]:
    """
    Climb to the runs at the top; of a circle any is one.
    """
    seen: set[str] = set()
    tops: set[str] = set()
    level = sorted(set(run_ids))
    while level:
        rows = _BY_ID.rows(connection, level)
        seen.update(row.run_id for row in rows)
        above = {row.run_id: row.parent_run_id for row in rows}
        known = {row.run_id for row in _BY_ID.rows(connection, _some(above.values()))}
        tops.update(run for run, parent in above.items() if parent not in known or parent in seen)
        level = sorted(known - seen)
    return tops


def _descend(connection: Connection, run_ids: Iterable[str]) -> list[Any]:
    level = _BY_ID.rows(connection, sorted(set(run_ids)))
    found = {row.run_id: row for row in level}
    while level:
        children = _BY_PARENT.rows(connection, [row.run_id for row in level])
        level = [row for row in children if row.run_id not in found]
        found.update((row.run_id, row) for row in level)
    return list(found.values())


def _top(run_id: str, rows: dict[str, Any]) -> str:
    seen = {run_id}
    while (parent := rows[run_id].parent_run_id) in rows and parent not in seen:
        seen.add(parent)
        run_id = parent
    return min(seen) if parent in seen else run_id


def _some(values: Iterable[str | None]) -> list[str]:
    return sorted({value for value in values if value})


def _parts(items: Iterable[str]) -> Iterable[list[str]]:
    ordered = sorted(items)
    for start in range(0, len(ordered), _MANY):
        yield ordered[start : start + _MANY]
