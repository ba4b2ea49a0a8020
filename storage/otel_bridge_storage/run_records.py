"""
Runs as the store answers with them: lists, counts and single runs.
"""

import base64
import json
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, func, or_, select

from otel_bridge_storage.arguments import given_text
from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.liveness import is_dead
from otel_bridge_storage.message_texts import is_plain, message_of, text_of
from otel_bridge_storage.moments import milliseconds, moment, moment_or_none, usd
from otel_bridge_storage.paging import bounded, checked_limit, page
from otel_bridge_storage.rows import RunDetail, RunSummary
from otel_bridge_storage.run_filters import INTERRUPTED, RUNNING, RunFilter
from otel_bridge_storage.schema import runs, steps, writers
from otel_bridge_storage.span_rows import records_texts
from otel_bridge_storage.values import clean, resolve

LARGEST_PAGE = 1000
_FAILED = ("error", "cancelled", INTERRUPTED)
_WRITERS = select(
    writers.c.writer_id,
    writers.c.host,
    writers.c.pid,
    writers.c.last_seen_ns,
    writers.c.closed_ns,
).where(writers.c.writer_id.in_(select(runs.c.writer_id).where(runs.c.status == RUNNING)))


def list_runs(
    connection: Connection,
    wanted: RunFilter,
    *,
    limit: int | None,
    offset: int,
    cursor: str | None,
) -> list[RunSummary]:
    """
    List the latest runs first.
    """
    dead = _dead_writers(connection)
    query = (
        select(runs)
        .where(*wanted.conditions(dead))
        .order_by(runs.c.started_ns.desc(), runs.c.run_id.desc())
    )
    if cursor is not None:
        first_ns, last_ns, run_id = _position(connection, cursor)
        further = or_(runs.c.started_ns < first_ns, runs.c.run_id < run_id)
        query = query.where(runs.c.started_ns <= last_ns, further)
    if limit is not None:
        limit = min(checked_limit(limit), LARGEST_PAGE)
    rows = connection.execute(page(query, limit, offset)).mappings()
    return [RunSummary(**_summary(row, dead)) for row in rows]


def count_runs(connection: Connection, wanted: RunFilter) -> int:
    """
    Count the runs that a filter lets through.
    """
    conditions = wanted.conditions(_dead_writers(connection))
    return connection.execute(
        select(func.count()).select_from(runs).where(*conditions)
    ).scalar_one()


def get_run(connection: Connection, run_id: str) -> RunDetail | None:
    """
    Read one run; None where there is none of that id.
    """
    wanted = runs.c.run_id == given_text(run_id, "run_id")
    found = connection.execute(select(runs).where(wanted)).mappings()
    row = found.one_or_none()
    if row is None:
        return None
    asked = row["input_message"] or _step_message(connection, row["run_id"], "user")
    answered = row["answer_message"] or _step_message(connection, row["run_id"], "assistant")
    texts = records_texts(connection, {ref for ref in (asked, answered) if ref is not None})
    summary = _summary(row, _dead_writers(connection))
    reason = row["termination_reason"] or row["error_type"]
    return RunDetail(
        **summary,
        strategy=row["strategy"],
        input_data=None if asked is None else _input(texts[asked]),
        answer=None if answered is None else text_of(message_of(texts[answered])) or None,
        error=row["error_message"],
        error_type=row["error_type"],
        failure_reason=reason if summary["status"] in _FAILED else None,
        termination_reason=row["termination_reason"],
        agent_id=row["agent_id"],
        span_id=row["span_id"],
    )


def is_interrupted(connection: Connection, run_id: str) -> bool:
    """
    Say whether a run was left open by a writer that is gone.
    """
    query = select(runs.c.writer_id).where(runs.c.run_id == run_id, runs.c.status == RUNNING)
    writer = connection.execute(query).scalar()
    return writer is not None and writer in _dead_writers(connection)


def resolve_run_id(connection: Connection, prefix: str, limit: int | None) -> list[str]:
    """
    List the ids that begin with a text, in order.
    """
    start = given_text(prefix, "prefix")
    query = (
        select(runs.c.run_id)
        .where(runs.c.run_id >= start, runs.c.run_id < start + "\U0010ffff")
        .order_by(runs.c.run_id)
    )
    return list(connection.execute(page(query, limit)).scalars())


