"""
SQLite files as they lie on the disk: which are ours, and how a reader opens one.
"""

import os
import sqlite3
from pathlib import Path

from otel_bridge_storage.addresses import Address, file_path
from otel_bridge_storage.errors import (
    DatabaseDamagedError,
    DatabaseError,
    DatabaseNotFoundError,
    NotADatabaseError,
)
from otel_bridge_storage.versions import check_version

READ_TIMEOUT_S = 10.0
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def open_reader(target: str | Path | Address) -> sqlite3.Connection:
    """
    Open a database for reading only; nothing is ever created or changed.

    The connection may be used from any thread, one at a time.

    Raises:
        DatabaseNotFoundError: There is no such file.
        NotADatabaseError: The file is something else.
        SchemaVersionError: Another version of otel-bridge wrote it.
        DatabaseDamagedError: The file is damaged.
    """
    path = file_path(target)
    check_file(path)
    if path.exists() and path.stat().st_size == 0:
        raise NotADatabaseError(f"{path} is empty: nothing has been recorded into it")
    try:
        connection = sqlite3.connect(
            reader_uri(path), uri=True, timeout=READ_TIMEOUT_S, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise read_error(path, error) from error
    try:
        connection.execute("PRAGMA query_only = ON")
        check_version(path, schema_version(connection, path))
    except BaseException:
        connection.close()
        raise
    return connection


def reader_uri(path: Path) -> str:
    """
    Give the URI under which a reader opens a file.

    A connection that may write clears away the `-wal` and `-shm` files when it is the
    last to close, where one that may not would leave them behind; `query_only` keeps it
    from writing. In a folder that cannot be written no writer can be at work either, so
    that a file without them may be taken as it stands.
    """
    address = path.absolute().as_uri()
    if not os.access(path.parent, os.W_OK) and not Path(f"{path}-wal").exists():
        return f"{address}?mode=ro&immutable=1"
    return f"{address}?mode=rw"


def identity_of(path: Path) -> tuple[int, int] | None:
    """
    Say which file is at a path; None where there is none.
    """
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino)


def check_file(path: Path) -> None:
    """
    Refuse a path where no file is.

    What is in a file only SQLite may look at: when a program closes a file that it has
    also open as a database, the system drops the locks of that database.

    Raises:
        DatabaseNotFoundError: There is no such file.
        NotADatabaseError: It is a folder.
    """
    if not path.exists():
        raise DatabaseNotFoundError(
            f"there is no database at {path}: record something into it first, "
            "or name another with --db or $OTEL_BRIDGE_DB"
        )
    if path.is_dir():
        raise NotADatabaseError(f"{path} is a folder: name the database file in it")


def schema_version(connection: sqlite3.Connection, path: Path) -> int:
    """
    Read which schema a file has.

    Raises:
        NotADatabaseError: Another program's.
        DatabaseDamagedError: The file is damaged.
    """
    tables = table_names(connection, path)
    if "schema_info" not in tables or "run_log" not in tables:
        raise NotADatabaseError(
            f"{path} is a SQLite database of another program: name another file"
        )
    try:
        (version,) = connection.execute("SELECT max(version) FROM schema_info").fetchone()
    except sqlite3.DatabaseError as error:
        raise read_error(path, error) from error
    return int(version)


def table_names(connection: sqlite3.Connection, path: Path) -> set[str]:
    """
    List the tables of a file.

    Raises:
        NotADatabaseError: The file is something else.
        DatabaseDamagedError: The file is damaged.
    """
    try:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {name for (name,) in rows}
    except sqlite3.DatabaseError as error:
        if is_something_else(error):
            raise NotADatabaseError(
                f"{path} is not a SQLite database: name another file"
            ) from error
        raise read_error(path, error) from error


def read_error(database: object, error: BaseException) -> DatabaseError:
    """
    Make the error for something that could not be read.
    """
    if is_damage(error):
        return DatabaseDamagedError(
            f"{database} is damaged ({error}): run `otel-bridge check --db {database}` to see "
            f"what is left, and `otel-bridge export --db {database}` to save it"
        )
    return DatabaseError(f"cannot read {database}: {error}")


def is_something_else(error: BaseException) -> bool:
    """
    Whether an error of the driver says that a file does not begin as a database does.
    """
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_NOTADB


def is_damage(error: BaseException) -> bool:
    """
    Whether an error of the driver says that the file is damaged.
    """
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _DAMAGE
