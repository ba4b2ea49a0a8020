"""
`otel-bridge tools`: how often each tool ran, failed, and how long it took.
"""

from collections.abc import Mapping
from typing import Any

from otel_bridge_queries import Queries, Result

from otel_bridge.cli.formats import Format, Spark
from otel_bridge.cli.reports import print_result, report, with_whole_run
from otel_bridge.cli.sparks import Sparks, sparks

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

    def all_three(queries: Queries) -> tuple[Result, Result, Sparks | None]:
        drawn = sparks(
            lambda by: queries.tools(by=by, **chosen),
            _KEYS,
            "calls",
            asked=spark,
            form=form,
            since=chosen.get("since"),
        )
        result = queries.tools(by=_KEYS, **chosen, limit=limit)
        return result, queries.tools(by=[], **chosen), drawn

    result, totals, drawn = report(db, all_three, about="tool_calls")
    print_result(
        result,
        form,
        empty="no tool calls match",
        figures=True,
        bar="calls",
        whole=totals.dicts()[0]["calls"],
        sparks=drawn,
    )
    return 0
