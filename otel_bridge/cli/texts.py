"""
How single values read in a table: times, durations, tokens, money.

An unknown value is an en dash; a cost that is unknown because a model has no price is
the word `unpriced`, never a zero.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from otel_bridge.cli.escape import visible

UNKNOWN = "–"
UNPRICED = "unpriced"

_SMALLEST_SHOWN_USD = 0.000001


def text(value: Any) -> str:
    """
    Show any value on one line.
    """
    if value is None or value == "":
        return UNKNOWN
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, float):
        return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
    if isinstance(value, list | tuple):
        return ", ".join(text(item) for item in value) or UNKNOWN
    return visible(str(value))


def moment(value: datetime | None) -> str:
    """
    Show a time in UTC, to the second.
    """
    if value is None:
        return UNKNOWN
    if value.tzinfo is not None:
        value = value.astimezone(UTC)
    return value.strftime("%Y-%m-%d %H:%M:%S")


def minute(value: datetime | None) -> str:
    """
    Show a time in UTC, to the minute.
    """
    return moment(value)[: len("2026-01-31 09:00")]


def count(value: float | None) -> str:
    """
    Show a number of things, with thousands apart.
    """
    return UNKNOWN if value is None else f"{round(value):,}"


def counted(number: int, noun: str) -> str:
    """
    Show how many of something there are, such as `1 run` or `2,000 runs`.
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(milliseconds: float | None) -> str:
    """
    Show a duration with the unit that fits it.
    """
    if milliseconds is None:
        return UNKNOWN
    if milliseconds < 9.95:
        return f"{milliseconds:.1f} ms"
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 59.995:
        return f"{seconds:.2f} s"
    minutes, seconds = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"


def offset(milliseconds: float) -> str:
    """
    Show how long after the beginning something happened.
    """
    return f"{milliseconds / 1000:+.3f} s"


def money(usd: float | None) -> str:
    """
    Show a cost in USD; None is a cost that is not known.
    """
    if usd is None:
        return UNPRICED
    if 0 < usd < _SMALLEST_SHOWN_USD:
        return f"<${_SMALLEST_SHOWN_USD:.6f}"
    return f"${usd:,.4f}" if usd >= 1 else f"${usd:.6f}"


def cost(usd: float | None, unpriced: int) -> str:
    """
    Show the cost of calls, and that it is a lower bound if some have no price.

    Args:
        usd: The sum over the calls that have a price; None if none has.
        unpriced: How many calls the sum leaves out.
    """
    if usd is None:
        return UNPRICED if unpriced else UNKNOWN
    return f"≥ {money(usd)}" if unpriced else money(usd)


def usd(value: float | None) -> str:
    """
    Show an amount in USD of either sign, or that it is not known.
    """
    if value is None:
        return UNKNOWN
    return f"-{money(-value)}" if value < 0 else money(value)


def share(value: float | None) -> str:
    """
    Show a share of 1 in per cent.
    """
    return UNKNOWN if value is None else f"{value:.0%}"


def unit_of_time(per_second: Iterable[float | None]) -> tuple[str, int]:
    """
    Name the unit of time that fits the largest of some rates, and its seconds.
    """
    largest = max((each for each in per_second if each is not None), default=0.0)
    for unit, seconds in (("s", 1), ("min", 60), ("h", 3600)):
        if largest * seconds >= 1:
            return unit, seconds
    return "day", 86_400


def rate(per_second: float | None, seconds: int) -> str:
    """
    Show how often in so many seconds.
    """
    if per_second is None:
        return UNKNOWN
    often = per_second * seconds
    if 0 < often < 0.01:
        return "<0.01"
    return f"{often:,.0f}" if often >= 99.95 or not often else f"{often:.3g}"
