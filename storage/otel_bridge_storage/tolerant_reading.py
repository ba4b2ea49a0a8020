"""
Connections for looking at a database that may be damaged: one snapshot, never a write.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from otel_bridge_storage.addresses import Address, address_of
from otel_bridge_storage.errors import NotADatabaseError
from otel_bridge_storage.memory_database import check_memory, memory_uri
from otel_bridge_storage.sqlite_files import (
    READ_TIMEOUT_S,
    check_file,
    is_something_else,
    read_error,
    reader_uri,
)
from otel_bridge_storage.versions import SCHEMA_VERSION, version_error

_PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT)


@contextmanager
def tolerant_reading(target: str | Path | Address) -> Iterator[Connection]:
    """
    Open one snapshot of a database, whole or damaged, of this or an older schema.

    Texts of a file that are no UTF-8 come with lone surrogates in place of the bad bytes.

    Raises:
        DatabaseNotFoundError: There is no such database.
        NotADatabaseError: It is something else.
        SchemaVersionError: A newer version of otel-bridge wrote it.
        DatabaseUnavailableError: The server cannot be reached.
    """
    address = address_of(target)
    engine = _engine(address)
    try:
        with engine.connect() as connection:
            if address.url is None:
                connection.exec_driver_sql("BEGIN")
                _check_version(address, connection)
            yield connection
    except DBAPIError as error:
        reason = error.orig or error
        if is_something_else(reason):
            raise NotADatabaseError(f"{address} is not a SQLite database") from error
        raise read_error(address, reason) from error
    finally:
        engine.dispose()


def is_unreadable(error: BaseException) -> bool:
    """
    Whether a read failed because of what is stored, and would fail again.

    A damaged file shows in many ways: as such, as a table that is not there, as a text
    that is too long for any memory.
    """
    reason = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(reason, MemoryError):
        return True
    if not isinstance(reason, sqlite3.Error):
        return False
    return (getattr(reason, "sqlite_errorcode", None) or 0) & 0xFF not in _PASSING


def _engine(address: Address) -> Engine:
    if address.url is not None:
        from otel_bridge_storage.postgres_reading import check_postgres, reading_engine

        engine = reading_engine(address.url)
        check_postgres(address, engine)
        return engine
    if address.path is None:
        check_memory(address)
        uri = memory_uri(address.memory or "")
    else:
        check_file(address.path)
        if address.path.stat().st_size == 0:
            raise NotADatabaseError(f"{address} is empty: nothing has been recorded into it")
        uri = untouched_uri(address.path)
    return create_engine(
        "sqlite://",
        creator=lambda: _connect(uri),
        poolclass=StaticPool,
        hide_parameters=True,
    )


def untouched_uri(path: Path) -> str:
    """
    Give the URI under which nothing of a file or its write-ahead log is changed.

    The last connection that may write puts what is in the log into the file.
    """
    uri = reader_uri(path)
    return uri.replace("?mode=rw", "?mode=ro") if Path(f"{path}-wal").exists() else uri


def _connect(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        uri, uri=True, timeout=READ_TIMEOUT_S, check_same_thread=False, isolation_level=None
    )
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    connection.execute("PRAGMA query_only = ON")
    # Reads on where the file is shorter than it says, or an entry of its schema is broken.
    connection.execute("PRAGMA writable_schema = ON")
    return connection


def _check_version(address: Address, connection: Connection) -> None:
    try:
        found = connection.exec_driver_sql("SELECT name FROM sqlite_master").scalars().all()
        if found and not {"spans", "run_log"} & set(found):
            raise NotADatabaseError(
                f"{address} is a SQLite database of another program: name another file"
            )
        version = connection.exec_driver_sql("SELECT max(version) FROM schema_info").scalar()
    except DBAPIError as error:
        if is_unreadable(error):
            return
        raise
    if isinstance(version, int) and SCHEMA_VERSION < version < SCHEMA_VERSION + 1000:
        raise version_error(address, version)
