"""
What looking after a database costs: rebuilding it, and erasing one run of many.

A rebuild is beside the ingest of the same spans, an erasure beside writing the file anew
with nothing erased.
"""

import contextlib
import shutil
import sqlite3
import time
from pathlib import Path

from _measure import folder, in_turns, parser, show
from _workload import records, traces
from otel_bridge_storage.erasure import erase
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.rebuild import rebuild
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import Dialects
from otel_bridge.pricing import GenaiPrices

_READER, _PRICER = Dialects(), GenaiPrices()


def ingested(path: Path, work: list[SpanRecord], batch: int) -> float:
    """
    Store spans; give microseconds a span.
    """
    path.unlink(missing_ok=True)
    with open_database(path) as database:
        ingestor = Ingestor(database, reader=_READER, pricer=_PRICER)
        start = time.perf_counter()
        for at in range(0, len(work), batch):
            ingestor.apply(work[at : at + batch])
        return (time.perf_counter() - start) / len(work) * 1e6


def rebuilt(path: Path) -> float:
    """
    Rebuild a database; give microseconds a span.
    """
    with open_database(path) as database:
        start = time.perf_counter()
        done = rebuild(database, reader=_READER, pricer=_PRICER)
        return (time.perf_counter() - start) / done.spans * 1e6


def erased(path: Path, *, compact: bool) -> float:
    """
    Erase the first run of a copy of a database; give milliseconds.
    """
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    with contextlib.closing(sqlite3.connect(copy)) as connection:
        (run_id,) = connection.execute("SELECT run_id FROM runs ORDER BY started_ns").fetchone()
    with open_database(copy) as database:
        start = time.perf_counter()
        erase(database, reader=_READER, pricer=_PRICER, run_id=run_id, compact=compact)
        return (time.perf_counter() - start) * 1e3


def written_anew(path: Path) -> float:
    """
    Write a copy of a database anew; give milliseconds.
    """
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    with open_database(copy) as database:
        start = time.perf_counter()
        database.compact()
        return (time.perf_counter() - start) * 1e3


def main() -> None:
    """
    Measure and print.
    """
    options = parser(__doc__, runs=3)
    options.add_argument("--traces", type=int, nargs="+", default=[250, 2500])
    chosen = options.parse_args()
    for count in chosen.traces:
        work = records(traces(count, seed=chosen.seed), seed=chosen.seed)
        with folder() as place:
            path = place / "runs.db"
            speeds = in_turns(
                {
                    "ingest, 500 in a commit": lambda p=path, w=work: ingested(p, w, 500),  # type: ignore[misc]
                    "rebuild": lambda p=path: rebuilt(p),  # type: ignore[misc]
                },
                chosen.runs,
                warm_up=False,
            )
            show(
                f"{len(work)} spans: a span",
                speeds,
                unit="us",
                baselines=["ingest, 500 in a commit"],
            )
            times = in_turns(
                {
                    "file written anew": lambda p=path: written_anew(p),  # type: ignore[misc]
                    "one run erased": lambda p=path: erased(p, compact=True),  # type: ignore[misc]
                    "its rows alone": lambda p=path: erased(p, compact=False),  # type: ignore[misc]
                },
                chosen.runs,
                warm_up=False,
            )
            show(
                f"{len(work)} spans: an erasure",
                times,
                unit="ms",
                baselines=["file written anew"],
            )


if __name__ == "__main__":
    main()
