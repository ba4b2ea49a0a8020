"""
Work that another thread can hold, so that none of it is under way at some moment.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class HoldableWork:
    """
    Pieces of work, one at a time, that do not begin while the work is held.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._holds = 0
        self._busy = False

    @property
    def busy(self) -> bool:
        """
        Whether a piece of work is under way.
        """
        return self._busy

    @contextmanager
    def piece(self) -> Iterator[None]:
        """
        Do one piece of work, as soon as nobody holds it.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._holds and not self._busy)
            self._busy = True
        try:
            yield
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def hold(self, timeout_s: float) -> bool:
        """
        Keep further pieces from beginning, until `release`, and wait for the one under way.

        Returns:
            Whether it is held; False if what was under way did not end in time.
        """
        with self._changed:
            self._holds += 1
            if self._changed.wait_for(lambda: not self._busy, timeout_s):
                return True
        self.release()
        return False

    def release(self) -> None:
        """
        Let the work go on.
        """
        with self._changed:
            self._holds -= 1
            self._changed.notify_all()
