"""
A request on its way through the receiver, and what became of it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from otel_bridge_storage.read_ahead import Incoming

from otel_bridge.otlp.decoded import Rejected
from otel_bridge.otlp.signals import Form, Signal
from otel_bridge.receiver.budget import Share
from otel_bridge.receiver.refusals import Refusal

_REASONS_TOLD = 3
_LONGEST_MESSAGE = 1_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    A request was taken.

    Attributes:
        accepted: How many of its records are stored, or its data points acknowledged.
        rejected: How many are not, and never will be.
        message: Which ones, and why.
    """

    accepted: int = 0
    rejected: int = 0
    message: str = ""


Answer = Outcome | Refusal


def _future() -> asyncio.Future[Answer]:
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True, eq=False, kw_only=True)
class Job:
    """
    One request, from its body to its answer; made on the event loop.

    Attributes:
        transport: `http` or `grpc`.
        share: Its room in the stream's budget, given back with its answer.
        packed: Whether the body is gzip.
        answer: Told once the request's records are durable, or it is refused.
        arrivals: What is to be stored.
        points: Data points of metrics, which are not stored.
        unreadable: What could not be decoded.
        unstorable: What the database refused for good.
        refusal: Why nothing more of it is tried now.
    """

    signal: Signal
    transport: str
    form: Form
    body: bytes
    share: Share
    packed: bool = False
    answer: asyncio.Future[Answer] = field(default_factory=_future)
    arrivals: Sequence[Incoming] = ()
    points: int = 0
    unreadable: Sequence[Rejected] = ()
    unstorable: list[Rejected] = field(default_factory=list)
    refusal: Refusal | None = None

    def outcome(self) -> Answer:
        """
        Say what became of the request.
        """
        if self.refusal is not None:
            return self.refusal
        rejected = [*self.unreadable, *self.unstorable]
        kept = len(self.arrivals) - len(self.unstorable) + self.points
        count = sum(item.count for item in rejected)
        return Outcome(kept, count, _told(rejected, count, self.signal.things))


def _told(rejected: list[Rejected], count: int, things: str) -> str:
    """
    Name the first things that were rejected.
    """
    if not rejected:
        return ""
    shown = "; ".join(str(item) for item in rejected[:_REASONS_TOLD])
    more = f"; and {left} more" if (left := len(rejected) - _REASONS_TOLD) > 0 else ""
    named = things.removesuffix("s") if count == 1 else things
    text = f"{count} {named} not stored: {shown[:_LONGEST_MESSAGE]}{more}"
    return text.encode("utf-8", "replace").decode("utf-8")
