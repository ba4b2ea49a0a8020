"""
A program that opens a database, which upgrades an old one, and kills itself meanwhile.

Usage: upgrade_child.py DATABASE statement N, to die before its N-th SQL statement, or
upgrade_child.py DATABASE instruction N, to die at the N-th thousand instructions of SQLite's
machine. If it comes to the end it prints how many there were.
"""

import os
import signal
import sqlite3
import sys
from typing import Any

from otel_bridge_storage.opening import open_database
from sqlalchemy import Engine, event

INSTRUCTIONS = 1000


def die() -> None:
    """
    End at once, without any clearing up.
    """
    os.kill(os.getpid(), signal.SIGKILL)


def main(path: str, unit: str, number: int) -> None:
    """
    Open the database.
    """
    seen = 0

    def count(*_: Any) -> int:
        nonlocal seen
        seen += 1
        if seen == number:
            die()
        return 0

    if unit == "statement":
        event.listen(Engine, "before_cursor_execute", count)
    else:

        @event.listens_for(Engine, "connect")
        def connected(connection: sqlite3.Connection, _: Any) -> None:
            connection.set_progress_handler(count, INSTRUCTIONS)

    open_database(path).close()
    sys.stdout.write(str(seen))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
