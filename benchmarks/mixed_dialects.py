"""
What reading telemetry of many instrumentations costs, beside the rest of the ingest.

The work is what real instrumentations sent (tests/data/captures), repeated with ids,
times and sessions of its own for each repetition. It is stored once with the dialects
reading it, and once with all readings made beforehand.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from _measure import folder, in_turns, parser, show, show_machine
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.readings import FactReading, LogReading, Reading
from otel_bridge_storage.records import Arrival, EventRecord, LogRecord, SpanRecord

from otel_bridge.dialects import Dialects
from otel_bridge.otlp.files import read_telemetry
from otel_bridge.pricing import GenaiPrices

CAPTURES = Path(__file__).parents[1] / "tests" / "data" / "captures"
HOUR_NS = 3600 * 10**9


class ReadBefore:
    """
    A reader that knows all readings already.
    """

    def __init__(self, work: Sequence[Arrival]) -> None:
        dialects = Dialects()
        self._plain = dialects
        self._spans = {s.key: dialects.read_span(s) for s in work if isinstance(s, SpanRecord)}
        self._logs = {id(r): dialects.read_log(r) for r in work if isinstance(r, LogRecord)}

    def read_span(self, span: SpanRecord) -> Reading:
        """
        Look up what a span means; one that stands for a log record is read.
        """
        return self._spans.get(span.key) or self._plain.read_span(span)

    def read_event(self, event: EventRecord) -> FactReading | None:
        """
        Read an event.
        """
        return self._plain.read_event(event)

    def read_log(self, log: LogRecord) -> LogReading | None:
        """
        Look up what a log record means; one that comes from the database is read.
        """
        return self._logs[id(log)] if id(log) in self._logs else self._plain.read_log(log)


def repeated(times: int) -> list[Arrival]:
    """
    Repeat the recordings.
    """
    recorded: list[Arrival] = []
    for capture in sorted(path for path in CAPTURES.iterdir() if path.is_dir()):
        files = sorted([*capture.glob("traces-*.pb"), *capture.glob("logs-*.pb")])
        for file in read_telemetry(files):
            recorded += [*file.spans]
            recorded += [*file.logs]
    return [_again(each, number) for number in range(times) for each in recorded]


def _again(arrival: Arrival, number: int) -> Arrival:
    def anew(text: str) -> str:
        return f"{number + 1:04x}{text[4:]}" if text else text

    later = number * HOUR_NS
    attributes = dict(_own_session(arrival.attributes, number))  # type: ignore[union-attr]
    if isinstance(arrival, SpanRecord):
        return replace(
            arrival,
            trace_id=anew(arrival.trace_id),
            start_ns=arrival.start_ns + later,
            end_ns=None if arrival.end_ns is None else arrival.end_ns + later,
            attributes=attributes,
        )
    assert isinstance(arrival, LogRecord)
    return replace(
        arrival,
        trace_id=anew(arrival.trace_id),
        time_ns=arrival.time_ns + later,
        attributes=attributes,
    )


def _own_session(attributes: Mapping[str, Any], number: int) -> Iterator[tuple[str, Any]]:
    for name, value in attributes.items():
        is_session = isinstance(value, str) and value.startswith("session-") and len(value) < 20
        yield name, f"{value}-{number}" if is_session else value


def ingest(work: Sequence[Arrival], reader: Any, batch: int) -> float:
    """
    Store the work and give the processor time of one record, in microseconds.
    """
    with folder() as place, open_database(place / "runs.db") as database:
        ingestor = Ingestor(database, reader=reader, pricer=GenaiPrices())
        begin = time.process_time()
        for start in range(0, len(work), batch):
            ingestor.apply(work[start : start + batch])
        return (time.process_time() - begin) / len(work) * 1e6


def read(work: Sequence[Arrival], dialects: Dialects) -> float:
    """
    Read the work and give the processor time of one record, in microseconds.
    """
    begin = time.process_time()
    for each in work:
        if isinstance(each, SpanRecord):
            dialects.read_span(each)
        elif isinstance(each, LogRecord):
            dialects.read_log(each)
    return (time.process_time() - begin) / len(work) * 1e6


def main() -> None:
    """
    Measure and print.
    """
    options = parser(__doc__, runs=5)
    options.add_argument("--times", type=int, default=10, help="how often the work is repeated")
    options.add_argument("--batch", type=int, default=500)
    chosen = options.parse_args()
    work = repeated(chosen.times)
    dialects, before = Dialects(), ReadBefore(work)
    by_dialect: defaultdict[str, list[Arrival]] = defaultdict(list)
    for each in work:
        if isinstance(each, SpanRecord):
            by_dialect[dialects.read_span(each).dialect or "none"].append(each)
        else:
            by_dialect["log records"].append(each)
    show_machine()
    print(f"{len(work)} spans and log records in each run, batches of {chosen.batch}")
    rest = "ingest of what is read already"
    found = in_turns(
        {
            "reading alone": partial(read, work, dialects),
            rest: partial(ingest, work, before, chosen.batch),
            "whole ingest": partial(ingest, work, dialects, chosen.batch),
        },
        chosen.runs,
    )
    show(
        "processor time of a record",
        found,
        unit="µs",
        baselines=(rest,),
        goal="reading ≤ 1.0 × the rest",
    )
    cases = {name: partial(read, some, dialects) for name, some in sorted(by_dialect.items())}
    show(
        "reading, by dialect",
        in_turns(cases, chosen.runs),
        unit="µs",
        baselines=("semconv",),
    )


if __name__ == "__main__":
    main()
