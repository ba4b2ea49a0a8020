"""
What a dialect is: one instrumentation's way of naming things.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

from otel_bridge_storage.readings import LogReading, Reading
from otel_bridge_storage.records import LogRecord, SpanRecord

from otel_bridge.dialects.lenient import Names


class Dialect(ABC):
    """
    Reads the spans and logs of one family of instrumentations.

    A package of its own offers one under the entry point group `otel_bridge.dialects`:
    a class, or a function without arguments, that gives the dialect.

    Attributes:
        name: The name that its readings carry.
        scopes: Beginnings of the names of scopes that are always this dialect's.
        attributes: Attributes that only spans of this dialect carry.
        decided_by: Attributes whose texts `detects` looks at, where it goes by nothing else
            but the scope's name and which attributes there are: it is then asked once for
            all spans that are alike in these. A class that says this says it of the
            `detects` that it defines itself; without it each span is asked about.
    """

    name: ClassVar[str]
    scopes: ClassVar[Names] = ()
    attributes: ClassVar[Names] = ()
    decided_by: ClassVar[Names | None] = ()

    def detects(self, span: SpanRecord) -> bool:
        """
        Say whether a span is written in this dialect; must be cheap.
        """
        if self.scopes and span.scope.name.startswith(self.scopes):
            return True
        attributes = span.attributes
        # A generator costs more than all that it looks up, twenty times for each span.
        for name in self.attributes:  # noqa: SIM110
            if name in attributes:
                return True
        return False

    @abstractmethod
    def read(self, span: SpanRecord) -> Reading:
        """
        Say what a span that was detected means.
        """

    def read_log(self, log: LogRecord) -> LogReading | None:
        """
        Say what a log record tells, if it tells something in this dialect.
        """
        return None
