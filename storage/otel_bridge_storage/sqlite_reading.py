"""
Engines that read SQLite from async code, each read in one snapshot.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry, PoolProxiedConnection

from otel_bridge_storage.memory_database import memory_uri
from otel_bridge_storage.sqlite_files import READ_TIMEOUT_S, identity_of, reader_uri

_STAMP = "otel_bridge_stamp"


def file_engine(path: Path) -> AsyncEngine:
    """
    Make an engine that reads a file.
    """
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)), poolclass=AsyncAdaptedQueuePool
    )

    @event.listens_for(engine.sync_engine, "do_connect")
    def aim(
        _: Dialect, entry: ConnectionPoolEntry, arguments: list[Any], options: dict[str, Any]
    ) -> None:
        uri = reader_uri(path)
        # SQLite never looks again at a file that it was told is immutable, and goes on
        # reading another that was deleted.
        stamp = _contents if "immutable=1" in uri else identity_of
        entry.info[_STAMP] = stamp, stamp(path)
        arguments[:] = [uri]
        options.update(uri=True, timeout=READ_TIMEOUT_S, isolation_level=None)

    @event.listens_for(engine.sync_engine, "checkout")
    def renew(_: DBAPIConnection, entry: ConnectionPoolEntry, __: PoolProxiedConnection) -> None:
        stamp, known = entry.info[_STAMP]
        if stamp(path) != known:
            raise DisconnectionError(f"{path} has changed")

    _read_only(engine)
    return engine


def memory_engine(name: str) -> AsyncEngine:
    """
    Make an engine that reads a database in memory.
    """
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=memory_uri(name), query={"uri": "true"}),
        poolclass=AsyncAdaptedQueuePool,
        connect_args={"timeout": READ_TIMEOUT_S, "isolation_level": None},
    )
    _read_only(engine)
    return engine


def _read_only(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        # The driver opens no transaction for a select, and a read may be several.
        connection.exec_driver_sql("BEGIN")


def _contents(path: Path) -> tuple[int, ...]:
    """
    Say how a file and its write-ahead log stand.
    """
    found = [each.stat() for each in (path, Path(f"{path}-wal")) if each.exists()]
    return tuple(part for stat in found for part in (stat.st_ino, stat.st_size, stat.st_mtime_ns))