def cursor_after(run: RunSummary) -> str:
    """
    Write down a run's place in the list, for the list to go on from there.
    """
    place = json.dumps([round(run.started_at.timestamp() * 1_000_000), run.run_id])
    return base64.urlsafe_b64encode(place.encode()).decode("ascii").rstrip("=")


def _position(connection: Connection, cursor: str) -> tuple[int, int, str]:
    """
    Find the place of a cursor: between which moments its run began, and the run's id.

    A cursor knows the microsecond, its run knows the moment, if it is still there.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        start_us, run_id = json.loads(base64.urlsafe_b64decode(padded))
        start_us, run_id = int(start_us), clean(str(run_id))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise QueryError(
            f"{cursor!r} is not a cursor: give one that came with an earlier list of runs"
        ) from error
    query = select(runs.c.started_ns).where(runs.c.run_id == run_id)
    start_ns = connection.execute(query).scalar()
    if start_ns is None or start_ns // 1000 != start_us:
        return bounded(start_us * 1000), bounded(start_us * 1000 + 999), run_id
    return start_ns, start_ns, run_id


def _dead_writers(connection: Connection) -> frozenset[str]:
    """
    List those of the writers of open runs that are gone.
    """
    return frozenset(
        row.writer_id
        for row in connection.execute(_WRITERS)
        if is_dead(row.host, row.pid, row.last_seen_ns, row.closed_ns)
    )


def _summary(row: Mapping[Any, Any], dead: Collection[str]) -> dict[str, Any]:
    interrupted = row["status"] == RUNNING and row["writer_id"] in dead
    return {
        "run_id": row["run_id"],
        "agent_name": row["agent_name"],
        "status": INTERRUPTED if interrupted else row["status"],
        "created_at": moment(row["started_ns"]),
        "updated_at": moment(row["updated_ns"]),
        "started_at": moment(row["started_ns"]),
        "ended_at": moment_or_none(row["ended_ns"]),
        "duration_ms": milliseconds(row["started_ns"], row["ended_ns"]),
        "iteration_count": row["iteration_count"],
        "llm_calls": row["llm_calls"],
        "failed_llm_calls": row["failed_llm_calls"],
        "tool_calls": row["tool_calls"],
        "failed_tool_calls": row["failed_tool_calls"],
        "total_input_tokens": row["input_tokens"],
        "total_output_tokens": row["output_tokens"],
        "total_cache_read_tokens": row["cache_read_tokens"],
        "total_cache_creation_tokens": row["cache_write_tokens"],
        "total_reasoning_tokens": row["reasoning_tokens"],
        "total_cost_usd": usd(row["cost_picousd"]),
        "unpriced_calls": row["unpriced_calls"],
        "model": row["model"],
        "parent_run_id": row["parent_run_id"],
        "delegation_level": row["delegation_level"],
        "session_id": row["session_id"],
        "user_id": row["user_id"],
        "tenant_id": row["tenant_id"],
        "service": row["service"],
        "trace_id": row["trace_id"],
        "tags": json.loads(row["tags"]),
        "metadata": resolve(json.loads(row["metadata"]), {}),
    }


def _step_message(connection: Connection, run_id: str, role: str) -> int | None:
    """
    Find the first thing a user said in a run, or the last thing the assistant said.
    """
    order = (steps.c.time_ns, steps.c.ordinal, steps.c.step_id)
    query = (
        select(steps.c.message)
        .where(steps.c.run_id == run_id, steps.c.role == role, steps.c.message.is_not(None))
        .order_by(*(order if role == "user" else (column.desc() for column in order)))
        .limit(1)
    )
    if role == "assistant":
        query = query.where(steps.c.rolled_back == 0)
    return connection.execute(query).scalar()


def _input(body: str) -> dict[str, Any]:
    message = message_of(body)
    said: dict[str, Any] = {"input": text_of(message)}
    return said if is_plain(message) else {**said, "messages": [message]}
