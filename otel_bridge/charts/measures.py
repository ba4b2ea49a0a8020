"""
What a column of figures measures, and how its figures read.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

Unit = Literal["usd", "ms", "share", "count"]

# Beyond these a figure is drawn at the limit, so that no sum overflows.
_LARGEST = 1e290
_SMALLEST = 1e-290
_LABELS = {
    "cost_usd": "Cost",
    "llm_calls": "Model calls",
    "unpriced_calls": "Unpriced calls",
    "error_calls": "Failed calls",
    "error_rate": "Share that failed",
    "cache_hit_ratio": "Input from cache",
    "count": "Failures",
}
_COMPACT = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
_DURATIONS = ((3_600_000.0, " h"), (60_000.0, " min"), (1_000.0, " s"), (1.0, " ms"))


@dataclass(frozen=True, slots=True)
class Measure:
    """
    A column of figures.

    Attributes:
        name: The column's name; its ending tells the unit.
        unit: US dollars, milliseconds, a share of 1, or a number of things.
        label: What it is called in a title.
    """

    name: str
    unit: Unit
    label: str

    @property
    def adds_up(self) -> bool:
        """
        Tell whether figures of parts may be added to that of the whole.
        """
        return self.unit in ("usd", "count")

    def show(self, value: float | None) -> str:
        """
        Write one figure, with what it takes to tell it from its neighbours.
        """
        if value is None:
            return "unknown"
        return _SHOW[self.unit](value)


def measure_named(name: str) -> Measure:
    """
    Tell from a column's name what it measures.
    """
    unit: Unit = "count"
    if name.endswith("_usd"):
        unit = "usd"
    elif name.endswith("_ms"):
        unit = "ms"
    elif name.endswith(("_rate", "_ratio")):
        unit = "share"
    return Measure(name, unit, _LABELS.get(name) or _said(name))


def known(value: Any) -> float | None:
    """
    Give a figure as a number that can be drawn; None where there is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    try:
        figure = float(value)
    except OverflowError:
        figure = _LARGEST if value > 0 else -_LARGEST
    if not math.isfinite(figure):
        return None
    if abs(figure) < _SMALLEST:
        return 0.0
    return max(-_LARGEST, min(figure, _LARGEST))


def compact(value: float) -> str:
    """
    Write a number with three figures and a letter for its thousands.
    """
    size = abs(value)
    if size >= 1e15:
        return f"{value:.2e}"
    # What rounds up to the next thousand is written with its letter.
    for scale, letter in _COMPACT:
        if size >= scale * 0.9995 and (size >= 9_999.5 or scale > 1e3):
            return f"{value / scale:.3g}{letter}"
    return f"{value:,.0f}" if value == int(value) or size >= 100 else f"{value:.3g}"


def _said(name: str) -> str:
    for ending in ("_usd", "_ms"):
        name = name.removesuffix(ending)
    words = name.replace("_", " ")
    return words if words[1:].isdigit() else words[:1].upper() + words[1:]


def _usd(value: float) -> str:
    sign, size = ("-" if value < 0 else ""), abs(value)
    if size >= 1e6:
        return f"{sign}${compact(size)}"
    if size >= 1 or size == 0:
        return f"{sign}${size:,.2f}"
    return f"{sign}${size:.{min(max(2, 1 - math.floor(math.log10(size))), 12)}f}"


def _ms(value: float) -> str:
    for scale, unit in _DURATIONS:
        if abs(value) >= scale * 0.9995:
            shown = value / scale
            return f"{compact(shown) if abs(shown) >= 1000 else format(shown, '.3g')}{unit}"
    return f"{value:.2g} ms"


def _share(value: float) -> str:
    return f"{value:.1%}" if abs(value) < 0.1 else f"{value:.0%}"


_SHOW = {"usd": _usd, "ms": _ms, "share": _share, "count": compact}
