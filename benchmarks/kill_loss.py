"""
How many ended spans are lost when the agent is killed.

An agent in a process of its own ends spans at a steady pace and writes a byte to a pipe
after each; it is killed at a random moment. What was ended and is not in the database is
lost. Beside it the same agent with the SDK's batch processor, whose exporter puts each
batch into a plain SQLite table at once.
"""

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

from _baselines import SqliteExporter
from _measure import folder, note, parser, show, show_machine
from _workload import Piece, provider, traces
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from otel_bridge.processor import RunLogSpanProcessor

OURS, BATCH = "otel-bridge", "SDK batch to plain sqlite3"
_COUNTS = {
    OURS: "SELECT count(*) FROM spans WHERE end_ns IS NOT NULL",
    BATCH: "SELECT count(*) FROM rows",
}


def agent(kind: str, path: Path, pace_s: float) -> None:
    """
    End spans until somebody ends the process.
    """
    processor: SpanProcessor = RunLogSpanProcessor(path)
    if kind == BATCH:
        processor.shutdown()
        processor = BatchSpanProcessor(SqliteExporter(path.with_suffix(".plain")))
    tracer = provider(processor).get_tracer("benchmark.agents")
    pieces = [inner for trace in traces(5) for inner in _flat(trace)]
    at = time.perf_counter()
    while True:
        for piece in pieces:
            span = tracer.start_span(piece.name, kind=piece.kind, attributes=piece.asked)
            at += pace_s
            time.sleep(max(0.0, at - time.perf_counter()))
            span.set_attributes(piece.answered)
            span.end()
            os.write(1, b".")


def lost(kind: str, after_s: float, pace_s: float) -> int:
    """
    Start an agent, kill it some time after its first span, and count what is missing.
    """
    with folder() as place:
        path = place / "runs.db"
        command = [sys.executable, __file__, "--agent", kind, str(path), str(pace_s)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            ended = len(process.stdout.read(1))
            timer = threading.Timer(after_s, process.kill)
            timer.start()
            ended += len(process.stdout.read())
            timer.join()
        if kind == BATCH:
            path = path.with_suffix(".plain")
        connection = sqlite3.connect(path)
        (stored,) = connection.execute(_COUNTS[kind]).fetchone()
        (state,) = connection.execute("PRAGMA integrity_check").fetchone()
        connection.close()
        if state != "ok":
            raise SystemExit(f"{kind}: the database is damaged: {state}")
        return max(0, ended - int(stored))


def main() -> None:
    """
    Measure and print.
    """
    if sys.argv[1:2] == ["--agent"]:
        agent(sys.argv[2], Path(sys.argv[3]), float(sys.argv[4]))
    options = parser(__doc__, runs=8)
    options.add_argument("--pace-ms", type=float, default=2.0, help="from one end to the next")
    options.add_argument("--longest-s", type=float, default=2.0, help="until the kill")
    chosen = options.parse_args()
    source = random.Random(chosen.seed)
    found: dict[str, list[float]] = {OURS: [], BATCH: []}
    for number in range(chosen.runs):
        after_s = source.uniform(0.2, chosen.longest_s)
        note(f"kill {number + 1} of {chosen.runs}, after {after_s:.2f} s")
        for kind, losses in found.items():
            losses.append(lost(kind, after_s, chosen.pace_ms / 1000))
    show_machine()
    show("ended spans lost by a kill", found, unit="spans", baselines=(BATCH,), digits=0)
    work = {kind: [n * chosen.pace_ms for n in losses] for kind, losses in found.items()}
    show("work lost by a kill", work, unit="ms", baselines=(BATCH,), goal="≤ 10")


def _flat(piece: Piece) -> list[Piece]:
    return [inner for child in piece.children for inner in _flat(child)] + [piece]


if __name__ == "__main__":
    main()
