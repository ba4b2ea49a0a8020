"""
Settling LLM calls: one counted row for each request to a model.
"""

from collections.abc import Sequence

from sqlalchemy import delete, insert, select

from otel_bridge_storage.call_groups import judge
from otel_bridge_storage.call_links import LLM_LINKS
from otel_bridge_storage.call_prices import price_columns
from otel_bridge_storage.call_rows import llm_call_row
from otel_bridge_storage.call_spans import CallSpan
from otel_bridge_storage.log_content import Logged, logged_messages
from otel_bridge_storage.readings import CallReading, Reading
from otel_bridge_storage.records import SpanRecord
from otel_bridge_storage.schema import llm_calls
from otel_bridge_storage.statements import KEYS, Lookup, Rows
from otel_bridge_storage.unit import Place, Unit

_NOTHING_LOGGED: Logged = ((), ())
_DELETE = Lookup(delete(llm_calls).where(KEYS), llm_calls.c.span)
_INSERT = Rows(insert(llm_calls))
_BEFORE = Lookup(
    select(llm_calls.c.span, llm_calls.c.run_id, llm_calls.c.counted, llm_calls.c.end_ns).where(
        KEYS
    ),
    llm_calls.c.span,
)


def settle_llm_calls(unit: Unit) -> None:
    """
    Make the rows of `llm_calls` for the dirty LLM spans and all that share a call with them.
    """
    if not unit.dirty_calls:
        return
    groups = LLM_LINKS.components(unit, unit.dirty_calls)
    members = sorted(unit.dirty_calls | {span for group in groups for span in group})
    found = _call_spans(unit, members)
    rows = []
    for group in groups:
        for verdict in judge([found[span] for span in group if span in found]):
            row = {
                **verdict.columns,
                "span": verdict.id,
                "outer_call": found[verdict.id].outer,
                "counted": int(verdict.counted),
                "not_counted_because": verdict.because,
            }
            row.update(price_columns(unit.pricer, row))
            rows.append(row)
    known = unit.known_before(members)
    before = unit.select(_BEFORE, known)
    unit.delete(_DELETE, known)
    unit.write(_INSERT, rows)
    unit.note_calls(before, rows, groups)


def _call_spans(unit: Unit, members: Sequence[int]) -> dict[int, CallSpan]:
    readings = {
        span: (record, reading, reading.call)
        for span, (record, reading) in unit.readings(members).items()
        if reading.call is not None
    }
    logged = logged_messages(
        unit,
        {
            span: record
            for span, (record, _, call) in readings.items()
            if not (call.input and call.output)
        },
    )
    for span, (_, _, call) in readings.items():
        given, answered = logged.get(span, _NOTHING_LOGGED)
        unit.announce(call.input or given)
        unit.announce(call.output or answered)
    unit.texts.store()
    places = unit.places(list(readings))
    return {
        span: _call_span(unit, span, places[span], *read, logged.get(span, _NOTHING_LOGGED))
        for span, read in readings.items()
    }


def _call_span(
    unit: Unit,
    span: int,
    place: Place,
    record: SpanRecord,
    reading: Reading,
    call: CallReading,
    logged: Logged,
) -> CallSpan:
    columns = llm_call_row(unit, record, reading, call, logged)
    columns["run_id"] = columns["home"] = place.home
    rank = (call.precedence, record.start_ns, record.trace_id, record.span_id)
    return CallSpan(span, place.outer_call, place.grounds, rank, columns)
