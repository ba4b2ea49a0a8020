"""
Steps as the store answers with them: what was said in a run, in order.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, select

from otel_bridge_storage.arguments import given_text
from otel_bridge_storage.message_texts import json_or_text, message_of, text_of
from otel_bridge_storage.moments import moment
from otel_bridge_storage.paging import page
from otel_bridge_storage.rows import TraceEntry
from otel_bridge_storage.schema import steps
from otel_bridge_storage.span_rows import records_texts


def get_traces(
    connection: Connection, run_id: str, *, limit: int | None, offset: int
) -> list[TraceEntry]:
    """
    List the steps of a run, the hidden and rolled back ones among them.
    """
    query = (
        select(steps)
        .where(steps.c.run_id == given_text(run_id, "run_id"))
        .order_by(steps.c.time_ns, steps.c.ordinal, steps.c.step_id)
    )
    rows = connection.execute(page(query, limit, offset)).mappings().all()
    wanted = {row[name] for row in rows for name in ("message", "condensed_message")} - {None}
    texts = records_texts(connection, wanted)
    return [
        entry(row, texts.get(row["message"]), texts.get(row["condensed_message"]), at)
        for at, row in enumerate(rows, max(offset, 0))
    ]


def entry(row: Mapping[Any, Any], body: str | None, condensed: str | None, at: int) -> TraceEntry:
    """
    Give a step as an answer.

    Args:
        row: The columns of the step's row.
        body: What was said, as it is stored.
        condensed: What the model sees instead, if that is something else.
        at: Its place among the steps of its run, from 0.
    """
    content, parts = said(row["role"], row["tool_call_id"], body)
    meta: dict[str, Any] = {"step_id": row["step_id"], "parts": parts}
    meta |= {name: row[name] for name in ("tool_call_id", "tool_name") if row[name] is not None}
    meta |= {name: True for name in ("is_error", "hidden", "rolled_back") if row[name]}
    if condensed is not None:
        meta["condensed_content"] = text_of(message_of(condensed))
    return TraceEntry(
        role=row["role"],
        content=content,
        order_index=at,
        meta=meta,
        created_at=moment(row["time_ns"]),
    )


def said(role: str, tool_call_id: str | None, body: str | None) -> tuple[str, list[Any]]:
    """
    Give the text of a step and the parts of its message.
    """
    if body is None:
        return "", []
    if role != "tool":
        message = message_of(body)
        return text_of(message), message["parts"]
    answer = {"type": "tool_call_response", "id": tool_call_id, "response": json_or_text(body)}
    return body, [answer]
