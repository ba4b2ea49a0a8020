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


def _year(start: datetime) -> str:
    return f"{start.year:04}"


WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
PERIODS: Mapping[str, Callable[[datetime], str]] = {
    "minute": _hour,
    "quarter_hour": _hour,
    "hour": _hour,
    "day": _day,
    "week": _week,
    "month": _month,
    "year": _year,
}


def with_periods(row: Row) -> dict[str, Any]:
    """
    Name the periods of a report's row: `2026-01-31`, `2026-W05`, `2026-01`, `2026`, `Mon`,
    and an hour or less with its offset from UTC, `2026-01-31T09:00+01:00`.
    """
    return {key: _named(key, value) for key, value in row.items()}


def _named(key: str, value: Any) -> Any:
    if key in PERIODS and isinstance(value, datetime):
        return PERIODS[key](value)
    if key == "weekday" and isinstance(value, int):
        return WEEKDAYS[value - 1]
    return value
