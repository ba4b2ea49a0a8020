"""
Reports that look ahead: what the month will cost, and whether budgets hold.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, Unpack, get_args

from otel_bridge_storage.errors import QueryError

from otel_bridge_queries.forecasting import forecast_of
from otel_bridge_queries.moments import zone_named
from otel_bridge_queries.periods import month_named, next_period, now_in, period_start
from otel_bridge_queries.reports.spending import SpendingReports
from otel_bridge_queries.result import Result
from otel_bridge_queries.selection import Filters, Names, names_in

Per = Literal["day", "week", "month", "year", "run", "session"]

_KEY_OF: dict[str, str] = {"run": "run_id", "session": "session_id"}
_FORECAST = {
    "month": "TIMESTAMP WITH TIME ZONE",
    "spent_usd": "DOUBLE",
    "expected_usd": "DOUBLE",
    "low_usd": "DOUBLE",
    "high_usd": "DOUBLE",
    "llm_calls": "BIGINT",
    "unpriced_calls": "BIGINT",
    "days_left": "DOUBLE",
    "basis": "VARCHAR",
    "basis_days": "INTEGER",
    "basis_unpriced_calls": "BIGINT",
}
_BUDGET = {
    "llm_calls": "BIGINT",
    "unpriced_calls": "BIGINT",
    "spent_usd": "DOUBLE",
    "limit_usd": "DOUBLE",
    "left_usd": "DOUBLE",
    "used_share": "DOUBLE",
    "state": "VARCHAR",
}


class PlanningReports(SpendingReports):
    """
    What the month will cost, and whether budgets hold.
    """

    def forecast(
        self, month: str | None = None, *, timezone: str = "UTC", **filters: Unpack[Filters]
    ) -> Result:
        """
        Tell what a month has cost so far, and what it is expected to cost in all.

        Expected is what was spent, and for the days that are left the mean of the last 28
        whole days: that of the same weekday if there are all 28, else one mean of those
        since the first call. The rest of today counts by its share of the day. The
        interval is where four of five months would end if days varied as they did, each
        by itself. From fewer than 7 whole days nothing is made up.

        Args:
            month: Such as `2026-01`; None for the running one.
            timezone: Whose months and days.
            filters: All but `since` and `until`.

        Returns:
            One row: month (its start), spent_usd, expected_usd, low_usd, high_usd,
            llm_calls and unpriced_calls of the month so far, days_left (with the rest of
            today), basis (`weekday means`, `daily mean`, `over` for a month that has
            ended, or `too little data`), basis_days and basis_unpriced_calls of the days
            that were averaged. Costs are without unpriced calls: where there are any, all
            are lower bounds. What is not known is None.

        Raises:
            QueryError: The month or a filter makes no sense.
        """
        for bound in ("since", "until"):
            if filters.get(bound) is not None:
                raise QueryError(f"a forecast has bounds of its own: leave out {bound}")
        zone = zone_named(timezone)
        now = now_in(zone, self._clock())
        start = month_named(month, zone) if month else period_start(now, "month", zone)
        days = self.cost("day", timezone=timezone, **filters)
        told = forecast_of(days.dicts(), start, next_period(start, "month", zone), now, zone)
        return _result(_FORECAST, [told])

    def budget(
        self,
        limit_usd: float,
        per: Per | None = None,
        by: Names = (),
        *,
        warn: float = 0.8,
        timezone: str = "UTC",
        **filters: Unpack[Filters],
    ) -> Result:
        """
        Compare what LLM calls cost with a limit, in all or for each group.

        Args:
            limit_usd: What each group may cost, in USD.
            per: The limit is for each of these. Of days, weeks, months and years only
                the running one is judged, unless `since` says from when on all are.
            by: Group keys of `cost`; each group has the limit for itself.
            warn: From what share of the limit on a group is near it.

        Returns:
            The keys, then llm_calls, unpriced_calls, spent_usd, limit_usd, left_usd,
            used_share and state: `over`, `near`, `uncertain` (within, but for calls
            without a price) or `within`. The worst come first. spent_usd is None where
            no call has a price.

        Raises:
            QueryError: A limit, share, key, filter or time makes no sense.
        """
        if not limit_usd > 0:
            raise QueryError(f"limit_usd={limit_usd!r} is no limit: give USD above 0")
        if not 0 <= warn <= 1:
            raise QueryError(f"warn={warn!r} is no share: give one from 0 to 1, such as 0.8")
        if per is not None and per not in get_args(Per):
            names = ", ".join(get_args(Per))
            raise QueryError(f"per={per!r} is nothing a limit can be for: give one of {names}")
        keys = [*([_KEY_OF.get(per, per)] if per else ()), *(names_in(by, "by") or ())]
        chosen: Filters = {**filters}
        if per in ("day", "week", "month", "year") and chosen.get("since") is None:
            chosen["since"] = self._running(per, timezone)
        costs = self.cost(list(dict.fromkeys(keys)), timezone=timezone, **chosen)
        kinds = dict(zip(costs.columns, costs.types, strict=True))
        rows = [_judged(row, limit_usd, warn) for row in costs]
        rows.sort(key=lambda row: -(row["used_share"] or 0))
        return _result({key: kinds[key] for key in dict.fromkeys(keys)} | _BUDGET, rows)

    def _running(self, per: Literal["day", "week", "month", "year"], timezone: str) -> datetime:
        zone = zone_named(timezone)
        return period_start(now_in(zone, self._clock()), per, zone)


def _judged(row: dict[str, Any], limit: float, warn: float) -> dict[str, Any]:
    spent = row["cost_usd"]
    # Nothing was spent where nothing was called.
    sure = 0.0 if spent is None else spent
    left_out = row["unpriced_calls"]
    used = None if spent is None and left_out else sure / limit
    return {
        **row,
        "spent_usd": None if used is None else sure,
        "limit_usd": float(limit),
        "left_usd": None if used is None else limit - sure,
        "used_share": used,
        "state": _state(sure, limit, warn, left_out),
    }


def _state(spent: float, limit: float, warn: float, unpriced: int) -> str:
    if spent > limit:
        return "over"
    if unpriced:
        return "uncertain"
    return "near" if spent >= warn * limit else "within"


def _result(types: dict[str, str], rows: Sequence[dict[str, Any]]) -> Result:
    return Result(
        tuple(types), tuple(types.values()), [tuple(row[name] for name in types) for row in rows]
    )
