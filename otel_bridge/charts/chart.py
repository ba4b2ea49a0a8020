"""
A chart of a report's rows.
"""

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from otel_bridge_queries import Result
from otel_bridge_storage.errors import QueryError

from otel_bridge.charts.bars import bars
from otel_bridge.charts.canvas import Drawing, Heading
from otel_bridge.charts.columns import columns
from otel_bridge.charts.heat_map import heat_map
from otel_bridge.charts.lines import lines
from otel_bridge.charts.measures import Measure, measure_named
from otel_bridge.charts.periods import PERIODS, Period
from otel_bridge.charts.png import to_png
from otel_bridge.charts.series import Series, over_time, ranked

Kind = Literal["bars", "columns", "lines", "percentiles", "heat"]
KINDS: tuple[Kind, ...] = ("bars", "columns", "lines", "percentiles", "heat")

_FIRST = ("cost_usd", "p95_ms", "total_tokens", "count", "unpriced_calls", "calls", "llm_calls")
_PERCENTILES = ("p50_ms", "p90_ms", "p95_ms", "p99_ms")
_NARROWEST, _WIDEST = 280, 4_000


@dataclass(frozen=True, slots=True)
class Chart:
    """
    A chart; a notebook shows it.
    """

    drawing: Drawing

    def svg(self) -> str:
        """
        Give the chart as an SVG document that needs nothing else.
        """
        return self.drawing.svg()

    def png(self, *, zoom: float = 2.0) -> bytes:
        """
        Give the chart as a PNG in light colours.

        Raises:
            NotInstalledError: resvg-py, or any font, is not installed.
        """
        return to_png(self.svg(), zoom=zoom)

    def save(self, path: str | Path) -> None:
        """
        Write the chart to a file whose name ends in `.svg` or `.png`.

        Raises:
            QueryError: It ends otherwise.
            OSError: It cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() not in (".svg", ".png"):
            raise QueryError(f"a chart is an .svg or a .png, and {path.name!r} is neither")
        if not path.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
        is_png = path.suffix.lower() == ".png"
        path.write_bytes(self.png() if is_png else self.svg().encode("utf-8"))

    def _repr_svg_(self) -> str:
        return self.svg()


def chart(
    result: Result,
    *,
    measure: str | None = None,
    kind: Kind | None = None,
    title: str = "",
    note: str = "",
    top: int = 8,
    width: int = 800,
) -> Chart:
    """
    Draw the rows of a report.

    A calendar key among the columns makes a chart over time. The other keys are the
    groups; those beyond `top` are drawn as one where figures add up. Money and numbers
    are columns on top of each other, times and shares are lines, and the latency report
    without groups is a band of percentiles.

    Args:
        measure: The column to draw; None for what the report is about.
        kind: The form; None for the one that fits.
        title: What stands above it; none if empty.
        note: A line below the title.
        top: How many groups are drawn by themselves, from 1 to 50.
        width: In pixels.

    Raises:
        QueryError: The rows have no such figure, or cannot be drawn so.
    """
    if not 1 <= top <= 50 or not _NARROWEST <= width <= _WIDEST:
        raise QueryError(
            f"top={top} is to be from 1 to 50, width={width} from {_NARROWEST} to {_WIDEST}"
        )
    period = _period(result)
    keys = [name for name in _keys(result) if name != period]
    figure = drawn_measure(result, measure)
    form = kind or _form(period, keys, result, measure)
    said = Heading(title, note)
    if form == "bars":
        groups = ranked(result, [*keys, *([period] if period else [])], figure, top)
        return Chart(bars(groups, figure, said, width=width))
    if period is None:
        raise QueryError(f"{form} are over time: group by {', '.join(PERIODS)} as well")
    if form == "heat":
        if period != "hour" or not figure.adds_up:
            raise QueryError("a heat map needs the key hour, and a figure that adds up")
        return Chart(heat_map(result.dicts(), figure, said, width=width))
    if form == "percentiles":
        return Chart(_percentiles(result, period, said, width))
    starts, series = over_time(result.dicts(), keys, period, figure, top)
    if form == "columns":
        if not figure.adds_up:
            raise QueryError(f"{figure.name} of groups does not add up: draw lines")
        return Chart(columns(starts, series, period, figure, said, width=width))
    return Chart(lines(starts, series, period, figure, said, width=width))


def _percentiles(result: Result, period: Period, said: Heading, width: int) -> Drawing:
    there = [name for name in _PERCENTILES if name in result.columns]
    if not there:
        raise QueryError("percentiles are of the reports that have them: latency, tools")
    series: list[Series] = []
    for name in there:
        starts, found = over_time(result.dicts(), [], period, measure_named(name), 1)
        series += [Series(name.removesuffix("_ms"), one.values, one.unpriced) for one in found]
    return lines(starts, series, period, measure_named(there[0]), said, width=width, filled=True)


def drawn_measure(result: Result, wanted: str | None = None) -> Measure:
    """
    Tell which figure of a report is drawn.

    Raises:
        QueryError: There is no such figure.
    """
    return measure_named(_measure(result, wanted))


def _period(result: Result) -> Period | None:
    return next((period for period in PERIODS if period in result.columns), None)


def _keys(result: Result) -> list[str]:
    """
    Name the columns before the first figure, which are the groups.
    """
    figures = _figures(result)
    first = result.columns.index(figures[0]) if figures else 0
    return list(result.columns[:first])


def _figures(result: Result) -> list[str]:
    numbers = ("INT", "DOUBLE", "FLOAT", "DECIMAL")
    return [
        name
        for name, kind in zip(result.columns, result.types, strict=True)
        if any(word in kind for word in numbers) and not kind.endswith("]")
        and "INTERVAL" not in kind
    ]  # fmt: skip


def _measure(result: Result, wanted: str | None) -> str:
    figures = _figures(result)
    if wanted is None:
        wanted = next((name for name in (*_FIRST, *figures) if name in figures), None)
    if wanted not in figures:
        raise QueryError(
            f"there is no figure {wanted!r}: the figures are {', '.join(figures) or 'none'}"
        )
    return wanted


def _form(period: Period | None, keys: Sequence[str], result: Result, measure: str | None) -> Kind:
    if period is None:
        return "bars"
    name = _measure(result, measure)
    if measure is None and not keys and name.startswith("p9"):
        return "percentiles"
    return "columns" if measure_named(name).adds_up else "lines"
