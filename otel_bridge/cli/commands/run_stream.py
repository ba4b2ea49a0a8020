"""
`otel-bridge run --replay`: what a reader of a run's stream was told, from its log.
"""

from collections.abc import Sequence
from typing import Any

from otel_bridge_storage.run_store import RunStore
from otel_bridge_storage.stream_rows import StreamItem

from otel_bridge.cli.formats import Format
from otel_bridge.cli.gists import failed, gist
from otel_bridge.cli.layout import Column
from otel_bridge.cli.output import write_rows
from otel_bridge.cli.run_nodes import said
from otel_bridge.cli.stories import ask, find_run
from otel_bridge.cli.tables import STYLE
from otel_bridge.cli.texts import count
from otel_bridge.cli.values import record

_COLUMNS = (
    Column(key="sequence_index", header="seq", show=count, right=True, rank=1),
    Column(key="created_at", header="time (UTC)", rank=2),
    Column(key="type", header="item"),
    Column(key="iteration_index", header="turn", show=count, right=True, rank=3),
    Column(key="_what", header="what", least=24),
)


def run_stream(*, db: str, form: Format, run_id: str, as_of: int | None) -> int:
    """
    Print the items of a run's stream, one line each.

    Args:
        db: The database.
        form: JSON and CSV have every field of the items.
        run_id: Its id or the beginning of it.
        as_of: Print none that has a higher `sequence_index`; None is all.
    """

    async def told(store: RunStore) -> Sequence[StreamItem]:
        return await store.get_stream(await find_run(store, run_id), as_of=as_of)

    items = ask(db, told)
    rows: list[dict[str, Any]] = [record(item) for item in items]
    if form in (Format.TABLE, Format.MD):
        for row, item in zip(rows, items, strict=True):
            row["_what"] = _what(item)
            row[STYLE] = "red" if failed(item) else ""
    write_rows(rows, _COLUMNS, form, empty="the run's stream is empty")
    return 0


def _what(item: StreamItem) -> str:
    """
    Say what an item tells; what a call said is not among its data.
    """
    parts = [gist(item)]
    if item.type.startswith("llm_call_"):
        parts += [f"{step.role}: {said(step.content, step.parts)}" for step in item.steps]
    return ", ".join(part for part in parts if part)
