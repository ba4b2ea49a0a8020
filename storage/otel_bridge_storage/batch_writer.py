"""
Writing a batch with patience: what fails now is tried again, and what fails for good does
not take its neighbours along.
"""

import math
import time
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from otel_bridge_storage.holding import HoldableWork
from otel_bridge_storage.rare_warnings import RareWarnings, in_short

T = TypeVar("T")

_FIRST_PAUSE_S = 0.02
_LONGEST_PAUSE_S = 1.0


class TryAgainError(Exception):
    """
    The batch could not be written now and may be later; nothing of it was written.
    """


class GiveUpError(Exception):
    """
    No part of the batch can be written, now or later; its message tells why and what to do.
    """


class Settle(Protocol):
    """
    Is told what became of items.
    """

    def __call__(self, *, written: int = 0, failed: int = 0) -> None:
        """
        Take note of how many items were written, or failed.
        """


class BatchWriter(Generic[T]):
    """
    Writes batches, one at a time.

    Args:
        write: As for `WriteQueue`.
        complain: Logs what goes wrong.
        settle: Told of items as they are written or given up.
        pause: Waits so many seconds; says whether there is to be another try.
    """

    def __init__(
        self,
        write: Callable[[Sequence[T]], None],
        *,
        complain: RareWarnings,
        settle: Settle,
        pause: Callable[[float], bool],
    ) -> None:
        self._write = write
        self._complain = complain
        self._settle = settle
        self._pause = pause
        self._tell_once = RareWarnings(math.inf)

    def write(self, batch: Sequence[T], work: HoldableWork, deadline: float) -> int:
        """
        Write a batch, or as much of it as can be written.

        Args:
            work: What each try is a piece of.
            deadline: When to try no more, by the monotonic clock.

        Returns:
            How many items, at its end, could not be written in time.
        """
        pending = [batch]
        pause = _FIRST_PAUSE_S
        try:
            while pending:
                try:
                    with work.piece():
                        self._write(pending[-1])
                except TryAgainError as error:
                    if not self._wait_to_retry(pause, error, deadline):
                        break
                    pause = min(pause * 2, _LONGEST_PAUSE_S)
                except GiveUpError as error:
                    self._give_up(pending.pop(), error)
                except Exception as error:  # noqa: BLE001 - one record must not take others along
                    self._split(pending, error)
                else:
                    self._settle(written=len(pending.pop()))
        except BaseException:
            self._settle(failed=sum(map(len, pending)))
            raise
        return sum(map(len, pending))

    def _wait_to_retry(self, pause: float, error: Exception, deadline: float) -> bool:
        # One refusal is what a busy file with several writers may come to.
        if pause > _FIRST_PAUSE_S:
            self._complain.warn(
                "retry", "otel-bridge cannot write now and goes on trying: %s", error
            )
        wanted = self._pause(min(pause, max(deadline - time.monotonic(), 0)))
        return wanted and time.monotonic() < deadline

    def _give_up(self, batch: Sequence[T], error: GiveUpError) -> None:
        self._settle(failed=len(batch))
        self._tell_once.warn(str(error), "otel-bridge loses what is recorded: %s", error)

    def _split(self, pending: list[Sequence[T]], error: Exception) -> None:
        batch = pending.pop()
        if len(batch) == 1:
            self._complain.warn(
                "failed",
                "otel-bridge lost a record that cannot be stored: %s",
                in_short(error),
            )
            self._settle(failed=1)
            return
        middle = len(batch) // 2
        pending += [batch[middle:], batch[:middle]]
