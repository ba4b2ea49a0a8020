"""
Settling steps: the rows of `steps` for runs in which something was said.

A run that only grew gets the rows of what is new. All its steps are joined anew where
what is new may change earlier ones.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import delete, insert, select

from otel_bridge_storage.call_rows import text
from otel_bridge_storage.schema import STEP_TURNS, llm_calls, run_log, runs, steps, tool_calls
from otel_bridge_storage.statements import KEYS, Lookup, Rows
from otel_bridge_storage.step_rows import ASSISTANT, COMMITS, Step, committed, steps_of
from otel_bridge_storage.step_sources import (
    derived_steps,
    first_calls,
    step_turns,
    steps_of_calls,
)
from otel_bridge_storage.unit import Unit
from otel_bridge_storage.values import clean

_CHANGES = tuple(kind for kind in STEP_TURNS if kind not in COMMITS)

_STORED = Lookup(select(steps).where(KEYS), steps.c.run_id)
_INSERT = Rows(insert(steps))
_DELETE = Lookup(delete(steps).where(KEYS), steps.c.run_id, steps.c.step_id)
_DELETE_DERIVED = Lookup(delete(steps).where(KEYS, steps.c.committed == 0), steps.c.span)
_CHANGING = Lookup(
    select(run_log.c.run_id).where(KEYS, run_log.c.kind.in_(_CHANGES)).distinct(),
    run_log.c.run_id,
)
_UNNAMED = Lookup(
    select(steps.c.run_id)
    .where(
        KEYS,
        steps.c.committed == 1,
        steps.c.call_id.is_(None),
        steps.c.role == ASSISTANT,
    )
    .distinct(),
    steps.c.run_id,
)
_TELLING = (
    Lookup(select(llm_calls.c.run_id).where(KEYS).distinct(), llm_calls.c.run_id),
    Lookup(select(tool_calls.c.run_id).where(KEYS).distinct(), tool_calls.c.run_id),
    Lookup(select(runs.c.run_id).where(KEYS, runs.c.input_message.is_not(None)), runs.c.run_id),
)
# The answer of a run is a step only until a call tells what was said.
_ANSWERED = Lookup(
    select(runs.c.run_id).where(KEYS, runs.c.answer_message.is_not(None)), runs.c.run_id
)
_BY_ID = Lookup(select(steps.c.run_id).where(KEYS), steps.c.run_id, steps.c.step_id)
_BY_CALL = Lookup(
    select(steps.c.call_id, steps.c.run_id).where(KEYS), steps.c.call_id, steps.c.run_id
)
_SPANS_OF_CALLS = Lookup(
    select(llm_calls.c.span).where(KEYS), llm_calls.c.call_id, llm_calls.c.run_id
)


def settle_steps(unit: Unit) -> None:
    """
    Make the rows of `steps` for the runs that this transaction touched.
    """
    touched = unit.fresh_runs | unit.dirty_runs
    grown = _grown_runs(unit, touched)
    _grow(unit, grown)
    _join_anew(unit, sorted(touched - grown))


def _grown_runs(unit: Unit, touched: set[str]) -> set[str]:
    """
    Find the runs in which nothing that is new can change an earlier step.
    """
    grown = touched - unit.reshaped_runs
    bare = _without_calls(unit, sorted({run_id for run_id, _ in unit.new_turns} & grown))
    new_ids = []
    for run_id, turn in unit.new_turns:
        step = committed(turn)
        if step is None or not (run_id in bare or _names_its_call(step)):
            grown.discard(run_id)
        else:
            new_ids.append((run_id, step.step_id))
    if len(set(new_ids)) < len(new_ids):
        return set()
    grown -= {row.run_id for row in unit.select(_CHANGING, sorted(grown))}
    grown -= {row.run_id for row in unit.select(_UNNAMED, sorted(grown - bare))}
    grown -= {row.run_id for row in unit.select(_BY_ID, new_ids)}
    grown -= {row.run_id for row in unit.select(_ANSWERED, sorted(grown))}
    first = first_calls(unit, sorted(grown))
    return grown - {unit.call_runs[span] for span in first if span in unit.call_runs}


def _without_calls(unit: Unit, run_ids: Sequence[str]) -> set[str]:
    """
    Find the runs whose only steps are those that they committed themselves.
    """
    told = {row.run_id for lookup in _TELLING for row in unit.select(lookup, run_ids)}
    return set(run_ids) - told


def _names_its_call(step: Step) -> bool:
    return step.role == ASSISTANT and step.call_id is not None


def _grow(unit: Unit, grown: set[str]) -> None:
    calls = [span for span, run_id in unit.call_runs.items() if run_id in grown]
    own = [(r, step) for r, turn in unit.new_turns if r in grown and (step := committed(turn))]
    named = {(step.call_id, run_id) for run_id, step in own}
    replaced = [row.span for row in unit.select(_SPANS_OF_CALLS, sorted(named))]
    unit.delete(_DELETE_DERIVED, sorted({*calls, *replaced}))
    derived = [(r, step) for r, made in steps_of_calls(unit, calls).items() for step in made]
    asked = sorted({(step.call_id, r) for r, step in derived if step.call_id})
    named |= {(row.call_id, row.run_id) for row in unit.select(_BY_CALL, asked)}
    told = [(r, step) for r, step in derived if (step.call_id, r) not in named]
    _announce(unit, [step for _, step in (*told, *own)])
    unit.write(_INSERT, [_row(unit, run_id, step) for run_id, step in (*told, *own)])


def _join_anew(unit: Unit, touched: Sequence[str]) -> None:
    derived, turns = derived_steps(unit, touched), step_turns(unit, touched)
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
        "call_id": step.call_id if step.committed else None,
        "committed": int(step.committed),
        "tool_call_id": step.tool_call_id,
        "tool_name": step.tool_name,
        "is_error": int(step.is_error),
        "hidden": int(step.hidden),
        "rolled_back": int(step.rolled_back),
    }
