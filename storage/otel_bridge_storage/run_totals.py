"""
What the calls and the facts of runs add up to, read from the database.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, case, func, literal, select

from otel_bridge_storage.schema import RUN_TURNS, llm_calls, resources, run_log, spans, tool_calls
from otel_bridge_storage.statements import KEYS, Lookup
from otel_bridge_storage.unit import Unit

TOKENS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_picousd",
)
_LLM_TOTALS = Lookup(
    select(
        llm_calls.c.run_id,
        func.count().label("llm_calls"),
        func.sum(case((llm_calls.c.status == "error", 1), else_=0)).label("failed_llm_calls"),
        (func.count() - func.count(llm_calls.c.cost_picousd)).label("unpriced_calls"),
        *(func.sum(llm_calls.c[name]).label(name) for name in TOKENS),
        func.max(llm_calls.c.iteration).label("iteration"),
        func.min(llm_calls.c.start_ns).label("first_ns"),
        func.max(llm_calls.c.start_ns).label("latest_ns"),
        func.max(llm_calls.c.end_ns).label("last_ns"),
        func.sum(case((llm_calls.c.status == "running", 1), else_=0)).label("running"),
    )
    .where(KEYS, llm_calls.c.counted == 1)
    .group_by(llm_calls.c.run_id),
    llm_calls.c.run_id,
)
_TOOL_TOTALS = Lookup(
    select(
        tool_calls.c.run_id,
        func.count().label("tool_calls"),
        func.sum(case((tool_calls.c.status == "error", 1), else_=0)).label("failed_tool_calls"),
        func.max(tool_calls.c.iteration).label("iteration"),
        func.min(tool_calls.c.start_ns).label("first_ns"),
        func.max(tool_calls.c.start_ns).label("latest_ns"),
        func.max(tool_calls.c.end_ns).label("last_ns"),
        func.sum(case((tool_calls.c.status == "running", 1), else_=0)).label("running"),
    )
    .where(KEYS, tool_calls.c.counted == 1)
    .group_by(tool_calls.c.run_id),
    tool_calls.c.run_id,
)
_latest = (
    select(llm_calls.c.run_id, func.max(llm_calls.c.start_ns).label("start_ns"))
    .where(KEYS, llm_calls.c.counted == 1)
    .group_by(llm_calls.c.run_id)
    .subquery()
)
_LATEST_CALLS = Lookup(
    select(
        llm_calls.c.run_id,
        func.coalesce(llm_calls.c.response_model, llm_calls.c.request_model).label("model"),
        llm_calls.c.status,
        llm_calls.c.error_type,
        llm_calls.c.error_message,
    )
    .join(
        _latest,
        and_(_latest.c.run_id == llm_calls.c.run_id, _latest.c.start_ns == llm_calls.c.start_ns),
    )
    .where(llm_calls.c.counted == 1)
    .join(spans, spans.c.id == llm_calls.c.span)
    .order_by(spans.c.span_id),
    llm_calls.c.run_id,
)
_HINTS = Lookup(
    select(
        llm_calls.c.run_id,
        spans.c.trace_id,
        spans.c.session_id,
        spans.c.user_id,
        llm_calls.c.agent_name,
        llm_calls.c.labels,
        spans.c.resource_id,
        spans.c.writer_id,
    )
    .join(spans, spans.c.id == llm_calls.c.span)
    .where(KEYS)
    .order_by(spans.c.start_ns, spans.c.trace_id, spans.c.span_id),
    llm_calls.c.run_id,
)
_TOOL_HINTS = Lookup(
    select(
        tool_calls.c.run_id,
        spans.c.trace_id,
        spans.c.session_id,
        spans.c.user_id,
        literal(None).label("agent_name"),
        literal(None).label("labels"),
        spans.c.resource_id,
        spans.c.writer_id,
    )
    .join(spans, spans.c.id == tool_calls.c.span)
    .where(KEYS)
    .order_by(spans.c.start_ns, spans.c.trace_id, spans.c.span_id),
    tool_calls.c.run_id,
)
_SERVICES = Lookup(select(resources.c.id, resources.c.service).where(KEYS), resources.c.id)
_TURNS = Lookup(
    select(run_log.c.run_id, run_log.c.kind, run_log.c.time_ns, run_log.c.data)
    .where(KEYS, run_log.c.kind.in_(RUN_TURNS))
    .order_by(run_log.c.time_ns),
    run_log.c.run_id,
)


@dataclass(slots=True)
class Sums:
    """
    Totals of one run's calls and tools, and its turns.

    Attributes:
        columns: The columns of `runs` that are sums.
        first_ns: The start of its first call.
        last_ns: The latest moment one of its calls or turns was heard of.
        running: How many calls are under way.
        latest: Model and outcome of the latest LLM call.
        turns: Time, kind and data of the facts that change the run, by time.
    """

    columns: dict[str, Any]
    first_ns: int | None = None
    last_ns: int | None = None
    running: int = 0
    iteration: int | None = None
    latest: Any = None
    turns: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """
        Whether the run has no call at all.
        """
        return not (self.columns["llm_calls"] or self.columns["tool_calls"])


def gather(unit: Unit, run_ids: Sequence[str]) -> dict[str, Sums]:
    """
    Add up the calls of some runs and list their turns.
    """
    found = {run_id: Sums(_zero()) for run_id in run_ids}
    for row in unit.select(_LLM_TOTALS, run_ids):
        names = ("llm_calls", "failed_llm_calls", "unpriced_calls", *TOKENS)
        _add(found[row.run_id], row, names)
    for row in unit.select(_TOOL_TOTALS, run_ids):
        _add(found[row.run_id], row, ("tool_calls", "failed_tool_calls"))
    for row in unit.select(_LATEST_CALLS, run_ids):
        found[row.run_id].latest = row
    for row in unit.select(_TURNS, run_ids):
        sums = found[row.run_id]
        sums.turns.append((row.time_ns, row.kind, json.loads(row.data or "{}")))
        sums.last_ns = max(sums.last_ns or 0, row.time_ns)
    return found


@dataclass(slots=True)
class Hints:
    """
    What the calls of a run say of it, where it has no span of its own to say it.
    """

    trace_id: str | None = None

    session_id: str | None = None
    user_id: str | None = None
    service: str | None = None
    writer_id: str | None = None
    agent_name: str | None = None
    labels: list[str] = field(default_factory=list)


def hints(unit: Unit, run_ids: Sequence[str]) -> dict[str, Hints]:
    """
    Read what calls say of their runs; the earliest call is heard first.
    """
    found: defaultdict[str, Hints] = defaultdict(Hints)
    origins: dict[str, int] = {}
    for row in [*unit.select(_HINTS, run_ids), *unit.select(_TOOL_HINTS, run_ids)]:
        hint = found[row.run_id]
        hint.trace_id = hint.trace_id or row.trace_id
        hint.session_id = hint.session_id or row.session_id
        hint.user_id = hint.user_id or row.user_id
        hint.agent_name = hint.agent_name or row.agent_name
        hint.writer_id = hint.writer_id or row.writer_id
        origins.setdefault(row.run_id, row.resource_id)
        if row.labels:
            hint.labels.append(row.labels)
    services = {row.id: row.service for row in unit.select(_SERVICES, sorted({*origins.values()}))}
    for run_id, resource in origins.items():
        found[run_id].service = services[resource]
    return found


def _zero() -> dict[str, Any]:
    counts = ("llm_calls", "failed_llm_calls", "unpriced_calls", "tool_calls", "failed_tool_calls")
    return dict.fromkeys(counts, 0) | dict.fromkeys(TOKENS)


def _add(sums: Sums, row: Any, names: Sequence[str]) -> None:
    columns = row._asdict()
    sums.columns.update((name, columns[name]) for name in names)
    times = [t for t in (sums.first_ns, row.first_ns) if t is not None]
    sums.first_ns = min(times)
    sums.last_ns = max(sums.last_ns or 0, row.latest_ns, row.last_ns or 0)
    sums.running += row.running
    iterations = [i for i in (sums.iteration, row.iteration) if i is not None]
    sums.iteration = max(iterations) if iterations else None
