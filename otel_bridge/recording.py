"""
The way of telemetry from the program into its database, in a thread of its own.
"""

import logging
import os
import sys
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MethodType
from typing import Any, cast

from opentelemetry.sdk._logs import ReadWriteLogRecord
from opentelemetry.sdk.trace import ReadableSpan, Span
from opentelemetry.trace import format_span_id, format_trace_id
from otel_bridge_storage.addresses import Address
from otel_bridge_storage.database import may_pass
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.liveness import HEARTBEAT_S
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.queue_stats import QueueStats
from otel_bridge_storage.readings import Pricer, Reader
from otel_bridge_storage.records import Arrival, EventRecord, SpanEvent
from otel_bridge_storage.write_queue import TryAgainError, WriteQueue
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from otel_bridge.content import ContentPolicy
from otel_bridge.sdk_records import SdkRecords

_log = logging.getLogger("otel_bridge")
_BUSY_TIMEOUT_S = 1.0
_HOLD_S = 2.0


@dataclass(frozen=True, slots=True)
class _Started:
    span: Span


@dataclass(frozen=True, slots=True)
class _Happened:
    span: Span
    name: str
    attributes: Mapping[str, Any]
    time_ns: int


_Item = ReadableSpan | _Started | _Happened | ReadWriteLogRecord


class Recording:
    """
    A database that telemetry of this process is being recorded into.

    Survives a fork: the child goes on recording into the same file as a writer of its
    own, and what waited at the moment of the fork is written by the parent alone.

    Args:
        target: Path or `sqlite:///` URL.
        policy: What happens to content on its way into the database.
        max_items: Spans that may wait to be written.
        max_bytes: Size of what may wait, by the length of its texts.
        block_s: How long the agent's thread may be held up when the queue is full.

    Raises:
        DatabaseError: The database cannot be opened or is not one of ours.
    """

    def __init__(
        self,
        target: str | Path,
        *,
        reader: Reader,
        pricer: Pricer,
        policy: ContentPolicy | None = None,
        max_items: int = 8192,
        max_bytes: int = 64 * 1024 * 1024,
        block_s: float = 0.25,
    ) -> None:
        self._reader = reader
        self._pricer = pricer
        self._policy = policy or ContentPolicy()
        self._database = open_database(target, busy_timeout_s=_BUSY_TIMEOUT_S)
        self._records = SdkRecords()
        self._open_spans: dict[int, None] = {}
        self._closed = False
        self._held = False
        self._astray = False
        self._ingestor = self._new_ingestor()
        self._queue: WriteQueue[_Item] = WriteQueue(
            self._write,
            max_items=max_items,
            max_bytes=max_bytes,
            block_s=block_s,
            idle=self._upkeep,
            idle_s=HEARTBEAT_S,
        )
        _survive_forks(self)
        _finalize(self)

    @property
    def address(self) -> Address:
        """
        Where the database is.
        """
        return self._database.address

    @property
    def closed(self) -> bool:
        """
        Whether `close` was called.
        """
        return self._closed

    @property
    def stats(self) -> QueueStats:
        """
        What became of the records so far.
        """
        return self._queue.stats

    def started(self, span: Span) -> None:
        """
        Record that a span is open.
        """
        if self._takes():
            self._open_spans[span.get_span_context().span_id] = None
            self._queue.offer(_Started(span))

    def ended(self, span: ReadableSpan) -> None:
        """
        Record a span that ended.
        """
        context = span.get_span_context()
        known = context is not None and context.span_id in self._open_spans
        # A garbage collector may end a span of the agent's on the writer's thread.
        if self._takes() or (known and not self._closed):
            if context is not None:
                self._open_spans.pop(context.span_id, None)
            self._queue.offer(span, _span_size(span))

    def happened(self, span: Span, name: str, attributes: Mapping[str, Any], time_ns: int) -> None:
        """
        Record an event of an open span ahead of the span's end.
        """
        if self._takes():
            self._queue.offer(_Happened(span, name, attributes, time_ns), _size(attributes))

    def logged(self, log: ReadWriteLogRecord) -> None:
        """
        Record a log record.
        """
        if self._takes():
            record = log.log_record
            self._queue.offer(log, _value_size(record.body) + _size(record.attributes))

    def missed(self, what: str, error: Exception) -> None:
        """
        Take note of something that could not be recorded; it counts as lost.
        """
        self._queue.miss(what, error)

    def flush(self, timeout_s: float | None = None) -> bool:
        """
        Wait until all that was recorded before is on disk.

        Returns:
            Whether it is, and nothing was lost since the last flush.
        """
        return self._queue.flush(timeout_s)

    def close(self, timeout_s: float = 30.0) -> bool:
        """
        Write what waits and close the database; open runs are interrupted from now on.
        """
        if self._closed:
            return True
        self._closed = True
        whole = self._queue.close(timeout_s)
        if self._astray or not self._queue.hold(_HOLD_S):
            return False
        try:
            self._ingestor.leave()
        except SQLAlchemyError as error:
            _log.warning("otel-bridge could not sign off from %s: %s", self.address, error)
        self._database.close()
        self._queue.release()
        return whole

    def _takes(self) -> bool:
        # What an instrumentation makes of the writer's own work must not feed it.
        return not self._closed and not self._queue.on_writer_thread()

    def _new_ingestor(self) -> Ingestor:
        return Ingestor(self._database, reader=self._reader, pricer=self._pricer)

    def _write(self, items: Sequence[_Item]) -> None:
        try:
            self._ingestor.apply(list(self._arrivals(items)))
        except OperationalError as error:
            if not may_pass(error):
                raise
            raise TryAgainError(f"{self.address}: {error.orig}") from error

    def _arrivals(self, items: Sequence[_Item]) -> Iterable[Arrival]:
        ended = {_identity(item) for item in items if isinstance(item, ReadableSpan)}
        for item in items:
            if isinstance(item, _Started):
                if _identity(item.span) not in ended:
                    yield self._policy.span(self._records.span(item.span))
            elif isinstance(item, _Happened):
                yield self._policy.live_event(_live_event(item))
            elif isinstance(item, ReadableSpan):
                yield self._policy.span(self._records.span(item))
            else:
                yield self._policy.log(self._records.log(item))

    def _upkeep(self) -> None:
        if self._open_spans:
            self._ingestor.renew()

    def before_fork(self) -> None:
        """
        Close the file: SQLite must not be open across a fork.
        """
        self._held = not self._closed and self._queue.hold(_HOLD_S)
        if self._held:
            self._database.suspend()

    def after_fork_in_parent(self) -> None:
        """
        Go on.
        """
        if self._held:
            self._held = False
            self._queue.release()

    def after_fork_in_child(self) -> None:
        """
        Begin anew as a writer of its own.
        """
        held, self._held = self._held, False
        if self._closed:
            return
        self._queue.forget()
        self._records = SdkRecords()
        self._open_spans = {}
        if not held:
            # The parent's connection came along and may be neither used nor closed here.
            self._astray = True
            self._queue.close(0)
            _log.warning(
                "otel-bridge records nothing in process %d: %s was busy at the fork",
                os.getpid(),
                self.address,
            )
            return
        self._ingestor = self._new_ingestor()
        _flush_at_end_of_child(self)


