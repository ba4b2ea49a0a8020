"""
The only writer to standard output and standard error.

Every text that came from outside is escaped before it is written, here or where its
table or document is made.
"""

import os
import shutil
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NoReturn

from rich.console import Console
from rich.text import Text

from otel_bridge.cli import documents
from otel_bridge.cli.escape import one_line, visible, visible_lines
from otel_bridge.cli.formats import Format
from otel_bridge.cli.layout import Column
from otel_bridge.cli.tables import STYLE, Row, build_table

_PIPED_WIDTH = 200
# The signs of ours that not every terminal has, and what stands for them there.
_SIGNS = {"–": "-", "≥": ">=", "·": "-", "…": "..."}
_LEAST_WIDTH = 40


class _Console(Console):
    """
    A console that leaves a closed pipe to the one place that handles it.
    """

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


def note(message: str) -> None:
    """
    Say something to the person at the terminal, on one line of standard error.
    """
    sys.stdout.flush()
    sys.stderr.write(f"{one_line(message)}\n")
    sys.stderr.flush()


def write_json(value: Any) -> None:
    """
    Write one JSON document.
    """
    sys.stdout.write(documents.to_json(value, indent=2, ascii_only=not _unicode()) + "\n")


def write_line(line: str = "", style: str = "") -> None:
    """
    Write one line for people; the terminal folds it where it is too long.
    """
    _console().print(Text(_plain(visible_lines(line)), style=style), soft_wrap=True)


def write_pieces(pieces: Iterable[tuple[str, str]]) -> None:
    """
    Write one line for people in pieces, each a text and its style.
    """
    line = Text.assemble(*((_plain(visible(text)), style) for text, style in pieces))
    _console().print(line, soft_wrap=True)


def write_table(rows: Sequence[Row], columns: Sequence[Column]) -> None:
    """
    Write rows as a table that fits the terminal.

    The columns that there is no room for are named on standard error.
    """
    ellipsis = "…" if _unicode() else "..."
    if _replaced():
        columns = [_plain_column(column) for column in columns]
    table, hidden = build_table(rows, columns, width(), ellipsis=ellipsis)
    _console().print(table, crop=False, no_wrap=True)
    if hidden:
        names = ", ".join(column.header or column.key.strip("_") for column in hidden)
        note(
            f"{len(hidden)} of {len(columns)} columns are not shown ({names}); "
            "a wider terminal shows more, --format json shows all"
        )


def write_rows(
    rows: Sequence[Row],
    columns: Sequence[Column],
    form: Format,
    *,
    empty: str,
    keys: Sequence[str] | None = None,
    total: Row | None = None,
) -> None:
    """
    Write rows in the form asked for.

    Args:
        rows: JSON and CSV hold every field of them.
        columns: What a table or Markdown shows of them.
        form: The form.
        empty: What to say, on standard error, where there is no row.
        keys: The fields of CSV; None for those of the first row.
        total: A last line for people, absent from JSON and CSV.
    """
    if not rows:
        note(empty)
    for_people = [*rows, *([{**total, STYLE: "bold"}] if total and rows else [])]
    if form is Format.JSON:
        sys.stdout.writelines(documents.json_rows(rows, ascii_only=not _unicode()))
    elif form is Format.CSV:
        header = keys if keys is not None else list(rows[0]) if rows else []
        sys.stdout.writelines(documents.csv_rows(rows, header))
    elif for_people and form is Format.MD:
        sys.stdout.writelines(documents.markdown_rows(for_people, columns))
    elif for_people:
        write_table(for_people, columns)


def width() -> int:
    """
    Tell how many characters a line of standard output has.
    """
    if sys.stdout.isatty() or os.environ.get("COLUMNS"):
        return max(shutil.get_terminal_size().columns, _LEAST_WIDTH)
    return _PIPED_WIDTH


def draws(characters: str) -> bool:
    """
    Tell whether standard output can show these characters.
    """
    try:
        characters.encode(sys.stdout.encoding or "utf-8")
    except (LookupError, UnicodeEncodeError):
        return False
    return True


def _replaced() -> dict[int, str]:
    return {ord(sign): plain for sign, plain in _SIGNS.items() if not draws(sign)}


def _plain(shown: str) -> str:
    """
    Replace the signs that standard output cannot show.
    """
    return shown.translate(_replaced())


def _plain_column(column: Column) -> Column:
    return replace(column, show=lambda value: _plain(column.show(value)))


def _unicode() -> bool:
    return draws("…\u4e16\U0001f30d")


def _console() -> Console:
    return _Console(file=sys.stdout, width=width(), highlight=False, markup=False, emoji=False)
