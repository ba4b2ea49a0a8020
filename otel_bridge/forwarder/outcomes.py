"""
What an endpoint answers to a request, and what is to be done about it.
"""

from contextlib import suppress
from dataclasses import dataclass

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from otel_bridge.otlp.signals import BY_NAME


@dataclass(frozen=True, slots=True)
class Accepted:
    """
    The request was taken.

    Attributes:
        rejected: How many of its records the endpoint rejected for good.
        message: Why, in its words.
    """

    rejected: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class NotNow:
    """
    The same request may be taken later.

    Attributes:
        after_s: How long the endpoint asks to wait, in seconds, where it does.
    """

    reason: str
    after_s: float | None = None


@dataclass(frozen=True, slots=True)
class NotSo:
    """
    Nothing is taken the way it is sent: the address, the credentials or the rights are
    wrong, and somebody has to do something about it.

    Attributes:
        of_signal: There may be no place for this signal alone.
    """

    reason: str
    of_signal: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """
    This request will never be taken: something in it is bad, or it is too large.
    """

    reason: str


def accepted(signal: str, answer: bytes) -> Accepted:
    """
    Read the answer to a request that was taken, in protobuf; one that is none tells of
    nothing that was rejected.
    """
    with suppress(DecodeError):
        return Accepted(*BY_NAME[signal].told(answer))
    return Accepted()


Outcome = Accepted | NotNow | NotSo | Refused
