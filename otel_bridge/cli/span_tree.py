"""
The tree of one trace: every span below its parent, with its place on the time axis.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence

from otel_bridge_storage.records import STATUS_ERROR, STATUS_OK, SpanRecord

from otel_bridge.cli.escape import one_line
from otel_bridge.cli.tree import Node

KINDS = ("-", "internal", "server", "client", "producer", "consumer")
_MS = 1e6


def build_span_trees(spans: Sequence[SpanRecord], interrupted: Collection[str] = ()) -> list[Node]:
    """
    Build the trees of a trace; spans whose parent is not there are tops of their own.

    Args:
        interrupted: The ids of open spans that nobody will end.
    """
    ordered = sorted(spans, key=lambda span: (span.start_ns, span.span_id))
    nodes = {span.span_id: _node(span, ordered[0].start_ns) for span in ordered}
    for span_id in interrupted:
        nodes[span_id].row["status"] = "interrupted"
    below: dict[str, list[str]] = defaultdict(list)
    for span in ordered:
        below[span.parent_span_id or ""].append(span.span_id)
    tops = [span.span_id for span in ordered if span.parent_span_id not in nodes]
    placed: set[str] = set()
    roots: list[Node] = []
    # Spans that name each other as parents hang from no top; the earliest becomes one.
    for candidate in [*tops, *(span.span_id for span in ordered)]:
        if candidate not in placed:
            roots.append(nodes[candidate])
            _hang(candidate, nodes, below, placed)
    return roots


def bar(start_ns: int, end_ns: int | None, window: tuple[int, int], width: int, mark: str) -> str:
    """
    Draw a span on a time axis.

    Args:
        start_ns: Where the span starts.
        end_ns: Where it ends; None for one that is still open, which fills the axis.
        window: The first and the last moment of the axis, nanoseconds.
        width: How many characters the axis has.
        mark: The character that fills the bar.
    """
    first, last = window
    length = max(last - first, 1)
    left = min((start_ns - first) * width // length, width - 1)
    right = width if end_ns is None else min(-((first - end_ns) * width // length), width)
    return " " * left + mark * max(right - left, 1)


def window_of(spans: Sequence[SpanRecord]) -> tuple[int, int]:
    """
    Tell the first and the last moment of a trace.
    """
    ends = [span.start_ns if span.end_ns is None else span.end_ns for span in spans]
    return min(span.start_ns for span in spans), max(ends)


def _hang(top: str, nodes: dict[str, Node], below: dict[str, list[str]], placed: set[str]) -> None:
    waiting = [top]
    placed.add(top)
    for each in waiting:
        fresh = [child for child in below.get(each, ()) if child not in placed]
        nodes[each].children.extend(nodes[child] for child in fresh)
        placed.update(fresh)
        waiting.extend(fresh)


def _node(span: SpanRecord, origin_ns: int) -> Node:
    duration = None if span.end_ns is None else (span.end_ns - span.start_ns) / _MS
    row = {
        "span_id": span.span_id,
        "parent_span_id": span.parent_span_id,
        "name": span.name,
        "kind": KINDS[span.kind] if 0 <= span.kind < len(KINDS) else str(span.kind),
        "status": _status(span),
        "status_message": span.status_message,
        "service": span.resource.attributes.get("service.name"),
        "scope": span.scope.name,
        "start_ns": span.start_ns,
        "end_ns": span.end_ns,
        "offset_ms": (span.start_ns - origin_ns) / _MS,
        "duration_ms": duration,
    }
    return Node(one_line(span.name) or "(no name)", row)


def _status(span: SpanRecord) -> str:
    if span.status_code == STATUS_ERROR:
        return "error"
    if span.end_ns is None:
        return "running"
    return "ok" if span.status_code == STATUS_OK else "-"
