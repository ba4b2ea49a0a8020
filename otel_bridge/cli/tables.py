"""
Rows as a table for people, as wide as the terminal allows and no wider.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text

from otel_bridge.cli.layout import GAP, Column, Fitted, cut, fit

Row = Mapping[str, Any]

STYLE = "_style"
STATUS_STYLES = {
    "success": "green",
    "ok": "green",
    "error": "red",
    "running": "cyan",
    "paused": "yellow",
    "interrupted": "magenta",
    "cancelled": "dim",
}


def build_table(
    rows: Sequence[Row], columns: Sequence[Column], width: int, *, ellipsis: str = "…"
) -> tuple[Table, list[Column]]:
    """
    Lay rows out.

    A row's `_style` is the style of its line; the field `status` has its own.

    Args:
        rows: The rows, with the fields that the columns name.
        columns: What may be shown of them.
        width: How many characters a line has.
        ellipsis: What a shortened text ends with.

    Returns:
        The table, and the columns there was no room for.
    """
    cells = [[column.show(row.get(column.key)) for column in columns] for row in rows]
    fitted = fit(columns, cells, width)
    shown = {item.column.key for item in fitted}
    places = [columns.index(item.column) for item in fitted]
    table = _empty(fitted)
    for row, texts in zip(rows, cells, strict=True):
        line = [
            _cell(row, item, texts[place], ellipsis)
            for item, place in zip(fitted, places, strict=True)
        ]
        table.add_row(*line, style=row.get(STYLE))
    return table, [column for column in columns if column.key not in shown]


def _empty(fitted: Sequence[Fitted]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for item in fitted:
        justify: JustifyMethod = "right" if item.column.right else "left"
        header = Text(item.column.header, justify=justify)
        table.add_column(header, width=item.width, justify=justify, no_wrap=True)
    return table


def _cell(row: Row, item: Fitted, value: str, ellipsis: str) -> Text:
    shown = cut(value, item.width, "" if item.column.prefix else ellipsis)
    style = STATUS_STYLES.get(str(row.get("status")), "") if item.column.key == "status" else ""
    return Text(shown, style=style)
