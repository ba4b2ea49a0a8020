"""
Settling tool calls: one counted row for each execution of a tool.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, insert, select

from otel_bridge_storage.call_groups import CallSpan, judge_tools
from otel_bridge_storage.call_rows import text, tool_call_row
from otel_bridge_storage.schema import tool_calls
from otel_bridge_storage.statements import KEYS, Lookup, Rows
from otel_bridge_storage.unit import Unit

_DELETE = Lookup(delete(tool_calls).where(KEYS), tool_calls.c.span)
_INSERT = Rows(insert(tool_calls))
_ROWS = select(
    tool_calls.c.span, tool_calls.c.outer_call, tool_calls.c.tool_call_id, tool_calls.c.run_id
)
_BY_SPAN = Lookup(_ROWS.where(KEYS), tool_calls.c.span)
_BY_OUTER = Lookup(_ROWS.where(KEYS), tool_calls.c.outer_call)
_BY_CALL = Lookup(_ROWS.where(KEYS), tool_calls.c.tool_call_id, tool_calls.c.run_id)


def settle_tool_calls(unit: Unit) -> None:
    """
    Make the rows of `tool_calls` for the dirty tool spans and all that may be copies.
    """
    if not unit.dirty_tools:
        return
    before = unit.select(_BY_SPAN, sorted(unit.dirty_tools))
    members = unit.dirty_tools | _related(unit, before)
    found = {span.id: span for span in _tool_spans(unit, sorted(members))}
    rows = [
        {
            **verdict.columns,
            "span": verdict.id,
            "outer_call": found[verdict.id].outer,
            "counted": int(verdict.counted),
            "not_counted_because": verdict.because,
        }
        for verdict in judge_tools(list(found.values()))
    ]
    unit.delete(_DELETE, sorted(members))
    unit.write(_INSERT, rows)
    unit.note_runs(
        {row.span: row.run_id for row in before}, {row["span"]: row["run_id"] for row in rows}
    )


def _related(unit: Unit, before: Sequence[Any]) -> set[int]:
    """
    Find what may show the same executions as the dirty spans, now or before.
    """
    outers = {row.outer_call for row in before}
    calls = {(row.tool_call_id, row.run_id) for row in before if row.tool_call_id}
    places = unit.places(sorted(unit.dirty_tools))
    for span, (record, reading) in unit.readings(list(places)).items():
        run_id, outer = places[span]
        outers.add(outer)
        if reading.tool is not None and reading.tool.tool_call_id:
            calls.add((reading.tool.tool_call_id, run_id or record.trace_id))
    near = unit.select(_BY_OUTER, sorted(unit.dirty_tools))
    near += unit.select(_BY_SPAN, sorted(outers - {None}))
    near += unit.select(_BY_CALL, sorted(calls))
    return {row.span for row in near}


def _tool_spans(unit: Unit, members: Sequence[int]) -> list[CallSpan]:
    readings = unit.readings(members)
    for _, reading in readings.values():
        if reading.tool is not None:
            for body in (text(reading.tool.arguments), text(reading.tool.result)):
                if body is not None:
                    unit.texts.announce(body)
    unit.texts.store()
    places = unit.places(members)
    result = []
    for span, (record, reading) in readings.items():
        if reading.tool is None:
            continue
        run_id, outer = places[span]
        columns = tool_call_row(unit, record, reading, reading.tool)
        columns["run_id"] = run_id or record.trace_id
        rank = (outer is not None, record.start_ns, record.trace_id, record.span_id)
        result.append(CallSpan(span, outer, run_id is not None, rank, columns))
    return result
