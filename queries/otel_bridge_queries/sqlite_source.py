"""
Rows of SQLite, in a file or in memory.

SQLite is read through Python's own library alone: a second SQLite in the process would
drop the locks of the first.
"""

import json
import sqlite3
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from otel_bridge_storage.addresses import Address
from otel_bridge_storage.errors import DatabaseError
from otel_bridge_storage.liveness import dead_writers
from otel_bridge_storage.memory_database import open_memory_reader
from otel_bridge_storage.sqlite_files import open_reader

from otel_bridge_queries import sources
from otel_bridge_queries.tables import Column, Table
from otel_bridge_queries.texts import distinct_texts, first_id, message_text


class SqliteSource:
    """
    A SQLite database that reports read.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        name = address.memory or ""
        self._reader = open_memory_reader(name) if address.path is None else open_reader(address)
        # Telemetry that is not UTF-8 is shown as well as can be.
        self._reader.text_factory = _text
        for function in (message_text, distinct_texts, first_id):
            self._reader.create_function(function.__name__, 1, function, deterministic=True)

    @contextmanager
    def snapshot(self) -> Iterator["_SqliteSnapshot"]:
        """
        Hold the database still for a reader.
        """
        try:
            self._reader.execute("BEGIN")
            try:
                yield _SqliteSnapshot(self._reader)
            finally:
                self._reader.rollback()
        except sqlite3.Error as error:
            raise DatabaseError(f"cannot read {self._address}: {error}") from error

    def close(self) -> None:
        """
        Let go of the database.
        """
        self._reader.close()


class _SqliteSnapshot:
    def __init__(self, reader: sqlite3.Connection) -> None:
        self._reader = reader
        # The first read fixes the moment; data_version is then that moment's.
        reader.execute("SELECT count(*) FROM counters").fetchone()
        (self._version,) = reader.execute("PRAGMA data_version").fetchone()

    @property
    def stamp(self) -> Hashable | None:
        """
        Give what SQLite counts up with every commit of others.
        """
        version: int = self._version
        return version

    def chunks(self, table: Table) -> Iterator[list[str]]:
        """
        Read a table, part by part, each column of a part as a JSON list.
        """
        statement = _chunk_statement(table)
        key, rows = -1, sources.CHUNK_ROWS
        while True:
            try:
                last, *columns = self._reader.execute(statement, (key, rows)).fetchone()
            except sqlite3.DataError:
                # Long texts: the chunk is more than one SQLite value can hold.
                if rows == 1:
                    raise
                rows = max(1, rows // 8)
                continue
            if last is None:
                return
            yield columns
            key = last

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """
        Answer a SELECT that SQLite and PostgreSQL understand, with `?` for parameters.
        """
        return self._reader.execute(statement, parameters)

    def texts(self, ids: Iterable[int]) -> dict[int, str | None]:
        """
        Give the texts of messages by id.
        """
        rows = self._reader.execute(
            "SELECT id, message_text(body) FROM messages "
            "WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(sorted(set(ids))),),
        )
        return dict(rows.fetchall())

    def dead_writers(self) -> list[str]:
        """
        List the writers that are gone.
        """
        return dead_writers(self._reader)


def _chunk_statement(table: Table) -> str:
    """
    Give the statement for one chunk: its last key, then each column as a JSON list.
    """
    names = ", ".join(f"json_group_array({column.name})" for column in table.columns)
    values = ", ".join(f"{_expression(column)} AS {column.name}" for column in table.columns)
    where = "" if table.where is None else f"AND {table.where}"
    return (
        f"SELECT max(chunk_key), {names} FROM (SELECT {table.key} AS chunk_key, {values} "  # noqa: S608 - constants of `tables`
        f"FROM {table.origin} WHERE {table.key} > ? {where} ORDER BY {table.key} LIMIT ?)"
    )


def _expression(column: Column) -> str:
    if column.function is None:
        return column.source
    # An empty list is common, stays as it is, and is not worth a call of Python.
    called = f"{column.function.__name__}({column.source})"
    return f"CASE WHEN {column.source} = '[]' THEN '[]' ELSE {called} END"


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
