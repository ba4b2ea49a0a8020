"""
Which spans are erased with some runs.
"""

from collections.abc import Iterable

from sqlalchemy import select

from otel_bridge_storage.binding import home_of
from otel_bridge_storage.call_links import LLM_LINKS, TOOL_LINKS
from otel_bridge_storage.schema import llm_calls, runs, spans, tool_calls
from otel_bridge_storage.statements import KEYS, Lookup
from otel_bridge_storage.unit import Unit

_TRACES = Lookup(select(runs.c.trace_id).where(KEYS), runs.c.run_id)
_CALLED = Lookup(
    select(spans.c.trace_id)
    .join(llm_calls, llm_calls.c.span == spans.c.id)
    .where(KEYS)
    .distinct(),
    llm_calls.c.run_id,
)
_STRETCHES = Lookup(
    select(spans.c.trace_id).where(spans.c.role == "run", KEYS).distinct(), spans.c.run_id
)
_LINKED = Lookup(select(spans.c.trace_id).where(KEYS).distinct(), spans.c.link_trace_id)
_LLM_CALLS = Lookup(select(llm_calls.c.span).where(KEYS), llm_calls.c.run_id)
_TOOL_CALLS = Lookup(select(tool_calls.c.span).where(KEYS), tool_calls.c.run_id)
_PLACES = Lookup(
    select(spans.c.id, spans.c.trace_id, spans.c.run_id, spans.c.role).where(KEYS), spans.c.id
)
_IN_TRACES = Lookup(
    select(spans.c.id, spans.c.trace_id, spans.c.run_id, spans.c.session_id, spans.c.role).where(
        KEYS
    ),
    spans.c.trace_id,
)


def spans_of_runs(unit: Unit, run_ids: Iterable[str]) -> set[int]:
    """
    Give the spans of some runs, and the copies of their calls outside any run.

    Where nothing of a trace would be left but spans that tell of no agent, they go too.
    """
    wanted = set(run_ids)
    found = _inside(unit, wanted)
    found |= {row.span for row in unit.select(_LLM_CALLS, sorted(wanted))}
    found |= {row.span for row in unit.select(_TOOL_CALLS, sorted(wanted))}
    found |= _stray_copies(unit, found)
    return found | remains(unit, found)


def remains(unit: Unit, doomed: set[int]) -> set[int]:
    """
    Give what is left of traces in which no run and no call is left.
    """
    traces = {row.trace_id for row in unit.select(_PLACES, sorted(doomed))}
    left = [row for row in unit.select(_IN_TRACES, sorted(traces)) if row.id not in doomed]
    telling = {row.trace_id for row in left if row.role is not None}
    return {row.id for row in left if row.trace_id not in telling}


def neighbours(unit: Unit, doomed: set[int]) -> set[int]:
    """
    Give the spans outside that may show the same calls as some inside.
    """
    near: set[int] = set()
    for links in (LLM_LINKS, TOOL_LINKS):
        near.update(span for group in links.components(unit, doomed) for span in group)
    return near - doomed


def linked_traces(unit: Unit, traces: set[str]) -> set[str]:
    """
    Give the traces that go on where some others, or ones that do so, have a link from.
    """
    found: set[str] = set()
    level = set(traces)
    while level:
        rows = unit.select(_LINKED, sorted(level))
        level = {row.trace_id for row in rows} - found - traces
        found |= level
    return found


def _inside(unit: Unit, wanted: set[str]) -> set[int]:
    traces = {row.trace_id for row in unit.select(_TRACES, sorted(wanted))}
    traces |= {row.trace_id for row in unit.select(_CALLED, sorted(wanted))}
    traces |= {row.trace_id for row in unit.select(_STRETCHES, sorted(wanted))}
    traces |= linked_traces(unit, traces)
    return {
        row.id
        for row in unit.select(_IN_TRACES, sorted(traces))
        if home_of(row.run_id, row.trace_id, row.session_id) in wanted
    }


def _stray_copies(unit: Unit, doomed: set[int]) -> set[int]:
    near = unit.select(_PLACES, sorted(neighbours(unit, doomed)))
    return {row.id for row in near if row.run_id is None}
