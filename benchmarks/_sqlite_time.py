"""
How much of the processor time of a piece of work is spent inside SQLite.

The driver lets go of Python's lock while SQLite works, so that the rest is what keeps
other threads of the process waiting.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Spent:
    """
    Processor time inside SQLite, in seconds.
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    def on(self, work: Any, *arguments: Any) -> Any:
        """
        Call something and add what it takes.
        """
        begin = time.thread_time()
        try:
            return work(*arguments)
        finally:
            self.seconds += time.thread_time() - begin


@contextmanager
def time_in_sqlite() -> Iterator[Spent]:
    """
    Count for all connections that are opened meanwhile.
    """
    spent = Spent()

    class Cursor(sqlite3.Cursor):
        def execute(self, *arguments: Any) -> Any:
            return spent.on(super().execute, *arguments)

        def executemany(self, *arguments: Any) -> Any:
            return spent.on(super().executemany, *arguments)

        def fetchall(self) -> Any:
            return spent.on(super().fetchall)

    class Connection(sqlite3.Connection):
        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(factory)

        def commit(self) -> None:
            spent.on(super().commit)

    driver: Any = sqlite3.dbapi2
    connect = driver.connect

    def counting(*arguments: Any, **named: Any) -> Any:
        return connect(*arguments, **named, factory=Connection)

    driver.connect = counting
    try:
        yield spent
    finally:
        driver.connect = connect
