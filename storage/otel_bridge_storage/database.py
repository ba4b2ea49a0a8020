"""
Opening a database: the writer's engine, readers' connections, and who may open what.
"""

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from sqlalchemy import Connection, Engine, create_engine, event, insert
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from otel_bridge_storage.errors import (
    DatabaseError,
    DatabaseNotFoundError,
    NotADatabaseError,
    SchemaVersionError,
)
from otel_bridge_storage.schema import SCHEMA_VERSION, counters, metadata, schema_info

APPLICATION_ID = 0x4F544252
BUSY_TIMEOUT_S = 10.0
COUNTERS = ("sequence", "span", "message", "log")
_SCHEMES = ("sqlite+aiosqlite:///", "sqlite:///", "sqlite+pysqlite:///")
_HEADER = b"SQLite format 3\x00"


def database_path(target: str | Path) -> Path:
    """
    Give the file that a path or a `sqlite:///` URL means.

    Raises:
        DatabaseError: The URL is of another kind of database, or of none on disk.
    """
    text = str(target)
    for scheme in _SCHEMES:
        if text.startswith(scheme):
            text = text[len(scheme) :]
            break
    if text in ("", ":memory:"):
        raise DatabaseError(
            "a database in memory would be lost at the program's end: give the path of a file"
        )
    if "://" in text:
        kind = text.split("://", 1)[0]
        raise DatabaseError(
            f"cannot open a {kind} database: give the path of a SQLite file or sqlite:///PATH"
        )
    return Path(text)


def open_reader(target: str | Path) -> sqlite3.Connection:
    """
    Open a database for reading only; nothing is ever created or changed.

    The connection may be used from any thread, one at a time.

    Raises:
        DatabaseNotFoundError: There is no such file.
        NotADatabaseError: The file is something else.
        SchemaVersionError: Another version of otel-bridge wrote it.
    """
    path = database_path(target)
    check_file(path)
    if path.exists() and path.stat().st_size == 0:
        raise NotADatabaseError(f"{path} is empty: nothing has been recorded into it")
    connection = sqlite3.connect(
        reader_uri(path), uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA query_only = ON")
        _check_version(connection, path)
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


def check_file(path: Path) -> None:
    """
    Refuse a path where no SQLite database is.

    Raises:
        DatabaseNotFoundError: There is no such file.
        NotADatabaseError: The file is something else.
    """
    if not path.exists():
        raise DatabaseNotFoundError(
            f"there is no database at {path}: record something into it first, "
            "or name another with --db or $OTEL_BRIDGE_DB"
        )
    if path.is_dir():
        raise NotADatabaseError(f"{path} is a folder: name the database file in it")
    with path.open("rb") as file:
        head = file.read(len(_HEADER))
    if head and head != _HEADER:
        raise NotADatabaseError(f"{path} is not a SQLite database: name another file")


class Database:
    """
    A database open for writing.

    Make one with `Database.open`. Writes of one object take turns; other processes and
    objects may write to the same file.
    """

    def __init__(self, path: Path, engine: Engine) -> None:
        self.path = path
        self._engine = engine
        self._connection: Connection | None = None
        self._turn = threading.RLock()
        self._file: tuple[int, int] | None = None

    @classmethod
    def open(cls, target: str | Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> "Database":
        """
        Open a database for writing, and make it where there is none.

        Args:
            busy_timeout_s: How long a transaction waits for those of other processes.

        Raises:
            NotADatabaseError: The file is something else, or belongs to another program.
            SchemaVersionError: Another version of otel-bridge wrote it.
            DatabaseError: The file cannot be opened or made.
        """
        path = database_path(target)
        try:
            _check_writable(path)
        except OSError as error:
            raise DatabaseError(f"cannot open {path} for writing: {error.strerror}") from error
        engine = _engine(path, busy_timeout_s)
        database = cls(path, engine)
        try:
            database._set_up()
        except (DBAPIError, sqlite3.Error) as error:
            engine.dispose()
            reason = error.orig if isinstance(error, DBAPIError) else error
            raise DatabaseError(f"cannot open {path} for writing: {reason}") from error
        except BaseException:
            engine.dispose()
            raise
        return database

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """
        Hold the database's one write transaction; commit at the end, or roll back.

        Raises:
            sqlalchemy.exc.OperationalError: The database could not do it now: it is
                locked, the disk is full, or the file is damaged.
        """
        try:
            with self._turn:
                if self._connection is None:
                    self._connection = self._engine.connect()
                with self._connection.begin():
                    yield self._connection
        except sqlite3.OperationalError as error:
            raise OperationalError(None, None, error) from error

    def vanished(self) -> bool:
        """
        Whether the file was deleted or replaced while it was open.

        What is written to it after that is nowhere to be found.
        """
        return self._identify() != self._file

    def make_anew(self) -> None:
        """
        Go on with what is at the path now, or a new database where nothing is.
        """
        self._disconnect()
        self._set_up()

    def close(self) -> None:
        """
        Close the file.
        """
        self._disconnect()

    def suspend(self) -> None:
        """
        Close the file until the next transaction, as must be done before a fork.
        """
        self._disconnect()

    def _disconnect(self) -> None:
        with self._turn:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            self._engine.dispose()

    def __enter__(self) -> "Database":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _set_up(self) -> None:
        with self._engine.begin() as connection:
            driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
            if not _tables(driver):
                metadata.create_all(connection)
                connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(insert(schema_info), {"version": SCHEMA_VERSION})
                connection.execute(insert(counters), [{"name": n, "value": 0} for n in COUNTERS])
            else:
                _check_version(driver, self.path)
        self._file = self._identify()

    def _identify(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return (found.st_dev, found.st_ino)


def _check_writable(path: Path) -> None:
    """
    Refuse what is there and not ours, before anything of it is changed.
    """
    if not path.exists():
        if not path.parent.is_dir():
            raise DatabaseError(f"there is no folder {path.parent}: make it first")
        return
    check_file(path)
    if path.stat().st_size == 0:
        return
    with contextlib.closing(
        sqlite3.connect(reader_uri(path), uri=True, timeout=BUSY_TIMEOUT_S)
    ) as connection:
        if _read_tables(connection, path):
            _check_version(connection, path)


def _engine(path: Path, busy_timeout_s: float) -> Engine:
    engine = create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        connect_args={
            "timeout": busy_timeout_s,
            "check_same_thread": False,
            "cached_statements": 1024,
        },
        # What people wrote must not end up in an error's text, and so in a log.
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        # The driver would open transactions by itself, and too late to be IMMEDIATE.
        connection.isolation_level = None
        cursor = connection.cursor()
        _set_wal(cursor)
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA temp_store = MEMORY")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        cursor = connection.connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        cursor.close()

    return engine


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


def _tables(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {name for (name,) in rows}


def _read_tables(connection: sqlite3.Connection, path: Path) -> set[str]:
    try:
        return _tables(connection)
    except sqlite3.DatabaseError as error:
        raise DatabaseError(f"cannot read {path}: {error}") from error


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    tables = _read_tables(connection, path)
    if "schema_info" not in tables or "run_log" not in tables:
        raise NotADatabaseError(
            f"{path} is a SQLite database of another program: name another file"
        )
    (version,) = connection.execute("SELECT max(version) FROM schema_info").fetchone()
    if version != SCHEMA_VERSION:
        raise SchemaVersionError(
            f"{path} has schema {version}, this otel-bridge knows {SCHEMA_VERSION}: "
            "run `pip install --upgrade otel-bridge`"
        )
