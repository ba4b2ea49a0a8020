"""
The one place where a recording's database is opened and written, and where it is decided
what a fault of it means: to wait, to give a batch up, or to look for the record at fault.
"""

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

from otel_bridge_storage.addresses import address_of
from otel_bridge_storage.batch_writer import GiveUpError, TryAgainError
from otel_bridge_storage.database import Database, may_pass
from otel_bridge_storage.errors import DatabaseError, DatabaseUnavailableError
from otel_bridge_storage.ingest import Applied, Ingestor
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.read_ahead import Incoming
from otel_bridge_storage.readings import Pricer, Reader
from otel_bridge_storage.sqlite_files import is_damage, read_error
from sqlalchemy.exc import DBAPIError

_log = logging.getLogger("otel_bridge")
_BUSY_TIMEOUT_S = 1.0
# These pass while the connection stays as it is; after others it may be of no more use.
_HARMLESS = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL)


class DatabaseWriter:
    """
    Writes telemetry into a database, and opens it as soon as that is possible.

    A database that cannot be opened now is told once, and tried again with each batch.
    Its methods are called by one thread at a time.

    Args:
        target: A path or URL; see `addresses.address_of`.

    Raises:
        DatabaseError: The database is not one of ours, is damaged, of a newer version, or
            in a folder that does not exist; waiting would not help.
    """

    def __init__(self, target: str | Path, *, reader: Reader, pricer: Pricer) -> None:
        self.address = address_of(target)
        self._reader = reader
        self._pricer = pricer
        self._database: Database | None = None
        self._ingestor: Ingestor | None = None
        self._healthy = True
        self._connected = False
        try:
            self._open()
        except DatabaseUnavailableError as error:
            if self._is_in_no_folder():
                raise
            _log.warning(
                "otel-bridge: %s; the program goes on, and what it records waits until then",
                error,
            )

    @property
    def database(self) -> Database | None:
        """
        The database; None as long as it could not be opened.
        """
        return self._database

    @property
    def ingestor(self) -> Ingestor | None:
        """
        What stores into the database; None as long as it could not be opened.
        """
        return self._ingestor

    @property
    def survives_forks(self) -> bool:
        """
        Whether a forked child may go on writing.
        """
        return self._database is None or self._database.survives_forks

    def write(self, arrivals: Iterable[Incoming]) -> Applied:
        """
        Store a batch durably, or nothing of it.

        Raises:
            TryAgainError: It cannot be stored now, and may be later.
            GiveUpError: Neither it nor any part of it can be stored.
        """
        with self._judging():
            ingestor = self._ready()
        batch = list(arrivals)
        with self._judging():
            applied = ingestor.apply(batch)
        self._healthy = True
        return applied

    def renew(self) -> None:
        """
        Say that the writer lives, unless the last batch found that nothing can be written.

        Raises:
            TryAgainError: It cannot be written now.
            GiveUpError: Nothing can be written any more.
        """
        if self._ingestor is not None and self._healthy:
            with self._judging():
                self._ingestor.renew()

    def suspend(self) -> None:
        """
        Let go of the database until the next batch, as must be done before a fork.
        """
        if self._database is not None:
            self._connected = False
            self._database.suspend()

    def become_another(self) -> None:
        """
        Be a writer of its own from now on, as a forked child is.
        """
        if self._database is not None:
            self._ingestor = self._make_ingestor(self._database)

    def close(self) -> None:
        """
        Sign off and let go of the database; open runs are interrupted from now on.
        """
        if self._database is None or self._ingestor is None:
            return
        try:
            with self._judging():
                self._ingestor.leave()
        except (TryAgainError, GiveUpError, DBAPIError) as error:
            _log.warning("otel-bridge could not sign off from %s: %s", self.address, error)
        self._database.close()

    def _open(self) -> Ingestor:
        self._check_permission()
        self._database = open_database(self.address, busy_timeout_s=_BUSY_TIMEOUT_S)
        self._ingestor = self._make_ingestor(self._database)
        return self._ingestor

    def _ready(self) -> Ingestor:
        if self._database is None or self._ingestor is None:
            ingestor = self._open()
            _log.info("otel-bridge: %s is open, and recording goes on", self.address)
            return ingestor
        if not self._connected:
            self._check_permission()
            self._connected = True
        if self._database.begin_anew_if_vanished():
            self._ingestor = self._make_ingestor(self._database)
        return self._ingestor

    def _make_ingestor(self, database: Database) -> Ingestor:
        return Ingestor(database, reader=self._reader, pricer=self._pricer)

    def _check_permission(self) -> None:
        # SQLite would open the file all the same, and leave read-only files beside it.
        path = self.address.path
        effective = os.access in os.supports_effective_ids
        if path and os.path.exists(path) and not os.access(path, os.W_OK, effective_ids=effective):
            raise DatabaseUnavailableError(
                f"cannot open {path} for writing: this user may not write the file"
            )

    def _is_in_no_folder(self) -> bool:
        path = self.address.path
        try:
            return path is not None and not path.parent.is_dir()
        except OSError:
            return False

    @contextlib.contextmanager
    def _judging(self) -> Iterator[None]:
        try:
            yield
        except (DatabaseError, DBAPIError, sqlite3.Error) as error:
            meaning = self._meaning(error)
            if meaning is None:
                raise
            self._healthy = isinstance(meaning, TryAgainError)
            if not self._healthy or not _is_harmless(error):
                self.suspend()
            raise meaning from error

    def _meaning(self, error: Exception) -> TryAgainError | GiveUpError | None:
        reason = _reason(error)
        if isinstance(error, DatabaseUnavailableError):
            return TryAgainError(str(error))
        if isinstance(error, DatabaseError):
            return GiveUpError(str(error))
        if is_damage(reason):
            return GiveUpError(str(read_error(self.address, reason)))
        passes = may_pass(error) if isinstance(error, DBAPIError) else _is_operational(error)
        return TryAgainError(f"{self.address}: {reason}") if passes else None


def _reason(error: Exception) -> BaseException:
    return error.orig if isinstance(error, DBAPIError) and error.orig else error


def _is_operational(error: Exception) -> bool:
    return isinstance(error, sqlite3.OperationalError)


def _is_harmless(error: Exception) -> bool:
    code = getattr(_reason(error), "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _HARMLESS
