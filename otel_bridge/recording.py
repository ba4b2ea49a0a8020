"""
The way of telemetry from the program into its database, in a thread of its own.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MethodType
from typing import Any, cast

from opentelemetry.sdk._logs import ReadWriteLogRecord
from opentelemetry.sdk.trace import ReadableSpan, Span
from otel_bridge_storage.addresses import Address
from otel_bridge_storage.forking import survive_forks
from otel_bridge_storage.liveness import HEARTBEAT_S
from otel_bridge_storage.queue_stats import QueueStats
from otel_bridge_storage.readings import Pricer, Reader
from otel_bridge_storage.write_queue import WriteQueue

from otel_bridge.content import ContentPolicy
from otel_bridge.database_writer import DatabaseWriter
from otel_bridge.offers import (
    Happened,
    Offer,
    OfferedRecords,
    Started,
    log_size,
    size_of,
    span_size,
)
from otel_bridge.own_threads import is_unrecorded
from otel_bridge.process_ends import (
    close_at_end_of_child,
    close_at_end_of_fork,
)

_log = logging.getLogger("otel_bridge")
_HOLD_S = 2.0
_CLOSES_LATE = 10


class Recording:
    """
    A database that telemetry of this process is being recorded into.

    Survives a fork: the child goes on recording into the same file as a writer of its
    own, and what waited at the moment of the fork is written by the parent alone. A child
    that cannot, as with a database in memory, says so once and counts what it is offered
    as lost.

    A database that cannot be opened now, or not be written, is tried again and again;
    what is offered meanwhile waits within the bounds given here.

    Args:
        target: A path or URL; see `addresses.address_of`.
        policy: What happens to content on its way into the database.
        max_items: Spans that may wait to be written.
        max_bytes: Size of what may wait, by the length of its texts.
        block_s: How long the agent's thread may be held up when the queue is full.

    Raises:
        DatabaseError: The database is not one of ours, is damaged, of a newer version, or
            in a folder that does not exist.
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
        self._policy = policy or ContentPolicy()
        self._records = OfferedRecords(self._policy)
        self._writer = DatabaseWriter(target, reader=reader, pricer=pricer)
        self._open_spans: dict[int, None] = {}
        self._closed = False
        self._held = False
        self._astray = False
        self._queue: WriteQueue[Offer] = WriteQueue(
            self._write,
            max_items=max_items,
            max_bytes=max_bytes,
            block_s=block_s,
            idle=self._upkeep,
            idle_s=HEARTBEAT_S,
        )
        survive_forks(self)
        close_at_end_of_child(cast("MethodType", self.close), priority=_CLOSES_LATE)

    @property
    def address(self) -> Address:
        """
        Where the database is.
        """
        return self._writer.address

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
            self._queue.offer(Started(span))

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
            self._queue.offer(span, span_size(span))

    def happened(self, span: Span, name: str, attributes: Mapping[str, Any], time_ns: int) -> None:
        """
        Record an event of an open span ahead of the span's end.
        """
        if self._takes():
            self._queue.offer(Happened(span, name, attributes, time_ns), size_of(attributes))

    def logged(self, log: ReadWriteLogRecord) -> None:
        """
        Record a log record.
        """
        if self._takes():
            self._queue.offer(log, log_size(log))

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
        self._writer.close()
        self._queue.release()
        return whole

    def _takes(self) -> bool:
        # What an instrumentation makes of the writer's own work must not feed it.
        own = self._queue.on_writer_thread() or is_unrecorded()
        return not self._closed and not own

    def _write(self, offers: Sequence[Offer]) -> None:
        self._writer.write(self._records.arrivals(offers))

    def _upkeep(self) -> None:
        if self._open_spans:
            self._writer.renew()

    def before_fork(self) -> None:
        """
        Close the file: SQLite must not be open across a fork.
        """
        wanted = not self._closed and not self._astray
        self._held = wanted and self._queue.hold(_HOLD_S)
        if self._held:
            self._writer.suspend()

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
        self._records = OfferedRecords(self._policy)
        self._open_spans = {}
        if not self._writer.survives_forks:
            self._go_astray("is in the memory of its parent")
        elif not held:
            # The parent's connection came along and may be neither used nor closed here.
            self._go_astray("was busy at the fork")
        else:
            self._queue.forget()
            self._writer.become_another()
            close_at_end_of_fork(cast("MethodType", self.close), priority=_CLOSES_LATE)

    def _go_astray(self, why: str) -> None:
        self._astray = True
        self._queue.forget(refuse=True)
        _log.warning(
            "otel-bridge records nothing in process %d: %s %s", os.getpid(), self.address, why
        )
