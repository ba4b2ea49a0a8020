"""
A program that records runs from two threads until it is killed, and tells what it was
promised.

Usage: writing_child.py DATABASE NAME SEED. Each line it prints is a prefix of span names and
a number: the spans of that prefix up to the number were acknowledged by a flush.
"""

import random
import sys
import threading
from pathlib import Path

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.trace import TracerProvider
from recording_data import CHAT

from otel_bridge import install


def main(path: Path, name: str, seed: int) -> None:
    """
    Record for ever.
    """
    provider = TracerProvider(shutdown_on_exit=False)
    bridge = install(
        path,
        tracer_provider=provider,
        logger_provider=LoggerProvider(shutdown_on_exit=False),
        block_s=30,
    )
    tracer = provider.get_tracer("test")
    turn = threading.Lock()

    def work(prefix: str, chance: random.Random) -> None:
        number = 0
        with bridge.run(prefix):
            while True:
                for _ in range(chance.randrange(1, 12)):
                    number += 1
                    attributes = CHAT | {"gen_ai.input.messages": "x" * chance.randrange(1500)}
                    tracer.start_span(f"{prefix}-{number:06}", attributes=attributes).end()
                if bridge.force_flush():
                    with turn:
                        sys.stdout.write(f"{prefix} {number}\n")
                        sys.stdout.flush()

    for thread in range(2):
        threading.Thread(
            target=work, args=(f"{name}.{thread}", random.Random(seed * 10 + thread)), daemon=True
        ).start()
    threading.Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
