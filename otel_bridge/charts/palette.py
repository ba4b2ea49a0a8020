"""
The colours of charts, for light and for dark backgrounds.

Neighbours in the order of the series differ in lightness as well as in hue, so that they
are told apart without colour vision, and by name in the legend in any case.
"""

COLOURS = 8
FONT = (
    "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, "
    "'Liberation Sans', 'DejaVu Sans', sans-serif"
)
FONT_SIZE = 12.0
SMALL = 11.0
TITLE_SIZE = 15.0

_LIGHT = (
    "#3b6fd4", "#f2a93b", "#2c9c8f", "#e4604e", "#7d55c7", "#8fb8ee", "#b7791f", "#d987b6",
)  # fmt: skip
_DARK = (
    "#6f9bf2", "#f4bb5e", "#45b8a8", "#f07f6e", "#a283e3", "#b6d2f7", "#c99544", "#e3a3c8",
)  # fmt: skip
_REST = ("#9aa3b2", "#778195")


def _series_rules(colours: tuple[str, ...], rest: str) -> str:
    named = [*enumerate(colours), ("x", rest)]
    return "".join(f".ob-f{name}{{fill:{c}}}.ob-s{name}{{stroke:{c}}}" for name, c in named)


STYLE = (
    ".ob-back{fill:#fff}.ob-text{fill:#1f2733}.ob-muted{fill:#5d6878}.ob-strong{fill:#1f2733}"
    ".ob-grid{stroke:#e4e8ee}.ob-axis{stroke:#9aa5b4}.ob-floor{fill:#1f2733}"
    ".ob-track{fill:#eef1f5}.ob-edge{stroke:#fff}.ob-line{fill:none}"
    + _series_rules(_LIGHT, _REST[0])
    + "@media (prefers-color-scheme:dark){"
    ".ob-back{fill:#14181f}.ob-text,.ob-strong{fill:#e8ecf2}.ob-muted{fill:#a3aec0}"
    ".ob-grid{stroke:#2a313c}.ob-axis{stroke:#5b6676}.ob-floor{fill:#e8ecf2}"
    ".ob-track{fill:#222934}.ob-edge{stroke:#14181f}" + _series_rules(_DARK, _REST[1]) + "}"
)
"""
The style sheet of a chart; a page that holds several needs it once.
"""


def colour(place: int, *, rest: bool = False) -> str:
    """
    Name the colour of a series, as the ending of its classes `ob-f` and `ob-s`.
    """
    return "x" if rest or place >= COLOURS else str(place)
