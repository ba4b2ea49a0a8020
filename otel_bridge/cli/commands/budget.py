"""
`otel-bridge budget`: whether costs are within a limit, for people and for CI.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from otel_bridge_queries import Result
from otel_bridge_queries.reports.planning import Per

from otel_bridge.cli.analysis_columns import BUDGET
from otel_bridge.cli.calendar import with_periods
from otel_bridge.cli.formats import Format
from otel_bridge.cli.grouped import print_grouped
from otel_bridge.cli.output import draws, note
from otel_bridge.cli.reports import group_keys, report, with_whole_run
from otel_bridge.cli.tables import STYLE
from otel_bridge.cli.texts import cost, counted, money, share, text

_BAR = 20
_STYLES = {"over": "red", "near": "yellow", "uncertain": "yellow"}
_KEY_OF = {"run": "run_id", "session": "session_id"}


def budget(
    *,
    db: str,
    form: Format,
    limit_usd: float,
    per: Per | None,
    by: Sequence[str] | None,
    warn: float,
    strict: bool,
    filters: Mapping[str, Any],
) -> int:
    """
    Print what was spent of each limit.

    Returns:
        1 if a limit is exceeded, or, where `strict`, cannot be judged for calls without a
        price; else 0.
    """
    keys = group_keys(by or ())
    chosen = with_whole_run(db, filters)
    result = report(db, lambda queries: queries.budget(limit_usd, per, keys, warn=warn, **chosen))
    shown = list(dict.fromkeys([*([_KEY_OF.get(per, per)] if per else ()), *keys]))
    added = list(map(_drawn, result))
    print_grouped(result, shown, BUDGET, form, empty="nothing was spent", added=added)
    return _verdict(result, shown, strict=strict)


def _verdict(result: Result, keys: Sequence[str], *, strict: bool) -> int:
    rows = [with_periods(row) for row in result]
    over = [row for row in rows if row["state"] == "over"]
    unsure = [row for row in rows if row["state"] == "uncertain"]
    if over:
        worst = over[0]
        more = f", and {counted(len(over) - 1, 'other limit')} exceeded" if over[1:] else ""
        spent = cost(worst["spent_usd"], worst["unpriced_calls"])
        note(
            f"over budget: {_named(worst, keys)} spent {spent} of {money(worst['limit_usd'])}, "
            f"{share(worst['used_share'])}{more}"
        )
        return 1
    if unsure:
        calls = sum(row["unpriced_calls"] for row in unsure)
        note(
            f"{'not within budget for sure' if strict else 'uncertain'}: "
            f"{counted(calls, 'call')} without a known price in {_named(unsure[0], keys)}"
            + (f" and {counted(len(unsure) - 1, 'other group')}" if unsure[1:] else "")
            + "; otel-bridge cost --unpriced lists them"
        )
        return 1 if strict else 0
    return 0


def _named(row: Mapping[str, Any], keys: Sequence[str]) -> str:
    return ", ".join(f"{key} {text(row[key])}" for key in keys) or "all calls"


def _drawn(row: Mapping[str, Any]) -> dict[str, Any]:
    full, empty = ("█", "░") if draws("█░") else ("#", ".")
    filled = min(round((row["used_share"] or 0) * _BAR), _BAR)
    return {
        "_cost": cost(row["spent_usd"], row["unpriced_calls"]),
        "_bar": full * filled + empty * (_BAR - filled),
        STYLE: _STYLES.get(row["state"], ""),
    }
