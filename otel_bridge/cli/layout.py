"""
Fits a table into the width there is: what is least needed is dropped first.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from rich.cells import cell_len, set_cell_size

from otel_bridge.cli.texts import text

GAP = 2
_FLOOR = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """
    How one field of a row appears in a table.

    Attributes:
        key: The field's name in the row.
        show: Turns the field's value into text.
        rank: Columns of the highest rank are dropped first; of those of 0 the first stays.
        least: How many characters it may be shortened to; None for not at all.
        prefix: A shortened value is a plain prefix, as an id's must be, and is never
            shorter than what tells the values in the table apart.
    """

    key: str
    header: str
    show: Callable[[Any], str] = text
    right: bool = False
    rank: int = 0
    least: int | None = None
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Fitted:
    """
    A column with the width it was given.
    """

    column: Column
    width: int


def fit(columns: Sequence[Column], cells: Sequence[Sequence[str]], width: int) -> list[Fitted]:
    """
    Choose which columns appear and how wide.

    Args:
        columns: What could appear.
        cells: The texts of the rows, one per column.
        width: How many characters a line has. Only a first column that cannot be
            shortened may be wider.
    """
    natural = [
        max([cell_len(column.header), *(cell_len(row[at]) for row in cells)])
        for at, column in enumerate(columns)
    ]
    least = [
        _least(column, [row[at] for row in cells], natural[at])
        for at, column in enumerate(columns)
    ]
    kept = list(range(len(columns)))
    while _total([least[at] for at in kept]) > width and any(columns[at].rank for at in kept):
        kept.remove(max(kept, key=lambda at: (columns[at].rank, at)))
    while _total([least[at] for at in kept]) > width and _squeeze(columns, kept, least, width):
        pass
    widths = {at: natural[at] for at in kept}
    # An id that lacks its last characters only is the worst of both, so that other
    # texts give way first, and ids then shrink to what tells them apart.
    texts = {at: least[at] for at in kept if not columns[at].prefix}
    _shrink(widths, texts, width)
    if _total(widths.values()) > width:
        widths |= {at: least[at] for at in kept if columns[at].prefix}
        _grow(widths, {at: natural[at] for at in texts}, width)
    return [Fitted(columns[at], widths[at]) for at in kept]


def cut(value: str, width: int, ellipsis: str) -> str:
    """
    Shorten a text to so many terminal cells, ending with an ellipsis if it was longer.
    """
    if cell_len(value) <= width:
        return value
    room = max(width - len(ellipsis), 0)
    return set_cell_size(value, room).rstrip() + ellipsis[:width]


def _least(column: Column, values: Sequence[str], natural: int) -> int:
    if column.least is None:
        return natural
    least = max(column.least, cell_len(column.header))
    if column.prefix:
        least = max(least, _telling_length(values))
    return min(least, natural)


def _squeeze(columns: Sequence[Column], kept: list[int], least: list[int], width: int) -> bool:
    """
    Make room among columns that should stay: shorten texts, then drop the last column.
    """
    floors = {at: min(least[at], _FLOOR) for at in kept if _is_text(columns[at])}
    widths = {at: least[at] for at in kept}
    _shrink(widths, floors, width)
    for at, given in widths.items():
        least[at] = given
    if _total(widths.values()) <= width or len(kept) == 1:
        return False
    kept.pop()
    return True


def _is_text(column: Column) -> bool:
    return column.least is not None and not column.prefix


def _telling_length(values: Sequence[str]) -> int:
    ordered = sorted(set(values))
    return 1 + max(
        (_common(first, second) for first, second in pairwise(ordered)),
        default=0,
    )


def _common(first: str, second: str) -> int:
    for at, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return at
    return min(len(first), len(second))


def _shrink(widths: dict[int, int], least: Mapping[int, int], available: int) -> None:
    while least and _total(widths.values()) > available:
        widest = max(least, key=lambda at: widths[at] - least[at])
        if widths[widest] <= least[widest]:
            break
        widths[widest] -= 1


def _grow(widths: dict[int, int], natural: Mapping[int, int], available: int) -> None:
    room = available - _total(widths.values())
    while natural and room > 0:
        poorest = max(natural, key=lambda at: natural[at] - widths[at])
        if widths[poorest] >= natural[poorest]:
            break
        widths[poorest] += 1
        room -= 1


def _total(widths: Collection[int]) -> int:
    return sum(widths) + GAP * max(len(widths) - 1, 0)
