"""
Settling tool calls: one counted row for each execution of a tool.
"""

from collections.abc import Sequence

from sqlalchemy import delete, insert, select

from otel_bridge_storage.call_groups import judge_tools
from otel_bridge_storage.call_links import TOOL_LINKS
from otel_bridge_storage.call_rows import text, tool_call_row
from otel_bridge_storage.call_spans import UNKNOWN_TOOL, CallSpan
from otel_bridge_storage.readings import LOG_TOLD
from otel_bridge_storage.schema import tool_calls
from otel_bridge_storage.statements import KEYS, Lookup, Rows
from otel_bridge_storage.unit import Unit

_DELETE = Lookup(delete(tool_calls).where(KEYS), tool_calls.c.span)
_INSERT = Rows(insert(tool_calls))
_BEFORE = Lookup(
    select(
        tool_calls.c.span, tool_calls.c.run_id, tool_calls.c.counted, tool_calls.c.end_ns
    ).where(KEYS),
    tool_calls.c.span,
)


def settle_tool_calls(unit: Unit) -> None:
    """
    Make the rows of `tool_calls` for the dirty tool spans and all that may be copies.
    """
    if not unit.dirty_tools:
        return
    groups = TOOL_LINKS.components(unit, unit.dirty_tools)
    members = sorted(unit.dirty_tools | {span for group in groups for span in group})
    found = {span.id: span for span in _tool_spans(unit, members)}
    rows = [
        {
            **verdict.columns,
            "span": verdict.id,
            "outer_call": found[verdict.id].outer,
            "counted": int(verdict.counted),
            "not_counted_because": verdict.because,
        }
        for group in groups
        for verdict in judge_tools([found[span] for span in group if span in found])
    ]
    known = unit.known_before(members)
    before = unit.select(_BEFORE, known)
    unit.delete(_DELETE, known)
    unit.write(_INSERT, rows)
    unit.note_calls(before, rows, groups)


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
        home, grounds, outer = places[span]
        columns = tool_call_row(unit, record, reading, reading.tool)
        columns["run_id"] = columns["home"] = home
        rank = (
            columns["tool_name"] == UNKNOWN_TOOL,
            reading.tool.precedence == LOG_TOLD,
            outer is not None,
            record.start_ns,
            record.trace_id,
            record.span_id,
        )
        result.append(CallSpan(span, outer, grounds, rank, columns))
    return result