def _identity(span: ReadableSpan) -> tuple[int, int]:
    context = span.get_span_context()
    return (context.trace_id, context.span_id) if context else (0, 0)


def _live_event(item: _Happened) -> SpanEvent:
    context = item.span.get_span_context()
    return SpanEvent(
        trace_id=format_trace_id(context.trace_id),
        span_id=format_span_id(context.span_id),
        event=EventRecord(item.name, item.time_ns, dict(item.attributes)),
    )


def _span_size(span: ReadableSpan) -> int:
    size = _size(span.attributes)
    for event in span.events:
        size += _size(event.attributes)
    return size


def _size(attributes: Mapping[str, Any] | None) -> int:
    return sum(map(_value_size, attributes.values())) if attributes else 0


def _value_size(value: Any, depth: int = 3) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    if depth and isinstance(value, Mapping):
        return sum(_value_size(item, depth - 1) for item in value.values())
    if depth and isinstance(value, list | tuple):
        return sum(_value_size(item, depth - 1) for item in value)
    return 0


def _survive_forks(recording: Recording) -> None:
    if not hasattr(os, "register_at_fork"):
        return
    known = weakref.ref(recording)

    def call(method: str) -> None:
        if (recording := known()) is not None:
            getattr(recording, method)()

    os.register_at_fork(
        before=lambda: call("before_fork"),
        after_in_parent=lambda: call("after_fork_in_parent"),
        after_in_child=lambda: call("after_fork_in_child"),
    )


def _flush_at_end_of_child(recording: Recording) -> None:
    """
    Close the recording when a child of multiprocessing ends, which runs no exit handlers.
    """
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.register_after_fork(recording, _finalize)


def _finalize(recording: Recording) -> None:
    close_at_end_of_child(cast("MethodType", recording.close), priority=10)


def close_at_end_of_child(close: MethodType, *, priority: int) -> None:
    """
    Have something closed when this process ends, if multiprocessing started it: such a
    process runs no exit handlers.

    Args:
        close: A bound method of what is to be closed, which is not kept alive for that.
        priority: What has a higher one is closed earlier.
    """
    process, util = map(sys.modules.get, ("multiprocessing.process", "multiprocessing.util"))
    if process is None or util is None or process.parent_process() is None:
        return
    known = weakref.WeakMethod(close)

    def close_known() -> None:
        method = known()
        if method is not None:
            method()

    util.Finalize(close.__self__, close_known, exitpriority=priority)
