"""
Rows of a relation read from SQLite, some at a time, each column as a JSON list.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from otel_bridge_queries.relations import Column, Relation
from otel_bridge_queries.texts import distinct_texts, first_id, message_text

_FUNCTIONS = (message_text, distinct_texts, first_id)
_NO_KEY = -1
LAST_KEY = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Chunk:
    """
    Some rows.

    Attributes:
        last_key: The highest key among them.
        lists: The keys, then each column of the relation, as JSON lists.
    """

    last_key: int
    lists: list[str]


def prepare(connection: sqlite3.Connection) -> None:
    """
    Give a connection what reading relations needs.
    """
    # Telemetry that is not UTF-8 is shown as well as can be.
    connection.text_factory = _text
    for function in _FUNCTIONS:
        connection.create_function(function.__name__, 1, function, deterministic=True)


def chunks(
    connection: sqlite3.Connection,
    relation: Relation,
    *,
    size: int,
    after: int = _NO_KEY,
    upto: int = LAST_KEY,
) -> Iterator[Chunk]:
    """
    Read rows in the order of their keys.

    Args:
        size: How many rows a chunk has at most.
        after: Only rows with a higher key.
        upto: Only rows with this key or a lower one.
    """
    yield from _chunks(connection, _chunk_statement(relation), after, size, upto)


def changed_rows(
    connection: sqlite3.Connection, relation: Relation, keys: str, *, size: int
) -> Iterator[Chunk]:
    """
    Read rows as they are now, of those among some keys that are there still.

    Args:
        keys: The keys as a JSON list.
    """
    statement = _chunk_statement(relation, "SELECT value FROM json_each(?4)")
    yield from _chunks(connection, statement, _NO_KEY, size, LAST_KEY, keys)


def _chunks(
    connection: sqlite3.Connection, statement: str, after: int, size: int, *more: object
) -> Iterator[Chunk]:
    while True:
        chunk = _chunk(connection, statement, after, size, *more)
        if chunk is None:
            return
        yield chunk
        after = chunk.last_key


def _chunk(
    connection: sqlite3.Connection, statement: str, after: int, rows: int, *more: object
) -> Chunk | None:
    while True:
        try:
            last, *lists = connection.execute(statement, (after, rows, *more)).fetchone()
        except sqlite3.DataError:
            # Long texts: the chunk is more than one SQLite value can hold.
            if rows == 1:
                raise
            rows = max(1, rows // 8)
            continue
        return None if last is None else Chunk(last, lists)


@cache
def _chunk_statement(relation: Relation, among: str | None = None) -> str:
    """
    Give the statement for one chunk: its last key, then keys and columns as JSON lists.
    """
    names = ", ".join(f"json_group_array({column.name})" for column in relation.columns)
    values = ", ".join(f"{_expression(column)} AS {column.name}" for column in relation.columns)
    key = relation.key_column
    where = [f"{key} > ?1", f"{key} <= ?3"]
    where += [] if relation.where is None else [relation.where]
    where += [] if among is None else [f"{key} IN ({among})"]
    # Only constants of `relations` are put together here.
    return (
        f"SELECT max(row_key), json_group_array(row_key), {names} "  # noqa: S608
        f"FROM (SELECT {key} AS row_key, {values} "
        f"FROM {relation.origin} WHERE {' AND '.join(where)} ORDER BY {key} LIMIT ?2)"
    )


def _expression(column: Column) -> str:
    if column.function is None:
        return column.source
    called = f"{column.function.__name__}({column.source})"
    if column.type == "VARCHAR":
        return called
    # An empty list is common, and not worth a call of Python.
    empty = "'[]'" if column.type == "VARCHAR[]" else "NULL"
    return f"CASE WHEN {column.source} = '[]' THEN {empty} ELSE {called} END"


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
