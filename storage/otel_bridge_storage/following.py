"""
Following the run log: what is there, then what comes, without a gap.

A reader looks how things stand, reads what is new in bounded pages, and waits. Whether
the end is reached is read before the last page, so that nothing falls between the two.
No transaction is open while it waits or while its caller is busy.
"""

from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from otel_bridge_storage.addresses import Address
from otel_bridge_storage.commit_watch import CommitWatch
from otel_bridge_storage.errors import DatabaseError
from otel_bridge_storage.followed import State
from otel_bridge_storage.read_engine import ReadEngine
from otel_bridge_storage.sqlite_files import identity_of
from otel_bridge_storage.versions import check_version

POLL_S = 0.1
PAGE = 500


class Numbered(Protocol):
    """
    What has a place in a log.
    """

    @property
    def sequence_index(self) -> int:
        """
        Its index.
        """


T = TypeVar("T", bound=Numbered)
T_co = TypeVar("T_co", bound=Numbered, covariant=True)


class Source(Protocol[T_co]):
    """
    What can be followed.
    """

    def state(self, connection: Connection) -> State:
        """
        Say how things stand.
        """

    def page(self, connection: Connection, after: int | None, limit: int) -> Sequence[T_co]:
        """
        List what comes after an index, in the order of the index.
        """


async def follow(
    engine: ReadEngine, source: Source[T], *, after: int | None, poll_s: float = POLL_S
) -> AsyncGenerator[T, None]:
    """
    Give entries in the order of their index as they come, up to the end if there is one.

    Args:
        after: Begin after this index; None begins at the beginning.
        poll_s: How often to look for what other processes committed, in seconds.

    Raises:
        DatabaseError: The database cannot be read, or was replaced meanwhile; see
            `ReadEngine.read`.
        SchemaVersionError: Another version of otel-bridge changed it meanwhile.
    """
    watch = CommitWatch(engine.address, poll_s)
    same = _Sameness(engine.address)
    known: int | None = None
    try:
        while True:
            watch.reset()
            same.check_file()
            state = await engine.read(source.state)
            same.check(state)
            full = state.latest != known or state.over
            while full:
                found = await engine.read(partial(source.page, after=after, limit=PAGE))
                for event in found:
                    yield event
                full = len(found) == PAGE
                after = found[-1].sequence_index if found else after
            # All up to there has been seen, what was left out included.
            after = max(state.latest, after or 0)
            known = state.latest
            if state.over:
                return
            await watch.wait()
    finally:
        watch.close()


class _Sameness:
    """
    Notices that a database is another one than before, in which a cursor means nothing.
    """

    def __init__(self, address: Address | None) -> None:
        self._address = address
        self._path = None if address is None else address.path
        self._file = None if self._path is None else identity_of(self._path)
        self._sequence = 0

    def check_file(self) -> None:
        """
        Look whether the file is the same.

        Raises:
            DatabaseError: It is another one, or gone.
        """
        if self._path is not None:
            now = identity_of(self._path)
            if self._file is not None and now != self._file:
                raise self._error()

    def check(self, state: State) -> None:
        """
        Compare with what was there.

        Raises:
            DatabaseError: It is another one.
            SchemaVersionError: It has another schema now.
        """
        check_version(self._address or "the database", state.version)
        self.check_file()
        if state.sequence < self._sequence:
            raise self._error()
        self._sequence = state.sequence

    def _error(self) -> DatabaseError:
        return DatabaseError(
            f"{self._address or 'the database'} was deleted or replaced while it was "
            "followed: follow it anew, from the beginning"
        )
