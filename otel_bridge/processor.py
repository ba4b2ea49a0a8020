"""
The processors that record what an OpenTelemetry SDK sees.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opentelemetry.context import Context
from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor

from otel_bridge.content import ContentPolicy, Redact
from otel_bridge.dialects.registry import Dialects
from otel_bridge.pricing import prices_of
from otel_bridge.recording import Recording
from otel_bridge.session import mark

_SHUTDOWN_S = 30.0


class RunLogSpanProcessor(SpanProcessor):
    """
    Records every span into a database: at its start, so that a run is visible while it
    runs, and at its end.

    Args:
        target: Path, `sqlite:///PATH`, `memory://NAME` or `postgresql://` URL of the
            database, or a recording to share.
        capture_content: False leaves out what people, models and tools wrote.
        redact: Called with an attribute's name and each text of content in it; gives
            the text to store.
        max_items: Spans that may wait to be written.
        max_bytes: Size of what may wait, by the length of its texts.
        block_s: How long a full queue may hold up the agent's thread, in seconds; what
            finds no room after that is counted as lost.

    Raises:
        DatabaseError: The database is not one of ours, is damaged, of a newer version, or
            in a folder that does not exist. One that cannot be opened now is logged,
            and tried again with each batch.
    """

    def __init__(
        self,
        target: str | Path | Recording,
        *,
        capture_content: bool = True,
        redact: Redact | None = None,
        max_items: int = 8192,
        max_bytes: int = 64 * 1024 * 1024,
        block_s: float = 0.25,
    ) -> None:
        if isinstance(target, Recording):
            self.recording = target
        else:
            pricer = prices_of()
            # Loading the prices later would hold up the writer with calls waiting behind it.
            pricer.warm()
            self.recording = Recording(
                target,
                reader=Dialects(),
                pricer=pricer,
                policy=ContentPolicy(keep=capture_content, redact=redact),
                max_items=max_items,
                max_bytes=max_bytes,
                block_s=block_s,
            )

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """
        Mark the span with the session around it, and record that it is open.
        """
        try:
            mark(span, parent_context)
        except Exception as error:  # noqa: BLE001 - the host comes first
            self.recording.missed("a span's session", error)
        try:
            self.recording.started(span)
        except Exception as error:  # noqa: BLE001 - the host comes first
            self.recording.missed("a span's start", error)

    def on_event(self, span: Span, name: str, attributes: Mapping[str, Any], time_ns: int) -> None:
        """
        Record an event that was just added to an open span.
        """
        try:
            self.recording.happened(span, name, attributes, time_ns)
        except Exception as error:  # noqa: BLE001 - the host comes first
            self.recording.missed("an event", error)

    def on_end(self, span: ReadableSpan) -> None:
        """
        Record the span.
        """
        try:
            self.recording.ended(span)
        except Exception as error:  # noqa: BLE001 - the host comes first
            self.recording.missed("a span's end", error)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """
        Wait until all that ended before is on disk.

        Returns:
            Whether it is, with nothing lost since the last flush.
        """
        return self.recording.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """
        Write what waits and close the database.
        """
        self.recording.close()


class RunLogLogRecordProcessor(LogRecordProcessor):
    """
    Records OTel events, into which some instrumentations put the content of a call.

    Plain log lines, which have no event name, are left alone.

    Args:
        recording: Where to.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """
        Record an event.
        """
        record = log_record.log_record
        try:
            if record.event_name or (record.attributes and record.attributes.get("event.name")):
                self.recording.logged(log_record)
        except Exception as error:  # noqa: BLE001 - the host comes first
            self.recording.missed("a log record", error)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """
        Wait until all that was emitted before is on disk.
        """
        return self.recording.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """
        Write what waits; the span processor closes the database.
        """
        self.recording.flush(_SHUTDOWN_S)
