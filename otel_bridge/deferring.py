"""
Recording at unusual moments: while garbage is collected, and in a forked process.
"""

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from types import TracebackType

from otel_bridge.failures import Faults


class Deferred:
    """
    What the garbage collector wants recorded, kept for a moment when no lock is held.

    Garbage may be collected in the middle of any code, that which holds a lock included.
    """

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._actions: deque[Callable[[], None]] = deque()

    def add(self, action: Callable[[], None]) -> None:
        """
        Keep an action; takes no lock.
        """
        self._actions.append(action)

    def settle(self) -> None:
        """
        Do what was kept.
        """
        while self._actions:
            try:
                action = self._actions.popleft()
            except IndexError:  # another thread took it
                return
            with self._faults.contained("recording what was dropped"):
                action()


class ForkSafeLock:
    """
    A reentrant lock that a forked child finds free: who held it is not in the child.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        known = weakref.ref(self)

        def renew() -> None:
            alive = known()
            if alive is not None:
                alive._lock = threading.RLock()  # noqa: SLF001 - this is its own class

        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=renew)

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()
