"""
Deriving anew what stored spans tell, as if they had just arrived.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, select

from otel_bridge_storage.binding import Node, arrived_node, stored_node
from otel_bridge_storage.schema import llm_calls, run_log, runs, spans, steps, tool_calls
from otel_bridge_storage.settling import settle
from otel_bridge_storage.span_binding import bind, binding_of, home, mark, write_bindings
from otel_bridge_storage.span_rows import FIND_BY_KEY, PLACE_COLUMNS, load_by_id
from otel_bridge_storage.statements import KEYS, Lookup
from otel_bridge_storage.unit import Change, Unit

_PLACES = Lookup(select(*PLACE_COLUMNS).where(KEYS).order_by(spans.c.id), spans.c.trace_id)
_LLM_CALLS = Lookup(select(llm_calls.c.span).where(KEYS), llm_calls.c.span)
_TOOL_CALLS = Lookup(select(tool_calls.c.span).where(KEYS), tool_calls.c.span)


def _runs(table: Table, on: str) -> Lookup:
    return Lookup(select(table.c.run_id).where(KEYS).distinct(), table.c[on])


_RUNS_BY_TRACE = _runs(runs, "trace_id")
_RUNS_BY_SPAN = tuple(_runs(table, "span") for table in (llm_calls, tool_calls, steps, run_log))


def replay(unit: Unit, trace_ids: Sequence[str]) -> int:
    """
    Make all that is derived from some traces as their spans and logs tell it now.

    Entries of the run log stay, and keep their numbers unless they belong to another run.

    Returns:
        How many spans were read.
    """
    stored = unit.select(_PLACES, trace_ids)
    nodes = _read(unit, stored)
    unit.texts.store()
    above = sorted({node.parent_key for node in nodes if node.linked and node.parent_key})
    known = {(row.trace_id, row.span_id): row for row in unit.select(FIND_BY_KEY, above)}
    moved = bind(unit, known)
    changed = [n for n, row in zip(nodes, stored, strict=True) if not _is_as_stored(n, row)]
    write_bindings(unit, [*changed, *moved])
    mark(unit, moved)
    _mark_stored(unit, trace_ids)
    settle(unit, {}, {node.id: home(node) for node in (*nodes, *moved)})
    return len(nodes)


def _read(unit: Unit, rows: Sequence[Any]) -> list[Node]:
    records = load_by_id(unit.connection, [row.id for row in rows])
    nodes = []
    for row in rows:
        record = records[row.id]
        reading = unit.reader.read_span(record)
        before = stored_node(row)
        node = arrived_node(row.id, record, reading, before)
        unit.changes[row.id] = Change(record, reading, None, node, before)
        if reading.call is not None:
            unit.announce(reading.call.input)
            unit.announce(reading.call.output)
        nodes.append(node)
    return nodes


def _is_as_stored(node: Node, row: Any) -> bool:
    return all(getattr(row, name) == value for name, value in binding_of(node).items())


def _mark_stored(unit: Unit, trace_ids: Sequence[str]) -> None:
    """
    Mark all that the database says of the traces, whether or not it says so rightly.
    """
    ids = sorted(unit.changes)
    unit.dirty_calls.update(row.span for row in unit.select(_LLM_CALLS, ids))
    unit.dirty_tools.update(row.span for row in unit.select(_TOOL_CALLS, ids))
    concerned = {home(change.node) for change in unit.changes.values()}
    concerned.update(row.run_id for row in unit.select(_RUNS_BY_TRACE, trace_ids))
    for lookup in _RUNS_BY_SPAN:
        concerned.update(row.run_id for row in unit.select(lookup, ids) if row.run_id)
    unit.fresh_runs |= concerned
    unit.reshaped_runs |= concerned
