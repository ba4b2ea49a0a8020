"""
A batch of arrivals with the versions of each span joined.
"""

from collections import defaultdict
from collections.abc import Sequence

from otel_bridge_storage.read_ahead import Incoming, ReadSpan
from otel_bridge_storage.readings import FactReading
from otel_bridge_storage.records import LogRecord, SpanEvent, SpanRecord
from otel_bridge_storage.span_rows import Key, richness


class Batch:
    """
    What arrived together.

    Attributes:
        spans: The best version of each span.
        read: Those of them that are read already.
        events: Events that came ahead of their span's end.
        facts: Facts of spans that are known as such, and need not be read.
        duplicates: Versions of spans that another in the batch makes needless.
    """

    def __init__(self, arrivals: Sequence[Incoming]) -> None:
        self.spans: dict[Key, SpanRecord] = {}
        self.read: dict[Key, ReadSpan] = {}
        self.events: defaultdict[Key, list[SpanEvent]] = defaultdict(list)
        self.facts: defaultdict[Key, list[FactReading]] = defaultdict(list)
        self.logs: list[LogRecord] = []
        self.duplicates = 0
        for arrival in arrivals:
            if isinstance(arrival, ReadSpan):
                if self._add_span(arrival.record):
                    self.read[arrival.record.key] = arrival
            elif isinstance(arrival, SpanRecord):
                if self._add_span(arrival):
                    self.read.pop(arrival.key, None)
            elif isinstance(arrival, SpanEvent):
                self.events[arrival.trace_id, arrival.span_id].append(arrival)
            else:
                self.logs.append(arrival)

    def _add_span(self, span: SpanRecord) -> bool:
        """
        Take a version of a span, and say whether it is the best so far.
        """
        other = self.spans.get(span.key)
        if other is None or (other.end_ns is None and span.end_ns is not None):
            self.spans[span.key] = span
            return True
        self.duplicates += span.end_ns is not None or other.end_ns is None
        if richness(span) > richness(other):
            self.spans[span.key] = span
            return True
        return False
