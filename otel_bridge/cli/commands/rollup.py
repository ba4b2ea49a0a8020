"""
`otel-bridge rollup`: what runs took with all the runs that they started.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from otel_bridge_queries import Result

from otel_bridge.cli.analysis_columns import ROLLUP, ROLLUP_GROUP, ROLLUP_RUN
from otel_bridge.cli.escape import visible
from otel_bridge.cli.formats import Format
from otel_bridge.cli.grouped import print_grouped
from otel_bridge.cli.layout import Column
from otel_bridge.cli.output import draws
from otel_bridge.cli.reports import group_keys, report, with_whole_run
from otel_bridge.cli.texts import UNKNOWN, cost
from otel_bridge.cli.tree import ASCII, LINES, Node, draw

_ID_SHOWN = 8
_LABEL = Column(key="_label", header="run", show=str, least=24)
_EMPTY = "no runs match"


def rollup(
    *,
    db: str,
    form: Format,
    by: Sequence[str] | None,
    filters: Mapping[str, Any],
    limit: int | None,
) -> int:
    """
    Print runs as trees, or groups of them.
    """
    keys = group_keys(by or ())
    chosen = with_whole_run(db, filters)
    result = report(db, lambda queries: queries.rollup(by=keys, **chosen, limit=limit))
    costs = list(map(_costs, result))
    if keys:
        figures = (*ROLLUP_GROUP, *ROLLUP)
        print_grouped(result, keys, figures, form, empty=_EMPTY, added=costs)
        return 0
    labels = _labels(result)
    added = [
        each | {"_label": labels[row["run_id"]]} for row, each in zip(result, costs, strict=True)
    ]
    tree = (_LABEL, *ROLLUP_RUN, *ROLLUP)
    print_grouped(result, [], tree, form, empty=_EMPTY, added=added)
    return 0


def _costs(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "_cost": cost(row["total_cost_usd"], row["total_unpriced_calls"]),
        "_own_cost": cost(row["own_cost_usd"], row["own_unpriced_calls"]),
    }


def _labels(result: Result) -> dict[str, str]:
    """
    Draw each run's name behind the branches that lead to it.
    """
    nodes: dict[str, Node] = {}
    tops: list[Node] = []
    for row in result:
        run_id = row["run_id"]
        agent = UNKNOWN if row["agent_name"] is None else visible(row["agent_name"])
        nodes[run_id] = Node(f"{agent} {visible(run_id[:_ID_SHOWN])}", {"run_id": run_id})
        above = nodes.get(row["parent_run_id"] or "")
        (tops if above is None else above.children).append(nodes[run_id])
    branches = LINES if draws(LINES.fork) else ASCII
    return {
        node.row["run_id"]: f"{prefix}{node.label}"
        for top in tops
        for _, prefix, node in draw(top, branches)
    }
