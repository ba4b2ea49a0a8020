"""
The periods of a calendar: where the one begins that a moment is in, and the next.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from otel_bridge_storage.errors import QueryError

Period = Literal["day", "week", "month", "year"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now_in(zone: ZoneInfo, now_ns: int) -> datetime:
    """
    Give a moment, in nanoseconds since the epoch, as a time of a zone.
    """
    return (_EPOCH + timedelta(microseconds=now_ns // 1000)).astimezone(zone)


def period_start(moment: datetime, period: Period, zone: ZoneInfo) -> datetime:
    """
    Give the first moment of the day, week (from Monday), month or year of a moment.

    A midnight that happens twice is the first of the two, and one that never happens is
    the moment at which the clock jumps over it.
    """
    date = moment.astimezone(zone).replace(
        hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0
    )
    if period == "week":
        date -= timedelta(days=date.weekday())
    elif period == "month":
        date = date.replace(day=1)
    elif period == "year":
        date = date.replace(month=1, day=1)
    return _at(date, zone)


def next_period(start: datetime, period: Period, zone: ZoneInfo) -> datetime:
    """
    Give the first moment of the period after the one that begins at `start`.
    """
    date = start.astimezone(zone).replace(hour=0, minute=0, tzinfo=None, fold=0)
    if period == "month":
        date = (date.replace(day=1) + timedelta(days=31)).replace(day=1)
    elif period == "year":
        date = date.replace(year=date.year + 1, month=1, day=1)
    else:
        date += timedelta(days=7 if period == "week" else 1)
    return _at(date, zone)


def month_named(name: str, zone: ZoneInfo) -> datetime:
    """
    Give the first moment of a month such as `2026-01`.

    Raises:
        QueryError: It is not a month.
    """
    try:
        return _at(datetime.strptime(name, "%Y-%m"), zone)  # noqa: DTZ007 - the zone follows
    except (TypeError, ValueError) as error:
        raise QueryError(f"month={name!r} is not a month: give one such as 2026-01") from error


def _at(date: datetime, zone: ZoneInfo) -> datetime:
    # By way of UTC, so that a time that the clock jumps over becomes one that exists.
    return date.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
