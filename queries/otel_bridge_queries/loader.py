"""
Copies of database tables in DuckDB, made when first needed and anew after a change.

Rows travel as JSON lists, one for each column of a chunk, which is the quickest way
between the two without another library.
"""

from collections.abc import Hashable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import duckdb
from otel_bridge_storage.addresses import address_of
from otel_bridge_storage.errors import DatabaseError

from otel_bridge_queries.engine import MEMORY_LIMIT
from otel_bridge_queries.relations import RELATIONS, Relation
from otel_bridge_queries.sources import Snapshot, open_source


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

    def current(self, relations: Iterable[str]) -> AbstractContextManager[Moment]:
        """
        Make the named relations hold what the database holds now, all at one moment.
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
        self._name = str(address_of(database))
        self._source = open_source(database)
        self._engine = engine
        self._stamp: Hashable | None = None
        self._copied: set[str] = set()
        self._dead: list[str] = []

    @contextmanager
    def current(self, relations: Iterable[str]) -> Iterator[Moment]:
        """
        Make the named relations hold what the database holds now, all at one moment.
        """
        with self._source.snapshot() as snapshot:
            self._refresh(snapshot, sorted(relations))
            yield snapshot

    def close(self) -> None:
        """
        Let go of the database.
        """
        self._source.close()

    def _refresh(self, snapshot: Snapshot, relations: list[str]) -> None:
        if snapshot.stamp is None or snapshot.stamp != self._stamp:
            for name in sorted(self._copied):
                self._engine.execute(RELATIONS[name].create)
                self._copied.discard(name)
            self._stamp = snapshot.stamp
        for name in relations:
            if name not in self._copied:
                self._copy(snapshot, RELATIONS[name])
                self._copied.add(name)
        if "open_runs" in relations:
            self._note_dead_writers(snapshot)

    def _copy(self, snapshot: Snapshot, relation: Relation) -> None:
        self._engine.execute("BEGIN")
        try:
            self._engine.execute(relation.create)
            for columns in snapshot.chunks(relation):
                self._engine.execute(relation.insert, columns)
            self._engine.execute("COMMIT")
        except duckdb.OutOfMemoryException as error:
            self._engine.execute("ROLLBACK")
            raise DatabaseError(
                f"{self._name} is too large to be reported on in {MEMORY_LIMIT} of memory"
            ) from error
        except BaseException:
            self._engine.execute("ROLLBACK")
            raise

    def _note_dead_writers(self, snapshot: Snapshot) -> None:
        dead = sorted(snapshot.dead_writers())
        if dead != self._dead:
            self._engine.execute("DELETE FROM loaded.dead_writers")
            self._engine.execute(
                "INSERT INTO loaded.dead_writers SELECT unnest(?::VARCHAR[])", [dead]
            )
            self._dead = dead
