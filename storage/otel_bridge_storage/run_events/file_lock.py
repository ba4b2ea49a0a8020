"""
A lock that processes share through a file.

The system lets go of it when its holder dies, so that nothing stale can stay behind. It
holds between two openings of the file, in one process as well.
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from otel_bridge_storage.errors import DatabaseError

if sys.platform == "win32":
    import msvcrt

    def _try(file: int) -> None:
        os.lseek(file, 0, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

    def _release(file: int) -> None:
        os.lseek(file, 0, os.SEEK_SET)
        msvcrt.locking(file, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _release(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)


PATIENCE_S = 30.0
_SHORTEST_PAUSE_S = 0.0005
_LONGEST_PAUSE_S = 0.01


@contextmanager
def file_lock(path: Path, patience_s: float = PATIENCE_S) -> Iterator[None]:
    """
    Hold the lock of a file for as long as the context lasts.

    Args:
        path: A file that is there for this only; made if missing, and never deleted.
        patience_s: Seconds to wait for another holder.

    Raises:
        DatabaseError: Another holder did not let go of it in time.
        OSError: The file cannot be opened.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _wait(file, path, patience_s)
        try:
            yield
        finally:
            # A child that was forked meanwhile has the file open: closing is not enough.
            _release(file)
    finally:
        os.close(file)


def _wait(file: int, path: Path, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    pause_s = _SHORTEST_PAUSE_S
    while True:
        try:
            return _try(file)
        except (BlockingIOError, PermissionError):
            if time.monotonic() >= deadline:
                raise DatabaseError(
                    f"{path} has been locked for {patience_s:g} s: "
                    "find out whether a process that uses these run events hangs"
                ) from None
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
