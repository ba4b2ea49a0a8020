"""
`otel-bridge tokens`: how many tokens the calls took, by whatever groups are asked for.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from otel_bridge_queries import Queries, Result

from otel_bridge.cli.formats import Format
from otel_bridge.cli.reports import group_keys, print_result, report, total_row, with_whole_run


def tokens(
    *, db: str, form: Format, by: Sequence[str], filters: Mapping[str, Any], limit: int | None
) -> int:
    """
    Print the token report; the last line of a table is the total over all groups.
    """
    keys = group_keys(by)
    chosen = with_whole_run(db, filters)

    def both(queries: Queries) -> tuple[Result, Result]:
        return queries.tokens(by=keys, **chosen, limit=limit), queries.tokens(by=[], **chosen)

    result, totals = report(db, both)
    total = total_row(keys, totals.dicts()) if keys else None
    print_result(result, form, empty="no model calls match", total=total, figures=True)
    return 0
