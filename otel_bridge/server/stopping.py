"""
The signals by which a server is told to stop.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_NAMES = ("SIGINT", "SIGTERM", "SIGBREAK")
_BY_SIGNAL = 128


@contextmanager
def stop_signals() -> Iterator[asyncio.Event]:
    """
    Listen to signals; only the main thread of a program can.

    Yields:
        What is set by the first signal. The second ends the process at once.
    """
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def told(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(_BY_SIGNAL + number)
        stop.set()
        # The loop may be asleep.
        loop.call_soon_threadsafe(stop.set)

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    # SIGBREAK is what Windows has for a terminal that is closed.
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    before = {number: signal.signal(number, told) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
