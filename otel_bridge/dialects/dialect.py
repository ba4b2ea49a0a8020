"""
What a dialect is: one instrumentation's way of naming things.
"""

from typing import Protocol

from otel_bridge_storage.readings import LogReading, Reading
from otel_bridge_storage.records import LogRecord, SpanRecord


class Dialect(Protocol):
    """
    Reads the spans and logs of one family of instrumentations.

    A package of its own offers one under the entry point group `otel_bridge.dialects`:
    a class, or a function without arguments, that gives the dialect.
    """

    @property
    def name(self) -> str:
        """
        The name that its readings carry.
        """

    def detects(self, span: SpanRecord) -> bool:
        """
        Say whether the span is written in this dialect; must be cheap.
        """

    def read(self, span: SpanRecord) -> Reading:
        """
        Say what a span that was detected means.
        """

    def read_log(self, log: LogRecord) -> LogReading | None:
        """
        Say which messages a log record carries, if it does in this dialect.
        """
