"""
`otel-bridge throughput`: how many calls and tokens there were at a time.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from otel_bridge_queries import Result
from otel_bridge_queries.reports.timing import Every

from otel_bridge.cli.analysis_columns import AT_ONCE, THROUGHPUT
from otel_bridge.cli.formats import Format
from otel_bridge.cli.grouped import print_grouped
from otel_bridge.cli.layout import Column
from otel_bridge.cli.reports import group_keys, report, with_whole_run
from otel_bridge.cli.texts import rate, unit_of_time


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
    rates = [_rates(result, "calls_per_s", 3), _rates(result, "tokens_per_s", 4)]
    figures = (*THROUGHPUT, *rates, AT_ONCE)
    print_grouped(result, [*keys, every], figures, form, empty="no model calls match")
    return 0


def _rates(result: Result, key: str, rank: int) -> Column:
    """
    Give a column of rates, all in one unit of time so that they can be compared.
    """
    unit, seconds = unit_of_time(row[key] for row in result)
    header = f"{key.removesuffix('_per_s')} per {unit}"
    return Column(
        key=key, header=header, show=partial(rate, seconds=seconds), right=True, rank=rank
    )
