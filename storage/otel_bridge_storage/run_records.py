"""
Runs as the store answers with them: lists, counts and single runs.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, select

from otel_bridge_storage.arguments import given_text
from otel_bridge_storage.living_writers import STATE, RollCall
from otel_bridge_storage.message_texts import is_plain, message_of, text_of
from otel_bridge_storage.moments import milliseconds, moment, moment_or_none, usd
from otel_bridge_storage.paging import checked_limit, page
from otel_bridge_storage.rows import RunDetail, RunSummary
from otel_bridge_storage.run_cursors import position
from otel_bridge_storage.run_filters import RunFilter
from otel_bridge_storage.run_places import find_places
from otel_bridge_storage.run_statuses import INTERRUPTED, RUNNING
from otel_bridge_storage.run_terms import StatusTerm, Term
from otel_bridge_storage.schema import runs, steps, writers
from otel_bridge_storage.span_rows import records_texts
from otel_bridge_storage.values import resolve

LARGEST_PAGE = 1000
_FAILED = ("error", "cancelled", INTERRUPTED)
_OPEN = (RUNNING, "paused")
_RUNS = select(runs, *STATE).outerjoin(writers, writers.c.writer_id == runs.c.writer_id)
_RUN = _RUNS.where(runs.c.run_id == bindparam("run_id"))


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
    window = wanted.window(None if cursor is None else position(connection, cursor))
    terms = wanted.terms()
    if limit is not None:
        limit = min(checked_limit(limit), LARGEST_PAGE)
    if terms is None:
        return []
    roll = RollCall()
    places = find_places(connection, terms, window)
    found = page(places.latest_first(), limit, offset).subquery()
    query = _RUNS.join_from(runs, found, found.c.run_id == runs.c.run_id)
    rows = connection.execute(query, _judging(connection, terms, roll)).mappings().all()
    rows = sorted(rows, key=_place, reverse=True)
    return [RunSummary(**_summary(row, roll)) for row in rows]


def count_runs(connection: Connection, wanted: RunFilter) -> int:
    """
    Count the runs that a filter lets through.
    """
    window, terms = wanted.window(), wanted.terms()
    if terms is None:
        return 0
    places = find_places(connection, terms, window)
    values = _judging(connection, terms, RollCall())
    return int(connection.execute(places.number(), values).scalar_one())


def get_run(connection: Connection, run_id: str) -> RunDetail | None:
    """
    Read one run; None where there is none of that id.
    """
    row = row_of(connection, given_text(run_id, "run_id"))
    if row is None:
        return None
    asked = row["input_message"] or _step_message(connection, row["run_id"], "user")
    answered = row["answer_message"] or _step_message(connection, row["run_id"], "assistant")
    texts = records_texts(connection, {ref for ref in (asked, answered) if ref is not None})
    summary = _summary(row, RollCall())
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
    row = row_of(connection, run_id)
    return row is not None and _is_interrupted(row, RollCall())


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


def row_of(connection: Connection, run_id: str) -> RowMapping | None:
    """
    Read the row of one run, with how its writer stands.
    """
    return connection.execute(_RUN, {"run_id": run_id}).mappings().one_or_none()


def _judging(connection: Connection, terms: Sequence[Term], roll: RollCall) -> dict[str, Any]:
    """
    Give the values for the terms that ask which writers live, if any does.
    """
    asks = any(isinstance(term, StatusTerm) and term.lives is not None for term in terms)
    return roll.parameters(connection) if asks else {}


def _place(row: Mapping[Any, Any]) -> tuple[int, str]:
    return row["started_ns"], row["run_id"]


def _is_interrupted(row: Mapping[Any, Any], roll: RollCall) -> bool:
    return row["status"] == RUNNING and roll.is_dead(row)


def _summary(row: Mapping[Any, Any], roll: RollCall) -> dict[str, Any]:
    interrupted = _is_interrupted(row, roll)
    heard_ns = roll.heard_ns(row) if row["status"] in _OPEN else None
    ended_ns = heard_ns if interrupted else row["ended_ns"]
    return {
        "run_id": row["run_id"],
        "agent_name": row["agent_name"],
        "status": INTERRUPTED if interrupted else row["status"],
        "created_at": moment(row["started_ns"]),
        "updated_at": moment(row["updated_ns"]),
        "started_at": moment(row["started_ns"]),
        "ended_at": moment_or_none(ended_ns),
        "last_seen_at": moment_or_none(heard_ns),
        "duration_ms": milliseconds(row["started_ns"], ended_ns),
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
