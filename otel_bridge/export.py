"""
Sending spans on to an OTLP endpoint, through OpenTelemetry's own exporters.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import Status

from otel_bridge.content import ContentPolicy

T = TypeVar("T")
Protocol = Literal["grpc", "http/protobuf"]

_HTTP_PORT = 4318
_TRACES_PATH = "/v1/traces"
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def otlp_exporter(
    endpoint: str | None = None,
    *,
    protocol: Protocol | None = None,
    headers: Mapping[str, str] | None = None,
) -> SpanExporter:
    """
    Make OpenTelemetry's exporter for an endpoint.

    What is not given comes from the standard `OTEL_EXPORTER_OTLP_*` variables.

    Args:
        endpoint: Such as `http://localhost:4317`; for HTTP the base or the full path.
        protocol: By default the variable's, else HTTP for port 4318 or a path, else gRPC.
        headers: Sent with each request.

    Raises:
        ValueError: The endpoint is no http or https URL, or the protocol is unknown.
    """
    chosen = protocol or _configured_protocol(endpoint)
    if endpoint is not None and urlsplit(endpoint).scheme not in ("http", "https"):
        raise ValueError(
            f"otlp_endpoint {endpoint!r} is no http:// or https:// URL: "
            "give one such as http://localhost:4317"
        )
    if chosen == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc

        # gRPC takes no metadata whose name has capitals.
        lower = {name.lower(): value for name, value in headers.items()} if headers else None
        return Grpc(endpoint=endpoint, headers=lower)
    if chosen == "http/protobuf":
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http

        return Http(
            endpoint=None if endpoint is None else _with_path(endpoint),
            headers=dict(headers) if headers else None,
        )
    raise ValueError(f"OTLP protocol {chosen!r} is unknown: use grpc or http/protobuf")


def endpoint_configured() -> bool:
    """
    Whether the standard variables name an OTLP endpoint for traces.
    """
    if os.environ.get("OTEL_TRACES_EXPORTER", "otlp") == "none":
        return False
    return any(os.environ.get(name) for name in _ENDPOINTS)


class ContentFilteringExporter(SpanExporter):
    """
    Passes spans on with their content treated.

    Args:
        exporter: Where to.
        policy: What happens to content.
    """

    def __init__(self, exporter: SpanExporter, policy: ContentPolicy) -> None:
        self._exporter = exporter
        self._policy = policy

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """
        Pass on a batch.
        """
        if self._policy.changes_nothing:
            return self._exporter.export(spans)
        return self._exporter.export([self._treated(span) for span in spans])

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """
        Flush the exporter behind.
        """
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self) -> None:
        """
        Shut down the exporter behind.
        """
        self._exporter.shutdown()

    def _treated(self, span: ReadableSpan) -> ReadableSpan:
        message = self._policy.status_message(span.status.description or "")
        return ReadableSpan(
            name=span.name,
            context=span.get_span_context(),
            parent=span.parent,
            resource=span.resource,
            attributes=_bounded(
                self._policy.attributes(span.attributes or {}), span.dropped_attributes
            ),
            events=_listed([self._event(event) for event in span.events], span.dropped_events),
            links=_listed(span.links, span.dropped_links),
            kind=span.kind,
            status=Status(span.status.status_code, message or None),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )

    def _event(self, event: Event) -> Event:
        attributes = self._policy.event_attributes(event.name, event.attributes or {})
        return Event(event.name, _bounded(attributes, event.dropped_attributes), event.timestamp)


def _bounded(attributes: Mapping[str, Any], dropped: int) -> BoundedAttributes:
    """
    Carry the number of attributes that the SDK dropped, where an exporter looks for it.
    """
    carried = BoundedAttributes(attributes=attributes)
    carried.dropped = dropped
    return carried


def _listed(items: Sequence[T], dropped: int) -> Sequence[T]:
    """
    Carry the number of items that the SDK dropped, where an exporter looks for it.
    """
    carried = BoundedList.from_seq(None, items)
    carried.dropped = dropped
    return carried


def _configured_protocol(endpoint: str | None) -> str:
    for name in _PROTOCOLS:
        if value := os.environ.get(name):
            return value
    address = endpoint or next((v for name in _ENDPOINTS if (v := os.environ.get(name))), "")
    return protocol_of(address)


def protocol_of(url: str) -> Protocol:
    """
    Tell the protocol that an endpoint speaks by its URL: HTTP on port 4318 or with a path.
    """
    parts = urlsplit(url)
    return "http/protobuf" if parts.port == _HTTP_PORT or parts.path.strip("/") else "grpc"


def _with_path(endpoint: str) -> str:
    bare = not urlsplit(endpoint).path.strip("/")
    return endpoint.rstrip("/") + _TRACES_PATH if bare else endpoint
