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
from otel_bridge_storage.dead_writers import dead_writers
from otel_bridge_storage.errors import DatabaseError
from otel_bridge_storage.sqlite_files import open_reader

from otel_bridge_queries import sources, sqlite_rows
from otel_bridge_queries.relations import Relation
from otel_bridge_queries.sqlite_rows import prepare


class SqliteSource:
    """
    A SQLite database that reports read.
    """

    def __init__(self, address: Address) -> None:
        self._address = address
        self._reader = _open(address)
        prepare(self._reader)

    @contextmanager
    def snapshot(self) -> Iterator["SqliteSnapshot"]:
        """
        Hold the database still for a reader.
        """
        try:
            self._reader.execute("BEGIN")
            try:
                yield SqliteSnapshot(self._reader)
            finally:
                self._reader.rollback()
        except sqlite3.Error as error:
            raise DatabaseError(f"cannot read {self._address}: {error}") from error

    def close(self) -> None:
        """
        Let go of the database.
        """
        self._reader.close()


class SqliteSnapshot:
    """
    A SQLite database as it is at one moment.

    Attributes:
        reader: Reads it at that moment.
    """

    def __init__(self, reader: sqlite3.Connection) -> None:
        self.reader = reader
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

    def chunks(self, relation: Relation) -> Iterator[list[str]]:
        """
        Read a relation, part by part, each column of a part as a JSON list.
        """
        for chunk in sqlite_rows.chunks(self.reader, relation, size=sources.CHUNK_ROWS):
            yield chunk.lists[1:]

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """
        Answer a SELECT that SQLite and PostgreSQL understand, with `?` for parameters.
        """
        return self.reader.execute(statement, parameters)

    def texts(self, ids: Iterable[int]) -> dict[int, str | None]:
        """
        Give the texts of messages by id.
        """
        rows = self.reader.execute(
            "SELECT id, message_text(body) FROM messages "
            "WHERE id IN (SELECT value FROM json_each(?))",
            (json.dumps(sorted(set(ids))),),
        )
        return dict(rows.fetchall())

    def dead_writers(self) -> list[str]:
        """
        List the writers that are gone.
        """
        return dead_writers(self.reader)


def _open(address: Address) -> sqlite3.Connection:
    if address.path is not None:
        return open_reader(address)
    from otel_bridge_storage.memory_database import open_memory_reader

    return open_memory_reader(address.memory or "")
