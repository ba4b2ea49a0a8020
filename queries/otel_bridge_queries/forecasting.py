"""
What a month is expected to cost, from what its days and those before it cost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from math import fsum, sqrt
from typing import Any
from zoneinfo import ZoneInfo

from otel_bridge_queries.periods import next_period, period_start

LONGEST_BASIS = 28
SHORTEST_BASIS = 7
# Four of five values of a normal distribution are within so many standard deviations.
_REACH = 1.2816

Day = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Basis:
    """
    Days that were averaged: their mean by weekday, and how far days are from it.
    """

    name: str
    means: Sequence[float]
    samples: int
    variance: float


def forecast_of(
    days: Sequence[Day], start: datetime, end: datetime, now: datetime, zone: ZoneInfo
) -> dict[str, Any]:
    """
    Forecast a month.

    Args:
        days: Rows of the cost report by day, all there are.
        start: The month's first moment.
        end: The next month's first moment.
        now: The moment up to which days are known.
        zone: Whose days they are.
    """
    costs = {row["day"].astimezone(zone).date(): row for row in days}
    in_month = [row for row in days if start <= row["day"] < end]
    spent = _spent(in_month)
    told = {
        "month": start,
        "spent_usd": spent,
        "llm_calls": sum(row["llm_calls"] for row in in_month),
        "unpriced_calls": sum(row["unpriced_calls"] for row in in_month),
    }
    if end <= now:
        return told | _known(spent, "over", 0, ())
    today = now.astimezone(zone).date()
    basis_days = _basis_days(costs, today)
    left = _left(max(start, now), end, zone)
    if len(basis_days) < SHORTEST_BASIS or _unknown(costs, basis_days):
        return told | _known(None, "too little data", fsum(left.values()), ())
    basis = _basis(costs, basis_days)
    coming = fsum(basis.means[day.weekday()] * share for day, share in left.items())
    spread = _REACH * sqrt(_variance(basis, left))
    sure = spent or 0.0
    return told | {
        "expected_usd": sure + coming,
        "low_usd": sure + max(coming - spread, 0.0),
        "high_usd": sure + coming + spread,
        "days_left": fsum(left.values()),
        "basis": basis.name,
        "basis_days": len(basis_days),
        "basis_unpriced_calls": sum(
            costs[day]["unpriced_calls"] for day in basis_days if day in costs
        ),
    }


def _spent(days: Sequence[Day]) -> float | None:
    """
    Sum the days; None if calls were made and none of them has a price.
    """
    known = [row["cost_usd"] for row in days if row["cost_usd"] is not None]
    return fsum(known) if known or not days else None


def _known(
    total: float | None, basis: str, left: float, basis_days: Sequence[date]
) -> dict[str, Any]:
    return {
        "expected_usd": total,
        "low_usd": total,
        "high_usd": total,
        "days_left": left,
        "basis": basis,
        "basis_days": len(basis_days),
        "basis_unpriced_calls": 0,
    }


def _basis_days(costs: Mapping[date, Day], today: date) -> list[date]:
    """
    Give the whole days before today, without the first, on which recording may have begun.
    """
    if not costs:
        return []
    whole = (today - min(costs)).days - 1
    return [today - timedelta(days=ago) for ago in range(min(whole, LONGEST_BASIS), 0, -1)]


def _unknown(costs: Mapping[date, Day], days: Sequence[date]) -> bool:
    """
    Tell whether calls were made and not one of them has a price.
    """
    made = [costs[day] for day in days if day in costs]
    return bool(made) and all(row["cost_usd"] is None for row in made)


def _basis(costs: Mapping[date, Day], days: Sequence[date]) -> _Basis:
    spent = {day: (costs[day]["cost_usd"] or 0.0) if day in costs else 0.0 for day in days}
    by_weekday = len(days) == LONGEST_BASIS
    groups = [
        [usd for day, usd in spent.items() if not by_weekday or day.weekday() == weekday]
        for weekday in range(7)
    ]
    means = [fsum(group) / len(group) for group in groups]
    squares = fsum((usd - means[day.weekday()]) ** 2 for day, usd in spent.items())
    return _Basis(
        name="weekday means" if by_weekday else "daily mean",
        means=means,
        samples=len(groups[0]),
        variance=squares / (len(days) - (7 if by_weekday else 1)),
    )


def _left(since: datetime, end: datetime, zone: ZoneInfo) -> dict[date, float]:
    """
    Give the days from a moment on, the first by the share of it that is left.
    """
    left = {}
    begun = period_start(since, "day", zone)
    while begun < end:
        following = next_period(begun, "day", zone)
        length = following.astimezone(UTC) - begun.astimezone(UTC)
        rest = following.astimezone(UTC) - max(begun, since).astimezone(UTC)
        left[begun.date()] = rest / length
        begun = following
    return left


def _variance(basis: _Basis, left: Mapping[date, float]) -> float:
    """
    Give the variance of the sum of the days left: of the days, and of their means.
    """
    weekdays = [0.0] * 7
    for day, share in left.items():
        weekdays[day.weekday()] += share
    separate = basis.name == "weekday means"
    shared = fsum(w**2 for w in weekdays) if separate else fsum(weekdays) ** 2
    return basis.variance * (fsum(left.values()) + shared / basis.samples)
