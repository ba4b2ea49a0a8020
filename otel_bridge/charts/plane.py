"""
The plane of charts over time: figures upwards, periods along.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from otel_bridge.charts.canvas import MARGIN
from otel_bridge.charts.palette import SMALL
from otel_bridge.charts.periods import Period, time_ticks
from otel_bridge.charts.scales import Scale
from otel_bridge.charts.svg import element, label
from otel_bridge.charts.text_width import text_width

_FOOT = 38.0


@dataclass(frozen=True, slots=True)
class Plane:
    """
    Where figures and periods are on the chart.

    Attributes:
        left: Where the first period begins.
        top: Where the axis of figures ends.
        width: How wide all periods are.
        height: How high the axis of figures is.
        scale: The axis of figures.
        starts: The periods.
        period: Their kind.
    """

    left: float
    top: float
    width: float
    height: float
    scale: Scale
    starts: Sequence[datetime]
    period: Period

    @property
    def bottom(self) -> float:
        """
        Tell where the chart ends, with what is written below the axis.
        """
        return self.top + self.height + _FOOT

    @property
    def band(self) -> float:
        """
        Tell how wide one period is.
        """
        return self.width / max(len(self.starts), 1)

    def x(self, place: float) -> float:
        """
        Tell where the middle of a period is.
        """
        return self.left + (place + 0.5) * self.band

    def y(self, value: float) -> float:
        """
        Tell how high a figure is.
        """
        return self.top + (1 - self.scale.share(value)) * self.height

    def axes(self) -> str:
        """
        Draw both axes with their marks.
        """
        return self._figures() + self._periods()

    def _figures(self) -> str:
        parts = ""
        for tick in self.scale.ticks:
            y = self.y(tick.value)
            kind = "ob-axis" if tick.value == 0 else "ob-grid"
            right = self.left + self.width
            parts += element("line", x1=self.left, x2=right, y1=y, y2=y, class_=kind)
            parts += label(
                tick.text, self.left - 8, y + 4, "ob-muted", text_anchor="end", font_size=SMALL
            )
        return parts

    def _periods(self) -> str:
        parts, floor = "", self.top + self.height
        for place, tick, longer in time_ticks(self.starts, self.period, self.width, SMALL):
            x = self.x(place)
            parts += element("line", x1=x, x2=x, y1=floor, y2=floor + 4, class_="ob-axis")
            for text, below in ((tick.text, 16), (longer, 30)):
                if text:
                    anchor = self._anchor(text, x)
                    parts += label(
                        text, x, floor + below, "ob-muted", text_anchor=anchor, font_size=SMALL
                    )
        return parts

    def _anchor(self, text: str, x: float) -> str:
        over = x + text_width(text, SMALL) / 2 > self.left + self.width + MARGIN - 2
        return "end" if over else "middle"


def plane_of(
    starts: Sequence[datetime],
    period: Period,
    scale: Scale,
    *,
    width: float,
    top: float,
    height: float,
) -> Plane:
    """
    Lay the plane out, with room on the left for the longest figure.
    """
    widest = max(text_width(tick.text, SMALL) for tick in scale.ticks)
    left = MARGIN + widest + 8
    return Plane(left, top + 8, width - left - MARGIN, height, scale, starts, period)
