"""
Entries of the run log as the store answers with them.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Column, Connection, RowMapping, Select, and_, func, select

from otel_bridge_storage.arguments import given_text
from otel_bridge_storage.event_data import Subjects, told
from otel_bridge_storage.moments import moment
from otel_bridge_storage.paging import bounded, page
from otel_bridge_storage.rows import StoredEvent
from otel_bridge_storage.schema import llm_calls, run_log, spans, tool_calls
from otel_bridge_storage.span_rows import records_texts
from otel_bridge_storage.values import load, map_references, resolve_map

Entry = tuple[RowMapping, StoredEvent]

_SUBJECT_IDS = ("step_id", "pause_id", "tool_call_id", "call_id")
_STEPS = ("step.user", "step.assistant")
_is_copy = and_(
    run_log.c.data.is_(None), func.coalesce(llm_calls.c.counted, tool_calls.c.counted, 1) == 0
)


def get_events(
    connection: Connection,
    run_id: str,
    *,
    after: int | None,
    before: int | None,
    limit: int | None,
    kinds: str | Iterable[str] | None,
) -> list[StoredEvent]:
    """
    List the entries of one run in the order in which they joined it.
    """
    found = get_entries(connection, run_id, after=after, before=before, limit=limit, kinds=kinds)
    return [event for _, event in found]


def get_entries(
    connection: Connection,
    run_id: str,
    *,
    after: int | None,
    before: int | None,
    limit: int | None,
    kinds: str | Iterable[str] | None,
) -> list[Entry]:
    """
    List the same, each beside its row: its `span`, its `fact_key` and its `data`, which is
    None where the span tells what it says.
    """
    query = entries_by(run_log.c.bound_seq, limit).where(
        run_log.c.run_id == given_text(run_id, "run_id"), ~_is_copy
    )
    if after is not None:
        query = query.where(run_log.c.bound_seq > bounded(after))
    if before is not None:
        query = query.where(run_log.c.bound_seq < bounded(before))
    if kinds is not None:
        wanted = [kinds] if isinstance(kinds, str) else kinds
        query = query.where(
            run_log.c.kind.in_([given_text(kind, "event_types") for kind in wanted])
        )
    return entries_of(connection, query)


def get_log(connection: Connection, *, after: int | None, limit: int | None) -> list[StoredEvent]:
    """
    List the entries of all runs in the order of commit, those of copies among them: an
    entry keeps its place, and may turn out later to be no copy.
    """
    query = entries_by(run_log.c.seq, limit)
    if after is not None:
        query = query.where(run_log.c.seq > bounded(after))
    return [event for _, event in entries_of(connection, query)]


def entries_by(number: Column[int], limit: int | None) -> Select[Any]:
    """
    Ask for entries in the order of one of their two numbers, which becomes their index.
    """
    query = (
        select(
            number.label("number"),
            run_log.c.span,
            run_log.c.fact_key,
            run_log.c.kind,
            run_log.c.time_ns,
            run_log.c.run_id,
            run_log.c.data,
            func.coalesce(
                run_log.c.iteration, llm_calls.c.iteration, tool_calls.c.iteration
            ).label("iteration"),
            spans.c.trace_id,
            spans.c.span_id,
        )
        .join(spans, spans.c.id == run_log.c.span)
        .outerjoin(llm_calls, llm_calls.c.span == run_log.c.span)
        .outerjoin(tool_calls, tool_calls.c.span == run_log.c.span)
        .order_by(number)
    )
    return page(query, limit)


def entries_of(connection: Connection, query: Select[Any]) -> list[Entry]:
    """
    Read what `entries_by` asks for, with what each entry tells.
    """
    entries = connection.execute(query).mappings().all()
    loaded = [load(entry["data"]) for entry in entries]
    subjects = Subjects.fetch(connection, [e for e in entries if e["data"] is None])
    wanted = {ref for own in loaded if own for ref in map_references(own)} | {*subjects.texts()}
    texts = records_texts(connection, wanted - {None})
    return [
        (
            entry,
            _event(
                entry, told(entry, subjects, texts) if own is None else resolve_map(own, texts)
            ),
        )
        for entry, own in zip(entries, loaded, strict=True)
    ]


def _event(entry: Mapping[Any, Any], data: dict[str, Any]) -> StoredEvent:
    return StoredEvent(
        sequence_index=entry["number"],
        run_id=entry["run_id"],
        iteration_index=entry["iteration"],
        event_type=entry["kind"],
        correlation_id=_correlation(entry, data),
        data=data,
        created_at=moment(entry["time_ns"]),
        time_ns=entry["time_ns"],
        trace_id=entry["trace_id"],
        span_id=entry["span_id"],
    )


def _correlation(entry: Mapping[Any, Any], data: Mapping[str, Any]) -> str | None:
    kind = entry["kind"]
    if kind.startswith("llm_call."):
        return str(entry["span_id"])
    named = next((data[name] for name in _SUBJECT_IDS if isinstance(data.get(name), str)), None)
    if named is not None:
        return str(named)
    if kind.startswith("tool."):
        return str(entry["span_id"])
    return str(entry["fact_key"]) if kind in _STEPS else None
