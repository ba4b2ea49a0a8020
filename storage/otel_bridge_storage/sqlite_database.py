"""
A SQLite file open for writing: write-ahead log, synchronous commits, one writer at a time.
"""

import contextlib
import sqlite3
import time
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPICursor

from otel_bridge_storage.addresses import Address, Kind
from otel_bridge_storage.database import BUSY_TIMEOUT_S, Database
from otel_bridge_storage.errors import DatabaseUnavailableError
from otel_bridge_storage.sqlite_files import (
    check_file,
    identity_of,
    is_damage,
    read_error,
    reader_uri,
    schema_version,
    table_names,
)
from otel_bridge_storage.sqlite_writing import writing_engine
from otel_bridge_storage.versions import SCHEMA_VERSION, version_error

APPLICATION_ID = 0x4F544252
_CHECKPOINT_PAUSE_S = 0.05
_CACHE_KB, _LOG_PAGES = 16_384, 2_000


class SqliteDatabase(Database):
    """
    A SQLite file open for writing.

    Args:
        path: The file; made where there is none.
        busy_timeout_s: How long a transaction waits for those of other processes.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        url = URL.create("sqlite+pysqlite", database=str(path))
        engine = writing_engine(url, busy_timeout_s, _keep_a_durable_log)
        super().__init__(Address(Kind.FILE, path=path), engine)
        self._own_path = path
        self._file: tuple[int, int] | None = None

    def vanished(self) -> bool:
        """
        Whether the file was deleted or replaced while it was open.
        """
        return identity_of(self._own_path) != self._file

    def set_up(self, *, make: bool = True) -> None:
        """
        Make the tables where there are none, and bring older ones up to date.
        """
        check_writable(self._own_path)
        super().set_up(make=make)
        self._file = identity_of(self._own_path)

    def size(self) -> int:
        """
        Say how many bytes of the file are in use.
        """
        with self.transaction() as connection:
            return used_bytes(connection)

    def compact(self) -> None:
        """
        Write the file anew and empty its write-ahead log.

        Raises:
            DatabaseError: Somebody else reads or writes the file for too long.
        """
        self._disconnect()
        with contextlib.closing(sqlite3.connect(self._own_path, isolation_level=None)) as own:
            own.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000)}")
            own.execute("PRAGMA secure_delete = ON")
            try:
                own.execute("VACUUM")
                _empty_log(own)
            except sqlite3.Error as error:
                if is_damage(error):
                    raise read_error(self._own_path, error) from error
                raise DatabaseUnavailableError(
                    f"what was deleted may still be in {self._own_path} and its -wal file, "
                    f"which could not be written anew ({error}): try again when nobody else "
                    "uses them and the disk has room for a copy"
                ) from error

    def _version(self, connection: Connection) -> int | None:
        driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
        if not table_names(driver, self._own_path):
            connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
            return None
        return schema_version(driver, self._own_path)

    def _lock(self, connection: Connection) -> None:
        # The transaction is IMMEDIATE from its beginning.
        pass


def used_bytes(connection: Connection) -> int:
    """
    Say how many bytes of a SQLite database are in use.
    """
    count, free, size = (
        int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (count - free) * size


def check_writable(path: Path) -> None:
    """
    Refuse what is there and not ours, before anything of it is changed.

    Raises:
        NotADatabaseError: The file is something else.
        SchemaVersionError: A newer version of otel-bridge wrote it.
        DatabaseUnavailableError: There is no such folder, or it may not be used.
    """
    try:
        if not path.exists():
            if not path.parent.is_dir():
                raise DatabaseUnavailableError(f"there is no folder {path.parent}: make it first")
            return
        check_file(path)
        if path.stat().st_size == 0:
            return
    except OSError as error:
        raise DatabaseUnavailableError(
            f"cannot open {path} for writing: {error.strerror}"
        ) from error
    with contextlib.closing(
        sqlite3.connect(reader_uri(path), uri=True, timeout=BUSY_TIMEOUT_S)
    ) as connection:
        if table_names(connection, path):
            version = schema_version(connection, path)
            if version > SCHEMA_VERSION:
                raise version_error(path, version)


def _keep_a_durable_log(cursor: DBAPICursor) -> None:
    _set_wal(cursor)
    cursor.execute("PRAGMA synchronous = FULL")
    # A batch of some thousand spans stays in memory until it is committed, and so do the
    # upper pages of the indexes from one batch to the next; the default is 2 MB.
    cursor.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
    # The same pages change in batch after batch, and the fewer checkpoints there are the
    # less often each is copied into the file; the default is 1,000 pages of 4 KB.
    cursor.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")


def _set_wal(cursor: DBAPICursor) -> None:
    """
    Switch the file to write-ahead logging.

    SQLite answers «locked» at once, whatever the timeout, while another process makes
    the same switch.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not busy or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _empty_log(connection: sqlite3.Connection) -> None:
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            return
        if time.monotonic() > deadline:
            raise sqlite3.OperationalError("another connection still reads an older state")
        time.sleep(_CHECKPOINT_PAUSE_S)
