"""
Entering and leaving OpenTelemetry contexts without noise.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import Token
from dataclasses import dataclass
from typing import Self

from opentelemetry import context as otel
from opentelemetry.context import Context

_SCOPE = otel.create_key("otel-bridge-scope")


@dataclass(slots=True, eq=False)
class Scope:
    """
    A context that was entered, and can be left before those that were entered inside it.

    Attributes:
        outer: The context it was entered from.
        left: It was left while another was the current one.
    """

    outer: Context
    token: Token[Context] | None = None
    left: bool = False

    @classmethod
    def enter(cls, context: Context) -> Self:
        """
        Make a context the current one.
        """
        scope = cls(otel.get_current())
        scope.token = otel.attach(otel.set_value(_SCOPE, scope, context))
        return scope

    def leave(self) -> None:
        """
        Go back to what was current before, but for what has been left already; where a
        scope inside this one lasts, that stays the current one.
        """
        token, self.token = self.token, None
        if token is None:
            return
        current = _scope_of(otel.get_current())
        self.left = current is not self
        while current is not None and current is not self:
            current = _scope_of(current.outer)
        if self.left and current is self:
            return
        detach_quietly(token)
        restored = otel.get_current()
        lasting = _lasting(restored)
        if lasting is not restored:
            otel.attach(lasting)


def without_scope(context: Context) -> Context:
    """
    Make a context that does not keep those around it alive.
    """
    return otel.set_value(_SCOPE, None, context)


def _scope_of(context: Context) -> Scope | None:
    found = otel.get_value(_SCOPE, context)
    return found if isinstance(found, Scope) else None


def _lasting(context: Context) -> Context:
    scope = _scope_of(context)
    while scope is not None and scope.left:
        context = scope.outer
        scope = _scope_of(context)
    return context


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
