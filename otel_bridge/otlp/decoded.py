"""
What decoding gives: the records that could be read, and what could not.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_TIME_NS = 2**63 - 1
"""
The latest time that a database's 64-bit integer holds: the year 2262.
"""

_MOST_NAMED = 1_000


@dataclass(frozen=True, slots=True)
class Rejected:
    """
    Something that was not decoded, and cost its neighbours nothing.

    Attributes:
        where: Its place in the message, such as `resourceSpans[0].scopeSpans[0].spans[2]`.
        why: What is wrong with it.
        count: How many spans or log records were lost with it.
    """

    where: str
    why: str
    count: int = 1

    def __str__(self) -> str:
        return f"{self.where}: {self.why}"


class Losses(list[Rejected]):
    """
    What was not decoded: the first thousand one by one, the rest as a number.

    A record that is none takes two bytes of a request, and naming it takes hundreds.
    """

    def append(self, item: Rejected) -> None:
        """
        Add one; beyond the first thousand it is counted with the last of these.
        """
        if len(self) < _MOST_NAMED:
            super().append(item)
        else:
            self[-1] = replace(self[-1], count=self[-1].count + item.count)

    def extend(self, items: Iterable[Rejected]) -> None:
        """
        Add several.
        """
        for item in items:
            self.append(item)


@dataclass(frozen=True, slots=True)
class Decoded(Generic[T]):
    """
    The records of one request, in the order in which they were sent.
    """

    records: list[T] = field(default_factory=list)
    rejected: Losses = field(default_factory=Losses)

    @property
    def rejected_count(self) -> int:
        """
        How many spans or log records could not be decoded.
        """
        return sum(item.count for item in self.rejected)


class InvalidRecordError(ValueError):
    """
    One record is not valid; becomes a `Rejected` and never leaves the decoders.
    """
