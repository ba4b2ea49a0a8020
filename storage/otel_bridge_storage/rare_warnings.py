"""
Warnings that are logged once in a while instead of every time.
"""

import contextlib
import logging

from otel_bridge_storage.rate_limit import RateLimit

_log = logging.getLogger("otel_bridge")
_LONGEST_REASON = 200


class RareWarnings:
    """
    Logs each kind of warning once in a period, and never raises.

    Args:
        period_s: Seconds in which a kind is logged once.
    """

    def __init__(self, period_s: float) -> None:
        self._limit = RateLimit(period_s)

    def warn(self, kind: str, message: str, *details: object) -> None:
        """
        Log a warning, if the turn of its kind has come.
        """
        if self._limit.allows(kind):
            # A logging handler of the program that raises must stop neither it nor the writer.
            with contextlib.suppress(Exception):
                _log.warning(message, *details)


def in_short(error: Exception) -> str:
    """
    Name an error in one line; its representation might hold the whole record.
    """
    first_line = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {first_line[:_LONGEST_REASON]}"
