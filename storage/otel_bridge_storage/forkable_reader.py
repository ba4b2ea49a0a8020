"""
Reads of a database from async code, with no read under way at a fork.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from otel_bridge_storage.database import Database
from otel_bridge_storage.errors import DatabaseError
from otel_bridge_storage.forking import survive_forks
from otel_bridge_storage.sqlite_files import read_error
from otel_bridge_storage.thread_pool_reading import reading_engine

T = TypeVar("T")

_HOLD_S = 2.0


class ForkableReader:
    """
    Reads a database that this process has open for writing.

    Any event loop may use it, and a forked child goes on with connections of its own.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._refusal: str | None = None
        self._gate = _Gate()
        self._at_rest = False
        self._engine = reading_engine(database.address)
        survive_forks(self)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """
        Run a function that reads, in one snapshot, and give what it returns.

        Raises:
            DatabaseError: The database cannot be read, or the reader is closed.
        """
        return await asyncio.to_thread(self._read, work)

    async def close(self) -> None:
        """
        Let go of the database.
        """
        self._refuse("is closed: open it again")
        await asyncio.to_thread(self._engine.dispose)

    def before_fork(self) -> None:
        """
        Close all connections, once those that read are done.
        """
        self._at_rest = self._gate.close(_HOLD_S)
        if self._at_rest:
            self._engine.dispose()

    def after_fork_in_parent(self) -> None:
        """
        Go on.
        """
        self._gate.open()

    def after_fork_in_child(self) -> None:
        """
        Go on, if the database can be used here.
        """
        self._gate = _Gate()
        if not self._at_rest:
            self._refuse("was being read at the fork, and cannot be used here: open it again")
        elif not self._database.survives_forks:
            self._refuse("is of the parent process, and cannot be used here: open it again")

    def _read(self, work: Callable[[Connection], T]) -> T:
        with self._gate.passed():
            if self._refusal is not None:
                raise DatabaseError(self._refusal)
            try:
                with self._engine.connect() as connection:
                    return work(connection)
            except DBAPIError as error:
                raise read_error(self._database.address, error.orig or error) from error

    def _refuse(self, why: str) -> None:
        self._refusal = self._refusal or f"{self._database.address} {why}"


class _Gate:
    """
    Lets any number of reads pass at a time, but none while it is closed.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._closed = False
        self._inside = 0

    @contextmanager
    def passed(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._closed)
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def close(self, timeout_s: float) -> bool:
        """
        Let nothing more pass; say whether all that had passed are gone by then.
        """
        with self._changed:
            self._closed = True
            return self._changed.wait_for(lambda: not self._inside, timeout_s)

    def open(self) -> None:
        with self._changed:
            self._closed = False
            self._changed.notify_all()
