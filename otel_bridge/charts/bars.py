"""
Groups beside each other, the largest first: horizontal bars.
"""

from collections.abc import Sequence

from otel_bridge.charts.canvas import MARGIN, Drawing, Heading, heading, nothing
from otel_bridge.charts.measures import Measure
from otel_bridge.charts.palette import FONT_SIZE
from otel_bridge.charts.scales import scale_of
from otel_bridge.charts.series import Group
from otel_bridge.charts.svg import element, label, title
from otel_bridge.charts.text_width import shortened, text_width

_ROW = 26.0
_BAR = 16.0
_GAP = 8.0


def bars(groups: Sequence[Group], measure: Measure, said: Heading, *, width: float) -> Drawing:
    """
    Draw one bar for each group, with its name before it and its figure behind it.
    """
    if not groups:
        return nothing(said, width)
    parts, y = heading(said, width)
    shown = [shown_figure(group.value, group.unpriced, measure) for group in groups]
    room = width - 2 * MARGIN
    names = min(max(text_width(g.label, FONT_SIZE) for g in groups), room * 0.4)
    figures = max(text_width(text, FONT_SIZE) for text in shown)
    left = MARGIN + names + _GAP
    length = max(room - names - figures - 2 * _GAP, 20.0)
    scale = scale_of([group.value for group in groups], measure)
    lowest = min([0.0, *(group.value for group in groups if group.value is not None)])
    largest = max([0.0, *(group.value for group in groups if group.value is not None)])
    span = (largest - lowest) or scale.high
    zero = left - lowest / span * length
    for group, text in zip(groups, shown, strict=True):
        name = shortened(group.label, names, FONT_SIZE)
        middle = y + _ROW / 2
        row = title(f"{group.label}: {text}")
        row += element("rect", x=MARGIN, y=y, width=room, height=_ROW, fill="transparent")
        row += label(name, left - _GAP, middle + 4, text_anchor="end")
        long = abs(group.value or 0.0) / span * length
        start = zero if (group.value or 0.0) >= 0 else zero - long
        if group.value:
            row += element(
                "rect", x=start, y=middle - _BAR / 2, width=max(long, 1.0), height=_BAR, rx=2,
                class_="ob-fx" if group.rest else "ob-f0",
            )  # fmt: skip
        behind = max(start + long, zero) + _GAP * 0.75
        row += label(text, behind, middle + 4, "ob-muted")
        parts += element("g", row)
        y += _ROW
    return Drawing(width, y + MARGIN / 2, parts, _sentence(said, groups, shown))


def shown_figure(value: float | None, unpriced: int, measure: Measure) -> str:
    """
    Write a figure; a cost that leaves calls out is a lower bound, or unpriced.
    """
    if value is None:
        return "unpriced" if unpriced else measure.show(None)
    return f"≥ {measure.show(value)}" if unpriced else measure.show(value)


def _sentence(said: Heading, groups: Sequence[Group], shown: Sequence[str]) -> str:
    first = ", ".join(f"{g.label} {text}" for g, text in zip(groups[:5], shown, strict=False))
    return f"{said.title or 'Bars'}: {first}"
