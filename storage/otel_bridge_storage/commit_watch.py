"""
Waiting until a database may hold something new.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable

from otel_bridge_storage.addresses import Address
from otel_bridge_storage.commits import listen

# How often to look whether a file was written to, which costs microseconds.
GLANCE_S = 0.02


class CommitWatch:
    """
    Wakes one coroutine when this process commits, and every so often besides.

    What other processes commit wakes nobody, so that somebody who waits has to look for
    it. That a file was written to shows sooner, though not everywhere. Belongs to the
    event loop that runs when it is made.

    Args:
        address: The database; None where it is not known.
        poll_s: How long a wait is at the most, in seconds.
    """

    def __init__(self, address: Address | None, poll_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._poll_s = poll_s
        self._news = asyncio.Event()
        self._told = False
        self._stop: Callable[[], None] | None = None
        self._log = None
        if address is not None:
            self._stop = listen(address.key, self._tell)
            self._log = None if address.path is None else f"{address.path}-wal"
        self._stamp = self._written()

    def reset(self) -> None:
        """
        Forget what was committed so far; to be called before looking at the database.
        """
        self._told = False
        self._news.clear()
        self._stamp = self._written()

    async def wait(self) -> None:
        """
        Wait for a commit after the last `reset`, or for the time to look again.
        """
        end = self._loop.time() + self._poll_s
        glance_s = self._poll_s if self._log is None else GLANCE_S
        while (left := end - self._loop.time()) > 0 and self._written() == self._stamp:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, glance_s)):
                    await self._news.wait()
                    return

    def close(self) -> None:
        """
        Listen no longer.
        """
        if self._stop is not None:
            self._stop()
            self._stop = None

    def _tell(self) -> None:
        # On the writer's thread. Once is enough: a forked child that writes inherits the
        # listener but not the loop's thread, and would heap up calls that nobody makes.
        if self._told:
            return
        self._told = True
        # The loop may have been closed with the generator still open.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._news.set)

    def _written(self) -> tuple[int, int] | None:
        if self._log is None:
            return None
        try:
            found = os.stat(self._log)
        except OSError:
            return None
        return (found.st_size, found.st_mtime_ns)
