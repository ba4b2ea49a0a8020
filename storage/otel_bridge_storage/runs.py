"""
Settling runs: the rows of `runs`, so that lists and totals are true at every commit.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, insert, or_, select, update

from otel_bridge_storage.label_rows import settle_labels
from otel_bridge_storage.log_content import logged_messages
from otel_bridge_storage.readings import Reading
from otel_bridge_storage.records import SpanRecord
from otel_bridge_storage.run_rows import (
    Segment,
    identity,
    implicit_identity,
    is_implicit,
    kept_identity,
    run_row,
    told_messages,
)
from otel_bridge_storage.run_totals import gather, hints
from otel_bridge_storage.schema import run_log, runs, spans
from otel_bridge_storage.statements import KEYS, Lookup, Rows
from otel_bridge_storage.unit import Unit

_above = spans.alias("above")
_SEGMENTS = Lookup(
    select(
        spans.c.id,
        spans.c.run_id,
        spans.c.session_id,
        spans.c.user_id,
        spans.c.writer_id,
        _above.c.run_id.label("run_above"),
    )
    .outerjoin(
        _above,
        and_(
            _above.c.trace_id == func.coalesce(spans.c.link_trace_id, spans.c.trace_id),
            _above.c.span_id == func.coalesce(spans.c.link_span_id, spans.c.parent_span_id),
            or_(spans.c.link_span_id.is_(None), _above.c.start_ns < spans.c.start_ns),
        ),
    )
    .where(spans.c.role == "run", KEYS)
    .order_by(spans.c.start_ns, spans.c.trace_id, spans.c.span_id),
    spans.c.run_id,
)
_STORED = Lookup(select(runs).where(KEYS), runs.c.run_id)
_INSERT = Rows(insert(runs))
_DELETE = Lookup(delete(runs).where(KEYS), runs.c.run_id)
_CHILDREN = Lookup(select(runs.c.run_id).where(KEYS), runs.c.parent_run_id)
_LATEST_ENTRIES = Lookup(
    select(run_log.c.run_id, func.max(run_log.c.time_ns).label("time_ns"))
    .where(KEYS)
    .group_by(run_log.c.run_id),
    run_log.c.run_id,
)
_PARENTS = Lookup(
    select(
        runs.c.run_id,
        runs.c.parent_run_id,
        runs.c.delegation_level,
        runs.c.session_id,
        runs.c.user_id,
    ).where(KEYS),
    runs.c.run_id,
)
# A run that is named as a parent and has not been heard of is taken to be at the top.
_UNKNOWN: dict[str, Any] = {"delegation_level": 0, "session_id": None, "user_id": None}


def settle_runs(unit: Unit) -> None:
    """
    Make the rows of the dirty runs, and of the runs below them that change with them.
    """
    fresh = set(unit.fresh_runs)
    todo = unit.dirty_runs | fresh
    done: set[str] = set()
    while todo:
        changed = _settle(unit, sorted(todo), fresh)
        done |= todo
        fresh = {row.run_id for row in unit.select(_CHILDREN, sorted(changed))} - done
        todo = fresh


def _settle(unit: Unit, run_ids: Sequence[str], fresh: set[str]) -> set[str]:
    """
    Make the rows of some runs.

    Args:
        fresh: Those whose own spans, or the runs above, may have changed; the others
            keep what their row says of that.

    Returns:
        Runs whose parent, level, session or user changed, which concerns their children.
    """
    stored = {row.run_id: row._asdict() for row in unit.select(_STORED, run_ids)}
    anew = [run_id for run_id in run_ids if run_id in fresh or run_id not in stored]
    anew += [run_id for run_id in run_ids if run_id not in anew and _ends_with(stored[run_id])]
    kept = stored.keys() - set(anew)
    identities = {run_id: kept_identity(stored[run_id]) for run_id in kept}
    identities |= _identities(unit, anew)
    sums = gather(unit, run_ids)
    rows = [
        run_row(run_id, identities[run_id], sums[run_id])
        for run_id in run_ids
        if run_id in identities and not (is_implicit(identities[run_id]) and sums[run_id].empty)
    ]
    _inherit(unit, rows)
    _hear(unit, rows, stored)
    made = {row["run_id"]: row for row in rows}
    unit.delete(_DELETE, [run_id for run_id in stored if run_id not in made])
    unit.write(_INSERT, [row for row in rows if row["run_id"] not in stored])
    _update(unit, [(stored[run_id], row) for run_id, row in made.items() if run_id in stored])
    settle_labels(unit, stored, made)
    return _note_changes(unit, stored, made)


def _ends_with(row: Mapping[str, Any]) -> bool:
    """
    Whether a run may end with a call of it: it has no span of its own, or none that is open.
    """
    return not row["span_id"] or (row["status"] == "running" and row["writer_id"] is None)


def _hear(
    unit: Unit, rows: Sequence[dict[str, Any]], stored: Mapping[str, Mapping[str, Any]]
) -> None:
    """
    Let each run be as young as the latest entry of its log.
    """
    anew = [
        row["run_id"]
        for row in rows
        if row["run_id"] in unit.reshaped_runs or row["run_id"] not in stored
    ]
    latest = {row.run_id: row.time_ns for row in unit.select(_LATEST_ENTRIES, anew)}
    for row in rows:
        run_id, heard = row["run_id"], [row["updated_ns"]]
        if run_id in latest:
            heard.append(latest[run_id])
        elif run_id in stored and run_id not in unit.reshaped_runs:
            heard += [stored[run_id]["updated_ns"], unit.heard_ns.get(run_id, row["updated_ns"])]
        row["updated_ns"] = max(heard)


def _identities(unit: Unit, run_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    segments = _segments(unit, run_ids)
    for spans_of_run in segments.values():
        unit.announce(told_messages(spans_of_run))
    unit.texts.store()
    found = {run_id: identity(unit, run_id, own) for run_id, own in segments.items()}
    unsure = [
        run_id
        for run_id in run_ids
        if not all(found.get(run_id, {}).get(name) for name in ("session_id", "user_id"))
    ]
    for run_id, hint in hints(unit, unsure).items():
        if run_id in found:
            own = found[run_id]
            own["session_id"] = own["session_id"] or hint.session_id
            own["user_id"] = own["user_id"] or hint.user_id
        else:
            found[run_id] = implicit_identity(hint)
    return found


def _update(unit: Unit, pairs: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> None:
    """
    Write what differs: an index whose column stays the same is not touched.
    """
    by_columns: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for old, new in pairs:
        names = tuple(name for name, value in new.items() if old[name] != value)
        if names:
            values = {f"{name}_": new[name] for name in names}
            by_columns[names].append(values | {"at": new["run_id"]})
    for names, changed in by_columns.items():
        unit.write(_updating(names), changed)


@lru_cache(maxsize=200)
def _updating(names: tuple[str, ...]) -> Rows:
    values: dict[str, Any] = {name: bindparam(f"{name}_") for name in names}
    return Rows(update(runs).where(runs.c.run_id == bindparam("at")).values(values))


def _note_changes(
    unit: Unit, before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> set[str]:
    changed = set()
    for run_id in {*before, *after}:
        old, new = before.get(run_id, {}), after.get(run_id, {})
        for row in (old, new):
            if row.get("session_id"):
                unit.dirty_sessions.add(row["session_id"])
        taken_over = ("parent_run_id", "delegation_level", "session_id", "user_id")
        if any(old.get(name) != new.get(name) for name in taken_over):
            changed.add(run_id)
    return changed


def _inherit(unit: Unit, rows: Sequence[dict[str, Any]]) -> None:
    """
    Set each run's level, and give a run without a session that of the run above it.

    Runs that are said to be above each other are at the top and inherit nothing.
    """
    known = _with_those_above(unit, rows)
    in_circle = {row["run_id"] for row in rows if _is_above_itself(row["run_id"], known)}
    settled: set[str] = set()

    def settle(row: dict[str, Any]) -> None:
        if row["run_id"] in settled:
            return
        settled.add(row["run_id"])
        row["delegation_level"] = 0
        if row["parent_run_id"] is None or row["run_id"] in in_circle:
            return
        above = known.get(row["parent_run_id"], _UNKNOWN)
        if above["delegation_level"] is None:
            settle(above)
        row["delegation_level"] = above["delegation_level"] + 1
        row["session_id"] = row["session_id"] or above["session_id"]
        row["user_id"] = row["user_id"] or above["user_id"]

    for row in rows:
        settle(row)


def _with_those_above(
    unit: Unit, rows: Sequence[dict[str, Any]]
) -> dict[str | None, dict[str, Any]]:
    known: dict[str | None, dict[str, Any]] = {row["run_id"]: row for row in rows}
    wanted = {row["parent_run_id"] for row in rows} - known.keys() - {None}
    while wanted:
        found = unit.select(_PARENTS, sorted(wanted))
        known.update((row.run_id, row._asdict()) for row in found)
        wanted = {row.parent_run_id for row in found} - known.keys() - {None}
    return known


def _is_above_itself(run_id: str, known: Mapping[str | None, Mapping[str, Any]]) -> bool:
    seen: set[str | None] = set()
    at: str | None = run_id
    while at in known and at not in seen:
        seen.add(at)
        at = known[at]["parent_run_id"]
    return at == run_id


def _with_logged(
    unit: Unit, read: Mapping[int, tuple[SpanRecord, Reading]]
) -> Mapping[int, tuple[SpanRecord, Reading]]:
    """
    Add to what the spans of runs say what log records beside them say.
    """
    silent = {
        row_id: span
        for row_id, (span, reading) in read.items()
        if reading.run is not None and not (reading.run.input and reading.run.output)
    }
    full = dict(read)
    for row_id, (given, answered) in logged_messages(unit, silent).items():
        span, reading = read[row_id]
        if reading.run is not None:
            asked, told = reading.run.input or given, reading.run.output or answered
            unit.announce((*asked, *told))
            run = replace(reading.run, input=asked, output=told)
            full[row_id] = (span, replace(reading, run=run))
    unit.texts.store()
    return full


def _segments(unit: Unit, run_ids: Sequence[str]) -> dict[str, list[Segment]]:
    rows = unit.select(_SEGMENTS, run_ids)
    read = _with_logged(unit, unit.readings([row.id for row in rows]))
    found: defaultdict[str, list[Segment]] = defaultdict(list)
    for row in rows:
        span, reading = read[row.id]
        found[row.run_id].append(
            Segment(
                row.id, span, reading, row.session_id, row.user_id, row.run_above, row.writer_id
            )
        )
    return found
