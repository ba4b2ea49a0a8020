"""
Settling steps: the rows of `steps` for runs in which something was said.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import and_, delete, func, insert, select

from otel_bridge_storage.call_rows import text
from otel_bridge_storage.schema import TURNS, llm_calls, run_log, runs, spans, steps, tool_calls
from otel_bridge_storage.statements import KEYS, Lookup, Rows
from otel_bridge_storage.step_rows import ASSISTANT, TOOL, USER, Step, Turn, steps_of
from otel_bridge_storage.unit import Unit
from otel_bridge_storage.values import clean, load, map_references, resolve_map

_STEP_TURNS = tuple(
    kind for kind in TURNS if kind not in ("run.paused", "run.resumed", "termination.decided")
)

_INPUTS = Lookup(
    select(runs.c.run_id, runs.c.input_message, spans.c.id, spans.c.span_id, runs.c.started_ns)
    .join(spans, and_(spans.c.trace_id == runs.c.trace_id, spans.c.span_id == runs.c.span_id))
    .where(KEYS, runs.c.input_message.is_not(None)),
    runs.c.run_id,
)
_CALLS = Lookup(
    select(
        llm_calls.c.run_id,
        llm_calls.c.span,
        spans.c.span_id,
        llm_calls.c.start_ns,
        llm_calls.c.end_ns,
        llm_calls.c.call_id,
        llm_calls.c.output_messages,
    )
    .join(spans, spans.c.id == llm_calls.c.span)
    .where(KEYS, llm_calls.c.counted == 1),
    llm_calls.c.run_id,
)
_first = (
    select(llm_calls.c.run_id, func.min(llm_calls.c.start_ns).label("start_ns"))
    .where(KEYS, llm_calls.c.counted == 1)
    .group_by(llm_calls.c.run_id)
    .subquery()
)
_FIRST_CALLS = Lookup(
    select(
        llm_calls.c.run_id,
        llm_calls.c.span,
        spans.c.span_id,
        llm_calls.c.start_ns,
        llm_calls.c.input_messages,
    )
    .join(
        _first,
        and_(_first.c.run_id == llm_calls.c.run_id, _first.c.start_ns == llm_calls.c.start_ns),
    )
    .join(spans, spans.c.id == llm_calls.c.span)
    .where(llm_calls.c.counted == 1)
    .order_by(spans.c.span_id.desc()),
    llm_calls.c.run_id,
)
_TOOLS = Lookup(
    select(
        tool_calls.c.run_id,
        tool_calls.c.span,
        spans.c.span_id,
        tool_calls.c.end_ns,
        tool_calls.c.result,
        tool_calls.c.tool_call_id,
        tool_calls.c.tool_name,
        tool_calls.c.status,
    )
    .join(spans, spans.c.id == tool_calls.c.span)
    .where(
        KEYS,
        tool_calls.c.counted == 1,
        tool_calls.c.end_ns.is_not(None),
    ),
    tool_calls.c.run_id,
)
_TURNS = Lookup(
    select(
        run_log.c.run_id,
        run_log.c.time_ns,
        run_log.c.kind,
        run_log.c.span,
        run_log.c.fact_key,
        run_log.c.data,
    ).where(KEYS, run_log.c.kind.in_(_STEP_TURNS)),
    run_log.c.run_id,
)
_STORED = Lookup(select(steps).where(KEYS), steps.c.run_id)
_INSERT = Rows(insert(steps))
_DELETE = Lookup(delete(steps).where(KEYS), steps.c.run_id, steps.c.step_id)


def settle_steps(unit: Unit) -> None:
    """
    Make the rows of `steps` for the runs that this transaction touched.
    """
    touched = sorted(unit.fresh_runs | unit.turned_runs | unit.dirty_runs)
    derived, turns = _derived(unit, touched), _turns(unit, touched)
    wanted = {
        (run_id, step.step_id): step
        for run_id in touched
        for step in steps_of(derived[run_id], turns[run_id], unit.stored_texts)
    }
    _announce(unit, wanted.values())
    rows = {key: _row(unit, key[0], step) for key, step in wanted.items()}
    stored = {(row.run_id, row.step_id): row._asdict() for row in unit.select(_STORED, touched)}
    unit.delete(_DELETE, [key for key, row in stored.items() if rows.get(key) != row])
    new = [row for key, row in rows.items() if stored.get(key) != row]
    unit.write(_INSERT, new)


def _derived(unit: Unit, run_ids: Sequence[str]) -> Mapping[str, list[Step]]:
    """
    List the steps that inputs, LLM calls and tools make, without their texts.
    """
    found: defaultdict[str, list[Step]] = defaultdict(list)
    for row in unit.select(_INPUTS, run_ids):
        found[row.run_id].append(
            Step(f"{row.span_id}:input", USER, row.started_ns, row.id, row.input_message)
        )
    _add_first_inputs(unit, [run_id for run_id in run_ids if run_id not in found], found)
    for row in unit.select(_CALLS, run_ids):
        for number, message in enumerate(json.loads(row.output_messages)):
            at = row.start_ns if row.end_ns is None else row.end_ns
            step_id = f"{row.span_id}:{number}"
            step = Step(step_id, ASSISTANT, at, row.span, message, call_id=row.call_id)
            found[row.run_id].append(step)
    for row in unit.select(_TOOLS, run_ids):
        step = Step(f"{row.span_id}:result", TOOL, row.end_ns, row.span, row.result)
        step.tool_call_id, step.tool_name = row.tool_call_id, row.tool_name
        step.is_error = row.status == "error"
        found[row.run_id].append(step)
    return found


def _add_first_inputs(
    unit: Unit, run_ids: Sequence[str], found: defaultdict[str, list[Step]]
) -> None:
    """
    Take what the user said from the first call of a run that has no input of its own.
    """
    first = {row.run_id: row for row in unit.select(_FIRST_CALLS, run_ids)}
    lists = {run_id: json.loads(row.input_messages) for run_id, row in first.items()}
    texts = unit.stored_texts({message for ids in lists.values() for message in ids})
    for run_id, row in first.items():
        asked = [message for message in lists[run_id] if _role(texts[message]) == USER]
        if asked:
            step_id = f"{row.span_id}:input"
            found[run_id].append(Step(step_id, USER, row.start_ns, row.span, asked[-1]))


def _turns(unit: Unit, run_ids: Sequence[str]) -> Mapping[str, list[Turn]]:
    rows = [(row, load(row.data) or {}) for row in unit.select(_TURNS, run_ids)]
    texts = unit.stored_texts({ref for _, data in rows for ref in map_references(data)})
    found: defaultdict[str, list[Turn]] = defaultdict(list)
    for row, data in rows:
        told = resolve_map(data, texts)
        found[row.run_id].append(Turn(row.time_ns, row.kind, row.span, row.fact_key, told))
    return found


def _role(body: str) -> str | None:
    try:
        role = json.loads(body)["role"]
    except (ValueError, TypeError, KeyError):
        return None
    return str(role)


def _announce(unit: Unit, wanted: Iterable[Step]) -> None:
    for step in wanted:
        for body in (step.body, step.condensed):
            if isinstance(body, str):
                unit.texts.announce(clean(body))
    unit.texts.store()


def _row(unit: Unit, run_id: str, step: Step) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "step_id": step.step_id,
        "role": step.role,
        "time_ns": step.time_ns,
        "ordinal": step.place[1],
        "span": step.span,
        "message": unit.text_id(clean(step.body)) if isinstance(step.body, str) else step.body,
        "condensed_message": unit.text_id(text(step.condensed)),
        "tool_call_id": step.tool_call_id,
        "tool_name": step.tool_name,
        "is_error": int(step.is_error),
        "hidden": int(step.hidden),
        "rolled_back": int(step.rolled_back),
    }
