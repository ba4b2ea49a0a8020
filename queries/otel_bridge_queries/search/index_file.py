"""
Where an index is kept: in a file beside the database, or else for as long as it is open.
"""

import contextlib
import logging
import sqlite3
from pathlib import Path

from otel_bridge_storage.sqlite_files import identity_of

from otel_bridge_queries.cache_folder import cache_folder, make_cache_folder
from otel_bridge_queries.search.index import Index

_NAME = "search.sqlite"
_WAIT_S = 300.0
_log = logging.getLogger("otel_bridge")
_UNWRITABLE = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
# The disk is full, or does not do as told; a file elsewhere may have more luck.
_FAILING = (*_UNWRITABLE, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


def index_path(database: Path) -> Path:
    """
    Say where the index of a database file is, whether it is there or not.
    """
    return cache_folder(database) / _NAME


class IndexFile:
    """
    The index of one database, opened when it is first needed.

    It is a rollback-journal file: one that searches waits only for another that brings
    the index up to date, as it would have to itself.

    Args:
        database: The database's file; None keeps the index in a temporary file that goes
            when it is closed.
    """

    def __init__(self, database: Path | None) -> None:
        self._database = database
        self._index: Index | None = None
        self._file: tuple[int, int] | None = None

    def index(self) -> Index:
        """
        Give the index as it is at its place now.

        Raises:
            sqlite3.Error: It cannot be opened; see `recover`.
        """
        if self._database is not None and self._file != identity_of(index_path(self._database)):
            self.close()
        if self._index is None:
            self._index = self._opened()
        return self._index

    def recover(self, error: sqlite3.Error) -> bool:
        """
        Do what makes the index usable after an error: make it anew, or keep it elsewhere.

        Returns:
            Whether there is a point in another try.
        """
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        self.close()
        if self._database is None or code in _BUSY:
            return False
        if code in _FAILING or not delete_index(self._database):
            self._keep_elsewhere(self._database, error)
        return True

    def close(self) -> None:
        """
        Let go of the file.
        """
        if self._index is not None:
            self._index.close()
            self._index = None

    def _opened(self) -> Index:
        if self._database is not None:
            try:
                make_cache_folder(self._database)
            except OSError as error:
                self._keep_elsewhere(self._database, error)
        if self._database is None:
            return _index("")
        index = open_index(self._database)
        self._file = identity_of(index_path(self._database))
        return index

    def _keep_elsewhere(self, database: Path, error: Exception) -> None:
        self._database = None
        _log.warning(
            "otel-bridge: the search index cannot be kept in %s (%s), so that it is made anew "
            "each time: searches take longer",
            cache_folder(database),
            error,
        )


def open_index(database: Path) -> Index:
    """
    Open the index of a database that has one.

    Raises:
        sqlite3.Error: It cannot be opened.
    """
    return _index(index_path(database))


def delete_index(database: Path) -> bool:
    """
    Delete the index of a database, and say whether none is left.
    """
    path = index_path(database)
    for file in (Path(f"{path}-journal"), path):
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)
    return not path.exists()


def _index(path: Path | str) -> Index:
    connection = sqlite3.connect(
        path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False
    )
    try:
        return Index(connection)
    except BaseException:
        connection.close()
        raise
