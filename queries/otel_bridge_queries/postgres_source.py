"""
Rows of PostgreSQL, read in one transaction that may only read.
"""

import json
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from otel_bridge_storage.addresses import Address
from otel_bridge_storage.dead_writers import DEAD_WRITERS_SQL, is_dead
from otel_bridge_storage.errors import DatabaseError
from otel_bridge_storage.postgres_reading import check_postgres, reading_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from otel_bridge_queries import sources
from otel_bridge_queries.relations import Relation
from otel_bridge_queries.texts import message_text

if TYPE_CHECKING:
    import psycopg

_CHUNK_CHARACTERS = 1 << 25
_FETCHED_ROWS = 2_000

# Two snapshots that name the same transactions see the same rows: whoever commits
# leaves the list of those under way, or is newer than the newest. A standby does not list
# them, and after a restore from a backup their numbers come once more.
_STAMP_SQL = (
    "SELECT pg_is_in_recovery(), pg_current_snapshot()::text, pg_postmaster_start_time()::text"
)


class PostgresSource:
    """
    A PostgreSQL database that reports read.
    """

    def __init__(self, address: Address, url: URL) -> None:
        self._address = address
        self._engine = reading_engine(url)
        try:
            check_postgres(address, self._engine)
        except BaseException:
            self._engine.dispose()
            raise

    @contextmanager
    def snapshot(self) -> Iterator["_PostgresSnapshot"]:
        """
        Hold the database still for a reader.
        """
        try:
            with self._engine.connect() as connection, connection.begin():
                driver: Any = connection.connection.driver_connection
                yield _PostgresSnapshot(driver)
        except DBAPIError as error:
            raise DatabaseError(f"cannot read {self._address}: {error.orig}") from error
        except self._engine.dialect.loaded_dbapi.Error as error:
            self._engine.dispose()
            raise DatabaseError(f"cannot read {self._address}: {error}") from error

    def close(self) -> None:
        """
        Let go of the database.
        """
        self._engine.dispose()


class _PostgresSnapshot:
    def __init__(self, reader: "psycopg.Connection[tuple[Any, ...]]") -> None:
        self._reader = reader
        standby, snapshot, started = reader.execute(_STAMP_SQL).fetchone() or (True, "", "")
        self._stamp = None if standby else (snapshot, started)

    @property
    def stamp(self) -> Hashable | None:
        """
        Give the transactions that the snapshot sees.
        """
        return self._stamp

    def chunks(self, relation: Relation) -> Iterator[list[str]]:
        """
        Read a relation, part by part, each column of a part as a JSON list.
        """
        with self._reader.cursor(name="chunks") as cursor:
            cursor.execute(_statement(relation).encode())
            rows: list[tuple[Any, ...]] = []
            size = 0
            while found := cursor.fetchmany(_FETCHED_ROWS):
                rows += found
                size += sum(len(v) for row in found for v in row if isinstance(v, str))
                if len(rows) >= sources.CHUNK_ROWS or size > _CHUNK_CHARACTERS:
                    yield _lists(relation, rows)
                    rows, size = [], 0
            if rows:
                yield _lists(relation, rows)

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """
        Answer a SELECT that SQLite and PostgreSQL understand, with `?` for parameters.
        """
        with self._reader.cursor(name="rows") as cursor:
            cursor.itersize = _FETCHED_ROWS
            yield from cursor.execute(statement.replace("?", "%s").encode(), parameters)

    def texts(self, ids: Iterable[int]) -> dict[int, str | None]:
        """
        Give the texts of messages by id.
        """
        found = self._reader.execute(
            "SELECT id, body FROM messages WHERE id = ANY(%s::bigint[])", [sorted(set(ids))]
        )
        return {number: message_text(body) for number, body in found}

    def dead_writers(self) -> list[str]:
        """
        List the writers that are gone.
        """
        return [
            writer_id
            for writer_id, *state in self._reader.execute(DEAD_WRITERS_SQL)
            if is_dead(*state)
        ]


def _statement(relation: Relation) -> str:
    values = ", ".join(column.source for column in relation.columns)
    where = "" if relation.where is None else f" WHERE {relation.where}"
    return f"SELECT {values} FROM {relation.origin}{where}"  # noqa: S608 - constants of `relations`


def _lists(relation: Relation, rows: Sequence[tuple[Any, ...]]) -> list[str]:
    lists = []
    for column, values in zip(relation.columns, zip(*rows, strict=True), strict=True):
        made: Sequence[Any] = values
        if column.function is not None:
            made = [None if value is None else column.function(value) for value in values]
        lists.append(json.dumps(made))
    return lists
