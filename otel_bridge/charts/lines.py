"""
Groups over time beside each other: lines, broken where nothing is known.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise

from otel_bridge.charts.canvas import MARGIN, Drawing, Heading, heading, legend, nothing
from otel_bridge.charts.measures import Measure
from otel_bridge.charts.palette import colour
from otel_bridge.charts.periods import Period, name_of
from otel_bridge.charts.plane import Plane, plane_of
from otel_bridge.charts.scales import scale_of
from otel_bridge.charts.series import Series
from otel_bridge.charts.svg import element, title

_FEW = 62


def lines(
    starts: Sequence[datetime],
    series: Sequence[Series],
    period: Period,
    measure: Measure,
    said: Heading,
    *,
    width: float,
    height: float = 240.0,
    filled: bool = False,
) -> Drawing:
    """
    Draw one line for each group.

    Args:
        filled: The room between one line and the next is filled, as for percentiles,
            which come from the lowest to the highest.
    """
    if not starts or all(value is None for one in series for value in one.values):
        return nothing(said, width)
    parts, y = heading(said, width)
    endings = [colour(place, rest=one.rest) for place, one in enumerate(series)]
    if len(series) > 1:
        names = [(one.label, f"ob-f{end}") for one, end in zip(series, endings, strict=True)]
        drawn, y = legend(names, width, y)
        parts += drawn
    scale = scale_of([value for one in series for value in one.values], measure)
    plane = plane_of(starts, period, scale, width=width, top=y, height=height)
    parts += plane.axes()
    if filled:
        for lower, upper in pairwise(series):
            parts += _between(plane, lower.values, upper.values)
    for one, ending in zip(series, endings, strict=True):
        parts += _line(plane, one, ending, measure)
    sentence = f"{said.title or measure.label}: {len(series)} lines over {len(starts)} {period}s"
    return Drawing(width, plane.bottom + MARGIN / 2, parts, sentence)


def stretches(values: Sequence[float | None]) -> Iterator[list[tuple[int, float]]]:
    """
    Give the figures in pieces without a gap, each with its place.
    """
    piece: list[tuple[int, float]] = []
    for place, value in enumerate(values):
        if value is not None:
            piece.append((place, value))
        elif piece:
            yield piece
            piece = []
    if piece:
        yield piece


def _line(plane: Plane, one: Series, ending: str, measure: Measure) -> str:
    parts = ""
    for piece in stretches(one.values):
        if len(piece) > 1:
            points = " ".join(f"{plane.x(p):.2f},{plane.y(v):.2f}" for p, v in piece)
            parts += element(
                "polyline", points=points, class_=f"ob-line ob-s{ending}", stroke_width=2,
                stroke_linejoin="round", stroke_linecap="round",
            )  # fmt: skip
        few = len(plane.starts) <= _FEW or len(piece) == 1
        for place, value in piece:
            when = name_of(plane.starts[place], plane.period)
            parts += element(
                "circle", title(f"{when}\n{one.label}: {measure.show(value)}"),
                cx=plane.x(place), cy=plane.y(value), r=2.6 if few else 4,
                class_=f"ob-f{ending}", fill_opacity=None if few else 0.0,
            )  # fmt: skip
    return parts


def _between(plane: Plane, lower: Sequence[float | None], upper: Sequence[float | None]) -> str:
    both = [None if a is None or b is None else b for a, b in zip(lower, upper, strict=True)]
    parts = ""
    for piece in stretches(both):
        if len(piece) < 2:
            continue
        edge = [f"{plane.x(place):.2f},{plane.y(value):.2f}" for place, value in piece]
        edge += [
            f"{plane.x(place):.2f},{plane.y(lower[place] or 0.0):.2f}"
            for place, _ in reversed(piece)
        ]
        parts += element("polygon", points=" ".join(edge), class_="ob-f0", fill_opacity=0.13)
    return parts
