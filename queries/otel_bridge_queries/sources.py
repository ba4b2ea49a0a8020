"""
Where the rows of the reports come from: one snapshot of a database at a time.
"""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from otel_bridge_storage.addresses import Address

from otel_bridge_queries.relations import Relation

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

    def chunks(self, relation: Relation) -> Iterator[list[str]]:
        """
        Read a relation, part by part, each column of a part as a JSON list.
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


S_co = TypeVar("S_co", bound=Snapshot, covariant=True)


class Source(Protocol[S_co]):
    """
    A database that reports read.
    """

    def snapshot(self) -> AbstractContextManager[S_co]:
        """
        Hold the database still for a reader.

        Raises:
            DatabaseError: It cannot be read.
        """

    def close(self) -> None:
        """
        Let go of the database.
        """


def open_source(address: Address) -> Source[Snapshot]:
    """
    Open a database for reports, whichever kind its address says.

    Raises:
        DatabaseNotFoundError: There is no such database.
        NotADatabaseError: It is something else.
        SchemaVersionError: Another version of otel-bridge wrote it.
        NotInstalledError: Its driver is not installed.
    """
    if address.url is not None:
        from otel_bridge_queries.postgres_source import PostgresSource

        return PostgresSource(address, address.url)
    from otel_bridge_queries.sqlite_source import SqliteSource

    return SqliteSource(address)
