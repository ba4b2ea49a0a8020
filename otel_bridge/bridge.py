"""
The bridge: one line that makes a program's agents be recorded.
"""

import atexit
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MethodType, TracebackType
from typing import TYPE_CHECKING, Self, cast

from opentelemetry import trace
from opentelemetry._logs import get_logger_provider, set_logger_provider
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from otel_bridge_storage.errors import OtelBridgeError
from otel_bridge_storage.forward_states import ForwardState
from otel_bridge_storage.queue_stats import QueueStats

from otel_bridge.content import ContentPolicy, Redact
from otel_bridge.dialects import Dialects
from otel_bridge.export import (
    ContentFilteringExporter,
    Protocol,
    endpoint_configured,
    otlp_exporter,
)
from otel_bridge.pricing import prices_of
from otel_bridge.process_ends import close_at_end_of_child
from otel_bridge.processor import RunLogLogRecordProcessor, RunLogSpanProcessor
from otel_bridge.recorder import Recorder
from otel_bridge.recording import Recording
from otel_bridge.threads import propagate_to_threads

if TYPE_CHECKING:
    from otel_bridge.forwarder import Destination, Forwarder

DEFAULT_DATABASE = "otel-bridge.db"
SCOPE = "otel_bridge"
_MANY = 100_000
_LAST_S = 5.0


