"""
Opening a database for writing, whichever kind its address says.
"""

import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from otel_bridge_storage.addresses import Address, address_of
from otel_bridge_storage.database import BUSY_TIMEOUT_S, Database, may_pass
from otel_bridge_storage.errors import DatabaseError, DatabaseUnavailableError
from otel_bridge_storage.sqlite_files import check_file, is_damage, read_error


def open_database(
    target: str | Path | Address, *, busy_timeout_s: float = BUSY_TIMEOUT_S
) -> Database:
    """
    Open a database for writing; make it where there is none, and bring an older one up
    to date.

    Args:
        target: A path or URL; see `addresses.address_of`.
        busy_timeout_s: How long a transaction waits for those of other processes.

    Raises:
        NotADatabaseError: It is something else, or belongs to another program.
        SchemaVersionError: A newer version of otel-bridge wrote it.
        DatabaseUnavailableError: It cannot be opened or made now, and may be later.
        DatabaseError: It cannot be opened or made.
    """
    return _opened(address_of(target), busy_timeout_s, make=True)


def open_existing(
    target: str | Path | Address, *, busy_timeout_s: float = BUSY_TIMEOUT_S
) -> Database:
    """
    Open a database for writing, and make none where there is none.

    Raises:
        DatabaseNotFoundError: There is no such database.
        DatabaseError: As `open_database`.
    """
    address = address_of(target)
    if address.path is not None:
        check_file(address.path)
    elif address.url is None:
        from otel_bridge_storage.memory_database import check_memory

        check_memory(address)
    return _opened(address, busy_timeout_s, make=False)


def _opened(address: Address, busy_timeout_s: float, *, make: bool) -> Database:
    database = _make(address, busy_timeout_s)
    try:
        database.set_up(make=make)
    except (DBAPIError, sqlite3.Error) as error:
        database.close()
        raise _opening_error(address, error) from error
    except BaseException:
        database.close()
        raise
    return database


def _make(address: Address, busy_timeout_s: float) -> Database:
    if address.path is not None:
        from otel_bridge_storage.sqlite_database import SqliteDatabase

        return SqliteDatabase(address.path, busy_timeout_s=busy_timeout_s)
    if address.url is not None:
        from otel_bridge_storage.postgres_database import PostgresDatabase

        return PostgresDatabase(address.url, busy_timeout_s=busy_timeout_s)
    from otel_bridge_storage.memory_database import MemoryDatabase

    return MemoryDatabase(address.memory or "", busy_timeout_s=busy_timeout_s)


def _opening_error(address: Address, error: Exception) -> DatabaseError:
    reason = error.orig if isinstance(error, DBAPIError) and error.orig else error
    if is_damage(reason):
        return read_error(address, reason)
    passing = isinstance(error, sqlite3.OperationalError) or (
        isinstance(error, DBAPIError) and may_pass(error)
    )
    kind = DatabaseUnavailableError if passing else DatabaseError
    return kind(f"cannot open {address} for writing: {reason}")
