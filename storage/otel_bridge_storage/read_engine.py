"""
Reading a database from async code, each read in one snapshot of it.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry, PoolProxiedConnection

from otel_bridge_storage.database import BUSY_TIMEOUT_S, open_reader, reader_uri
from otel_bridge_storage.errors import DatabaseError

T = TypeVar("T")

_STAMP = "otel_bridge_stamp"


class ReadEngine:
    """
    Runs reads against one database.

    Args:
        path: The file; None where the engine's database is not a file.
        owned: Whether `close` disposes of the engine.
    """

    def __init__(self, engine: AsyncEngine, path: Path | None, *, owned: bool) -> None:
        self._engine = engine
        self._path = path
        self._owned = owned
        self._checked = path is None
        self._closed = False

    @classmethod
    def open(cls, path: Path) -> "ReadEngine":
        """
        Make an engine of its own for a file; nothing is opened before the first read.
        """
        return cls(_engine(path), path, owned=True)

    @classmethod
    def over(cls, engine: AsyncEngine) -> "ReadEngine":
        """
        Read through the engine of somebody else, who disposes of it.
        """
        database = engine.url.database or ""
        is_file = bool(database) and not database.startswith((":memory:", "file:"))
        return cls(engine, Path(database) if is_file else None, owned=False)

    async def check(self) -> None:
        """
        Refuse what is not a database of this version of otel-bridge.

        Raises:
            DatabaseNotFoundError: There is no such file.
            NotADatabaseError: The file is something else.
            SchemaVersionError: Another version of otel-bridge wrote it.
        """
        if self._path is not None:
            await asyncio.to_thread(_try, self._path)
        self._checked = True

    async def read(self, work: Callable[[Connection], T]) -> T:
        """
        Run a function that reads, and give what it returns.

        Raises:
            DatabaseError: The database cannot be read, or is not one; see `check`.
        """
        if self._closed:
            raise DatabaseError(f"the store of {self._name} is closed: open another")
        if not self._checked:
            await self.check()
        try:
            async with self._engine.connect() as connection:
                return await connection.run_sync(work)
        except DBAPIError as error:
            raise DatabaseError(f"cannot read {self._name}: {error.orig}") from error

    async def close(self) -> None:
        """
        Let go of the file; an engine of somebody else stays open.
        """
        self._closed = True
        if self._owned:
            await self._engine.dispose()

    @property
    def _name(self) -> str:
        return str(self._path or self._engine.url)


def _try(path: Path) -> None:
    open_reader(path).close()


def _engine(path: Path) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)), poolclass=AsyncAdaptedQueuePool
    )

    @event.listens_for(engine.sync_engine, "do_connect")
    def aim(
        _: Dialect, entry: ConnectionPoolEntry, arguments: list[Any], options: dict[str, Any]
    ) -> None:
        uri = reader_uri(path)
        entry.info[_STAMP] = _stamp(path) if "immutable=1" in uri else None
        arguments[:] = [uri]
        options.update(uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "checkout")
    def renew(_: DBAPIConnection, entry: ConnectionPoolEntry, __: PoolProxiedConnection) -> None:
        # SQLite never looks again at a file that it was told is immutable.
        if entry.info[_STAMP] not in (None, _stamp(path)):
            raise DisconnectionError(f"{path} has changed")

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        # The driver opens no transaction for a select, and a read may be several.
        connection.exec_driver_sql("BEGIN")

    return engine


def _stamp(path: Path) -> tuple[int, ...]:
    """
    Say how a file and its write-ahead log stand.
    """
    found = [each.stat() for each in (path, Path(f"{path}-wal")) if each.exists()]
    return tuple(part for stat in found for part in (stat.st_ino, stat.st_size, stat.st_mtime_ns))
