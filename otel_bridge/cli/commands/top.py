"""
`otel-bridge top`: the runs or sessions that took the most of something.
"""

from collections.abc import Mapping
from typing import Any, Literal, cast

from otel_bridge_queries.reports.listing import RunMeasure, SessionMeasure

from otel_bridge.cli.analysis_columns import RUNS, SESSIONS
from otel_bridge.cli.formats import Format
from otel_bridge.cli.grouped import print_grouped
from otel_bridge.cli.reports import report, with_whole_run
from otel_bridge.cli.texts import cost

What = Literal["runs", "sessions"]


def top(
    *, db: str, form: Format, what: What, by: str, filters: Mapping[str, Any], limit: int
) -> int:
    """
    Print the largest runs or sessions.
    """
    chosen = with_whole_run(db, filters)
    if what == "runs":
        measure = cast(RunMeasure, by)
        result = report(db, lambda queries: queries.top_runs(measure, limit, **chosen))
        keys, columns = ["run_id"], RUNS
    else:
        larger = cast(SessionMeasure, by)
        result = report(db, lambda queries: queries.top_sessions(larger, limit, **chosen))
        keys, columns = ["session_id"], SESSIONS
    costs = [{"_cost": cost(row["cost_usd"], row["unpriced_calls"])} for row in result]
    print_grouped(result, keys, columns, form, empty=f"no {what} match", added=costs)
    return 0
