"""
What is said about an exception, and faults of the bridge's own that must not spread.
"""

import logging
import threading
from types import TracebackType

from otel_bridge_storage.json_ready import described

logger = logging.getLogger("otel_bridge")


def error_type(error: BaseException) -> str:
    """
    Name the class of an exception as `error.type` wants it: qualified, unless built in.
    """
    kind = type(error)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def error_message(error: BaseException) -> str:
    """
    Give what an exception says, or its `repr` where it cannot be asked.
    """
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a foreign __str__ may raise anything
        return described(error)


class Faults:
    """
    Counts what the bridge could not record, and logs each sort of it once.

    Attributes:
        count: How many things were not recorded.
    """

    def __init__(self) -> None:
        self.count = 0
        self._logged: set[str] = set()
        self._lock = threading.RLock()

    def report(self, sort: str, message: str, error: BaseException | None = None) -> None:
        """
        Count something that was not recorded.

        Args:
            sort: What is logged once.
            message: What was wrong and what to do.
        """
        with self._lock:
            self.count += 1
            new = sort not in self._logged
            if new and len(self._logged) < _SORTS:
                self._logged.add(sort)
        if new:
            logger.warning("%s (further ones are counted, not logged)", message, exc_info=error)

    def contained(self, doing: str) -> "Contained":
        """
        Keep exceptions of a `with` block from the code around it.

        Args:
            doing: What the block does, for the log.
        """
        return Contained(self, doing)


class Contained:
    """
    A `with` block whose exceptions are reported and go no further.
    """

    __slots__ = ("_doing", "_faults")

    def __init__(self, faults: Faults, doing: str) -> None:
        self._faults = faults
        self._doing = doing

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        sort = f"{self._doing}: {type(error).__qualname__}"
        self._faults.report(sort, f"otel-bridge failed when {self._doing}", error)
        return True


_SORTS = 1000
