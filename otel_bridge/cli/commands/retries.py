"""
`otel-bridge retries`: how often failed calls were tried again, and what that cost.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from otel_bridge.cli.analysis_columns import RETRIES
from otel_bridge.cli.formats import Format
from otel_bridge.cli.grouped import print_grouped
from otel_bridge.cli.reports import group_keys, report, with_whole_run
from otel_bridge.cli.texts import cost


def retries(
    *, db: str, form: Format, by: Sequence[str], filters: Mapping[str, Any], limit: int | None
) -> int:
    """
    Print the report.
    """
    keys = group_keys(by)
    chosen = with_whole_run(db, filters)
    result = report(db, lambda queries: queries.retries(by=keys, **chosen, limit=limit))
    costs = [
        {"_cost": cost(row["wasted_cost_usd"], row["wasted_unpriced_calls"])} for row in result
    ]
    print_grouped(result, keys, RETRIES, form, empty="no model calls match", added=costs)
    return 0
