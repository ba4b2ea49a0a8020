"""
Threads of the bridge's own whose spans are nobody's: what an instrumentation of an HTTP
client makes of forwarding must not be recorded and forwarded in turn.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_own: set[int] = set()


@contextmanager
def unrecorded() -> Iterator[None]:
    """
    Record nothing of what this thread does meanwhile.
    """
    ident = threading.get_ident()
    _own.add(ident)
    try:
        yield
    finally:
        _own.discard(ident)


def is_unrecorded() -> bool:
    """
    Whether this thread's spans are not to be recorded.
    """
    return threading.get_ident() in _own
