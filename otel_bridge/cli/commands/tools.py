"""
`otel-bridge tools`: how often each tool ran, failed, and how long it took.
"""

from collections.abc import Mapping
from typing import Any

from otel_bridge.cli.formats import Format, Spark
from otel_bridge.cli.reports import print_result, report, with_whole_run
from otel_bridge.cli.summed import summed

_KEYS = ["tool_name"]


def tools(
    *,
    db: str,
    form: Format,
    filters: Mapping[str, Any],
    limit: int | None,
    spark: Spark | None = None,
) -> int:
    """
    Print the report on tools.
    """
    chosen = with_whole_run(db, filters)

    found = report(
        db,
        lambda queries: summed(
            queries.tools, _KEYS, "calls", chosen, limit=limit, form=form, spark=spark
        ),
        about="tool_calls",
    )
    print_result(
        found.result,
        form,
        empty="no tool calls match",
        figures=True,
        bar="calls",
        whole=found.total["calls"] if found.total else None,
        sparks=found.sparks,
    )
    return 0
