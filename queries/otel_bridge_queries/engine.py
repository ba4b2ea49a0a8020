"""
The DuckDB in which reports are reckoned: in memory, without network or downloads, and with
no files but those of the cache.
"""

import os
from collections.abc import Hashable, Mapping, Sequence
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
# The columns and types of statements by their shape.
_SHAPES: dict[Hashable, tuple[tuple[str, ...], tuple[str, ...]]] = {}
_SETUP = ("macros.sql", "states.sql", "views.sql", "asked.sql")


def open_engine(*folders: Path) -> duckdb.DuckDBPyConnection:
    """
    Open an empty DuckDB with the tables, macros and views of the reports, and lock it.

    Args:
        folders: The only ones whose files it may read and write.
    """
    connection = connect(threads=min(MOST_THREADS, os.cpu_count() or 1))
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


def connect(**more: str | int) -> duckdb.DuckDBPyConnection:
    """
    Open an empty DuckDB in memory, bounded in size, which downloads nothing.

    Args:
        more: Further settings of DuckDB.
    """
    return duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "memory_limit": MEMORY_LIMIT,
            "python_enable_replacements": False,
            **more,
        },
    )


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
    shape: Hashable | None = None,
) -> Result:
    """
    Run a query and fetch its rows, with moments as aware datetimes in UTC.

    Args:
        limit: The most rows that are fetched; all if None.
        shape: What is the same for reports that give the same columns, so that the next
            need not be looked through for these.
    """
    known = None if shape is None else _SHAPES.get(shape)
    if known is not None:
        columns, types = known
        rows = connection.execute(_wrapped(statement, types), parameters).fetchall()
        return Result(columns, types, _in_utc(rows, types))
    answer = connection.sql(statement, params=parameters)
    columns, types = tuple(answer.columns), tuple(str(kind) for kind in answer.types)
    if shape is not None:
        _SHAPES[shape] = columns, types
    chosen = answer.project(
        ", ".join(_selected(f"#{at + 1}", at, types) for at in range(len(types)))
    )
    rows = (chosen if limit is None else chosen.limit(limit)).fetchall()
    return Result(columns, types, _in_utc(rows, types))


def _wrapped(statement: str, types: Sequence[str]) -> str:
    names = [f"c{at}" for at in range(len(types))]
    values = ", ".join(_selected(name, at, types) for at, name in enumerate(names))
    return f"SELECT {values} FROM (\n{statement}\n) AS answer ({', '.join(names)})"  # noqa: S608


def _selected(value: str, at: int, types: Sequence[str]) -> str:
    # DuckDB needs a time zone library to hand such values to Python, and none to cast them.
    if _AWARE in types[at]:
        value = f"CAST({value} AS {types[at].replace(_AWARE, 'TIMESTAMP')})"
    return f"{value} AS c{at}"


def _in_utc(rows: list[tuple[Any, ...]], types: Sequence[str]) -> list[tuple[Any, ...]]:
    aware = [at for at, kind in enumerate(types) if kind == _AWARE]
    return [_with_zone(row, aware) for row in rows] if aware else rows


def _with_zone(row: tuple[Any, ...], aware: Sequence[int]) -> tuple[Any, ...]:
    values = list(row)
    for at in aware:
        if isinstance(values[at], datetime):
            values[at] = values[at].replace(tzinfo=UTC)
    return tuple(values)
