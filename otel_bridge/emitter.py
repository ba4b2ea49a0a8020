"""
Turns facts into spans and span events, from any thread and in any order.
"""

import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from opentelemetry import context as otel
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, StatusCode, Tracer, get_current_span
from otel_bridge_storage.fact_codec import event_name
from otel_bridge_storage.facts import Fact, RunCancelled, RunPaused, RunResumed, RunStarted

from otel_bridge.deferring import Deferred, ForkSafeLock
from otel_bridge.failures import Faults, error_type
from otel_bridge.open_spans import (
    EndedSpan,
    OpenSpan,
    SpanLedger,
    current_run_id,
    inside,
    remembered,
)
from otel_bridge.session import SessionContext
from otel_bridge.span_forms import (
    IMPLIED,
    KINDS,
    LATE,
    RESTATED,
    RUN,
    STARTED_AT,
    STARTS,
    STATUS,
    Key,
    event_attributes,
    identity,
    key_of,
    run_key,
    span_attributes,
    span_name,
    status_of,
)

OnEvent = Callable[[Any, str, Mapping[str, Any], int], None]


class Emitter:
    """
    Opens, closes and writes on spans as facts tell.

    A fact that starts something opens its span and one that ends it closes it, by the
    id they carry; the others are events of the run's span. Facts may arrive in any
    order: an end without a start makes a span of its own, and a start that follows it a
    second one with the same id; the span of a run that has not started yet is opened by
    its first fact and completed by the start, whose time it carries; an event of a run
    that has ended becomes a short span under it. A start or an end that is told twice
    counts once.

    A fact that cannot be recorded is counted and logged; nothing is raised.

    Args:
        clock: Nanoseconds since the epoch, for facts that carry no time.
        on_event: Told of every event when it happens: span, name, attributes, time in
            nanoseconds since the epoch.
        capture_content: Whether what people wrote is recorded.
        remembered_ends: How many ended spans are remembered, to tell what comes twice or
            late.
        most_open: How many spans may be open; beyond that the oldest is ended.
    """

    def __init__(
        self,
        tracer: Tracer,
        *,
        clock: Callable[[], int] = time.time_ns,
        on_event: OnEvent | None = None,
        capture_content: bool = True,
        remembered_ends: int = 10_000,
        most_open: int = 10_000,
    ) -> None:
        self.clock = clock
        self.faults = Faults()
        self.capture_content = capture_content
        self._tracer = tracer
        self._on_event = on_event
        self._spans = SpanLedger(remembered=remembered_ends, most_open=most_open)
        self.deferred = Deferred(self.faults)
        self._lock = ForkSafeLock()

    @property
    def rejected(self) -> int:
        """
        How many things could not be recorded.
        """
        return self.faults.count

    def emit(self, fact: Fact) -> None:
        """
        Record a fact.
        """
        self.record(fact)

    def record(
        self, fact: Fact, *, error: BaseException | None = None, also: Fact | None = None
    ) -> Context | None:
        """
        Record a fact, with what only code in the process knows about it.

        Args:
            error: The exception that ended a run or a call.
            also: A fact whose attributes the span that ends here carries too.

        Returns:
            The context inside the span the fact belongs to, if there is one.
        """
        self.deferred.settle()
        if not _is_sound(fact):
            self._reject(fact)
            return None
        with self.faults.contained(f"recording a fact of the kind {fact.kind}"), self._lock:
            timed = fact if fact.time_ns is not None else replace(fact, time_ns=self.clock())
            key = key_of(timed)
            if key is None:
                return self._add_event(timed)
            if isinstance(timed, STARTS):
                return self._start(key, timed)
            return self._end(key, timed, error, also)
        return None

    def pause_of(self, run_id: str) -> RunPaused | None:
        """
        Say what a run waits for; None for one that goes on or is not open.
        """
        with self._lock:
            entry = self._spans.open.get(run_key(run_id))
            return entry.pause if entry else None

    def suspend(self, run_id: str) -> None:
        """
        End the span of a run that waits for something and will go on in another span.
        """
        self.deferred.settle()
        key = run_key(run_id)
        with self.faults.contained("suspending a run"), self._lock:
            entry = self._spans.open.get(key)
            if entry is None:
                return
            entry.span.set_attribute(STATUS, "paused")
            end_ns = max(self.clock(), entry.start_ns)
            context = remembered(entry.context)
            self._spans.end(key, EndedSpan(context, end_ns, started=True, told=False))
            entry.span.end(end_ns)

    def _reject(self, fact: object) -> None:
        kind = type(fact).__qualname__
        self.faults.report(
            f"not a fact: {kind}",
            f"emit() was given a {kind} that is not a fact with a run_id and a time; nothing "
            "was recorded. Use the classes of otel_bridge_storage.facts",
        )

    def _start(self, key: Key, fact: Fact) -> Context | None:
        entry = self._spans.open.get(key)
        ended = self._spans.ended.get(key)
        if entry is not None:
            if not entry.started:
                self._complete(key, entry, fact)
            return entry.context
        if ended is None or not ended.told:
            return self._open(key, fact, started=True).context
        if ended.started:
            return ended.context
        return self._open_late(key, fact, ended)

    def _complete(self, key: Key, entry: OpenSpan, fact: Fact) -> None:
        """
        Give a span that was opened by another fact what its start says.
        """
        attributes = span_attributes(fact, content=self.capture_content)
        if key[0] == RUN and fact.time_ns is not None:
            attributes[STARTED_AT] = fact.time_ns
        entry.started = True
        entry.span.update_name(span_name(key, attributes))
        entry.span.set_attributes(attributes)
        entry.context = inside(
            entry.span, entry.context, key[1] if key[0] == RUN else None, _session_of(fact)
        )

    def _open_late(self, key: Key, fact: Fact, ended: EndedSpan) -> Context:
        """
        Open and close a second span for a start that came after its end.
        """
        entry = self._open(key, fact, started=True)
        self._spans.end(key, replace(ended, started=True))
        if key[0] == RUN:
            entry.span.set_attribute(RESTATED, True)
        if ended.run_status is not None:
            entry.span.set_attribute(STATUS, ended.run_status)
        _close(entry, ended.status, max(entry.start_ns, ended.end_ns))
        return ended.context

    def _open(
        self,
        key: Key,
        fact: Fact,
        *,
        started: bool,
        own: bool = True,
    ) -> OpenSpan:
        """
        Open a span.

        Args:
            started: The fact is the span's start.
            own: The fact is of this span, not of something inside it.
        """
        told = span_attributes(fact, content=self.capture_content) if own else {}
        attributes = {**identity(key), **told}
        if key[0] == RUN and not started:
            attributes[IMPLIED] = True
        outer = self._around(key, fact)
        start_ns = fact.time_ns if fact.time_ns is not None else self.clock()
        earlier = self._spans.ended.get(key) if key[0] == RUN else None
        span = self._tracer.start_span(
            span_name(key, attributes),
            context=outer,
            kind=KINDS[key[0]],
            attributes=attributes,
            links=[Link(get_current_span(earlier.context).get_span_context())]
            if earlier
            else None,
            start_time=start_ns,
        )
        is_run = key[0] == RUN
        context = inside(span, outer, key[1] if is_run else None, _session_of(fact))
        entry = OpenSpan(span, context, start_ns, started)
        oldest = self._spans.add(key, entry)
        if oldest is not None:
            self.faults.report(
                "too many open spans",
                "More spans are open than the bridge keeps; the oldest was ended. A runtime "
                "that starts calls or runs should also tell their end",
            )
            oldest.span.end(max(oldest.start_ns, start_ns))
        return entry

    def _around(self, key: Key, fact: Fact) -> Context:
        """
        Find the context that a new span belongs into.

        The current context is believed where it is inside the run in question, because
        it knows spans between the run and the call; else the run's own span is taken.
        """
        current = otel.get_current()
        if key[0] == RUN:
            run_id = fact.parent_run_id if isinstance(fact, RunStarted) else None
        else:
            run_id = key[1]
        if not run_id or run_id == current_run_id(current):
            return current
        found = self._spans.context(run_key(run_id))
        if found is not None:
            return found
        return current if key[0] == RUN else self._implicit_run(run_id, fact).context

    def _implicit_run(self, run_id: str, fact: Fact) -> OpenSpan:
        """
        Open the span of a run whose start has not been told.
        """
        return self._open(run_key(run_id), _envelope(fact), started=False, own=False)

    def _end(
        self, key: Key, fact: Fact, error: BaseException | None, also: Fact | None
    ) -> Context | None:
        ended = self._spans.ended.get(key)
        if ended is not None and ended.told:
            return ended.context
        entry = self._spans.open.get(key) or self._open(key, fact, started=False)
        content = self.capture_content
        told = {} if also is None else span_attributes(also, content=content)
        told.update(span_attributes(fact, content=content))
        entry.span.set_attributes(told)
        if error is not None:
            self._record_exception(entry.span, error, fact.time_ns)
        end_ns = max(entry.start_ns, fact.time_ns or 0)
        status = status_of(fact, content=content)
        run_status = "cancelled" if isinstance(fact, RunCancelled) else None
        context = remembered(entry.context)
        self._spans.end(
            key,
            EndedSpan(
                context, end_ns, entry.started, status=status, run_status=run_status
            ),
        )  # fmt: skip
        _close(entry, status, end_ns)
        return context

    def _record_exception(self, span: Span, error: BaseException, time_ns: int | None) -> None:
        if self.capture_content:
            try:
                span.record_exception(error, timestamp=time_ns)
            except Exception as fault:  # noqa: BLE001 - a foreign __str__ may raise anything
                self.faults.report("record_exception", "An exception could not be read", fault)
            else:
                return
        span.add_event("exception", {"exception.type": error_type(error)}, time_ns)

    def _add_event(self, fact: Fact) -> Context | None:
        if not fact.run_id:
            self.faults.report(
                f"no run: {fact.kind}",
                f"A fact of the kind {fact.kind} belongs to no run and was dropped. Record it "
                "inside `with bridge.run(...)`, or give its run_id",
            )
            return None
        key = run_key(fact.run_id)
        ended = self._spans.ended.get(key)
        entry = self._spans.open.get(key)
        if entry is None and ended is not None and ended.told:
            self._add_late_event(fact, ended)
            return ended.context
        entry = entry or self._implicit_run(fact.run_id, fact)
        if isinstance(fact, RunPaused | RunResumed):
            entry.pause = fact if isinstance(fact, RunPaused) else None
        self._write_event(entry.span, fact)
        return entry.context

    def _add_late_event(self, fact: Fact, ended: EndedSpan) -> None:
        span = self._tracer.start_span(LATE, context=ended.context, start_time=fact.time_ns)
        self._write_event(span, fact)
        span.end(fact.time_ns)

    def _write_event(self, span: Span, fact: Fact) -> None:
        if fact.fact_id is None:
            # The event reaches the store twice, at once and with its span.
            fact = replace(fact, fact_id=uuid.uuid4().hex)
        name, time_ns = event_name(fact), fact.time_ns or 0
        attributes = event_attributes(fact, content=self.capture_content)
        span.add_event(name, attributes, time_ns)
        if self._on_event is not None and span.is_recording():
            with self.faults.contained("handing an event on"):
                self._on_event(span, name, attributes, time_ns)


def _is_sound(fact: object) -> bool:
    if not isinstance(fact, Fact) or not isinstance(fact.run_id, str):
        return False
    if fact.time_ns is not None and not (type(fact.time_ns) is int and 0 <= fact.time_ns < 2**63):
        return False
    return bool(fact.run_id) or key_of(fact) != run_key("")


def _envelope(fact: Fact) -> Fact:
    return Fact(run_id=fact.run_id, time_ns=fact.time_ns)


def _session_of(fact: Fact) -> SessionContext | None:
    if isinstance(fact, RunStarted) and (fact.session_id or fact.user_id):
        return SessionContext(session_id=fact.session_id, user_id=fact.user_id)
    return None


def _close(entry: OpenSpan, status: tuple[StatusCode, str | None], end_ns: int) -> None:
    code, description = status
    if code is not StatusCode.UNSET:
        entry.span.set_status(code, description)
    entry.span.end(end_ns)
