"""
`otel-bridge sql`: any question, in SQL, read only.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from otel_bridge_queries import described_views, sqlite_script, write_views

from otel_bridge.cli.formats import Format
from otel_bridge.cli.layout import Column
from otel_bridge.cli.output import note, write_rows
from otel_bridge.cli.reports import answer, print_result
from otel_bridge.cli.texts import text


def sql(
    *,
    db: str,
    form: Format,
    query: str,
    params: Sequence[str],
    limit: int | None,
    timeout: float | None,
) -> int:
    """
    Print the rows of one SQL query.

    Args:
        db: The database.
        form: The form.
        query: The query.
        params: Values as typed, NAME=VALUE.
        limit: The most rows.
        timeout: Seconds that the query may take.
    """
    values = dict(map(parameter, params)) or None
    more = None if limit is None else limit + 1
    result = answer(db, lambda queries: queries.sql(query, values, timeout=timeout, limit=more))
    left_out = limit is not None and len(result) > limit
    del result.rows[limit if left_out else len(result) :]
    print_result(result, form, empty="the query gave no rows")
    if left_out:
        note(f"there are more than these {limit} rows")
    return 0


def query_of(typed: str | None, file: Path | None) -> str:
    """
    Give the query, from where it was said to be.
    """
    if file is None:
        return sys.stdin.read() if typed == "-" else str(typed)
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{file} is not text in UTF-8") from error


def parameter(typed: str) -> tuple[str, Any]:
    """
    Read NAME=VALUE; a value that is JSON is what it says, another is text.
    """
    name, equals, value = typed.partition("=")
    if not (equals and name.strip()):
        raise typer.BadParameter(f"--param {typed!r}: give NAME=VALUE")
    try:
        return name.strip(), json.loads(value, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return name.strip(), value


def _no_number(name: str) -> Any:
    raise ValueError(name)


def print_views(*, form: Format) -> int:
    """
    Print what views there are, and what their columns mean.
    """
    rows = [
        {"view": view.name, "column": name, "type": kind, "comment": comment}
        for view in described_views()
        for name, kind, comment in [
            ("", "", view.comment),
            *((each.name, each.type, each.comment) for each in view.columns),
        ]
    ]
    columns = [Column(key=key, header=key, show=text, rank=at) for at, key in enumerate(rows[0])]
    write_rows(rows, columns, form, empty="there are no views")
    return 0


def print_sqlite_script() -> int:
    """
    Print the views as a script for the sqlite3 shell.
    """
    sys.stdout.write(sqlite_script())
    return 0


def write_duckdb_views(*, db: str, folder: Path) -> int:
    """
    Write the views for the DuckDB shell.
    """
    script = write_views(db, folder)
    note(f"written as of now; open them with: duckdb -init {script}")
    return 0
