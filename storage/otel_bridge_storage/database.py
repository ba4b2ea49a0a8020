"""
A database that is open for writing, whichever kind it is.
"""

import contextlib
import logging
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine, insert, select
from sqlalchemy.exc import DBAPIError, OperationalError

from otel_bridge_storage import commits, open_here
from otel_bridge_storage.addresses import Address
from otel_bridge_storage.columns import metadata
from otel_bridge_storage.errors import DatabaseNotFoundError
from otel_bridge_storage.migrations import COUNTERS, upgrade
from otel_bridge_storage.schema import counters, schema_info
from otel_bridge_storage.versions import SCHEMA_VERSION, check_version, version_error

BUSY_TIMEOUT_S = 10.0
_log = logging.getLogger("otel_bridge")
_VERSION = str(select(schema_info.c.version))
# PostgreSQL's codes: a server that only reads, as one does while another takes over; and
# a row that is larger than the server can ever hold.
_PASSING_STATES = ("25006",)
_TOO_MUCH = "54"


class Database(ABC):
    """
    A database open for writing.

    Make one with `opening.open_database`. Writes of one object take turns; other
    processes and objects may write to the same database.

    Args:
        address: Where it is.
        engine: Connects to it, one connection at a time.
    """

    # Whether a forked child may go on writing to it.
    survives_forks = True
    # Whether `size` tells at once of rows that were deleted, or after `compact`.
    deletes_free_room = True
    # Whether an error may mean that the connection is gone.
    _errors_break_connections = False

    def __init__(self, address: Address, engine: Engine) -> None:
        self.address = address
        self._key = address.key
        self._engine = engine
        self._connection: Connection | None = None
        self._turn = threading.RLock()
        self._noted = False

    @property
    def path(self) -> Path | None:
        """
        The database's file, where it is one.
        """
        return self.address.path

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """
        Hold the database's one write transaction; commit at the end, or roll back.

        Raises:
            sqlalchemy.exc.OperationalError: The database could not do it now: it is
                locked, the disk is full, the server is away, or the file is damaged.
            SchemaVersionError: Another version of otel-bridge changed it meanwhile.
        """
        with self._turn:
            try:
                if self._connection is None:
                    self._connection = self._engine.connect()
                with self._connection.begin():
                    self._enter(self._connection)
                    yield self._connection
            except self._driver_error as error:
                _leave_out_values(error)
                self._failed()
                raise DBAPIError.instance(
                    None, None, error, self._driver_error, hide_parameters=True
                ) from error
            except DBAPIError as error:
                if error.orig is not None and _leave_out_values(error.orig):
                    error.args = (str(error.orig),)
                self._failed()
                raise
        commits.committed(self._key)

    def vanished(self) -> bool:
        """
        Whether the database was deleted or replaced while it was open.

        What is written to it after that is nowhere to be found.
        """
        return False

    def begin_anew_if_vanished(self) -> bool:
        """
        Go on with another database if this one was deleted or replaced, and tell of it.

        Returns:
            Whether it is another one now.
        """
        if not self.vanished():
            return False
        self.make_anew()
        _log.warning(
            "otel-bridge: %s was deleted or replaced, and what it held with it; "
            "recording goes on into a new one",
            self.address,
        )
        return True

    def make_anew(self) -> None:
        """
        Go on with what is at the address now, or a new database where nothing is.
        """
        self._disconnect()
        self.set_up()

    def close(self) -> None:
        """
        Let go of the database.
        """
        self._disconnect()
        if self._noted:
            self._noted = False
            open_here.closed(self._key)

    def suspend(self) -> None:
        """
        Let go until the next transaction, as must be done before a fork.
        """
        self._disconnect()

    @abstractmethod
    def size(self) -> int:
        """
        Say how many bytes hold rows and indexes; room that is free again is left out.
        """

    @abstractmethod
    def compact(self) -> None:
        """
        Write the database anew without what was deleted, so that none of it is left.

        Raises:
            DatabaseError: Somebody else reads or writes it for too long.
        """

    def set_up(self, *, make: bool = True) -> None:
        """
        Make the tables where there are none, and bring older ones up to date.

        Args:
            make: False makes none.

        Raises:
            DatabaseNotFoundError: There are none, and none were to be made.
            NotADatabaseError: It belongs to another program.
            SchemaVersionError: A newer version of otel-bridge wrote it.
        """
        with self._engine.begin() as connection:
            self._lock(connection)
            version = self._version(connection)
            if version is None and not make:
                raise DatabaseNotFoundError(
                    f"nothing has been recorded into {self.address}: record something first, "
                    "or name another database with --db or $OTEL_BRIDGE_DB"
                )
            if version is None:
                metadata.create_all(connection)
                connection.execute(insert(schema_info), {"version": SCHEMA_VERSION})
                connection.execute(insert(counters), [{"name": n, "value": 0} for n in COUNTERS])
            elif version > SCHEMA_VERSION:
                raise version_error(self.address, version)
            elif version < SCHEMA_VERSION:
                upgrade(connection, version)
        if not self._noted:
            self._noted = True
            open_here.opened(self._key)

    @abstractmethod
    def _version(self, connection: Connection) -> int | None:
        """
        Read the schema's version; None where there are no tables at all.
        """

    @abstractmethod
    def _lock(self, connection: Connection) -> None:
        """
        Keep all other writers out until the transaction ends.
        """

    @property
    def _driver_error(self) -> type[Exception]:
        error: type[Exception] = self._engine.dialect.loaded_dbapi.Error
        return error

    def _enter(self, connection: Connection) -> None:
        self._lock(connection)
        cursor = connection.connection.cursor()
        cursor.execute(_VERSION)
        (version,) = cursor.fetchone() or (0,)
        cursor.close()
        check_version(self.address, version)

    def _failed(self) -> None:
        connection = self._connection
        if self._errors_break_connections and connection is not None:
            self._connection = None
            with contextlib.suppress(DBAPIError):
                connection.invalidate()
            connection.close()

    def _disconnect(self) -> None:
        with self._turn:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def _leave_out_values(error: BaseException) -> bool:
    """
    Keep what people wrote out of an error: PostgreSQL adds the row to its message.
    """
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    if primary is not None:
        error.args = (primary,)
    return primary is not None


def may_pass(error: DBAPIError) -> bool:
    """
    Whether what a database refused now it may accept later: a fault of the disk, the
    file, the server or its other users, and not of the statement or the tables.
    """
    state = getattr(error.orig, "sqlstate", None) or ""
    if state in _PASSING_STATES:
        return True
    if not isinstance(error, OperationalError) or state.startswith(_TOO_MUCH):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code is None or code & 0xFF != sqlite3.SQLITE_ERROR
