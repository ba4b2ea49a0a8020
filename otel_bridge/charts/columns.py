"""
Groups over time on top of each other: stacked columns.
"""

from collections.abc import Sequence
from datetime import datetime

from otel_bridge.charts.bars import shown_figure
from otel_bridge.charts.canvas import MARGIN, Drawing, Heading, heading, legend, nothing
from otel_bridge.charts.measures import Measure
from otel_bridge.charts.palette import colour
from otel_bridge.charts.periods import Period, name_of
from otel_bridge.charts.plane import Plane, plane_of
from otel_bridge.charts.scales import scale_of
from otel_bridge.charts.series import Series
from otel_bridge.charts.svg import element, title

_WIDEST = 64.0
_BOUND = ("at least: calls without a price", "ob-floor")


def columns(
    starts: Sequence[datetime],
    series: Sequence[Series],
    period: Period,
    measure: Measure,
    said: Heading,
    *,
    width: float,
    height: float = 240.0,
) -> Drawing:
    """
    Draw one column for each period, with a part for each group.

    A small mark above a column says that its cost leaves unpriced calls out.
    """
    bounds = any(any(one.unpriced) for one in series)
    if not any(any(one.values) for one in series):
        return nothing(said, width, "no call has a price" if bounds else "nothing to show")
    parts, y = heading(said, width)
    endings = [colour(place, rest=one.rest) for place, one in enumerate(series)]
    names = [(one.label, f"ob-f{end}") for one, end in zip(series, endings, strict=True)]
    drawn, y = legend(
        [*(names if len(names) > 1 else ()), *([_BOUND] if bounds else ())], width, y
    )
    parts += drawn
    ups = [_side(series, place, 1) for place in range(len(starts))]
    downs = [_side(series, place, -1) for place in range(len(starts))]
    scale = scale_of([*ups, *downs], measure)
    plane = plane_of(starts, period, scale, width=width, top=y, height=height)
    parts += plane.axes()
    for place in range(len(starts)):
        parts += _column(plane, place, series, endings, measure)
    total = sum(ups) + sum(downs)
    sentence = f"{said.title or measure.label}: {measure.show(total)} in {len(starts)} {period}s"
    return Drawing(width, plane.bottom + MARGIN / 2, parts, sentence)


def _side(series: Sequence[Series], place: int, sign: int) -> float:
    values = (one.values[place] or 0.0 for one in series)
    return sum(value for value in values if value * sign > 0)


def _column(
    plane: Plane, place: int, series: Sequence[Series], endings: Sequence[str], measure: Measure
) -> str:
    wide = min(plane.band * (0.78 if plane.band > 4 else 1.0), _WIDEST)
    x, when = plane.x(place) - wide / 2, name_of(plane.starts[place], plane.period)
    parts, up, down = "", 0.0, 0.0
    for one, ending in zip(series, endings, strict=True):
        value = one.values[place]
        if not value:
            continue
        begin = up if value > 0 else down
        top, foot = sorted((plane.y(begin), plane.y(begin + value)))
        up, down = (up + value, down) if value > 0 else (up, down + value)
        figure = shown_figure(value, one.unpriced[place], measure)
        parts += element(
            "rect", title(f"{when}\n{one.label}: {figure}"),
            x=x, y=top, width=wide, height=max(foot - top, 0.5), class_=f"ob-f{ending}",
        )  # fmt: skip
    left_out = sum(one.unpriced[place] for one in series)
    return parts + (_mark(plane, place, plane.y(up), left_out) if left_out else "")


def _mark(plane: Plane, place: int, y: float, left_out: int) -> str:
    x, when = plane.x(place), name_of(plane.starts[place], plane.period)
    half = min(max(plane.band / 3, 1.0), 3.5)
    return element(
        "path",
        title(f"{when}: at least; {left_out:,} without a price"),
        d=f"M{x - half:.2f} {y - 3:.2f}h{2 * half:.2f}l{-half:.2f} {-1.4 * half:.2f}z",
        class_="ob-floor",
    )
