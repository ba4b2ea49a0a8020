"""
Signals that a destination has no place for: when it is asked again.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from otel_bridge.forwarder.backoff import Backoff
from otel_bridge.forwarder.destination import Signal
from otel_bridge.forwarder.outcomes import NotSo


@dataclass(slots=True)
class _Pause:
    waits: Backoff
    until_s: float


class SignalPauses:
    """
    Which signals one destination does not take now, each asked for again after waits that
    double up to some minutes.

    Args:
        clock: Gives seconds that only grow.
        chance: Gives a number from 0 to 1; see `Backoff`.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._pauses: dict[Signal, _Pause] = {}
        self._taken: set[Signal] = set()

    def holds(self, signal: Signal) -> bool:
        """
        Whether the destination had no place for a signal when it was last asked.
        """
        return signal in self._pauses

    def is_over(self, signal: Signal) -> bool:
        """
        Whether a signal is to be sent: it is taken, or the time to ask again has come.
        """
        pause = self._pauses.get(signal)
        return pause is None or self._clock() >= pause.until_s

    def begin(self, signal: Signal, trouble: NotSo) -> bool:
        """
        Wait before the destination is asked for a signal again.

        Returns:
            Whether this is the first such answer in a row.
        """
        is_first = not self.holds(signal)
        pause = self._pauses.setdefault(signal, _Pause(Backoff(self._chance), 0.0))
        pause.until_s = self._clock() + pause.waits.next_s(trouble)
        self._taken.discard(signal)
        return is_first

    def end(self, signal: Signal) -> bool:
        """
        Take note that the destination takes a signal.

        Returns:
            Whether that was not known yet.
        """
        self._pauses.pop(signal, None)
        is_new = signal not in self._taken
        self._taken.add(signal)
        return is_new
