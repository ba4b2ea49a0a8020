"""
`otel-bridge throughput`: how many calls and tokens there were at a time.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from otel_bridge_queries.reports.timing import Every

from otel_bridge.cli.analysis_columns import THROUGHPUT
from otel_bridge.cli.formats import Format
from otel_bridge.cli.grouped import print_grouped
from otel_bridge.cli.reports import group_keys, report, with_whole_run


def throughput(
    *,
    db: str,
    form: Format,
    by: Sequence[str],
    every: Every,
    filters: Mapping[str, Any],
    limit: int | None,
) -> int:
    """
    Print the report, with a row for each period.
    """
    keys = group_keys(by)
    chosen = with_whole_run(db, filters)
    result = report(
        db, lambda queries: queries.throughput(by=keys, every=every, **chosen, limit=limit)
    )
    print_grouped(result, [*keys, every], THROUGHPUT, form, empty="no model calls match")
    return 0
