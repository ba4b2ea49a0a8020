"""
A program that records spans until it is killed, and tells what it was promised.

Usage: crash_child.py DATABASE SEED [noflush]. Each line it prints is `ended N` (span N has
ended) or `flushed N` (a flush that covers the spans up to N was acknowledged).
"""

import random
import sys
from pathlib import Path

from opentelemetry.sdk.trace import TracerProvider
from recording_data import AGENT, CHAT

from otel_bridge.processor import RunLogSpanProcessor


def say(what: str, number: int) -> None:
    """
    Tell the parent, past all buffers.
    """
    sys.stdout.write(f"{what} {number}\n")
    sys.stdout.flush()


def main(path: Path, seed: int, *, flush: bool) -> None:
    """
    Record for ever.
    """
    chance = random.Random(seed)
    provider = TracerProvider()
    processor = RunLogSpanProcessor(path)
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("crash")
    number = 0
    with tracer.start_as_current_span("invoke_agent planner", attributes=AGENT):
        while True:
            number += 1
            text = "x" * chance.randrange(2000)
            attributes = CHAT | {"gen_ai.input.messages": text}
            with tracer.start_as_current_span(f"span {number:06}", attributes=attributes):
                pass
            say("ended", number)
            if flush and chance.random() < 0.2 and processor.force_flush():
                say("flushed", number)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), flush="noflush" not in sys.argv)
