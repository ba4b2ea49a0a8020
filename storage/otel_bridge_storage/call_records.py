"""
LLM calls and executions of tools as the store answers with them.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, Table, select

from otel_bridge_storage.arguments import given_text
from otel_bridge_storage.message_texts import json_or_text, message_of
from otel_bridge_storage.moments import milliseconds, moment, usd
from otel_bridge_storage.paging import bounded, page
from otel_bridge_storage.rows import LLMCall, ToolInvocation
from otel_bridge_storage.run_records import is_interrupted
from otel_bridge_storage.run_statuses import INTERRUPTED, RUNNING
from otel_bridge_storage.schema import llm_calls, spans, tool_calls
from otel_bridge_storage.span_rows import records_texts

_NS_PER_MS = 1_000_000


def get_llm_calls(
    connection: Connection, run_id: str, *, iteration: int | None, limit: int | None, offset: int
) -> list[LLMCall]:
    """
    List the requests of a run to models, each once, in the order of their starts.
    """
    query = _calls_of(llm_calls, run_id, iteration, limit, offset)
    rows = _as_they_stand(connection, connection.execute(query).mappings().all())
    given = [json.loads(row["input_messages"]) for row in rows]
    answered = [json.loads(row["output_messages"]) for row in rows]
    wanted = {message for ids in (*given, *answered) for message in ids}
    bodies = records_texts(connection, wanted)
    messages = {message: message_of(body) for message, body in bodies.items()}
    return [
        _llm_call(row, [messages[message] for message in asked], [messages[m] for m in told])
        for row, asked, told in zip(rows, given, answered, strict=True)
    ]


def get_tool_invocations(
    connection: Connection, run_id: str, *, iteration: int | None, limit: int | None, offset: int
) -> list[ToolInvocation]:
    """
    List the executions of tools in a run, each once, in the order of their starts.
    """
    query = _calls_of(tool_calls, run_id, iteration, limit, offset)
    rows = _as_they_stand(connection, connection.execute(query).mappings().all())
    wanted = {row[name] for row in rows for name in ("arguments", "result")} - {None}
    texts = records_texts(connection, wanted)
    return [_tool_invocation(row, texts) for row in rows]


def _calls_of(
    table: Table, run_id: str, iteration: int | None, limit: int | None, offset: int
) -> Select[Any]:
    query = (
        select(table, spans.c.trace_id, spans.c.span_id)
        .join(spans, spans.c.id == table.c.span)
        .where(table.c.run_id == given_text(run_id, "run_id"), table.c.counted == 1)
        .order_by(table.c.start_ns, spans.c.trace_id, spans.c.span_id)
    )
    if iteration is not None:
        query = query.where(table.c.iteration == bounded(iteration))
    return page(query, limit, offset)


def _as_they_stand(
    connection: Connection, rows: Sequence[RowMapping]
) -> Sequence[Mapping[Any, Any]]:
    """
    Mark what an interrupted run left open; all rows are of one run.
    """
    open_run = next((row["run_id"] for row in rows if row["status"] == RUNNING), None)
    if open_run is None or not is_interrupted(connection, open_run):
        return rows
    return [
        {**row, "status": INTERRUPTED if row["status"] == RUNNING else row["status"]}
        for row in rows
    ]


def _llm_call(
    row: Mapping[Any, Any], asked: list[dict[str, Any]], told: list[dict[str, Any]]
) -> LLMCall:
    model = row["response_model"] or row["request_model"]
    counts = [row[name] for name in ("input_tokens", "output_tokens") if row[name] is not None]
    first_ns = row["time_to_first_chunk_ns"]
    reasons = json.loads(row["finish_reasons"])
    return LLMCall(
        id=row["span_id"],
        run_id=row["run_id"],
        iteration=row["iteration"],
        operation=row["operation"],
        provider=row["provider"],
        model=model,
        request_model=row["request_model"],
        response_model=row["response_model"],
        response_id=row["response_id"],
        status=row["status"],
        error_type=row["error_type"],
        error=row["error_message"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        total_tokens=sum(counts) if counts else None,
        cache_read_input_tokens=row["cache_read_tokens"],
        cache_creation_input_tokens=row["cache_write_tokens"],
        reasoning_tokens=row["reasoning_tokens"],
        cost_usd=usd(row["cost_picousd"]),
        unpriced_reason=row["unpriced_reason"],
        emitted_cost_usd=usd(row["emitted_cost_picousd"]),
        duration_ms=milliseconds(row["start_ns"], row["end_ns"]),
        time_to_first_chunk_ms=None if first_ns is None else first_ns / _NS_PER_MS,
        finish_reasons=reasons,
        provider_request={
            "model": row["request_model"],
            "provider": row["provider"],
            "operation": row["operation"],
            "messages": asked,
        },
        provider_response={
            "id": row["response_id"],
            "model": row["response_model"],
            "messages": told,
            "finish_reasons": reasons,
        },
        created_at=moment(row["start_ns"]),
        trace_id=row["trace_id"],
        span_id=row["span_id"],
    )


def _tool_invocation(row: Mapping[Any, Any], texts: Mapping[int, str]) -> ToolInvocation:
    return ToolInvocation(
        run_id=row["run_id"],
        iteration=row["iteration"],
        tool_name=row["tool_name"],
        tool_call_id=row["span_id"],
        provider_tool_call_id=row["tool_call_id"],
        target=row["target"],
        params=json_or_text(texts.get(row["arguments"])),
        result=json_or_text(texts.get(row["result"])),
        success={"ok": True, "error": False}.get(row["status"]),
        status=row["status"],
        error=row["error_message"],
        error_type=row["error_type"],
        duration_ms=milliseconds(row["start_ns"], row["end_ns"]),
        created_at=moment(row["start_ns"]),
        trace_id=row["trace_id"],
        span_id=row["span_id"],
    )
