"""
The spans that facts have opened, and those that they have ended.
"""

from collections import OrderedDict
from dataclasses import dataclass

from opentelemetry import context as otel
from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    StatusCode,
    get_current_span,
    set_span_in_context,
)
from otel_bridge_storage.facts import RunPaused

from otel_bridge.scoping import without_scope
from otel_bridge.session import SessionContext, with_session
from otel_bridge.span_forms import Key

_RUN = otel.create_key("otel-bridge-run")


@dataclass(slots=True)
class OpenSpan:
    """
    A span that has not ended.

    Attributes:
        context: What runs inside it.
        started: Its start was told; else another fact of it came first.
        pause: What the run waits for.
    """

    span: Span
    context: Context
    start_ns: int
    started: bool
    pause: RunPaused | None = None


@dataclass(frozen=True, slots=True)
class EndedSpan:
    """
    What is remembered of a span that has ended.

    Attributes:
        told: Its end was told; else it was left waiting, and may go on.
        run_status: The run's status where the span said so.
    """

    context: Context
    end_ns: int
    started: bool
    told: bool = True
    status: tuple[StatusCode, str | None] = (StatusCode.UNSET, None)
    run_status: str | None = None


class SpanLedger:
    """
    Open spans, and the most recent of the ended ones, by key.

    Not safe for threads by itself.

    Args:
        remembered: How many ended spans are remembered.
        most_open: How many spans may be open.
    """

    def __init__(self, *, remembered: int, most_open: int) -> None:
        self.open: OrderedDict[Key, OpenSpan] = OrderedDict()
        self.ended: OrderedDict[Key, EndedSpan] = OrderedDict()
        self._remembered = remembered
        self._most_open = most_open

    def add(self, key: Key, entry: OpenSpan) -> OpenSpan | None:
        """
        Note an open span.

        Returns:
            The span that has been open longest, taken out, where there are too many.
        """
        self.open[key] = entry
        self.ended.pop(key, None)
        if len(self.open) <= self._most_open:
            return None
        return self.open.popitem(last=False)[1]

    def end(self, key: Key, ended: EndedSpan) -> None:
        """
        Note that a span has ended.
        """
        self.open.pop(key, None)
        self.ended[key] = ended
        self.ended.move_to_end(key)
        while len(self.ended) > self._remembered:
            self.ended.popitem(last=False)

    def context(self, key: Key) -> Context | None:
        """
        Find the context inside a span that is open or has ended.
        """
        found = self.open.get(key) or self.ended.get(key)
        return found.context if found else None


def inside(
    span: Span, outer: Context, run_id: str | None = None, session: SessionContext | None = None
) -> Context:
    """
    Make the context of what runs inside a span.

    Args:
        run_id: The run that the span is; None for a span of the run around it.
        session: The session that the run names.
    """
    context = set_span_in_context(span, outer)
    if run_id is not None:
        context = otel.set_value(_RUN, run_id, context)
    return context if session is None else with_session(session, context)


def remembered(context: Context) -> Context:
    """
    Make a context that outlives its span without keeping the span's data alive.
    """
    span = NonRecordingSpan(get_current_span(context).get_span_context())
    return without_scope(set_span_in_context(span, context))


def current_run_id(context: Context | None = None) -> str | None:
    """
    Find the run of a context; of the current one where none is given.
    """
    found = otel.get_value(_RUN, context)
    return found if isinstance(found, str) else None
