"""
What a recording is offered by the program's threads, how much it holds, and the records
that the writer makes of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk._logs import ReadWriteLogRecord
from opentelemetry.sdk.trace import ReadableSpan, Span
from opentelemetry.trace import format_span_id, format_trace_id
from otel_bridge_storage.records import Arrival, EventRecord, SpanEvent

from otel_bridge.content import ContentPolicy
from otel_bridge.sdk_records import SdkRecords


@dataclass(frozen=True, slots=True)
class Started:
    """
    A span that was opened.
    """

    span: Span


@dataclass(frozen=True, slots=True)
class Happened:
    """
    An event that was added to an open span.
    """

    span: Span
    name: str
    attributes: Mapping[str, Any]
    time_ns: int


_NUMBERS = frozenset({int, float, bool, type(None)})

Offer = ReadableSpan | Started | Happened | ReadWriteLogRecord


class OfferedRecords:
    """
    Makes the records of a batch of offers.

    Args:
        policy: What happens to content on its way.
    """

    def __init__(self, policy: ContentPolicy) -> None:
        self._policy = policy
        self._records = SdkRecords()

    def arrivals(self, offers: Sequence[Offer]) -> Iterator[Arrival]:
        """
        Make the records; the start of a span whose end is there too is left out.
        """
        ended = {_identity(offer) for offer in offers if isinstance(offer, ReadableSpan)}
        for offer in offers:
            if isinstance(offer, Started):
                if _identity(offer.span) not in ended:
                    yield self._policy.span(self._records.span(offer.span))
            elif isinstance(offer, Happened):
                yield self._policy.live_event(_live_event(offer))
            elif isinstance(offer, ReadableSpan):
                yield self._policy.span(self._records.span(offer))
            else:
                yield self._policy.log(self._records.log(offer))


def span_size(span: ReadableSpan) -> int:
    """
    Say how long the texts of a span are.
    """
    size = size_of(span.attributes)
    for event in span.events:
        size += size_of(event.attributes)
    return size


def log_size(log: ReadWriteLogRecord) -> int:
    """
    Say how long the texts of a log record are.
    """
    record = log.log_record
    return _value_size(record.body) + size_of(record.attributes)


def size_of(attributes: Mapping[str, Any] | None) -> int:
    """
    Say how long the texts of attributes are.
    """
    return sum(map(_value_size, attributes.values())) if attributes else 0


def _value_size(value: Any, depth: int = 3) -> int:
    # Most values are of these types exactly, which is told much faster than the rest.
    if type(value) is str:
        return len(value)
    if type(value) in _NUMBERS:
        return 0
    if isinstance(value, str | bytes):
        return len(value)
    if depth and isinstance(value, Mapping):
        return sum(_value_size(item, depth - 1) for item in value.values())
    if depth and isinstance(value, list | tuple):
        return sum(_value_size(item, depth - 1) for item in value)
    return 0


def _identity(span: ReadableSpan) -> tuple[int, int]:
    context = span.get_span_context()
    return (context.trace_id, context.span_id) if context else (0, 0)


def _live_event(offer: Happened) -> SpanEvent:
    context = offer.span.get_span_context()
    return SpanEvent(
        trace_id=format_trace_id(context.trace_id),
        span_id=format_span_id(context.span_id),
        event=EventRecord(offer.name, offer.time_ns, dict(offer.attributes)),
    )
