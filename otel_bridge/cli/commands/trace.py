"""
`otel-bridge trace`: the spans of one trace, on a time axis.
"""

from collections.abc import Sequence
from typing import Any

from otel_bridge_storage.errors import OtelBridgeError
from otel_bridge_storage.records import SpanRecord
from otel_bridge_storage.run_store import RunStore

from otel_bridge.cli.formats import Format
from otel_bridge.cli.layout import Column
from otel_bridge.cli.open_spans import Interruption, interruption_of
from otel_bridge.cli.output import draws, width, write_line, write_rows, write_table
from otel_bridge.cli.span_tree import bar, build_span_trees, window_of
from otel_bridge.cli.stories import ask, find_run
from otel_bridge.cli.tables import STYLE
from otel_bridge.cli.texts import duration, moment
from otel_bridge.cli.tree import ASCII, LINES, Node, draw
from otel_bridge.cli.values import record

_TREE = (
    Column(key="_name", header="span", show=str, least=24),
    Column(key="span_id", header="id", rank=5, least=8, prefix=True),
    Column(key="kind", header="kind", rank=4),
    Column(key="status", header="status", rank=2),
    Column(key="duration_ms", header="took", show=duration, right=True, rank=1),
    Column(key="_bar", header="", show=str, rank=3),
)
_FIELDS = (
    "depth",
    "name",
    "span_id",
    "parent_span_id",
    "kind",
    "status",
    "status_message",
    "service",
    "scope",
    "start_ns",
    "end_ns",
    "offset_ms",
    "duration_ms",
)
_ROWS = tuple(Column(key=field, header=field) for field in _FIELDS)
_STYLES = {"error": "red", "running": "cyan", "interrupted": "magenta"}


def trace(*, db: str, form: Format, trace_or_run: str) -> int:
    """
    Print a trace.

    Args:
        db: The database.
        form: JSON is the spans with every field; CSV and Markdown are the tree's lines.
        trace_or_run: The id of a trace, or that of a run or the beginning of it.
    """

    async def spans_of(store: RunStore) -> tuple[Sequence[SpanRecord], Interruption]:
        found: Sequence[SpanRecord] = await store.get_spans(trace_or_run.lower())
        found = found or await _spans_of_run(store, trace_or_run)
        return found, await interruption_of(store, found)

    spans, interruption = ask(db, spans_of)
    if form is Format.JSON:
        ordered = sorted(spans, key=lambda span: (span.start_ns, span.span_id))
        write_rows([record(span) for span in ordered], (), form, empty="")
    elif form is Format.TABLE:
        _print_trees(spans, interruption)
    else:
        rows = [
            {**node.row, "depth": depth}
            for top in build_span_trees(spans, interruption.span_ids)
            for depth, _, node in draw(top, LINES)
        ]
        write_rows(rows, _ROWS, form, empty="", keys=_FIELDS)
    return 0


async def _spans_of_run(store: RunStore, typed: str) -> Sequence[SpanRecord]:
    if not await store.resolve_run_id(typed):
        raise OtelBridgeError(
            f"no trace has the id {typed!r}, and no run's id begins with it; "
            "`otel-bridge runs` lists the runs"
        )
    run = await store.get_run(await find_run(store, typed))
    spans = await store.get_spans(run.trace_id) if run else []
    if not spans:
        raise OtelBridgeError(f"run {typed!r} has no spans")
    return spans


def _print_trees(spans: Sequence[SpanRecord], interruption: Interruption) -> None:
    window = window_of(spans)
    axis = max(10, min(60, width() // 4))
    said = (
        f"trace {spans[0].trace_id}: {len(spans)} {'span' if len(spans) == 1 else 'spans'}, "
        f"{duration((window[1] - window[0]) / 1e6)}"
    )
    if interruption.last_seen_at is not None:
        said += f", interrupted, last heard of {moment(interruption.last_seen_at)} UTC"
    write_line(said, "bold")
    branches, mark = (LINES, "█") if draws(LINES.fork + "█") else (ASCII, "#")
    rows = [
        _line(prefix, node, bar(node.row["start_ns"], node.row["end_ns"], window, axis, mark))
        for top in build_span_trees(spans, interruption.span_ids)
        for _, prefix, node in draw(top, branches)
    ]
    write_table(rows, _TREE)


def _line(prefix: str, node: Node, drawn: str) -> dict[str, Any]:
    said = node.row["status_message"] if node.row["status"] == "error" else ""
    name = f"{node.label} ! {said}" if said else node.label
    return {
        **node.row,
        "_name": f"{prefix}{name}",
        "_bar": drawn,
        STYLE: _STYLES.get(node.row["status"], ""),
    }
