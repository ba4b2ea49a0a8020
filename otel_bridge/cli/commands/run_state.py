"""
`otel-bridge run --as-of`: one run as it stood at an entry of its log.
"""

from collections.abc import Iterator
from typing import Any

from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.log_rows import OpenCall, RunState
from otel_bridge_storage.run_store import RunStore

from otel_bridge.cli.escape import one_line
from otel_bridge.cli.formats import Format
from otel_bridge.cli.layout import Column
from otel_bridge.cli.output import write_json, write_line, write_rows
from otel_bridge.cli.run_header import calls_of, cost_of, tokens_of
from otel_bridge.cli.run_nodes import step_label
from otel_bridge.cli.stories import ask, find_run
from otel_bridge.cli.tables import STATUS_STYLES
from otel_bridge.cli.texts import count, moment
from otel_bridge.cli.values import record

_STEPS = (
    Column(key="order_index", header="step", show=count, right=True, rank=2),
    Column(key="created_at", header="time (UTC)", rank=1),
    Column(key="_what", header="what", least=24),
)
_MARKDOWN = (*_STEPS[:2], Column(key="role", header="role"), Column(key="content", header="said"))


def run_state(*, db: str, form: Format, run_id: str, as_of: int) -> int:
    """
    Print how a run stood.

    Args:
        db: The database.
        form: JSON is the whole state; CSV and Markdown are its steps.
        run_id: Its id or the beginning of it.
        as_of: The `sequence_index` of the last entry that counts.
    """

    async def stood(store: RunStore) -> RunState:
        found = await find_run(store, run_id)
        state = await store.get_state(found, as_of=as_of)
        if state is None:
            raise QueryError(await _not_yet(store, found, as_of))
        return state

    state = ask(db, stood)
    if form is Format.JSON:
        write_json(record(state))
        return 0
    rows: list[dict[str, Any]] = [record(step) for step in state.steps]
    if form is Format.TABLE:
        for line, style in _header(state):
            write_line(line, style)
        write_line()
        for row, step in zip(rows, state.steps, strict=True):
            row["_what"] = step_label(step)
    columns = _STEPS if form is Format.TABLE else _MARKDOWN
    write_rows(rows, columns, form, empty="the run had no step then")
    return 0


async def _not_yet(store: RunStore, run_id: str, as_of: int) -> str:
    first = await store.get_events(run_id, limit=1)
    begins = f"its log begins at {first[0].sequence_index}" if first else "its log is empty"
    return f"the run {run_id} was not there yet at {as_of}: {begins}"


def _header(state: RunState) -> Iterator[tuple[str, str]]:
    """
    Give the lines above the steps, each with its style.
    """
    style = f"bold {STATUS_STYLES.get(state.status, '')}".strip()
    yield f"{one_line(state.run_id)} – {state.status}", style
    for name, value in _fields(state):
        if value:
            yield f"  {name:<9}{one_line(value)}", ""


def _fields(state: RunState) -> Iterator[tuple[str, str]]:
    yield "as of", f"entry {state.sequence_index}, {moment(state.created_at)} UTC"
    yield "calls", calls_of([state])
    yield "tokens", tokens_of([state])
    yield "cost", cost_of([state])
    yield "open", ", ".join(map(_call, state.open_calls))
    yield "waits", _waits_for(state)


def _call(call: OpenCall) -> str:
    kind = "tool" if call.kind == "tool" else "call to"
    return f"{kind} {call.name or '(unknown)'} since {moment(call.started_at)}"


def _waits_for(state: RunState) -> str:
    if state.status != "paused":
        return ""
    waiting = [pause for pause in state.pauses if pause.resume_at is None]
    return ", ".join(f"for {pause.reason or '(no reason)'}" for pause in waiting)
