"""
`otel-bridge run`: one run, with everything that happened in it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from otel_bridge_storage.rows import StoredEvent
from otel_bridge_storage.run_store import RunStore

from otel_bridge.cli.formats import Format
from otel_bridge.cli.layout import Column
from otel_bridge.cli.output import draws, write_json, write_line, write_rows, write_table
from otel_bridge.cli.run_header import header
from otel_bridge.cli.run_nodes import FIELDS
from otel_bridge.cli.run_tree import build_run_tree
from otel_bridge.cli.stories import Story, as_json, ask, find_run, tell
from otel_bridge.cli.tables import STYLE, Row
from otel_bridge.cli.texts import cost, count, duration, offset
from otel_bridge.cli.tree import ASCII, LINES, draw
from otel_bridge.cli.values import plain, record

_TREE = (
    Column(key="_at", header="at", show=str, right=True, rank=3),
    Column(key="_what", header="what", show=str, least=24),
    Column(key="_took", header="took", show=str, right=True, rank=2),
    Column(key="_in", header="in", show=str, right=True, rank=4),
    Column(key="_out", header="out", show=str, right=True, rank=4),
    Column(key="_cost", header="cost", show=str, right=True, rank=1),
)
_ROWS = tuple(Column(key=field, header=field) for field in FIELDS)
_EVENTS = (
    Column(key="sequence_index", header="seq", show=count, right=True, rank=1),
    Column(key="created_at", header="time (UTC)", rank=2),
    Column(key="event_type", header="event"),
    Column(key="iteration_index", header="turn", show=count, right=True, rank=3),
    Column(key="correlation_id", header="about", rank=4, least=8, prefix=True),
    Column(key="data", header="data", least=16),
)


def run(*, db: str, form: Format, run_id: str, events: bool = False) -> int:
    """
    Print a run's header and tree, or its log.

    Args:
        db: The database.
        form: JSON is the run with all that belongs to it; CSV and Markdown are the
            lines of the tree.
        run_id: Its id or the beginning of it.
        events: Print the run log instead.
    """

    async def told(store: RunStore) -> Story:
        return await tell(store, await find_run(store, run_id))

    async def logged(store: RunStore) -> Sequence[StoredEvent]:
        return await store.get_events(await find_run(store, run_id))

    if events:
        _print_events(ask(db, logged), form)
        return 0
    story = ask(db, told)
    if form is Format.JSON:
        write_json(as_json(story))
    elif form is Format.TABLE:
        print_story(story)
    else:
        write_rows(_rows(story), _ROWS, form, empty="", keys=FIELDS)
    return 0


def print_story(story: Story) -> None:
    """
    Print a run for people: what it was, then what happened.
    """
    for line, style in header(story):
        write_line(line, style)
    write_line()
    branches = LINES if draws(LINES.fork) else ASCII
    tree = draw(build_run_tree(story), branches)
    write_table([_line(f"{prefix}{node.label}", node.row) for _, prefix, node in tree], _TREE)


def _rows(story: Story) -> list[Row]:
    tree = draw(build_run_tree(story), LINES)
    return [
        {key: plain({**node.row, "depth": depth}[key]) for key in FIELDS}
        for depth, _, node in tree
        if node.row["kind"] != "error"
    ]


def _line(what: str, row: Mapping[str, Any]) -> Row:
    calls = row["kind"] in ("run", "llm_call")
    running = row["status"] in ("running", "paused")
    return {
        "_at": "" if row["offset_ms"] is None else offset(row["offset_ms"]),
        "_what": what,
        "_took": _took(row, running=running),
        "_in": "" if row["input_tokens"] is None else count(row["input_tokens"]),
        "_out": "" if row["output_tokens"] is None else count(row["output_tokens"]),
        "_cost": cost(row["cost_usd"], row["unpriced_calls"] or 0) if calls else "",
        STYLE: _style(row),
    }


def _took(row: Mapping[str, Any], *, running: bool) -> str:
    if row["status"] == "interrupted":
        return "interrupted"
    if row["duration_ms"] is not None:
        return duration(row["duration_ms"])
    return str(row["status"]) if running else ""


def _style(row: Mapping[str, Any]) -> str:
    if row["error"]:
        return "red"
    if row["status"] in ("running", "paused"):
        return "cyan"
    if row["status"] == "interrupted":
        return "magenta"
    return {"run": "bold", "step": "dim"}.get(row["kind"], "")


def _print_events(found: Sequence[StoredEvent], form: Format) -> None:
    rows: list[dict[str, Any]] = [record(event) for event in found]
    if form in (Format.TABLE, Format.MD):
        for row in rows:
            row["data"] = _brief(row["data"])
    write_rows(rows, _EVENTS, form, empty="the run's log is empty")


def _brief(data: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in data.items() if value is not None)
