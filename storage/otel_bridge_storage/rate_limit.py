"""
Saying a thing once in a while instead of every time.
"""

import time


class RateLimit:
    """
    Allows each key once in a period.

    Args:
        period_s: Seconds in which a key is allowed once.
    """

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._allowed_at: dict[str, float] = {}

    def allows(self, key: str) -> bool:
        """
        Whether the key's turn has come; asking takes it.
        """
        now = time.monotonic()
        last = self._allowed_at.get(key)
        if last is not None and now - last < self._period_s:
            return False
        self._allowed_at[key] = now
        return True
