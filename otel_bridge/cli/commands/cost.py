"""
`otel-bridge cost`: what the calls cost, by whatever groups are asked for.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from otel_bridge_queries import Queries, Result

from otel_bridge.cli.formats import Format
from otel_bridge.cli.output import note
from otel_bridge.cli.reports import group_keys, print_result, report, total_row, with_whole_run


def cost(
    *, db: str, form: Format, by: Sequence[str], filters: Mapping[str, Any], limit: int | None
) -> int:
    """
    Print the cost report.

    The last line of a table is the total over all groups, those that a limit leaves
    out included; it counts a call once, also where groups overlap as tags do.
    """
    keys = group_keys(by)
    chosen = with_whole_run(db, filters)

    def both(queries: Queries) -> tuple[Result, Result]:
        return queries.cost(by=keys, **chosen, limit=limit), queries.cost(by=[], **chosen)

    result, totals = report(db, both)
    total = total_row(keys, totals.dicts()) if keys else None
    print_result(result, form, empty="no model calls match", total=total, figures=True)
    if form is Format.TABLE and result.rows:
        _say_what_is_unpriced(totals.dicts()[0])
    return 0


def _say_what_is_unpriced(total: Mapping[str, Any]) -> None:
    unpriced, calls = total["unpriced_calls"], total["llm_calls"]
    if unpriced:
        noun = "call" if calls == 1 else "calls"
        has, are = ("has", "is") if unpriced == 1 else ("have", "are")
        note(f"{unpriced} of {calls} {noun} {has} no known price and {are} not in the cost")
