"""
Which databases this process has open for writing.
"""

import threading
from collections import Counter

_lock = threading.Lock()
_open: Counter[str] = Counter()


def opened(key: str) -> None:
    """
    Note that somebody in this process writes to a database from now on.

    Args:
        key: Its `Address.key`.
    """
    with _lock:
        _open[key] += 1


def closed(key: str) -> None:
    """
    Note that one who did does not any more.
    """
    with _lock:
        _open[key] -= 1


def is_open_here(key: str) -> bool:
    """
    Whether this process may be an agent's, which records into the database.
    """
    return _open[key] > 0
