"""
When in the week things happen: a heat map of weekdays and hours.
"""

from collections.abc import Sequence

from otel_bridge.charts.canvas import MARGIN, Drawing, Heading, heading, nothing
from otel_bridge.charts.measures import Measure, known
from otel_bridge.charts.palette import SMALL
from otel_bridge.charts.series import Row
from otel_bridge.charts.svg import element, label, title

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_ROW = 20.0


def heat_map(rows: Sequence[Row], measure: Measure, said: Heading, *, width: float) -> Drawing:
    """
    Draw the sums of a report by `hour`, by the weekday and hour on the wall.
    """
    sums: dict[tuple[int, int], float] = {}
    for row in rows:
        value = known(row[measure.name])
        if row["hour"] is not None and value is not None:
            cell = (row["hour"].weekday(), row["hour"].hour)
            sums[cell] = sums.get(cell, 0.0) + value
    if not sums:
        return nothing(said, width)
    parts, y = heading(said, width)
    left = MARGIN + 36
    wide = (width - left - MARGIN) / 24
    largest = max(map(abs, sums.values())) or 1.0
    for day, name in enumerate(_DAYS):
        middle = y + day * _ROW + _ROW / 2 + 4
        parts += label(name, left - 8, middle, "ob-muted", text_anchor="end", font_size=SMALL)
        for hour in range(24):
            value = sums.get((day, hour), 0.0)
            at = {"x": left + hour * wide + 1, "y": y + day * _ROW + 1}
            size = {"width": max(wide - 2, 1.0), "height": _ROW - 2, "rx": 2.0}
            parts += element("rect", class_="ob-track", **at, **size)
            if value:
                shade = 0.12 + 0.88 * (abs(value) / largest) ** 0.5
                parts += element(
                    "rect", title(f"{name} {hour:02}:00: {measure.show(value)}"),
                    class_="ob-f0", fill_opacity=shade, **at, **size,
                )  # fmt: skip
    foot = y + len(_DAYS) * _ROW
    for hour in range(0, 24, 3):
        parts += label(f"{hour:02}:00", left + hour * wide, foot + 15, "ob-muted", font_size=SMALL)
    day, hour = max(sums, key=lambda cell: sums[cell])
    sentence = f"{said.title or measure.label}: most on {_DAYS[day]} at {hour:02}:00"
    return Drawing(width, foot + 22 + MARGIN / 2, parts, sentence)
