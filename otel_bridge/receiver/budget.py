"""
The room for requests in hand: how many there may be, and how large together.
"""

import threading

from otel_bridge.receiver.limits import Limits
from otel_bridge.receiver.refusals import Refusal, Why

RETRY_S = 1


class Budget:
    """
    Counts the requests in hand and the bytes of their bodies. May be used from any thread.

    Attributes:
        requests: How many are in hand.
        size: The bytes of their bodies.
    """

    def __init__(self, limits: Limits) -> None:
        self.requests = 0
        self.size = 0
        self._limits = limits
        self._lock = threading.Lock()

    @property
    def full(self) -> bool:
        """
        Whether another request would find no room.
        """
        limits = self._limits
        return self.requests >= limits.waiting_requests or self.size >= limits.waiting_bytes

    def enter(self) -> "Share":
        """
        Make room for a request.

        Raises:
            Refusal: There are too many.
        """
        with self._lock:
            if self.full:
                raise overloaded()
            self.requests += 1
        return Share(self)

    def take(self, count: int) -> None:
        """
        Make room for bytes, or give it back if the count is negative.

        Raises:
            Refusal: There are too many.
        """
        with self._lock:
            if count > 0 and self.size + count > self._limits.waiting_bytes:
                raise overloaded()
            self.size += count

    def leave(self, count: int) -> None:
        """
        Take note that a request of so many bytes is no longer in hand.
        """
        with self._lock:
            self.requests -= 1
            self.size -= count


class Share:
    """
    What one request takes of the room; without a budget, nothing is counted.
    """

    __slots__ = ("_budget", "_released", "size")

    def __init__(self, budget: Budget | None) -> None:
        self._budget = budget
        self._released = False
        self.size = 0

    def resize(self, size: int) -> None:
        """
        Take as many bytes as the request holds now.

        Raises:
            Refusal: There is no room.
        """
        if self._budget is not None:
            self._budget.take(size - self.size)
        self.size = size

    def release(self) -> None:
        """
        Give the room back; once is enough.
        """
        if self._budget is not None and not self._released:
            self._released = True
            self._budget.leave(self.size)


def overloaded() -> Refusal:
    """
    Refuse a request for which there is no room now.
    """
    return Refusal(
        Why.OVERLOADED, "too many requests are in hand; send it again later", retry_s=RETRY_S
    )
