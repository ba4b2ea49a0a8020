"""
A reader's own SQL: one statement, which can read the views and do nothing else.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
from otel_bridge_storage.errors import QueryError

from otel_bridge_queries.engine import fetch
from otel_bridge_queries.faults import said
from otel_bridge_queries.result import Result
from otel_bridge_queries.statements import Reading

Parameters = Sequence[Any] | Mapping[str, Any]


def answer(
    engine: duckdb.DuckDBPyConnection,
    reading: Reading,
    parameters: Parameters | None,
    *,
    timeout: float | None,
    limit: int | None,
) -> Result:
    """
    Run a statement, in a transaction that refuses every change.

    Args:
        timeout: Seconds that it may take.
        limit: The most rows that it gives.

    Raises:
        QueryError: The statement is wrong, or took too long.
    """
    try:
        with _only_reading(engine), _interrupted_after(engine, timeout):
            return fetch(engine, reading.text, parameters, limit=limit)
    except duckdb.InterruptException as error:
        raise QueryError(
            f"the query was stopped after {timeout:g} seconds: narrow it, or allow it more"
        ) from error
    except (duckdb.Error, RuntimeError) as error:
        raise QueryError(_wrong(engine, reading, parameters) or said(error, "")) from error


def _wrong(
    engine: duckdb.DuckDBPyConnection, reading: Reading, parameters: Parameters | None
) -> str | None:
    """
    Say what is wrong with a statement and where; None where that shows only in the rows.
    """
    explained = f"EXPLAIN {reading.query}"
    try:
        with _only_reading(engine):
            engine.execute(explained, parameters)
    except duckdb.Error as error:
        return said(error, explained, before=len(explained) - len(reading.query))
    return None


@contextmanager
def _only_reading(engine: duckdb.DuckDBPyConnection) -> Iterator[None]:
    engine.execute("BEGIN TRANSACTION READ ONLY")
    try:
        yield
    finally:
        engine.execute("ROLLBACK")


@contextmanager
def _interrupted_after(engine: duckdb.DuckDBPyConnection, timeout: float | None) -> Iterator[None]:
    if timeout is None:
        yield
        return
    timer = threading.Timer(timeout, engine.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        # It may be interrupting just now, and the next statement is not to be stopped.
        timer.join()
