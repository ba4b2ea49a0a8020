"""
What a process and all that it started take: memory and processor time, as Linux tells it.
"""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROC = Path("/proc")


def told() -> bool:
    """
    Whether this system tells it; elsewhere there are no figures.
    """
    return sys.platform == "linux"


def memory_mb(pid: int) -> float | None:
    """
    Give the resident memory, in MB, summed over the processes; None if it is not told.
    """
    if sys.platform != "linux":
        return None
    page = os.sysconf("SC_PAGE_SIZE")
    pages = (int(_read(each, "statm").split()[1] or 0) for each in tree(pid))
    return sum(pages) * page / 1e6


def cpu_s(pid: int) -> float | None:
    """
    Give the processor time so far, in seconds; None if it is not told.
    """
    if sys.platform != "linux":
        return None
    ticks = os.sysconf("SC_CLK_TCK")
    spent = (sum(map(int, _fields(each)[11:15])) for each in tree(pid))
    return sum(spent) / ticks


class Peak:
    """
    The most memory that was seen, in MB; None if it is not told.
    """

    def __init__(self, pid: int) -> None:
        self.mb = memory_mb(pid)
        self._pid = pid

    def look(self) -> None:
        """
        Look how much it is now.
        """
        now = memory_mb(self._pid)
        if now is not None:
            self.mb = max(self.mb or 0.0, now)


@contextmanager
def watched(pid: int, every_s: float = 0.1) -> Iterator[Peak]:
    """
    Look again and again how much memory is taken.
    """
    peak, stop = Peak(pid), threading.Event()

    def look() -> None:
        while not stop.wait(every_s):
            peak.look()

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        stop.set()
        thread.join()


def tree(pid: int) -> list[int]:
    """
    List a process and all that it started; the process alone where that is not told.
    """
    if sys.platform != "linux":
        return [pid]
    parents = {
        int(entry.name): int(_fields(int(entry.name))[1])
        for entry in _PROC.iterdir()
        if entry.name.isdigit()
    }
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found


def lives(pid: int) -> bool:
    """
    Whether a process runs; False where that is not told.
    """
    return sys.platform == "linux" and _fields(pid)[0] not in ("0", "X", "Z")


def _fields(pid: int) -> list[str]:
    # The name of the program, in brackets, may hold anything.
    return _read(pid, "stat", "0 (gone) 0" + " 0" * 50).rpartition(")")[2].split()


def _read(pid: int, name: str, otherwise: str = "0 0") -> str:
    try:
        return (_PROC / str(pid) / name).read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return otherwise
