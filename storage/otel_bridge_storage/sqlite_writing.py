"""
Engines that write SQLite, in a file or in memory: one connection, one transaction at a time.
"""

from collections.abc import Callable

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool


def writing_engine(
    url: URL, busy_timeout_s: float, choose_journal: Callable[[DBAPICursor], None]
) -> Engine:
    """
    Make an engine whose transactions hold the write lock from their beginning.

    Args:
        busy_timeout_s: How long a transaction waits for those of other connections.
        choose_journal: Sets up how a connection makes its commits durable.
    """
    engine = create_engine(
        url,
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
        choose_journal(cursor)
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA temp_store = MEMORY")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        cursor = connection.connection.cursor()
        cursor.execute("BEGIN IMMEDIATE")
        cursor.close()

    return engine
