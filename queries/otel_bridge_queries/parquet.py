"""
Rows written as a Parquet file, by the DuckDB that is there already.
"""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import duckdb
from otel_bridge_storage.errors import QueryError

from otel_bridge_queries.exact_types import ExactColumn


def write_parquet(columns: Sequence[ExactColumn], path: Path) -> None:
    """
    Write columns to a file, which appears when it is whole.

    Raises:
        QueryError: There is no column.
        OSError: The file cannot be written.
    """
    if not columns:
        raise QueryError("a Parquet file needs a column, and the result has none")
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with duckdb.connect(":memory:") as connection:
            connection.execute("SET TimeZone = 'UTC'")
            _relation(connection, columns).write_parquet(str(unfinished), compression="zstd")
        unfinished.replace(path)
    except duckdb.Error as error:
        raise OSError(f"{path} could not be written: {error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _relation(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[ExactColumn]
) -> duckdb.DuckDBPyRelation:
    # The kinds are from a fixed list; values are bound, and names are never part of SQL.
    wanted = ", ".join(
        f"unnest(CAST(${place} AS {column.kind}[])) AS c{place}"
        for place, column in enumerate(columns, 1)
    )
    rows = connection.sql(f"SELECT {wanted}", params=[column.values for column in columns])
    named = [
        duckdb.ColumnExpression(f"c{place}").alias(column.name)
        for place, column in enumerate(columns, 1)
    ]
    return rows.select(*named)
