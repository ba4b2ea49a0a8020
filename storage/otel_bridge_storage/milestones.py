"""
Waiting until a count has come far enough; each waiter is woken when its own number is.

A condition would wake all of them each time, only for most to go to sleep again.
"""

import heapq
import itertools
import threading


class Milestones:
    """
    Those who wait for a count. Its methods are called with the count's lock held, but for
    `Waiter.wait`.
    """

    def __init__(self) -> None:
        self._order = itertools.count()
        self._waiting: list[tuple[int, int, Waiter]] = []

    def waiter(self, target: int) -> "Waiter":
        """
        Make a waiter that is woken once the count is at the target.
        """
        made = Waiter()
        heapq.heappush(self._waiting, (target, next(self._order), made))
        return made

    def reach(self, count: int) -> None:
        """
        Wake those whose target is reached.
        """
        while self._waiting and self._waiting[0][0] <= count:
            heapq.heappop(self._waiting)[2].wake()

    def wake_all(self) -> None:
        """
        Wake everybody, so that they look how things stand.
        """
        for _, _, waiter in self._waiting:
            waiter.wake()
        self._waiting.clear()


class Waiter:
    """
    One who waits, once.
    """

    def __init__(self) -> None:
        self._gate = threading.Lock()
        self._gate.acquire()
        self._woken = False

    def wait(self, timeout_s: float) -> None:
        """
        Wait to be woken, for so many seconds at the most.
        """
        self._gate.acquire(timeout=timeout_s)

    def wake(self) -> None:
        """
        End the wait; more than once is the same as once.
        """
        if not self._woken:
            self._woken = True
            self._gate.release()
