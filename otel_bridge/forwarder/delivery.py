"""
Getting a batch to a destination: whole, or in parts until what it will not take is found.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from otel_bridge_storage.ended_records import Ended
from otel_bridge_storage.records import LogRecord, SpanRecord

from otel_bridge.forwarder.destination import Signal
from otel_bridge.forwarder.outcomes import Accepted, NotNow, NotSo, Outcome
from otel_bridge.otlp.encode import encode_logs, encode_traces

# Many servers take no larger requests over gRPC than 4 MiB.
MOST_BYTES = 3 * 1024 * 1024
_MOST_DOUBTED = 32

Send = Callable[[Signal, bytes], Outcome]


@dataclass(slots=True)
class Delivered:
    """
    What became of a batch.

    Attributes:
        settled: How many records, from the first, need not be sent again.
        accepted: How many of these the destination accepted.
        rejected: How many of these it said it rejected for good, and why.
        refused: Those that it would not take, each refused alone, with the reason.
        trouble: Why the rest was not sent; None where there is no rest.
    """

    settled: int = 0
    accepted: int = 0
    rejected: int = 0
    message: str = ""
    refused: list[tuple[Ended, str]] = field(default_factory=list)
    trouble: NotNow | NotSo | None = None


def deliver(
    signal: Signal,
    batch: Sequence[Ended],
    send: Send,
    *,
    trusted: bool,
    goes_on: Callable[[], bool] = lambda: True,
) -> Delivered:
    """
    Send a batch in its order.

    A record that is refused alone is given up only where the destination takes others:
    an endpoint that refuses everything is not what it was taken for, and nothing is
    settled then.

    Args:
        trusted: The destination has taken something before.
        goes_on: Asked between requests whether to go on.
    """
    result = Delivered()
    pending = [list(batch)]
    while pending:
        if not goes_on():
            result.trouble = NotNow("the forwarder is being stopped")
            break
        part = pending.pop()
        body = _encoded(signal, part)
        if len(body) > MOST_BYTES and len(part) > 1:
            pending += _halves(part)
            continue
        outcome = send(signal, body)
        if isinstance(outcome, Accepted):
            _take(result, part, outcome)
        elif isinstance(outcome, NotNow | NotSo):
            result.trouble = outcome
            break
        elif len(part) > 1:
            pending += _halves(part)
        else:
            result.refused.append((part[0], outcome.reason))
            result.settled += 1
            if not (trusted or result.accepted) and len(result.refused) >= _MOST_DOUBTED:
                break
    return result if trusted or result.accepted else _distrusted(result)


def _take(result: Delivered, part: Sequence[Ended], answer: Accepted) -> None:
    result.settled += len(part)
    result.accepted += len(part)
    # Some endpoints count otherwise, and a wrong number must not harm ours.
    result.rejected += min(max(answer.rejected, 0), len(part))
    result.message = answer.message or result.message


def _distrusted(result: Delivered) -> Delivered:
    """
    Take back what was given up: nothing shows that the destination takes anything.
    """
    if not result.refused:
        return result
    reason = f"it has taken nothing yet, and refuses: {result.refused[-1][1]}"
    return Delivered(trouble=result.trouble or NotSo(reason))


def _halves(part: list[Ended]) -> list[list[Ended]]:
    """
    Cut in two; the first half is at the end, where the next part is taken from.
    """
    middle = len(part) // 2
    return [part[middle:], part[:middle]]


def _encoded(signal: Signal, part: Sequence[Ended]) -> bytes:
    records = [each.record for each in part]
    if signal == "traces":
        return encode_traces(record for record in records if isinstance(record, SpanRecord))
    return encode_logs(record for record in records if isinstance(record, LogRecord))
