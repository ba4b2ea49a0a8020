"""
Recording without a line of code: `OTEL_TRACES_EXPORTER=otel_bridge opentelemetry-instrument …`.

The SDK's configurator only knows exporters, which see spans when they have ended. This one
attaches the bridge's processors to the provider that is being set up.
"""

import logging
import os
from collections.abc import Sequence

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from otel_bridge_storage.errors import OtelBridgeError

from otel_bridge.bridge import DEFAULT_DATABASE, attach_logs
from otel_bridge.processor import RunLogSpanProcessor

_log = logging.getLogger("otel_bridge")
_NO = ("0", "false", "no", "off")


class RunLogSpanExporter(SpanExporter):
    """
    Records the spans of the global tracer provider into `$OTEL_BRIDGE_DB`.

    `OTEL_BRIDGE_CAPTURE_CONTENT=false` leaves content out. A database that is not one of
    ours is logged, and the program runs on unrecorded; one that cannot be opened now is
    tried again.
    """

    def __init__(self) -> None:
        self._processor: RunLogSpanProcessor | None = None
        provider = trace.get_tracer_provider()
        target = os.environ.get("OTEL_BRIDGE_DB") or DEFAULT_DATABASE
        capture = os.environ.get("OTEL_BRIDGE_CAPTURE_CONTENT", "true").strip().lower() not in _NO
        try:
            self._processor = RunLogSpanProcessor(target, capture_content=capture)
        except (OtelBridgeError, OSError) as error:
            _log.error("otel-bridge records nothing: %s", error)
            return
        if isinstance(provider, TracerProvider):
            provider.add_span_processor(_LogsAtFirstSpan(self._processor))
            provider.add_span_processor(self._processor)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """
        Do nothing: the processor has recorded the spans already.
        """
        return SpanExportResult.SUCCESS if self._processor else SpanExportResult.FAILURE

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """
        Wait until all that ended before is on disk.
        """
        return self._processor is None or self._processor.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """
        Write what waits and close the database.
        """
        if self._processor is not None:
            self._processor.shutdown()


class _LogsAtFirstSpan(SpanProcessor):
    """
    Attaches to the logger provider, which is set up after the tracer provider.
    """

    def __init__(self, processor: RunLogSpanProcessor) -> None:
        self._processor: RunLogSpanProcessor | None = processor

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """
        Attach, once.
        """
        processor, self._processor = self._processor, None
        if processor is not None:
            attach_logs(processor)


exporter = RunLogSpanExporter
