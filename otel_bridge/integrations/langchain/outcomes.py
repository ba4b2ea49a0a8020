"""
How things end: errors, cancellations, and exceptions that only steer a graph.
"""

import sys

_STEERING = "GraphBubbleUp"
_INTERRUPT = "GraphInterrupt"


def is_steering(error: BaseException) -> bool:
    """
    Tell an exception by which LangGraph steers: an interrupt, a command to another graph.
    """
    return _is(error, _STEERING)


def is_interrupt(error: BaseException) -> bool:
    """
    Tell an interrupt, with which a graph waits for a person.
    """
    return _is(error, _INTERRUPT)


def is_cancellation(error: BaseException) -> bool:
    """
    Tell a stop from outside: a cancelled task, an interrupt of the keyboard, a consumer
    that stopped reading.
    """
    return not isinstance(error, Exception)


def _is(error: BaseException, name: str) -> bool:
    # Where LangGraph was never imported, nothing of it can have been raised.
    kind = getattr(sys.modules.get("langgraph.errors"), name, None)
    return isinstance(kind, type) and isinstance(error, kind)
