"""
A source of which one snapshot may be held for several readers after one another.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from otel_bridge_queries.sources import Snapshot, Source

S = TypeVar("S", bound=Snapshot)


class HeldSource(Generic[S]):
    """
    Gives snapshots of a source: new ones, or again and again the one that is held.
    """

    def __init__(self, source: Source[S]) -> None:
        self._source = source
        self._held: S | None = None

    @property
    def is_held(self) -> bool:
        """
        Whether all snapshots are the same one now.
        """
        return self._held is not None

    @contextmanager
    def hold(self) -> Iterator[None]:
        """
        Let all snapshots inside be one; holding what is held already does no harm.
        """
        if self._held is not None:
            yield
            return
        with self._source.snapshot() as snapshot:
            self._held = snapshot
            try:
                yield
            finally:
                self._held = None

    @contextmanager
    def snapshot(self) -> Iterator[S]:
        """
        Hold the database still for a reader.
        """
        if self._held is not None:
            yield self._held
            return
        with self._source.snapshot() as snapshot:
            yield snapshot

    def close(self) -> None:
        """
        Let go of the database.
        """
        self._source.close()
