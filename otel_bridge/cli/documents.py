"""
Rows as documents that other programs read: JSON, CSV and Markdown.

JSON is whole, with what a terminal would obey escaped as JSON allows. CSV keeps values
as they are, a leading `=` or `+` included, since a changed value would be a wrong one
for every program that reads it; a spreadsheet should open CSV of telemetry that is not
trusted as text. In CSV and Markdown control characters are shown as escapes.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from otel_bridge.cli.escape import json_escaped, visible_lines
from otel_bridge.cli.layout import Column
from otel_bridge.cli.values import plain

Row = Mapping[str, Any]


def to_json(value: Any, *, indent: int | None = None, ascii_only: bool = False) -> str:
    """
    Write a value as JSON, without a line break at the end.
    """
    document = json.dumps(plain(value), ensure_ascii=ascii_only, indent=indent, allow_nan=False)
    return json_escaped(document)


def json_rows(rows: Sequence[Row], *, ascii_only: bool = False) -> Iterator[str]:
    """
    Write rows as a JSON array with one object per line.
    """
    if not rows:
        yield "[]\n"
        return
    for at, row in enumerate(rows):
        yield f"{',' if at else '['}\n  {to_json(row, ascii_only=ascii_only)}"
    yield "\n]\n"


def csv_rows(rows: Sequence[Row], keys: Sequence[str]) -> Iterator[str]:
    """
    Write rows as CSV under a header; unknown is empty, lists and maps are JSON.
    """
    if keys:
        yield _csv_line(keys)
    for row in rows:
        yield _csv_line([_csv_value(row.get(key)) for key in keys])


def markdown_rows(rows: Sequence[Row], columns: Sequence[Column]) -> Iterator[str]:
    """
    Write rows as a Markdown table of these columns, nothing shortened.
    """
    yield _markdown_line([column.header for column in columns])
    yield _markdown_line(["---:" if column.right else "---" for column in columns])
    for row in rows:
        yield _markdown_line([_literal(column.show(row.get(column.key))) for column in columns])


def _csv_line(values: Sequence[Any]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(values)
    return visible_lines(buffer.getvalue())


def _csv_value(value: Any) -> Any:
    simple = plain(value)
    if isinstance(simple, bool):
        return "true" if simple else "false"
    return to_json(simple) if isinstance(simple, list | dict) else simple


def _markdown_line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _literal(value: str) -> str:
    return value.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")
