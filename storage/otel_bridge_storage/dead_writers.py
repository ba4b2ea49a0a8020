"""
Which writers are gone: their open runs are interrupted.
"""

import os
import socket
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path

SILENCE_S = 30.0
_NS = 1_000_000_000

# The writers of open runs, and what tells whether they are gone.
DEAD_WRITERS_SQL = (
    "SELECT writer_id, host, pid, last_seen_ns, closed_ns FROM writers "
    "WHERE writer_id IN (SELECT writer_id FROM runs WHERE status = 'running')"
)


def is_dead(
    host: str,
    pid: int,
    last_seen_ns: int,
    closed_ns: int | None,
    *,
    now_ns: int | None = None,
    exists: Callable[[int], bool] | None = None,
) -> bool:
    """
    Say whether a writer is gone.

    A sign of life that lies in the future, since a clock was set back, counts as one of
    now: such a writer lives unless its process is gone from this host.

    Args:
        now_ns: The time to judge by; the present if None.
        exists: Says whether a process of this host is there; the system does if None.
    """
    now_ns = time.time_ns() if now_ns is None else now_ns
    if closed_ns is not None or last_seen_ns < silence_limit(now_ns):
        return True
    return host == socket.gethostname() and not (exists or process_exists)(pid)


def silence_limit(now_ns: int) -> int:
    """
    Give the moment since which every writer that lives has been heard of.
    """
    return now_ns - int(SILENCE_S * _NS)


def dead_writers(connection: sqlite3.Connection, *, now_ns: int | None = None) -> list[str]:
    """
    List those writers of open runs that are gone.
    """
    return [
        writer_id
        for writer_id, *state in connection.execute(DEAD_WRITERS_SQL)
        if is_dead(*state, now_ns=now_ns)
    ]


def process_exists(pid: int) -> bool:
    """
    Say whether this host has a process of that id.
    """
    # On Windows os.kill would end the process; its silence tells soon enough.
    if sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _has_ended(pid)


def _has_ended(pid: int) -> bool:
    """
    Whether a process has ended and its parent has not yet asked how, where that is told.
    """
    try:
        told = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return False
    return told.rpartition(")")[2].split()[:1] == ["Z"]
