"""
Run events kept in a database, on the same run log as all else that is recorded.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import TypeVar

from sqlalchemy import Connection, select

from otel_bridge_storage.addresses import Address, address_of
from otel_bridge_storage.attendance import Attendance
from otel_bridge_storage.committer import Committer
from otel_bridge_storage.database import Database
from otel_bridge_storage.erasure.deletion import delete_spans
from otel_bridge_storage.event_tables import run_events
from otel_bridge_storage.forkable_reader import ForkableReader
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.readings import Pricer, Reader
from otel_bridge_storage.run_events import appending_rows, reading_rows
from otel_bridge_storage.run_events.checked_store import CheckedRunEventStore
from otel_bridge_storage.run_events.event import NewEvent
from otel_bridge_storage.run_events.interface import Record
from otel_bridge_storage.run_events.paging import EventQuery, Window
from otel_bridge_storage.schema import run_log
from otel_bridge_storage.unit import Unit

T = TypeVar("T")


class DatabaseRunEventStore(CheckedRunEventStore):
    """
    Keeps run events in a database, where each is an entry of the run log.

    A message is a step of its run there; the run is in the session that the thread's id
    names. Events that wait together share a transaction.

    Deleting events leaves their texts in the file until the next `otel-bridge prune`.

    Args:
        target: Path or URL; opened at the first use, and made where there is none.
        reader: Says what telemetry means.
        pricer: Says what calls cost.
    """

    def __init__(self, target: str | Path | Address, *, reader: Reader, pricer: Pricer) -> None:
        address = address_of(target)
        super().__init__(str(address))
        self._address = address
        self._reader = reader
        self._pricer = pricer
        self._lock = Lock()
        self._writing: _Writing | None = None

    async def _append(self, events: list[NewEvent]) -> list[Record]:
        return await self._write(lambda unit: appending_rows.append(unit, events))

    async def _append_if_absent(self, event: NewEvent) -> tuple[Record, bool]:
        def append(unit: Unit) -> tuple[Record, bool]:
            first = reading_rows.first_of_type(unit.connection, event)
            if first is not None:
                return first, False
            return appending_rows.append(unit, [event])[0], True

        return await self._write(append)

    async def _messages(self, thread_id: str, run_id: str | None, window: Window) -> list[Record]:
        return await self._read(lambda c: reading_rows.messages(c, thread_id, run_id, window))

    async def _events(self, thread_id: str, run_id: str, query: EventQuery) -> list[Record]:
        return await self._read(lambda c: reading_rows.events(c, thread_id, run_id, query))

    async def _count_messages(self, thread_id: str) -> int:
        return await self._read(lambda c: reading_rows.count_messages(c, thread_id))

    async def _delete(self, thread_id: str, run_id: str | None) -> int:
        return await self._write(lambda unit: _delete(unit, thread_id, run_id))

    async def _close(self) -> None:
        if self._writing is not None:
            await self._writing.reader.close()
            await asyncio.to_thread(self._writing.close)

    async def _read(self, work: Callable[[Connection], T]) -> T:
        writing = await self._opened()
        return await writing.reader.read(work)

    async def _write(self, work: Callable[[Unit], T]) -> T:
        writing = await self._opened()
        return await writing.committer.submit(lambda connection: self._apply(connection, work))

    async def _opened(self) -> "_Writing":
        writing = self._writing
        return await asyncio.to_thread(self._open) if writing is None else writing

    def _open(self) -> "_Writing":
        with self._lock:
            self._check_open()
            writing = self._writing = self._writing or _Writing(open_database(self._address))
            return writing

    def _apply(self, connection: Connection, work: Callable[[Unit], T]) -> T:
        writing = self._writing or self._open()
        unit = Unit.begin(
            connection,
            reader=self._reader,
            pricer=self._pricer,
            writer_id=writing.attendance.show(connection),
        )
        result = work(unit)
        unit.numbers.save()
        return result


class _Writing:
    """
    A database that is open, with what keeps the runs that are open in it alive.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.committer = Committer(database, name="otel-bridge-events")
        self.reader = ForkableReader(database)
        self.attendance = Attendance(self.committer)

    def close(self) -> None:
        try:
            self.attendance.leave()
        finally:
            self.committer.close()
            self._database.close()


def _delete(unit: Unit, thread_id: str, run_id: str | None) -> int:
    query = (
        select(run_log.c.span)
        .join(run_events, run_events.c.entry == run_log.c.seq)
        .where(*reading_rows.of_run(thread_id, run_id))
    )
    carriers = list(unit.connection.execute(query).scalars())
    delete_spans(unit, set(carriers))
    return len(carriers)
