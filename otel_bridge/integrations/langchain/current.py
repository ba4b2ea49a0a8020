"""
Showing the code inside a call or a tool where it is, without a trace left behind.

A callback of asynchronous code cannot take back, at the end, the context that it set at
the start: the end is told in another task. So what is set names a span that steps aside
once it has ended, and what is left of it does no harm.
"""

import asyncio
from collections.abc import Mapping
from contextvars import Token

from opentelemetry import context as otel
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext, get_current_span
from opentelemetry.trace.status import Status, StatusCode
from opentelemetry.util.types import Attributes, AttributeValue

from otel_bridge.open_spans import inside
from otel_bridge.scoping import detach_quietly
from otel_bridge.session import current_session


class SpanWhileOpen(Span):
    """
    Stands for a span until `close`, and for the one around it after that.

    Attributes:
        outer: The span around it.
        closed: It has stepped aside.
    """

    def __init__(self, inner: Span, outer: Span) -> None:
        self._inner = inner
        self.outer = outer
        self.closed = False

    def close(self) -> None:
        """
        Step aside, and keep nothing of the span.
        """
        self.closed = True
        self._inner = self.outer

    def get_span_context(self) -> SpanContext:
        """
        Give the ids of the span that this one stands for.
        """
        return self._inner.get_span_context()

    def is_recording(self) -> bool:
        """
        Tell whether that span is recording.
        """
        return self._inner.is_recording()

    def end(self, end_time: int | None = None) -> None:
        """
        Do nothing: who opened the span ends it.
        """

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        """
        Write on the span.
        """
        self._inner.set_attributes(attributes)

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """
        Write on the span.
        """
        self._inner.set_attribute(key, value)

    def add_event(
        self, name: str, attributes: Attributes = None, timestamp: int | None = None
    ) -> None:
        """
        Write on the span.
        """
        self._inner.add_event(name, attributes, timestamp)

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        """
        Write on the span.
        """
        self._inner.add_link(context, attributes)

    def update_name(self, name: str) -> None:
        """
        Do nothing: who opened the span names it.
        """

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """
        Do nothing: who opened the span knows how it ended.
        """

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """
        Write on the span.
        """
        self._inner.record_exception(exception, attributes, timestamp, escaped)


class Stay:
    """
    A stretch of code that is inside a span.

    Args:
        context: That of the span; the rest of the current one stays as it is.
        run_id: The run that the span belongs to; None leaves the run and the session of
            the current context, because what names them cannot step aside.
    """

    def __init__(self, context: Context, run_id: str | None) -> None:
        self._span = SpanWhileOpen(get_current_span(context), _settled(get_current_span()))
        session = None if run_id is None else current_session(context)
        inner = inside(self._span, otel.get_current(), run_id or None, session)
        self._token: Token[Context] | None = otel.attach(inner)

    def leave(self) -> None:
        """
        Take the context back where that is possible, and make it harmless elsewhere.
        """
        self._span.close()
        token, self._token = self._token, None
        if token is not None:
            detach_quietly(token)


def in_event_loop() -> bool:
    """
    Whether the current code runs in an event loop.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _settled(span: Span) -> Span:
    """
    See through what has stepped aside already, so that nothing piles up behind it.
    """
    while isinstance(span, SpanWhileOpen) and span.closed:
        span = span.outer
    return span
