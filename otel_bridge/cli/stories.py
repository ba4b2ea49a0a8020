"""
A run with all that happened in it, its child runs included, as one value.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from otel_bridge_storage.errors import OtelBridgeError
from otel_bridge_storage.rows import (
    LLMCall,
    PausePair,
    RunDetail,
    StoredEvent,
    ToolInvocation,
    TraceEntry,
)
from otel_bridge_storage.run_store import RunStore

from otel_bridge.cli.values import record

T = TypeVar("T")

_PAGE = 500
_CANDIDATES_SHOWN = 4
_TRACE_ID_DIGITS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """
    One run and all that is known of it.

    Attributes:
        children: The runs that it started, in time order.
        parents: The parent of each span of the run's trace, by span id.
    """

    run: RunDetail
    llm_calls: Sequence[LLMCall]
    tool_calls: Sequence[ToolInvocation]
    steps: Sequence[TraceEntry]
    events: Sequence[StoredEvent]
    pauses: Sequence[PausePair]
    children: Sequence["Story"]
    parents: Mapping[str, str | None]


def ask(db: str, question: Callable[[RunStore], Awaitable[T]]) -> T:
    """
    Open the database for reading, ask one question and close it.
    """

    async def opened() -> T:
        async with RunStore.from_url(db) as store:
            return await question(store)

    return asyncio.run(opened())


async def find_run(store: RunStore, typed: str) -> str:
    """
    Find the one run that an id, or the beginning of one, stands for.

    Raises:
        OtelBridgeError: No run's id begins so, or several do.
    """
    found = await store.resolve_run_id(typed) if typed else []
    if typed in found:
        return typed
    if not found:
        if len(typed) == _TRACE_ID_DIGITS and await store.get_spans(typed.lower()):
            raise OtelBridgeError(
                f"{typed!r} is a trace and no run: `otel-bridge trace {typed}` shows it"
            )
        raise OtelBridgeError(
            f"no run's id is or begins with {typed!r}; `otel-bridge runs` lists the runs"
        )
    if len(found) > 1:
        some = ", ".join(found[:_CANDIDATES_SHOWN])
        more = " and others" if len(found) > _CANDIDATES_SHOWN else ""
        raise OtelBridgeError(
            f"{typed!r} could be any of several runs: {some}{more}; type more of it"
        )
    return found[0]


async def tell(store: RunStore, run_id: str) -> Story:
    """
    Collect everything about a run and the runs below it.

    Raises:
        OtelBridgeError: There is no such run.
    """
    order, below = await _family(store, run_id)
    stories: dict[str, Story] = {}
    parents: dict[str, Mapping[str, str | None]] = {}
    for each in reversed(order):
        detail = await store.get_run(each)
        if detail is None:
            continue
        if detail.trace_id not in parents:
            spans = await store.get_spans(detail.trace_id)
            parents[detail.trace_id] = {span.span_id: span.parent_span_id for span in spans}
        children = [stories[child] for child in below[each] if child in stories]
        stories[each] = await _story(store, detail, children, parents[detail.trace_id])
    if run_id not in stories:
        raise OtelBridgeError(f"there is no run {run_id!r}; `otel-bridge runs` lists the runs")
    return stories[run_id]


def as_json(story: Story) -> dict[str, Any]:
    """
    Give the run's fields, and beside them lists of what happened in it.
    """
    return {
        **record(story.run),
        "llm_call_count": story.run.llm_calls,
        "tool_call_count": story.run.tool_calls,
        "llm_calls": [record(call) for call in story.llm_calls],
        "tool_calls": [record(call) for call in story.tool_calls],
        "steps": [record(step) for step in story.steps],
        "events": [record(event) for event in story.events],
        "pauses": [record(pause) for pause in story.pauses],
        "children": [as_json(child) for child in story.children],
    }


async def _family(store: RunStore, run_id: str) -> tuple[list[str], dict[str, list[str]]]:
    order, below, seen = [run_id], dict[str, list[str]](), {run_id}
    for each in order:  # grows while it is walked: a level's runs bring the next level's
        children = await _child_ids(store, each)
        below[each] = [child for child in children if child not in seen]
        seen.update(below[each])
        order.extend(below[each])
    return order, below


async def _child_ids(store: RunStore, run_id: str) -> list[str]:
    found: list[tuple[Any, str]] = []
    while True:
        page = await store.list_runs(parent_run_id=run_id, limit=_PAGE, offset=len(found))
        found.extend((run.started_at, run.run_id) for run in page)
        if len(page) < _PAGE:
            return [each for _, each in sorted(found)]


async def _story(
    store: RunStore,
    detail: RunDetail,
    children: Sequence[Story],
    parents: Mapping[str, str | None],
) -> Story:
    run_id = detail.run_id
    return Story(
        run=detail,
        llm_calls=await store.get_llm_calls(run_id),
        tool_calls=await store.get_tool_invocations(run_id),
        steps=await store.get_traces(run_id),
        events=await store.get_events(run_id),
        pauses=await store.get_pauses(run_id),
        children=children,
        parents=parents,
    )
