"""
Where the rows of the reports come from: one snapshot of a database at a time.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from otel_bridge_storage.addresses import address_of

from otel_bridge_queries.tables import Table

CHUNK_ROWS = 20_000


class Snapshot(Protocol):
    """
    The database as it is at one moment.
    """

    @property
    def stamp(self) -> Hashable | None:
        """
        What is equal for two snapshots only if they hold the same; None if nothing is.
        """

    def chunks(self, table: Table) -> Iterator[list[str]]:
        """
        Read a table, part by part, each column of a part as a JSON list.
        """

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """
        Answer a SELECT that SQLite and PostgreSQL understand, with `?` for parameters.
        """

    def texts(self, ids: Iterable[int]) -> dict[int, str | None]:
        """
        Give the texts of messages by id.
        """

    def dead_writers(self) -> list[str]:
        """
        List the writers that are gone.
        """


class Source(Protocol):
    """
    A database that reports read.
    """

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """
        Hold the database still for a reader.

        Raises:
            DatabaseError: It cannot be read.
        """

    def close(self) -> None:
        """
        Let go of the database.
        """


def open_source(database: str | Path) -> Source:
    """
    Open a database for reports, whichever kind its address says.

    Raises:
        DatabaseNotFoundError: There is no such database.
        NotADatabaseError: It is something else.
        SchemaVersionError: Another version of otel-bridge wrote it.
        NotInstalledError: Its driver is not installed.
    """
    address = address_of(database)
    if address.url is not None:
        from otel_bridge_queries.postgres_source import PostgresSource

        return PostgresSource(address, address.url)
    from otel_bridge_queries.sqlite_source import SqliteSource

    return SqliteSource(address)
