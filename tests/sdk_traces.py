"""
Traces made with the OpenTelemetry SDK that use all that OTLP can say of a span, and what
tells two requests apart whatever peer they went through.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)
from otlp_messages import by_content, spans_of

_PROMPT = "Ask me anything 🙂 \n\t" * 2_000
_EVERY_TYPE: dict[str, Any] = {
    "largest": 2**63 - 1,
    "smallest": -(2**63),
    "past a double": 2**53 + 1,
    "float": 0.1,
    "whole float": 2.0,
    "true": True,
    "false": False,
    "empty": "",
    "text": "naïve ☃ 漢字",
    "gen_ai.input.messages": _PROMPT,
    "texts": ["a", "", "b"],
    "integers": [1, -1, 2**62],
    "floats": [0.5, 3.0],
    "booleans": [True, False],
    "none of them": [],
}
_AFAR = SpanContext(
    0xA1B2C3D4E5F60718293A4B5C6D7E8F90,
    0x1122334455667788,
    is_remote=True,
    trace_flags=TraceFlags(TraceFlags.SAMPLED),
    trace_state=TraceState([("vendor", "x:1"), ("other", "y")]),
)


class Sender:
    """
    A program that is instrumented with the SDK.

    Args:
        exporter: Where each span goes as it ends.
    """

    def __init__(self, exporter: SpanExporter | None, service: str = "planner") -> None:
        self._kept = InMemorySpanExporter()
        resource = Resource(
            {"service.name": service, "host.cpus": 2, "load": 0.25, "tags": ["a", "b"]},
            schema_url="https://opentelemetry.io/schemas/1.34.0",
        )
        self._provider = TracerProvider(
            resource=resource,
            shutdown_on_exit=False,
            span_limits=SpanLimits(max_events=3, max_links=2),
        )
        self._provider.add_span_processor(SimpleSpanProcessor(self._kept))
        if exporter is not None:
            self._provider.add_span_processor(SimpleSpanProcessor(exporter))
        self._tracers = [
            self._provider.get_tracer("agents", "1.2.3", attributes={"n": 1, "s": "x"}),
            self._provider.get_tracer(
                "clients", schema_url="https://opentelemetry.io/schemas/1.36.0"
            ),
        ]

    def send_every_kind(self) -> str:
        """
        Send one trace with all that a span can have, and give its id.
        """
        afar = set_span_in_context(NonRecordingSpan(_AFAR))
        first, second = self._tracers
        with first.start_as_current_span("root", afar, attributes=_EVERY_TYPE) as root:
            for kind in SpanKind:
                with second.start_as_current_span(f"span of {kind.name}", kind=kind) as span:
                    span.set_status(StatusCode.OK)
                    span.add_event("said", {"n": 7, "of": 2.0, "list": ["a"]}, kind.value + 1)
            links = [*[Link(root.get_span_context())] * 3, Link(_AFAR, {"why": "asked", "n": 2})]
            with second.start_as_current_span("linked and failed", links=links) as span:
                for number in range(5):
                    span.add_event(f"event {number}")
                span.set_status(StatusCode.ERROR, "no such tool")
        return f"{root.get_span_context().trace_id:032x}"

    def send_small(self) -> str:
        """
        Send a trace of two spans, and give its id.
        """
        first, second = self._tracers
        with (
            first.start_as_current_span("invoke_agent planner") as root,
            second.start_as_current_span("chat gpt-4o", attributes={"gen_ai.request.model": "m"}),
        ):
            pass
        return f"{root.get_span_context().trace_id:032x}"

    def send_call(
        self, agent: str, provider: str, model: str, input_tokens: int, output_tokens: int
    ) -> None:
        """
        Send an agent's run with one call to a model.
        """
        run = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": agent}
        call: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": provider,
            "gen_ai.request.model": model,
            "gen_ai.usage.input_tokens": input_tokens,
            "gen_ai.usage.output_tokens": output_tokens,
            "gen_ai.usage.cache_read.input_tokens": input_tokens // 2,
        }
        first, second = self._tracers
        with (
            first.start_as_current_span(f"invoke_agent {agent}", attributes=run),
            second.start_as_current_span(f"chat {model}", attributes=call, kind=SpanKind.CLIENT),
        ):
            pass

    @property
    def sent(self) -> ExportTraceServiceRequest:
        """
        All that was sent so far, as one request.
        """
        return encode_spans(self._ended)

    @property
    def span_ids(self) -> list[str]:
        """
        The ids of the spans that were sent so far.
        """
        contexts = [span.get_span_context() for span in self._ended]
        return [f"{context.span_id:016x}" for context in contexts if context is not None]

    @property
    def _ended(self) -> Sequence[ReadableSpan]:
        return self._kept.get_finished_spans()

    def close(self) -> None:
        """
        Let the exporter go.
        """
        self._provider.shutdown()


@contextmanager
def sending(exporter: SpanExporter | None, service: str = "planner") -> Iterator[Sender]:
    """
    Run an instrumented program.
    """
    sender = Sender(exporter, service)
    try:
        yield sender
    finally:
        sender.close()


def content_of(*requests: ExportTraceServiceRequest, schema_urls: bool = True) -> list[str]:
    """
    Tell all spans of requests, each with its resource and scope, in an order of their own.

    Args:
        schema_urls: Whether those of resources and scopes count; Jaeger does not keep them.
    """
    found: list[Any] = []
    for request in requests:
        copy = ExportTraceServiceRequest()
        copy.CopyFrom(request)
        for group in copy.resource_spans:
            if not schema_urls:
                group.schema_url = ""
            for scoped in group.scope_spans:
                if not schema_urls:
                    scoped.schema_url = ""
        found += spans_of(copy)
    return by_content([_in_order(item) for item in found])


def _in_order(value: Any) -> Any:
    """
    Sort attributes, whose order means nothing.
    """
    if isinstance(value, tuple):
        return tuple(_in_order(item) for item in value)
    if isinstance(value, list):
        items = [_in_order(item) for item in value]
        keyed = items and isinstance(items[0], dict) and items[0].keys() == {"key", "value"}
        return sorted(items, key=lambda item: str(item["key"])) if keyed else items
    if isinstance(value, dict):
        return {name: _in_order(item) for name, item in value.items()}
    return value
