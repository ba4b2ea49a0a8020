"""
What recordings take on disk: beside the same spans as OTLP, and as rows of a plain table.

One long run of a hundred model calls with tool results of 2 KB, and many short ones.
"""

from collections.abc import Sequence
from pathlib import Path

from _baselines import plain_database, write_plainly
from _measure import folder, parser
from _workload import records, traces
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects.registry import Dialects
from otel_bridge.otlp.encode import encode_traces
from otel_bridge.pricing import GenaiPrices

_MIB = 1 << 20


def ours(work: Sequence[SpanRecord], batch: int, path: Path) -> int:
    """
    Store spans and give the size of the closed database.
    """
    with open_database(path) as database:
        ingestor = Ingestor(database, reader=Dialects(), pricer=GenaiPrices())
        for start in range(0, len(work), batch):
            ingestor.apply(work[start : start + batch])
    return _size(path)


def plain(work: Sequence[SpanRecord], batch: int, path: Path) -> int:
    """
    Store spans as JSON in one table and give the size of the closed database.
    """
    connection = plain_database(path)
    write_plainly(connection, work, batch)
    connection.close()
    return _size(path)


def compare(title: str, work: Sequence[SpanRecord], batch: int, goal: str) -> None:
    """
    Print the sizes of one piece of work.
    """
    otlp = len(encode_traces(work))
    with folder() as place:
        sizes = {
            "otel-bridge": ours(work, batch, place / "runs.db"),
            "OTLP": otlp,
            "plain sqlite3": plain(work, batch, place / "plain.db"),
        }
    print(f"\n{title}: {len(work)} spans; goal {goal}")
    print(f"{'':15}{'bytes':>12}{'MiB':>9}{'a span':>9}{'÷ OTLP':>9}{'÷ plain sqlite3':>17}")
    for name, size in sizes.items():
        print(
            f"{name:15}{size:>12}{size / _MIB:>9.2f}{size / len(work):>9.0f}"
            f"{size / otlp:>9.2f}{size / sizes['plain sqlite3']:>17.2f}"
        )


def main() -> None:
    """
    Measure and print; sizes do not vary, so that one run is enough.
    """
    options = parser(__doc__, runs=1)
    options.add_argument("--traces", type=int, default=250, help="short runs of twenty spans")
    options.add_argument("--batch", type=int, default=20, help="spans in a transaction")
    chosen = options.parse_args()
    long_run = records(traces(1, seed=chosen.seed, calls=100, tool_bytes=2000), seed=chosen.seed)
    compare("one run of 100 calls", long_run, chosen.batch, "≤ 1 MiB")
    many = records(traces(chosen.traces, seed=chosen.seed), seed=chosen.seed)
    compare("short runs", many, chosen.batch, "≤ 1.0 × OTLP")


def _size(path: Path) -> int:
    beside = path.with_name(f"{path.name}-wal")
    return path.stat().st_size + (beside.stat().st_size if beside.exists() else 0)


if __name__ == "__main__":
    main()
