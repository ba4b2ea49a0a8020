"""
A reader's own SQL: one statement, which can read the views and do nothing else.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
from otel_bridge_storage.errors import QueryError

from otel_bridge_queries.catalog import VIEWS
from otel_bridge_queries.engine import fetch
from otel_bridge_queries.result import Result

# These run SQL that is made at run time, so the views they read are not in the text.
_INDIRECT = ("query", "json_execute_serialized_sql")


def check(engine: duckdb.DuckDBPyConnection, text: str) -> None:
    """
    Refuse what is not exactly one statement that reads.

    Raises:
        QueryError: It is not.
    """
    try:
        statements = engine.extract_statements(text)
    except duckdb.Error as error:
        raise QueryError(_first_lines(error)) from error
    if len(statements) != 1:
        raise QueryError(f"give one SELECT statement, not {len(statements)}")
    kind = statements[0].type
    if kind != duckdb.StatementType.SELECT:
        raise QueryError(f"only SELECT is allowed here, not {kind.name}: nothing can be changed")


def relations_read(text: str) -> set[str]:
    """
    Give the relations that a statement may read.
    """
    lowered = text.lower()
    if any(name in lowered for name in _INDIRECT):
        return {name for names in VIEWS.values() for name in names}
    return {name for view, names in VIEWS.items() if view in lowered for name in names}


def answer(
    engine: duckdb.DuckDBPyConnection,
    text: str,
    parameters: Sequence[Any] | Mapping[str, Any] | None,
) -> Result:
    """
    Run a statement in a transaction that refuses every change.

    Raises:
        QueryError: The statement is wrong or tries to change something.
    """
    # A SELECT may hold an INSERT in its WITH clause.
    engine.execute("BEGIN TRANSACTION READ ONLY")
    try:
        return fetch(engine, text, parameters)
    except duckdb.Error as error:
        raise QueryError(_first_lines(error)) from error
    finally:
        engine.execute("ROLLBACK")


def _first_lines(error: duckdb.Error) -> str:
    return str(error).strip()
