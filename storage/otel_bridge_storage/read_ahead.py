"""
Spans that are read and made ready for their rows before the transaction that stores them.

A database has one writer at a time: what needs no database is best done while others
write.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from otel_bridge_storage.fitting import FittingReader
from otel_bridge_storage.readings import Reader, Reading
from otel_bridge_storage.records import Arrival, SpanRecord
from otel_bridge_storage.span_rows import PreparedSpan, prepare_span


@dataclass(frozen=True, slots=True)
class ReadSpan:
    """
    A span and what is made of it alone.

    Attributes:
        prepared: Its row on the way to the database.
        texts: What is stored apart from the row, messages of the reading included.
    """

    record: SpanRecord
    reading: Reading
    prepared: PreparedSpan
    texts: tuple[str, ...]


Incoming = Arrival | ReadSpan
"""
What a transaction is given to store; spans may be read already.
"""


class ReadsAhead:
    """
    Reads spans for a transaction that is to come; used by one thread.

    Args:
        reader: Says what telemetry means, as that of the transaction does.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = FittingReader(reader)

    def read(self, arrivals: Iterable[Arrival]) -> list[Incoming]:
        """
        Read the spans among some arrivals; one that cannot be read stays as it is.
        """
        return [
            self._read(arrival) if isinstance(arrival, SpanRecord) else arrival
            for arrival in arrivals
        ]

    def _read(self, span: SpanRecord) -> SpanRecord | ReadSpan:
        try:
            return read_span(self._reader, span)
        except Exception:  # noqa: BLE001 (it fails once more where a record at fault is found)
            return span


def read_span(reader: FittingReader, span: SpanRecord) -> ReadSpan:
    """
    Read a span.
    """
    reading = reader.read_span(span)
    texts: list[str] = []
    prepared = prepare_span(span, texts.append)
    if reading.call is not None:
        texts += [message.body for message in (*reading.call.input, *reading.call.output)]
    return ReadSpan(span, reading, prepared, tuple(texts))
