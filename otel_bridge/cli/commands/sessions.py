"""
`otel-bridge sessions`: the list of sessions, the latest active first.
"""

from collections.abc import Mapping
from typing import Any

from otel_bridge.cli.analysis_columns import SESSIONS
from otel_bridge.cli.formats import Format
from otel_bridge.cli.grouped import print_grouped
from otel_bridge.cli.output import note
from otel_bridge.cli.reports import report, with_whole_run
from otel_bridge.cli.texts import cost, counted


def sessions(*, db: str, form: Format, filters: Mapping[str, Any], limit: int, offset: int) -> int:
    """
    Print a page of sessions, and how to see the next one.
    """
    chosen = with_whole_run(db, filters)
    found = report(
        db, lambda queries: queries.session_views(**chosen, limit=limit + 1, offset=offset)
    )
    page = found.first(limit)
    costs = [{"_cost": cost(row["cost_usd"], row["unpriced_calls"])} for row in page]
    print_grouped(page, ["session_id"], SESSIONS, form, empty="no sessions match", added=costs)
    if len(found) > limit:
        note(f"{counted(limit, 'session')}; go on with --offset {offset + limit}")
    return 0
