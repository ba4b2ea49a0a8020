"""
The DuckDB in which reports are reckoned: in memory, without network or downloads, and with
no files but those of the cache.
"""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb

from otel_bridge_queries.relations import RELATIONS
from otel_bridge_queries.result import Result

MEMORY_LIMIT = "2GB"
MOST_THREADS = 4
_AWARE = "TIMESTAMP WITH TIME ZONE"
_SETUP = ("macros.sql", "states.sql", "views.sql", "asked.sql")


def open_engine(*folders: Path) -> duckdb.DuckDBPyConnection:
    """
    Open an empty DuckDB with the tables, macros and views of the reports, and lock it.

    Args:
        folders: The only ones whose files it may read and write.
    """
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "memory_limit": MEMORY_LIMIT,
            "python_enable_replacements": False,
            "threads": min(MOST_THREADS, os.cpu_count() or 1),
        },
    )
    connection.execute(
        "SET allowed_directories = $folders", {"folders": [str(folder) for folder in folders]}
    )
    connection.execute("SET enable_external_access = false")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("CREATE SCHEMA loaded")
    connection.execute("CREATE TABLE loaded.dead_writers (writer_id VARCHAR)")
    for relation in RELATIONS.values():
        connection.execute(relation.create)
    for name in _SETUP:
        connection.execute(read_sql(f"setup/{name}"))
    connection.execute("SET lock_configuration = true")
    return connection


def quoted(text: str) -> str:
    """
    Write a text as a literal, for the few places where DuckDB takes no parameter.
    """
    return "'" + text.replace("'", "''") + "'"


def read_sql(name: str) -> str:
    """
    Read one of the package's SQL files.
    """
    return resources.files(__package__).joinpath("sql", *name.split("/")).read_text("utf-8")


def fetch(
    connection: duckdb.DuckDBPyConnection,
    statement: str,
    parameters: Mapping[str, Any] | Sequence[Any] | None = None,
    *,
    limit: int | None = None,
) -> Result:
    """
    Run a query and fetch its rows, with moments as aware datetimes in UTC.

    Args:
        limit: The most rows that are fetched; all if None.
    """
    answer = connection.sql(statement, params=parameters)
    types = [str(kind) for kind in answer.types]
    aware = [index for index, kind in enumerate(types) if kind == _AWARE]
    # DuckDB needs a time zone library to hand such values to Python, and none to cast them.
    chosen = answer.project(", ".join(map(_selected, range(len(types)), types)))
    rows = (chosen if limit is None else chosen.limit(limit)).fetchall()
    if aware:
        rows = [_in_utc(row, aware) for row in rows]
    return Result(tuple(answer.columns), tuple(types), rows)


def _selected(index: int, kind: str) -> str:
    if _AWARE not in kind:
        return f"#{index + 1} AS c{index}"
    return f"CAST(#{index + 1} AS {kind.replace(_AWARE, 'TIMESTAMP')}) AS c{index}"


def _in_utc(row: tuple[Any, ...], aware: Sequence[int]) -> tuple[Any, ...]:
    values = list(row)
    for index in aware:
        if isinstance(values[index], datetime):
            values[index] = values[index].replace(tzinfo=UTC)
    return tuple(values)