class Bridge(Recorder):
    """
    Records agents, and all other spans of the process, into one database.

    Made by `install`; a context manager that closes at the end.

    Args:
        provider: The provider that the processors were attached to.
        processor: Records spans.
        exporter: Sends spans on, if they are sent on.
        forwarder: Sends on what is stored, if that is sent on.
        capture_content: False keeps content off the Recorder's spans.
        undo: Called at the end, to take back what was changed in the process.
    """

    def __init__(
        self,
        provider: TracerProvider,
        processor: RunLogSpanProcessor,
        *,
        exporter: BatchSpanProcessor | None = None,
        forwarder: "Forwarder | None" = None,
        capture_content: bool = True,
        undo: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(
            provider.get_tracer(SCOPE),
            on_event=processor.on_event,
            capture_content=capture_content,
        )
        self._processor = processor
        self._exporter = exporter
        self._forwarder = forwarder
        self._undo = undo
        atexit.register(self.close)
        close_at_end_of_child(cast("MethodType", self.close), priority=20)

    @property
    def database(self) -> str:
        """
        The database: the path of its file, or its URL without a password.
        """
        return str(self._processor.recording.address)

    @property
    def closed(self) -> bool:
        """
        Whether `close` was called.
        """
        return self._processor.recording.closed

    def stats(self) -> QueueStats:
        """
        Say what became of the records so far: written, waiting, lost.
        """
        return self._processor.recording.stats

    def force_flush(self, timeout_s: float = 30.0) -> bool:
        """
        Wait until all that was recorded before is on disk.

        Spans that are sent on are flushed as well; whether they arrived is not part of
        the answer.

        Returns:
            Whether it is on disk, with nothing lost since the last flush.
        """
        self.emitter.deferred.settle()
        stored = self._processor.recording.flush(timeout_s)
        if self._exporter is not None:
            self._exporter.force_flush(int(timeout_s * 1000))
        return stored

    def forwarding(self) -> list[ForwardState]:
        """
        Say how forwarding to each destination stands; nothing where nothing is forwarded.

        Raises:
            DatabaseError: The database cannot be read.
        """
        return [] if self._forwarder is None else self._forwarder.statuses()

    def flush_forwarding(self, timeout_s: float = 30.0) -> bool:
        """
        Wait until all that was recorded before was forwarded.

        Returns:
            Whether that is so; False as soon as a destination is in trouble.
        """
        stored = self.force_flush(timeout_s)
        return stored and (self._forwarder is None or self._forwarder.flush(timeout_s))

    def close(self) -> None:
        """
        Write what waits, close the database and stop sending.

        What could not be forwarded in a few seconds waits in the database.
        """
        atexit.unregister(self.close)
        self.emitter.deferred.settle()
        if self._forwarder is not None:
            self._processor.recording.flush(_LAST_S)
            self._forwarder.close(_LAST_S)
            self._forwarder = None
        self._processor.shutdown()
        if self._exporter is not None:
            self._exporter.shutdown()  # type: ignore[no-untyped-call]
            self._exporter = None
        if self._undo is not None:
            self._undo()
            self._undo = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def install(
    database: str | Path | None = None,
    *,
    otlp_endpoint: str | None = None,
    otlp_protocol: Protocol | None = None,
    otlp_headers: Mapping[str, str] | None = None,
    otlp_content: bool | None = None,
    forward: "str | Destination | Sequence[str | Destination]" = (),
    capture_content: bool = True,
    redact: Redact | None = None,
    prices: str | Path | None = None,
    service_name: str | None = None,
    tracer_provider: TracerProvider | None = None,
    logger_provider: LoggerProvider | None = None,
    threads: bool = True,
    max_items: int = 8192,
    max_bytes: int = 64 * 1024 * 1024,
    block_s: float = 0.25,
) -> Bridge:
    """
    Record the agents of this process, and every OTel instrumentation in it.

    Attached to the program's tracer and logger providers where there are some; else
    providers are made and set.

    Args:
        database: Path, `sqlite:///PATH`, `memory://NAME` or `postgresql://` URL; by
            default `$OTEL_BRIDGE_DB`, else `otel-bridge.db` in the working directory.
        otlp_endpoint: Send the spans on to this OTLP endpoint, such as
            `http://localhost:4317`. Without it, and where this call makes the tracer
            provider, the standard `OTEL_EXPORTER_OTLP_*` variables decide.
        otlp_protocol: `grpc` or `http/protobuf`; by default told by the variables or
            the endpoint's port.
        otlp_headers: Sent with each export.
        otlp_content: Whether content is sent on too; by default only if
            `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` asks for content.
        forward: Send what is stored on to these OTLP endpoints, from a durable cursor:
            what one of them misses while it is away, or this process is, it gets later.
            What is stored is what is sent, content included, unless the destination says
            otherwise.
        capture_content: False leaves content out of the database, and off the spans
            that the Recorder makes.
        redact: Called with an attribute's name and each text of content; gives the text
            to store and to send.
        prices: A file of prices of one's own, before the price list; by default
            `$OTEL_BRIDGE_PRICES`, if that is set.
        service_name: `service.name` of a provider that this call makes.
        threads: Carry the current run into new threads and thread pools.
        max_items: Spans that may wait to be written.
        max_bytes: Size of what may wait, by the length of its texts.
        block_s: How long a full queue may hold up the agent's thread, in seconds.

    Raises:
        DatabaseError: The database is not one of ours, is damaged, of a newer version, or
            in a folder that does not exist. One that cannot be opened now is logged,
            and tried again with each batch.
        PriceFileError: The file of prices cannot be read, or makes no sense.
        OtelBridgeError: The program's tracer provider is not of the OpenTelemetry SDK.
        DestinationError: What to forward to makes no sense.
        ValueError: The OTLP endpoint or protocol is malformed.
    """
    target = database or os.environ.get("OTEL_BRIDGE_DB") or DEFAULT_DATABASE
    provider, made = _tracer_provider(tracer_provider, service_name)
    export = None
    if otlp_endpoint is not None or (made and endpoint_configured()):
        export = otlp_exporter(otlp_endpoint, protocol=otlp_protocol, headers=otlp_headers)
    forwarder = _forwarder(target, forward) if forward else None
    pricer = prices_of(prices)
    # Loading the prices later would hold up the writer with calls waiting behind it.
    pricer.warm()
    recording = Recording(
        target,
        reader=Dialects(),
        pricer=pricer,
        policy=ContentPolicy(keep=capture_content, redact=redact),
        max_items=max_items,
        max_bytes=max_bytes,
        block_s=block_s,
    )
    processor = RunLogSpanProcessor(recording)
    provider.add_span_processor(processor)
    attach_logs(processor, logger_provider, provider.resource)
    batches = None
    if export is not None:
        send = _content_wanted() if otlp_content is None else otlp_content
        policy = ContentPolicy(keep=send, redact=redact)
        batches = BatchSpanProcessor(ContentFilteringExporter(export, policy))
        provider.add_span_processor(batches)
    if made:
        trace.set_tracer_provider(provider)
    if forwarder is not None:
        forwarder.start()
    return Bridge(
        provider,
        processor,
        exporter=batches,
        forwarder=forwarder,
        capture_content=capture_content,
        undo=propagate_to_threads() if threads else None,
    )


def attach_logs(
    processor: RunLogSpanProcessor,
    provider: LoggerProvider | None = None,
    resource: Resource | None = None,
) -> None:
    """
    Record OTel events beside the spans, making a logger provider where there is none.
    """
    logs = RunLogLogRecordProcessor(processor.recording)
    existing = provider or get_logger_provider()
    if isinstance(existing, LoggerProvider):
        existing.add_log_record_processor(logs)
    else:
        made = LoggerProvider(resource=resource, shutdown_on_exit=False)
        made.add_log_record_processor(logs)
        set_logger_provider(made)


def _tracer_provider(
    given: TracerProvider | None, service_name: str | None
) -> tuple[TracerProvider, bool]:
    if given is not None:
        return given, False
    existing = trace.get_tracer_provider()
    if isinstance(existing, TracerProvider):
        return existing, False
    if not isinstance(existing, trace.ProxyTracerProvider):
        raise OtelBridgeError(
            f"the program's tracer provider is a {type(existing).__name__}, which takes no "
            "span processors: give install(tracer_provider=...) one of the OpenTelemetry SDK"
        )
    resource = Resource.create({"service.name": service_name} if service_name else None)
    limits = SpanLimits(max_span_attributes=_MANY, max_events=_MANY)
    return TracerProvider(resource=resource, span_limits=limits, shutdown_on_exit=False), True


def _forwarder(
    target: str | Path, forward: "str | Destination | Sequence[str | Destination]"
) -> "Forwarder":
    from otel_bridge.forwarder import Destination, Forwarder

    return Forwarder(target, [forward] if isinstance(forward, str | Destination) else forward)


def _content_wanted() -> bool:
    value = os.environ.get("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "")
    return value.strip().lower() in ("true", "span_only", "span_and_event")
