"""
`otel-bridge forecast`: what the month will cost.
"""

from collections.abc import Mapping
from typing import Any

from otel_bridge.cli.analysis_columns import FORECAST
from otel_bridge.cli.formats import Format
from otel_bridge.cli.grouped import print_grouped
from otel_bridge.cli.output import note
from otel_bridge.cli.reports import report, with_whole_run
from otel_bridge.cli.texts import UNKNOWN, cost, counted


def forecast(*, db: str, form: Format, month: str | None, filters: Mapping[str, Any]) -> int:
    """
    Print the forecast, and below a table how far it can be trusted.
    """
    chosen = with_whole_run(db, filters)
    result = report(db, lambda queries: queries.forecast(month, **chosen))
    (row,) = result.dicts()
    left_out = row["unpriced_calls"] + row["basis_unpriced_calls"]
    shown = {
        "_spent": cost(row["spent_usd"], row["unpriced_calls"]),
        "_expected": UNKNOWN
        if row["expected_usd"] is None
        else cost(row["expected_usd"], left_out),
    }
    print_grouped(result, ["month"], FORECAST, form, empty="", added=[shown])
    if form is Format.TABLE:
        _say_how_sure(row, left_out)
    return 0


def _say_how_sure(row: Mapping[str, Any], left_out: int) -> None:
    if row["basis"] == "too little data":
        note("there is no forecast: it takes 7 whole days with known costs after the first call")
    if left_out:
        note(f"{counted(left_out, 'call')} without a known price left out: the costs are more")
