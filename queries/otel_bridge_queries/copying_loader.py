"""
Copies of relations in DuckDB, made when first needed and anew after a change.

For databases that have no folder beside them, in memory or on a server.
"""

from collections.abc import Hashable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

import duckdb
from otel_bridge_storage.addresses import Address

from otel_bridge_queries.filling import fill, note_dead_writers
from otel_bridge_queries.held_source import HeldSource
from otel_bridge_queries.relations import RELATIONS, Relation
from otel_bridge_queries.sources import Snapshot, open_source


class CopyingLoader:
    """
    Copies whole relations, and copies them again after the database has changed.
    """

    def __init__(self, address: Address, engine: duckdb.DuckDBPyConnection) -> None:
        self._address = address
        self._source = HeldSource(open_source(address))
        self._engine = engine
        self._stamp: Hashable | None = None
        self._copied: set[str] = set()

    @contextmanager
    def current(self, relations: Iterable[str]) -> Iterator[Snapshot]:
        """
        Make the named relations hold what the database holds now, all at one moment.
        """
        with self._source.snapshot() as snapshot:
            self._refresh(snapshot, sorted(relations))
            yield snapshot

    def hold(self, relations: Iterable[str]) -> AbstractContextManager[None]:
        """
        Let all that is made current inside be as of one moment.
        """
        return self._source.hold()

    def doubt(self) -> bool:
        """
        Copy everything anew; what could not be read once cannot be read then.
        """
        self._stamp = None
        return False

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
            note_dead_writers(self._engine, snapshot.dead_writers())

    def _copy(self, snapshot: Snapshot, relation: Relation) -> None:
        fill(
            self._engine,
            relation.create,
            relation.insert,
            snapshot.chunks(relation),
            of=self._address,
        )
