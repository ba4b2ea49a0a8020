"""
What a store of metadata writes and reads through, and how it is opened and closed.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from sqlalchemy import Connection

from otel_bridge_storage.addresses import Address, address_of
from otel_bridge_storage.committer import Committer
from otel_bridge_storage.database import Database
from otel_bridge_storage.errors import DatabaseError
from otel_bridge_storage.forkable_reader import ForkableReader
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.threads import expiry
from otel_bridge_storage.threads.run_writes import TICK_NS

T = TypeVar("T")

_SWEEP_EVERY_NS = 60 * 10**9


class SweptStore:
    """
    A database opened at its first use, where expired threads are removed by and by.

    Args:
        target: A path or URL, opened at the first use and closed by `aclose`; or a
            database that is open, and stays so.
        clock: Nanoseconds since the epoch.
    """

    def __init__(
        self,
        target: Database | str | Path | Address,
        *,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._given = target if isinstance(target, Database) else None
        self._address = target.address if isinstance(target, Database) else address_of(target)
        self._clock = clock
        self._opening = threading.Lock()
        self._open: _Open | None = None
        self._closed = False
        self._swept_ns: int | None = None

    async def setup(self) -> None:
        """
        Open the database, and make the tables where there are none.
        """
        await self._opened()

    async def aclose(self) -> None:
        """
        Finish what is being written and let go of the database; once is enough.
        """
        self._closed = True
        with self._opening:
            opened, self._open = self._open, None
        if opened is not None:
            await asyncio.to_thread(opened.committer.close)
            await opened.reader.close()
            if self._given is None:
                await asyncio.to_thread(opened.database.close)

    async def sweep(self) -> int:
        """
        Carry out the time to live of all threads that have expired.

        Returns:
            How many threads were removed.
        """
        removed, more = 0, True
        while more:
            self._swept_ns = self._now_ns()
            count, more = await self._write(expiry.sweep)
            removed += count
        return removed

    async def _read(self, work: Callable[..., T]) -> T:
        opened = self._open or await self._opened()
        return await opened.reader.read(partial(work, now_ns=self._now_ns()))

    async def _write(self, work: Callable[..., T]) -> T:
        opened = self._open or await self._opened()
        future = opened.committer.post(lambda c: work(c, now_ns=self._now_ns()))
        self._sweep_now_and_then(opened.committer)
        return await asyncio.wrap_future(future)

    def _sweep_now_and_then(self, committer: Committer) -> None:
        now_ns = self._now_ns()
        # A clock may go back, and must not put the next sweep off for long.
        if self._swept_ns is None or abs(now_ns - self._swept_ns) >= _SWEEP_EVERY_NS:
            self._swept_ns = now_ns
            # Somebody may have closed the store meanwhile.
            with suppress(DatabaseError):
                committer.post(partial(self._sweep_some, now_ns=now_ns))

    def _sweep_some(self, connection: Connection, now_ns: int) -> None:
        _, more = expiry.sweep(connection, now_ns)
        if more:
            self._swept_ns = None

    def _now_ns(self) -> int:
        return self._clock() // TICK_NS * TICK_NS

    async def _opened(self) -> "_Open":
        return await asyncio.to_thread(self._open_once)

    def _open_once(self) -> "_Open":
        with self._opening:
            if self._closed:
                raise DatabaseError(f"the store of {self._address} is closed: open another")
            if self._open is None:
                database = self._given or open_database(self._address)
                self._open = _Open(database, Committer(database), ForkableReader(database))
            return self._open

    async def __aenter__(self) -> Self:
        await self.setup()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


@dataclass(frozen=True, slots=True)
class _Open:
    database: Database
    committer: Committer
    reader: ForkableReader
