"""
SQLite databases in memory: for tests, and for programs whose runs need not last.

Connections of one process share a database by its name. It is there as long as somebody
has it open for writing, and nowhere else: a forked child does not see it.
"""

import sqlite3
import threading
from collections import Counter
from urllib.parse import quote

from sqlalchemy import Connection, inspect, select
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPICursor

from otel_bridge_storage.addresses import Address, Kind
from otel_bridge_storage.database import BUSY_TIMEOUT_S, Database
from otel_bridge_storage.errors import DatabaseNotFoundError
from otel_bridge_storage.schema import schema_info
from otel_bridge_storage.sqlite_database import used_bytes
from otel_bridge_storage.sqlite_files import READ_TIMEOUT_S
from otel_bridge_storage.sqlite_writing import writing_engine

_lock = threading.Lock()
_open: Counter[str] = Counter()


class MemoryDatabase(Database):
    """
    A SQLite database in memory, open for writing.

    Args:
        name: What other connections of the process find it by.
    """

    survives_forks = False

    def __init__(self, name: str, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        url = URL.create("sqlite+pysqlite", database=memory_uri(name), query={"uri": "true"})
        engine = writing_engine(url, busy_timeout_s, _keep_a_journal_in_memory)
        super().__init__(Address(Kind.MEMORY, memory=name), engine)
        self._name = name
        # It goes with its last connection.
        self._anchor: sqlite3.Connection | None = sqlite3.connect(
            memory_uri(name), uri=True, check_same_thread=False
        )
        with _lock:
            _open[name] += 1

    def close(self) -> None:
        """
        Let go of the database; with the last who does, it is gone.
        """
        super().close()
        if self._anchor is not None:
            self._anchor.close()
            self._anchor = None
            with _lock:
                _open[self._name] -= 1

    def size(self) -> int:
        """
        Say how many bytes of it are in use.
        """
        with self.transaction() as connection:
            return used_bytes(connection)

    def compact(self) -> None:
        """
        Write the database anew.
        """
        self._disconnect()
        if self._anchor is not None:
            self._anchor.execute("VACUUM")

    def _version(self, connection: Connection) -> int | None:
        if not inspect(connection).has_table("schema_info"):
            return None
        return int(connection.execute(select(schema_info.c.version)).scalar_one())

    def _lock(self, connection: Connection) -> None:
        # The transaction is IMMEDIATE from its beginning.
        pass


def memory_uri(name: str) -> str:
    """
    Give the URI under which connections of this process share a database.
    """
    return f"file:/otel-bridge-{quote(name, safe='')}?vfs=memdb"


def check_memory(address: Address) -> None:
    """
    Refuse a database in memory that nobody has open.

    Raises:
        DatabaseNotFoundError: There is none of that name in this process.
    """
    if not _open[address.memory or ""]:
        raise DatabaseNotFoundError(
            f"there is no database {address} in this process: open it for writing first"
        )


def open_memory_reader(name: str) -> sqlite3.Connection:
    """
    Open a database in memory for reading only.

    The connection may be used from any thread, one at a time.

    Raises:
        DatabaseNotFoundError: There is none of that name in this process.
    """
    check_memory(Address(Kind.MEMORY, memory=name))
    connection = sqlite3.connect(
        memory_uri(name), uri=True, timeout=READ_TIMEOUT_S, check_same_thread=False
    )
    connection.execute("PRAGMA query_only = ON")
    return connection


def _keep_a_journal_in_memory(cursor: DBAPICursor) -> None:
    cursor.execute("PRAGMA journal_mode = MEMORY")
