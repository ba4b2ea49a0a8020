"""
How long to wait before another try.
"""

import random
from collections.abc import Callable

from otel_bridge.forwarder.outcomes import NotNow, NotSo

_FIRST_S = 0.5
_LONGEST_S = 60.0
_LONGEST_ASKED_S = 3600.0
# Somebody has to mend what is wrong; the first look should not come much later.
_FIRST_MISTAKEN_S = 5.0
_LONGEST_MISTAKEN_S = 300.0


class Backoff:
    """
    Waits that double, each cut by chance to between half and all of it, so that many who
    wait do not come back at one moment. What the destination asks for is the least.

    Args:
        chance: Gives a number from 0 to 1.
    """

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._failures = 0

    def succeeded(self) -> None:
        """
        Begin with the shortest wait again.
        """
        self._failures = 0

    def next_s(self, trouble: NotNow | NotSo) -> float:
        """
        Give the seconds to wait after one more failure.
        """
        first, longest = _FIRST_S, _LONGEST_S
        if isinstance(trouble, NotSo):
            first, longest = _FIRST_MISTAKEN_S, _LONGEST_MISTAKEN_S
        doubled = min(first * 2.0 ** min(self._failures, 30), longest)
        self._failures += 1
        wait_s = doubled * (0.5 + self._chance() / 2)
        if isinstance(trouble, NotNow) and trouble.after_s is not None:
            return max(wait_s, min(trouble.after_s, _LONGEST_ASKED_S))
        return wait_s
