"""
What the views of `Queries.sql` and their columns mean.

A column that the schema's is handed on as has the schema's comment; what the views make
themselves is commented in `setup/comments.sql`.
"""

import re
from dataclasses import dataclass

import duckdb

from otel_bridge_queries.catalog import VIEWS
from otel_bridge_queries.engine import open_engine, read_sql
from otel_bridge_queries.relations import RELATIONS

_COLUMN = re.compile(r"(\w+)\.(\w+)")


@dataclass(frozen=True, slots=True)
class ViewColumn:
    """
    One column of a view.

    Attributes:
        type: DuckDB's name of its type.
        comment: What it holds.
    """

    name: str
    type: str
    comment: str


@dataclass(frozen=True, slots=True)
class View:
    """
    One view that a reader's own SQL can read.

    Attributes:
        comment: What a row is.
    """

    name: str
    comment: str
    columns: tuple[ViewColumn, ...]


def described_views() -> tuple[View, ...]:
    """
    Describe all views, in the order in which people look for them.
    """
    with open_engine() as engine:
        engine.execute(read_sql("setup/comments.sql"))
        comments = dict(
            engine.execute(
                "SELECT view_name, comment FROM duckdb_views() WHERE schema_name = 'main'"
            ).fetchall()
        )
        return tuple(View(name, comments[name], _columns(engine, name)) for name in VIEWS)


def _columns(engine: duckdb.DuckDBPyConnection, view: str) -> tuple[ViewColumn, ...]:
    rows = engine.execute(
        "SELECT column_name, data_type, comment FROM duckdb_columns() "
        "WHERE schema_name = 'main' AND table_name = $view ORDER BY column_index",
        {"view": view},
    ).fetchall()
    return tuple(
        ViewColumn(name, kind, comment or schema_comment(view, name) or "")
        for name, kind, comment in rows
    )


def schema_comment(view: str, name: str) -> str | None:
    """
    Give the schema's comment on the column that a view hands on under its name.
    """
    # Only who asks what columns mean waits until the schema is declared.
    import otel_bridge_storage.schema  # noqa: F401
    from otel_bridge_storage.columns import metadata

    for column in RELATIONS[view].columns:
        handed_on = _COLUMN.fullmatch(column.source)
        if column.name == name and handed_on is not None:
            return metadata.tables[handed_on[1]].columns[handed_on[2]].comment
    return None
