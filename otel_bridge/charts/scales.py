"""
Axes of figures: from where to where, with ticks at round numbers.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from otel_bridge.charts.measures import Measure, compact

_STEPS = (1, 2, 2.5, 5, 10)
_MS = ((3_600_000.0, " h"), (60_000.0, " min"), (1_000.0, " s"), (1.0, " ms"))


@dataclass(frozen=True, slots=True)
class Tick:
    """
    One mark of an axis.
    """

    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Scale:
    """
    An axis of figures.

    Attributes:
        low: The figure at its beginning, 0 or less.
        high: The figure at its end, above `low`.
        ticks: Its marks, none outside.
    """

    low: float
    high: float
    ticks: tuple[Tick, ...]

    def share(self, value: float) -> float:
        """
        Tell how far along the axis a figure is, from 0 to 1.
        """
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)


def scale_of(values: Iterable[float | None], measure: Measure, ticks: int = 5) -> Scale:
    """
    Make the axis that holds 0 and all values.

    Args:
        values: The figures; None are those not known.
        measure: What they measure.
        ticks: About how many marks there should be.
    """
    there = [value for value in values if value is not None]
    low, high = min(there, default=0.0), max(there, default=0.0)
    low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        high = 1.0
    factor, unit = _unit(max(-low, high), measure)
    step = _step((high - low) / factor / ticks)
    if measure.unit == "count":
        step = max(step, 1.0)
    first, last = math.floor(low / factor / step + 1e-9), math.ceil(high / factor / step - 1e-9)
    marks = [place * step for place in range(first, last + 1)]
    return Scale(
        first * step * factor,
        last * step * factor,
        tuple(Tick(mark * factor, _text(mark, step, measure, unit)) for mark in marks),
    )


def _step(rough: float) -> float:
    size = 10.0 ** math.floor(math.log10(rough))
    return next(step * size for step in _STEPS if step * size >= rough * 0.999999)


def _unit(largest: float, measure: Measure) -> tuple[float, str]:
    if measure.unit == "ms":
        return next((found for found in _MS if largest >= found[0] * 1.5), _MS[-1])
    return 1.0, ""


def _text(mark: float, step: float, measure: Measure, unit: str) -> str:
    if measure.unit == "share":
        return f"{mark:.{_decimals(step * 100)}%}"
    if measure.unit == "usd":
        return _money(mark, step)
    if measure.unit == "ms":
        return "0" if mark == 0 else f"{_plain(mark, step)}{unit}"
    return _plain(mark, step)


def _money(mark: float, step: float) -> str:
    sign = "-" if mark < 0 else ""
    if mark == 0:
        return "$0"
    if step < 1:
        return f"{sign}${abs(mark):.{max(_decimals(step), 2)}f}"
    return f"{sign}${_plain(abs(mark), step)}"


def _plain(mark: float, step: float) -> str:
    if mark == 0:
        return "0"
    if abs(mark) >= 10_000 or step >= 1000:
        return compact(mark)
    return f"{mark:,.{_decimals(step)}f}"


def _decimals(step: float) -> int:
    if step >= 1 and step == int(step):
        return 0
    size = max(-math.floor(math.log10(step)), 0)
    scaled: float = step * 10.0**size
    return min(size + (abs(scaled - round(scaled)) > 1e-6), 15)
