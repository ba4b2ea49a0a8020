"""
What a stored span costs in processor time, in the process of the agent.

First what decoding OTLP and the ingest alone take, by the size of the batches that reach
the ingest, and how much of that is not inside SQLite; then all of a program that does
nothing but make spans, less what the same program takes with no processor.
"""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from _baselines import (
    BATCH_NO_OP,
    BATCH_OTLP,
    EncodingExporter,
    NoOpExporter,
    batching,
    plain_database,
    write_plainly,
)
from _measure import folder, in_turns, parser, show, show_machine
from _sqlite_time import Spent, time_in_sqlite
from _workload import Piece, play, provider, records, spans, traces
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects.registry import Dialects
from otel_bridge.otlp.decode import decode_traces
from otel_bridge.otlp.encode import encode_traces
from otel_bridge.pricing import GenaiPrices
from otel_bridge.processor import RunLogSpanProcessor

_ENCODING = "OTLP encoding alone"
_PLAIN = "plain sqlite3, 1 per commit"
_LARGE = 500


def ingest(
    work: Sequence[SpanRecord],
    first: Sequence[SpanRecord],
    batch: int,
    spent: Spent | None = None,
) -> float:
    """
    Store records and give the processor time of one, in microseconds.

    Args:
        first: Stored before, without being counted.
        spent: What SQLite takes, which is left out.
    """
    spent = spent or Spent()
    with folder() as place, open_database(place / "runs.db") as database:
        ingestor = Ingestor(database, reader=Dialects(), pricer=GenaiPrices())
        ingestor.apply(first)
        begin = time.process_time() - spent.seconds
        for start in range(0, len(work), batch):
            ingestor.apply(work[start : start + batch])
        return (time.process_time() - spent.seconds - begin) / len(work) * 1e6


def python_alone(work: Sequence[SpanRecord], first: Sequence[SpanRecord], batch: int) -> float:
    """
    Store records and give the processor time of one that is not inside SQLite.
    """
    with time_in_sqlite() as spent:
        return ingest(work, first, batch, spent)


def decode(requests: Sequence[bytes], spans: int) -> float:
    """
    Decode OTLP requests and give the processor time of a span, in microseconds.
    """
    begin = time.process_time()
    for request in requests:
        decode_traces(request)
    return (time.process_time() - begin) / spans * 1e6


def encode(work: Sequence[ReadableSpan], batch: int) -> float:
    """
    Encode spans and give the processor time of one, in microseconds.
    """
    begin = time.process_time()
    for start in range(0, len(work), batch):
        encode_spans(work[start : start + batch]).SerializeToString()
    return (time.process_time() - begin) / len(work) * 1e6


def plainly(work: Sequence[SpanRecord], batch: int) -> float:
    """
    Put records into one plain table and give the processor time of one, in microseconds.
    """
    with folder() as place:
        connection = plain_database(place / "plain.db")
        begin = time.process_time()
        write_plainly(connection, work, batch)
        taken = time.process_time() - begin
        connection.close()
        return taken / len(work) * 1e6


def program(work: Sequence[Piece], kind: str) -> float:
    """
    Make spans and give the processor time of one, in microseconds.
    """
    with folder() as place:
        made = provider(*_processors(kind, place / "runs.db"))
        tracer = made.get_tracer("benchmark.agents")
        begin = time.process_time()
        count = sum(play(tracer, piece) for piece in work)
        made.force_flush()
        taken = time.process_time() - begin
        made.shutdown()
        return taken / count * 1e6


def _processors(kind: str, path: Path) -> list[SpanProcessor]:
    if kind == BATCH_NO_OP:
        return [batching(NoOpExporter())]
    if kind == BATCH_OTLP:
        return [batching(EncodingExporter())]
    return [RunLogSpanProcessor(path)] if kind == "otel-bridge" else []


def main() -> None:
    """
    Measure and print.
    """
    options = parser(__doc__, runs=5)
    options.add_argument("--traces", type=int, default=200, help="of twenty spans, for each run")
    options.add_argument("--batches", type=int, nargs="+", default=[4000, 500, 20, 1])
    chosen = options.parse_args()
    pieces = traces(chosen.traces, seed=chosen.seed)
    work, sdk_work = records(pieces, seed=chosen.seed), spans(pieces, seed=chosen.seed)
    first = records(traces(2, seed=chosen.seed + 1), seed=chosen.seed + 1)
    few = work[:600]
    show_machine()
    print(f"{len(work)} spans in each run, {len(few)} where each is committed alone")
    cases = {
        f"ingest, batches of {batch}": partial(ingest, few if batch == 1 else work, first, batch)
        for batch in chosen.batches
    }
    cases |= {
        f"of that in Python, batches of {batch}": partial(python_alone, work, first, batch)
        for batch in chosen.batches
        if batch >= _LARGE
    }
    requests = [encode_traces(work[at : at + 500]) for at in range(0, len(work), 500)]
    cases["decoding OTLP"] = partial(decode, requests, len(work))
    cases[_ENCODING] = partial(encode, sdk_work, 500)
    cases["plain sqlite3, 500 per commit"] = partial(plainly, work, 500)
    cases[_PLAIN] = partial(plainly, few, 1)
    found = in_turns(cases, chosen.runs)
    show(
        "CPU of the ingest per span",
        found,
        unit="µs",
        baselines=(_ENCODING, _PLAIN),
        goal="≤ 80",
    )
    kinds = ("otel-bridge", BATCH_NO_OP, BATCH_OTLP, "nothing")
    whole = in_turns({kind: partial(program, pieces, kind) for kind in kinds}, chosen.runs)
    bare = whole.pop("nothing")
    added = {
        kind: [value - none for value, none in zip(values, bare, strict=True)]
        for kind, values in whole.items()
    }
    show(
        "CPU that recording adds to a program, per span",
        added,
        unit="µs",
        baselines=(BATCH_NO_OP, BATCH_OTLP),
    )


if __name__ == "__main__":
    main()
