"""
Figures drawn in a line of text: bars, and sparklines over time.
"""

from collections.abc import Sequence

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"
_PLAIN_LEVELS = "_.-=+*#@"
BLOCKS = _EIGHTHS + _LEVELS
"""
What a terminal must be able to show for the better of the two drawings.
"""


def bar(share: float, width: int, *, blocks: bool) -> str:
    """
    Draw a share of 1 as a bar; what is more than nothing has at least the thinnest.
    """
    share = min(max(share, 0.0), 1.0)
    if not blocks:
        return "#" * max(round(share * width), 1 if share > 0 else 0)
    eighths = max(round(share * width * 8), 1 if share > 0 else 0)
    whole, part = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[part] if part else "")


def spark(values: Sequence[float | None], *, blocks: bool) -> str:
    """
    Draw figures as one character each, as high as they are beside the largest.

    Nothing and what is not known are blank.
    """
    levels = _LEVELS if blocks else _PLAIN_LEVELS
    largest = max((value for value in values if value is not None), default=0.0)
    return "".join(
        levels[min(int(value / largest * len(levels)), len(levels) - 1)]
        if value is not None and value > 0
        else " "
        for value in values
    )


def merged(values: Sequence[float | None], most: int) -> list[float | None]:
    """
    Add neighbours up until there are no more figures than `most`.
    """
    each = -(-len(values) // most)
    groups = (values[at : at + each] for at in range(0, len(values), max(each, 1)))
    return [
        None if all(value is None for value in group) else sum(value or 0.0 for value in group)
        for group in groups
    ]
