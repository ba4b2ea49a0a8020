"""
A program that records runs from several threads and ends.

Usage: writer_child.py DATABASE PREFIX THREADS SPANS
"""

import sys
import threading
from pathlib import Path

from opentelemetry.sdk.trace import TracerProvider
from recording_data import AGENT, CHAT

from otel_bridge.processor import RunLogSpanProcessor


def record(provider: TracerProvider, prefix: str, threads: int, spans: int) -> None:
    """
    Record one run in each of several threads.
    """

    def work(number: int) -> None:
        tracer = provider.get_tracer("test")
        with tracer.start_as_current_span(f"invoke_agent {prefix}{number}", attributes=AGENT):
            for index in range(spans):
                with tracer.start_as_current_span(f"{prefix}{number}-{index}", attributes=CHAT):
                    pass

    workers = [threading.Thread(target=work, args=(n,)) for n in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def main(path: Path, prefix: str, threads: int, spans: int) -> None:
    """
    Record when told to, and end.
    """
    provider = TracerProvider()
    provider.add_span_processor(RunLogSpanProcessor(path, block_s=10))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    record(provider, prefix, threads, spans)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
