"""
Copies of database tables in DuckDB, made when first needed and anew after a change.

SQLite is read through Python's own library alone: a second SQLite in the process would
drop the locks of the first. Rows travel as JSON lists, one for each column of a chunk,
which is the quickest way between the two without another library.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import duckdb
from otel_bridge_storage.errors import DatabaseError
from otel_bridge_storage.liveness import dead_writers
from otel_bridge_storage.sqlite_files import open_reader

from otel_bridge_queries.engine import MEMORY_LIMIT
from otel_bridge_queries.tables import TABLES, Table
from otel_bridge_queries.texts import distinct_texts, message_text

CHUNK_ROWS = 20_000


class Moment(Protocol):
    """
    The database as it is at one moment.
    """

    def texts(self, ids: Iterable[int]) -> dict[int, str | None]:
        """
        Give the texts of messages by id.
        """


class Loader(Protocol):
    """
    Brings what the database holds to the tables of the reports.
    """

    def current(self, tables: Iterable[str]) -> AbstractContextManager[Moment]:
        """
        Make the named tables hold what the database holds now, all at one moment.
        """

    def close(self) -> None:
        """
        Let go of the database.
        """


class CopyingLoader:
    """
    Copies whole tables, and copies them again after the database has changed.
    """

    def __init__(self, database: str | Path, engine: duckdb.DuckDBPyConnection) -> None:
        self._database = database
        self._reader = open_reader(database)
        self._engine = engine
        self._version: int | None = None
        self._copied: set[str] = set()
        self._dead: list[str] = []
        # Telemetry that is not UTF-8 is shown as well as can be.
        self._reader.text_factory = _text
        for function in (message_text, distinct_texts):
            self._reader.create_function(function.__name__, 1, function, deterministic=True)

    @contextmanager
    def current(self, tables: Iterable[str]) -> Iterator[Moment]:
        """
        Make the named tables hold what the database holds now, all at one moment.
        """
        try:
            self._reader.execute("BEGIN")
            try:
                self._refresh(sorted(tables))
                yield _SqliteMoment(self._reader)
            finally:
                self._reader.rollback()
        except sqlite3.Error as error:
            raise DatabaseError(f"cannot read {self._database}: {error}") from error

    def close(self) -> None:
        """
        Let go of the database.
        """
        self._reader.close()

    def _refresh(self, tables: list[str]) -> None:
        # The first read fixes the moment; data_version is then that moment's.
        self._reader.execute("SELECT count(*) FROM counters").fetchone()
        (version,) = self._reader.execute("PRAGMA data_version").fetchone()
        if version != self._version:
            for name in sorted(self._copied):
                self._engine.execute(TABLES[name].create)
                self._copied.discard(name)
            self._version = version
        for name in tables:
            if name not in self._copied:
                self._copy(TABLES[name])
                self._copied.add(name)
        if "runs" in tables:
            self._note_dead_writers()

    def _copy(self, table: Table) -> None:
        self._engine.execute("BEGIN")
        try:
            self._engine.execute(table.create)
            for columns in self._chunks(table):
                self._engine.execute(table.insert, columns)
            self._engine.execute("COMMIT")
        except duckdb.OutOfMemoryException as error:
            self._engine.execute("ROLLBACK")
            raise DatabaseError(
                f"{self._database} is too large to be reported on in {MEMORY_LIMIT} of memory"
            ) from error
        except BaseException:
            self._engine.execute("ROLLBACK")
            raise

    def _chunks(self, table: Table) -> Iterator[list[str]]:
        key, rows = -1, CHUNK_ROWS
        while True:
            try:
                last, *columns = self._reader.execute(table.read, (key, rows)).fetchone()
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

    def _note_dead_writers(self) -> None:
        dead = sorted(dead_writers(self._reader))
        if dead != self._dead:
            self._engine.execute("DELETE FROM loaded.dead_writers")
            self._engine.execute(
                "INSERT INTO loaded.dead_writers SELECT unnest(?::VARCHAR[])", [dead]
            )
            self._dead = dead


class _SqliteMoment:
    def __init__(self, reader: sqlite3.Connection) -> None:
        self._reader = reader

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


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
