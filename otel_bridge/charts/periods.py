"""
Time axes: the periods of a report one after another, and what they are called.

Days, weeks and months begin at local midnight, whatever the clocks do in between.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from otel_bridge_storage.errors import QueryError

from otel_bridge.charts.scales import Tick
from otel_bridge.charts.text_width import text_width

Period = Literal["hour", "day", "week", "month"]
PERIODS: tuple[Period, ...] = ("hour", "day", "week", "month")

MOST_PERIODS = 5_000
_STRIDES = {
    "hour": (1, 2, 3, 4, 6, 8, 12, 24, 48, 72, 168, 336, 720, 1440, 4320),
    "day": (1, 2, 3, 5, 7, 14, 28, 56, 91, 182, 365, 730),
    "week": (1, 2, 4, 8, 13, 26, 52, 104, 208),
    "month": (1, 2, 3, 6, 12, 24, 60, 120, 240),
}


def all_periods(starts: Iterable[datetime], period: Period) -> list[datetime]:
    """
    Give every period from the first to the last of these, those without a row too.

    Raises:
        QueryError: There are too many of them to draw.
    """
    # Two hours of the night when clocks go back are equal in their zone, and not in UTC.
    there = {start.astimezone(UTC): start for start in starts}
    if not there:
        return []
    last, following = max(there), there[min(there)]
    given = dict(there)
    while following.astimezone(UTC) < last:
        if len(given) > MOST_PERIODS:
            raise QueryError(f"more than {MOST_PERIODS:,} {period}s: choose a longer period")
        following = _after(following, period)
        given.setdefault(following.astimezone(UTC), following)
    return [given[moment] for moment in sorted(given) if moment <= last]


def name_of(start: datetime, period: Period) -> str:
    """
    Name a period in full: `Sun 29 Mar 2026`.
    """
    if period == "hour":
        return f"{_day(start)} {start.year}, {start:%H:%M} {start:%Z}".rstrip()
    if period == "month":
        return f"{start:%b} {start.year}"
    return f"{'week of ' if period == 'week' else ''}{start:%a} {_day(start)} {start.year}"


def time_ticks(
    starts: Sequence[datetime], period: Period, room: float, size: float
) -> list[tuple[int, Tick, str]]:
    """
    Choose which periods are named below the axis, so that no name meets the next.

    Args:
        starts: The periods.
        period: Their kind.
        room: How wide the axis is.
        size: The size of the font.

    Returns:
        The place of the period, its mark, and a second line where something longer
        begins: the day above hours, the year above days.
    """
    widest = max((text_width(_short(start, period), size) for start in starts), default=0.0)
    least = (max(widest, text_width("2026", size)) + size) * len(starts) / max(room, 1.0)
    stride = next((s for s in _STRIDES[period] if s >= least), _STRIDES[period][-1])
    # Where only midnights are named, the days are what tells them apart.
    shown: Period = "day" if period == "hour" and stride >= 24 else period
    chosen: list[tuple[int, Tick, str]] = []
    above = ""
    for place in _places(starts, period, stride):
        start = starts[place]
        longer = _day(start) if shown == "hour" else str(start.year)
        chosen.append(
            (place, Tick(float(place), _short(start, shown)), "" if longer == above else longer)
        )
        above = longer
    return chosen


def _places(starts: Sequence[datetime], period: Period, stride: int) -> list[int]:
    first = 0
    if period == "hour" and starts:
        first = next((at for at, s in enumerate(starts) if s.hour % min(stride, 24) == 0), 0)
        if stride < 24:
            return [at for at, s in enumerate(starts) if s.hour % stride == 0 and not s.fold]
    if period == "month" and starts:
        first = next((at for at, s in enumerate(starts) if (s.month - 1) % stride == 0), 0)
    return list(range(first, len(starts), stride))


def _after(start: datetime, period: Period) -> datetime:
    if period == "hour":
        return (start.astimezone(UTC) + timedelta(hours=1)).astimezone(start.tzinfo)
    if period == "month":
        following = date(start.year + start.month // 12, start.month % 12 + 1, 1)
    else:
        following = start.date() + timedelta(days=7 if period == "week" else 1)
    return datetime(following.year, following.month, following.day, tzinfo=start.tzinfo)


def _short(start: datetime, period: Period) -> str:
    if period == "hour":
        return f"{start:%H:%M}"
    return f"{start:%b}" if period == "month" else _day(start)


def _day(start: datetime) -> str:
    return f"{start.day} {start:%b}"
