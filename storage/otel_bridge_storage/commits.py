"""
Waking readers of this process when a transaction of this process has committed.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Hashable

_lock = threading.Lock()
_listeners: defaultdict[Hashable, list[Callable[[], None]]] = defaultdict(list)


def committed(database: Hashable) -> None:
    """
    Tell all who listen that something was committed; on the writer's thread, so that a
    listener must only wake somebody.
    """
    if database in _listeners:
        with _lock:
            listeners = list(_listeners.get(database, ()))
        for listener in listeners:
            listener()


def listen(database: Hashable, listener: Callable[[], None]) -> Callable[[], None]:
    """
    Have a function called after each commit to a database.

    Returns:
        What ends it.
    """
    with _lock:
        _listeners[database].append(listener)

    def stop() -> None:
        with _lock:
            mine = _listeners[database]
            if listener in mine:
                mine.remove(listener)
            if not mine:
                del _listeners[database]

    return stop
