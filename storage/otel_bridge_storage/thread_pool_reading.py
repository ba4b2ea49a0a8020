"""
Engines that read a database in threads, so that any event loop may wait for them.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection, Dialect
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool

from otel_bridge_storage.addresses import Address
from otel_bridge_storage.memory_database import memory_uri
from otel_bridge_storage.sqlite_files import READ_TIMEOUT_S, identity_of, reader_uri

_FILE = "otel_bridge_file"
_KEPT = 8


def reading_engine(address: Address) -> Engine:
    """
    Make an engine that only reads what somebody has open for writing.

    Raises:
        NotInstalledError: The database's driver is not installed.
    """
    if address.url is not None:
        from otel_bridge_storage import postgres_reading

        return postgres_reading.reading_engine(address.url)
    if address.path is not None:
        return _file_engine(address.path)
    name = address.memory or ""
    return _engine(str(address), lambda _: _connect(memory_uri(name)))


def _file_engine(path: Path) -> Engine:
    def connect(entry: ConnectionPoolEntry) -> sqlite3.Connection:
        entry.info[_FILE] = identity_of(path)
        return _connect(reader_uri(path))

    engine = _engine(str(path), connect)

    @event.listens_for(engine, "checkout")
    def renew(_: DBAPIConnection, entry: ConnectionPoolEntry, __: PoolProxiedConnection) -> None:
        if entry.info[_FILE] != identity_of(path):
            raise DisconnectionError(f"{path} was replaced")

    return engine


def _connect(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri, uri=True, timeout=READ_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA query_only = ON")
    return connection


def _engine(name: str, connect: Callable[[ConnectionPoolEntry], sqlite3.Connection]) -> Engine:
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=name),
        poolclass=QueuePool,
        pool_size=_KEPT,
        max_overflow=-1,
        pool_use_lifo=True,
        hide_parameters=True,
    )

    @event.listens_for(engine, "do_connect")
    def open_it(_: Dialect, entry: ConnectionPoolEntry, *__: object) -> sqlite3.Connection:
        return connect(entry)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine
