"""
Entering and leaving OpenTelemetry contexts without noise.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import Token

from opentelemetry import context as otel
from opentelemetry.context import Context


def detach_quietly(token: Token[Context]) -> None:
    """
    Leave a context, also where that is no longer possible.

    What was entered in one task and is left in another cannot be undone there, and
    need not be: the other task never saw it. `opentelemetry.context.detach` would log
    a traceback for that.
    """
    if not isinstance(token, Token):
        otel.detach(token)
        return
    with suppress(ValueError, RuntimeError):
        token.var.reset(token)


@contextmanager
def entered(context: Context) -> Iterator[None]:
    """
    Make a context the current one inside the `with` block.
    """
    token = otel.attach(context)
    try:
        yield
    finally:
        detach_quietly(token)
