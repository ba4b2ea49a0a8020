"""
What a server asks of a forwarder.
"""

from collections.abc import Sequence
from typing import Protocol


class ForwardStatus(Protocol):
    """
    How far one destination has come.
    """

    @property
    def name(self) -> str:
        """
        What the destination is called.
        """

    @property
    def state(self) -> str:
        """
        Such as `sending`, `waiting` or `failing`.
        """

    @property
    def waiting_spans(self) -> int:
        """
        Spans that are stored and not sent yet.
        """

    @property
    def waiting_logs(self) -> int:
        """
        Log records that are stored and not sent yet.
        """

    @property
    def lag_s(self) -> float:
        """
        Seconds since the oldest of them was stored; 0 if there is none.
        """

    @property
    def sent_spans(self) -> int:
        """
        Spans sent since the start.
        """

    @property
    def sent_logs(self) -> int:
        """
        Log records sent since the start.
        """

    @property
    def rejected(self) -> int:
        """
        Records that the destination refused for good.
        """

    @property
    def set_aside(self) -> int:
        """
        Records that are not sent again.
        """


class Forwarding(Protocol):
    """
    Sends on what is stored, by threads of its own.
    """

    def start(self) -> None:
        """
        Begin.
        """

    def statuses(self) -> Sequence[ForwardStatus]:
        """
        Say how far each destination has come.
        """

    def close(self, timeout_s: float) -> None:
        """
        Stop, after what is under way, for which it waits so many seconds at most.
        """
