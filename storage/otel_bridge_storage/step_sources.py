"""
Where steps come from: inputs of runs, calls to models and tools, and facts.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from sqlalchemy import and_, func, select

from otel_bridge_storage.schema import STEP_TURNS, llm_calls, run_log, runs, spans, tool_calls
from otel_bridge_storage.statements import KEYS, Lookup
from otel_bridge_storage.step_rows import ASSISTANT, TOOL, USER, Step, Turn
from otel_bridge_storage.values import load, map_references, resolve_map

_INPUTS = Lookup(
    select(runs.c.run_id, runs.c.input_message, spans.c.id, spans.c.span_id, runs.c.started_ns)
    .join(spans, and_(spans.c.trace_id == runs.c.trace_id, spans.c.span_id == runs.c.span_id))
    .where(KEYS, runs.c.input_message.is_not(None)),
    runs.c.run_id,
)
_said = and_(llm_calls.c.run_id == runs.c.run_id, llm_calls.c.counted == 1)
_committed = and_(run_log.c.run_id == runs.c.run_id, run_log.c.kind == "step.assistant")
_ANSWERS = Lookup(
    select(
        runs.c.run_id,
        runs.c.answer_message,
        spans.c.id,
        spans.c.span_id,
        func.coalesce(runs.c.ended_ns, runs.c.updated_ns).label("ended_ns"),
    )
    .join(spans, and_(spans.c.trace_id == runs.c.trace_id, spans.c.span_id == runs.c.span_id))
    .where(
        KEYS,
        runs.c.answer_message.is_not(None),
        ~select(llm_calls.c.span).where(_said, llm_calls.c.output_messages != "[]").exists(),
        ~select(run_log.c.seq).where(_committed).exists(),
    ),
    runs.c.run_id,
)
_CALL_COLUMNS = (
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
    .where(KEYS, llm_calls.c.counted == 1)
)
_CALLS = Lookup(_CALL_COLUMNS, llm_calls.c.run_id)
_CALLS_BY_SPAN = Lookup(_CALL_COLUMNS, llm_calls.c.span)
_first = (
    select(llm_calls.c.run_id, func.min(llm_calls.c.start_ns).label("start_ns"))
    .where(KEYS, llm_calls.c.counted == 1, llm_calls.c.input_messages != "[]")
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
    .where(llm_calls.c.counted == 1, llm_calls.c.input_messages != "[]")
    .order_by(spans.c.span_id.desc()),
    llm_calls.c.run_id,
)
_TOOL_COLUMNS = (
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
    .where(KEYS, tool_calls.c.counted == 1, tool_calls.c.end_ns.is_not(None))
)
_TOOLS = Lookup(_TOOL_COLUMNS, tool_calls.c.run_id)
_TOOLS_BY_SPAN = Lookup(_TOOL_COLUMNS, tool_calls.c.span)
_TURNS = Lookup(
    select(
        run_log.c.run_id,
        run_log.c.bound_seq,
        run_log.c.time_ns,
        run_log.c.kind,
        run_log.c.span,
        run_log.c.fact_key,
        run_log.c.data,
    ).where(KEYS, run_log.c.kind.in_(STEP_TURNS)),
    run_log.c.run_id,
)


class Rows(Protocol):
    """
    What steps are read from: a write transaction, or a read.
    """

    def select(self, lookup: Lookup, keys: Sequence[Any]) -> list[Any]:
        """
        Read rows by a list of keys.
        """

    def stored_texts(self, ids: set[int]) -> Mapping[int, str]:
        """
        Fetch stored texts by row id.
        """


def derived_steps(source: Rows, run_ids: Sequence[str]) -> Mapping[str, list[Step]]:
    """
    List the steps that inputs, LLM calls, tools and answers make, without their texts.
    """
    found: defaultdict[str, list[Step]] = defaultdict(list)
    for row in source.select(_INPUTS, run_ids):
        found[row.run_id].append(
            Step(f"{row.span_id}:input", USER, row.started_ns, row.id, row.input_message)
        )
    _add_first_inputs(source, [run_id for run_id in run_ids if run_id not in found], found)
    _add_calls(found, source.select(_CALLS, run_ids), source.select(_TOOLS, run_ids))
    for row in source.select(_ANSWERS, run_ids):
        # Where no call tells what the model said, the run's answer is known at least.
        step = Step(f"{row.span_id}:answer", ASSISTANT, row.ended_ns, row.id, row.answer_message)
        found[row.run_id].append(step)
    return found


def steps_of_calls(source: Rows, calls: Sequence[int]) -> Mapping[str, list[Step]]:
    """
    List the steps that some LLM and tool calls make, by run.
    """
    found: defaultdict[str, list[Step]] = defaultdict(list)
    _add_calls(found, source.select(_CALLS_BY_SPAN, calls), source.select(_TOOLS_BY_SPAN, calls))
    return found


def first_calls(source: Rows, run_ids: Sequence[str]) -> set[int]:
    """
    List the calls that the user's step is taken from, for runs without an input.
    """
    told = {row.run_id for row in source.select(_INPUTS, run_ids)}
    asking = [run_id for run_id in run_ids if run_id not in told]
    return {row.span for row in source.select(_FIRST_CALLS, asking)}


def _add_calls(
    found: defaultdict[str, list[Step]], calls: Iterable[Any], tools: Iterable[Any]
) -> None:
    for row in calls:
        for number, message in enumerate(json.loads(row.output_messages)):
            at = row.start_ns if row.end_ns is None else row.end_ns
            step_id = f"{row.span_id}:{number}"
            step = Step(step_id, ASSISTANT, at, row.span, message, call_id=row.call_id)
            found[row.run_id].append(step)
    for row in tools:
        step = Step(f"{row.span_id}:result", TOOL, row.end_ns, row.span, row.result)
        step.tool_call_id, step.tool_name = row.tool_call_id, row.tool_name
        step.is_error = row.status == "error"
        found[row.run_id].append(step)


def _add_first_inputs(
    source: Rows, run_ids: Sequence[str], found: defaultdict[str, list[Step]]
) -> None:
    """
    Take what the user said from the first call of a run that has no input of its own.
    """
    first = {row.run_id: row for row in source.select(_FIRST_CALLS, run_ids)}
    lists = {run_id: json.loads(row.input_messages) for run_id, row in first.items()}
    texts = source.stored_texts({message for ids in lists.values() for message in ids})
    for run_id, row in first.items():
        asked = [message for message in lists[run_id] if role_of(texts[message]) == USER]
        if asked:
            step_id = f"{row.span_id}:input"
            found[run_id].append(Step(step_id, USER, row.start_ns, row.span, asked[-1]))


def step_turns(
    source: Rows, run_ids: Sequence[str], *, as_of: int | None = None
) -> Mapping[str, list[Turn]]:
    """
    List the facts that make or change steps, by run.

    Args:
        as_of: Only those that had joined the run at this index; None is all.
    """
    found_rows = source.select(_TURNS, run_ids)
    known = [row for row in found_rows if as_of is None or row.bound_seq <= as_of]
    rows = [(row, load(row.data) or {}) for row in known]
    texts = source.stored_texts({ref for _, data in rows for ref in map_references(data)})
    found: defaultdict[str, list[Turn]] = defaultdict(list)
    for row, data in rows:
        told = resolve_map(data, texts)
        found[row.run_id].append(Turn(row.time_ns, row.kind, row.span, row.fact_key, told))
    return found


def role_of(body: str) -> str | None:
    """
    Say whose message a stored text is; None where it is no message.
    """
    try:
        role = json.loads(body)["role"]
    except (ValueError, TypeError, KeyError):
        return None
    return str(role)
