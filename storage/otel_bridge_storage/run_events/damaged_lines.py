"""
How many lines of files could not be read, told once and counted.
"""

from pathlib import Path
from threading import Lock

from otel_bridge_storage.rare_warnings import RareWarnings

_PERIOD_S = 3600.0


class DamagedLines:
    """
    Counts the damaged lines of each file, and warns of a file when its count grows.
    """

    def __init__(self) -> None:
        self._counts: dict[Path, int] = {}
        self._lock = Lock()
        self._warnings = RareWarnings(_PERIOD_S)

    def found(self, path: Path, count: int, *, from_start: bool) -> None:
        """
        Take note of what a look through a file found.

        Args:
            from_start: Whether the whole file was looked through, not only its end.
        """
        with self._lock:
            before = self._counts.get(path, 0)
            now = count if from_start else before + count
            if now:
                self._counts[path] = now
            else:
                self._counts.pop(path, None)
        if now > before:
            self._warnings.warn(
                str(path), "%d lines of %s are damaged and are left out", now, path
            )

    @property
    def total(self) -> int:
        """
        The damaged lines of all files that were looked through.
        """
        with self._lock:
            return sum(self._counts.values())
