"""
What every chart has around its drawing: size, title, legend, style.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from otel_bridge.charts.palette import FONT, FONT_SIZE, SMALL, STYLE, TITLE_SIZE
from otel_bridge.charts.svg import element, escaped, label, title
from otel_bridge.charts.text_width import shortened, text_width

MARGIN = 16.0
_SWATCH = 11.0
_LINE = 20.0


@dataclass(frozen=True, slots=True)
class Heading:
    """
    What is written above a drawing.

    Attributes:
        title: The title; empty for a chart inside a page that has one.
        note: A line below it.
    """

    title: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """
    A finished chart.

    Attributes:
        width: In pixels.
        height: In pixels.
        body: Its elements.
        said: What it shows in a sentence, for those who hear it.
    """

    width: float
    height: float
    body: str
    said: str

    def svg(self, *, alone: bool = True) -> str:
        """
        Write the chart as SVG.

        Args:
            alone: It stands in a file of its own, with its style and background; in a
                page both are the page's.
        """
        back = element("rect", width="100%", height="100%", class_="ob-back")
        style = element("style", escaped(STYLE))
        return element(
            "svg",
            *((style, back) if alone else ()),
            self.body,
            xmlns="http://www.w3.org/2000/svg",
            viewBox=f"0 0 {self.width:g} {self.height:g}",
            width=self.width,
            height=self.height,
            role="img",
            aria_label=self.said,
            font_family=FONT,
            font_size=FONT_SIZE,
        )


def heading(said: Heading, width: float) -> tuple[str, float]:
    """
    Write title and note.

    Returns:
        The elements, and where what comes below may begin.
    """
    parts, y = "", MARGIN if said.title or said.note else 6.0
    room = width - 2 * MARGIN
    if said.title:
        text = shortened(said.title, room, TITLE_SIZE)
        parts += label(text, MARGIN, y + 13, "ob-strong", font_size=TITLE_SIZE, font_weight="600")
        y += 24
    if said.note:
        text = shortened(said.note, room, SMALL)
        parts += label(text, MARGIN, y + 9, "ob-muted", font_size=SMALL)
        y += 18
    return parts, y + (4 if said.title or said.note else 0)


def legend(names: Sequence[tuple[str, str]], width: float, y: float) -> tuple[str, float]:
    """
    Write names beside their colours, in as many lines as they need.

    Args:
        names: The names with the classes of their colours; `ob-floor` is the mark of a
            lower bound.
        width: How wide the chart is.
        y: Where the first line begins.

    Returns:
        The elements, and where what comes below may begin.
    """
    if not names:
        return "", y
    parts, x = "", MARGIN
    most = min(250.0, width - 2 * MARGIN - _SWATCH - 6)
    for name, kind in names:
        text = shortened(name, most, FONT_SIZE)
        wide = _SWATCH + 6 + text_width(text, FONT_SIZE)
        if x > MARGIN and x + wide > width - MARGIN:
            x, y = MARGIN, y + _LINE
        swatch = _swatch(kind, x, y)
        whole = title(name) if text != name else ""
        parts += element("g", whole, swatch, label(text, x + _SWATCH + 6, y + 12))
        x += wide + 16
    return parts, y + _LINE + 4


def _swatch(kind: str, x: float, y: float) -> str:
    if kind == "ob-floor":
        return element("path", d=f"M{x + 2:g} {y + 11:g}h7l-3.5-5z", class_=kind)
    return element("rect", x=x, y=y + 2, width=_SWATCH, height=_SWATCH, rx=2, class_=kind)


def nothing(said: Heading, width: float, why: str = "nothing to show") -> Drawing:
    """
    Draw that there is nothing.
    """
    parts, y = heading(said, width)
    box = element(
        "rect", x=MARGIN, y=y, width=width - 2 * MARGIN, height=90, rx=6, class_="ob-track"
    )
    text = label(why, width / 2, y + 50, "ob-muted", text_anchor="middle")
    return Drawing(width, y + 90 + MARGIN, parts + box + text, f"{said.title}: {why}")
