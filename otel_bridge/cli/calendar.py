"""
Calendar keys of reports as the names of their periods, in the report's time zone.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from otel_bridge.cli.tables import Row


def _hour(start: datetime) -> str:
    return start.isoformat(timespec="minutes")


def _day(start: datetime) -> str:
    return start.date().isoformat()


def _week(start: datetime) -> str:
    year, week, _ = start.isocalendar()
    return f"{year:04}-W{week:02}"


def _month(start: datetime) -> str:
    return _day(start)[: len("2026-01")]


PERIODS: Mapping[str, Callable[[datetime], str]] = {
    "hour": _hour,
    "day": _day,
    "week": _week,
    "month": _month,
}


def with_periods(row: Row) -> dict[str, Any]:
    """
    Name the periods of a report's row: `2026-01-31`, `2026-W05`, `2026-01`, and an hour
    with its offset from UTC, `2026-01-31T09:00+01:00`.
    """
    return {
        key: PERIODS[key](value) if key in PERIODS and isinstance(value, datetime) else value
        for key, value in row.items()
    }
