"""
A batch of arrivals with the versions of each span joined.
"""

from collections import defaultdict
from collections.abc import Sequence

from otel_bridge_storage.readings import FactReading
from otel_bridge_storage.records import Arrival, LogRecord, SpanEvent, SpanRecord
from otel_bridge_storage.span_rows import Key, richness


class Batch:
    """
    What arrived together.

    Attributes:
        spans: The best version of each span.
        events: Events that came ahead of their span's end.
        facts: Facts of spans that are known as such, and need not be read.
        duplicates: Versions of spans that another in the batch makes needless.
    """

    def __init__(self, arrivals: Sequence[Arrival]) -> None:
        self.spans: dict[Key, SpanRecord] = {}
        self.events: defaultdict[Key, list[SpanEvent]] = defaultdict(list)
        self.facts: defaultdict[Key, list[FactReading]] = defaultdict(list)
        self.logs: list[LogRecord] = []
        self.duplicates = 0
        for arrival in arrivals:
            if isinstance(arrival, SpanRecord):
                self._add_span(arrival)
            elif isinstance(arrival, SpanEvent):
                self.events[arrival.trace_id, arrival.span_id].append(arrival)
            else:
                self.logs.append(arrival)

    def _add_span(self, span: SpanRecord) -> None:
        other = self.spans.get(span.key)
        if other is None or (other.end_ns is None and span.end_ns is not None):
            self.spans[span.key] = span
        else:
            self.duplicates += span.end_ns is not None or other.end_ns is None
            if richness(span) > richness(other):
                self.spans[span.key] = span
