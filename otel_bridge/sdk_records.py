"""
Spans and logs of the OpenTelemetry SDK as records, field by field as OTLP would have them.
"""

from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk._logs import ReadWriteLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, format_span_id, format_trace_id
from opentelemetry.trace.span import TraceState
from otel_bridge_storage.records import (
    EventRecord,
    LinkRecord,
    LogRecord,
    ResourceRecord,
    ScopeRecord,
    SpanRecord,
)

_KINDS = {
    SpanKind.INTERNAL: 1,
    SpanKind.SERVER: 2,
    SpanKind.CLIENT: 3,
    SpanKind.PRODUCER: 4,
    SpanKind.CONSUMER: 5,
}
_HAS_IS_REMOTE, _IS_REMOTE = 0x100, 0x200
_COPY_TRIES = 5
_MOST_KNOWN = 1000


class SdkRecords:
    """
    Makes records; keeps the latest resources and scopes it has seen, which are few.
    """

    def __init__(self) -> None:
        self._resources: dict[int, tuple[Resource, ResourceRecord]] = {}
        self._scopes: dict[int, tuple[InstrumentationScope, ScopeRecord]] = {}

    def span(self, span: ReadableSpan) -> SpanRecord:
        """
        Make a record of a span, ended or still open.
        """
        context = span.get_span_context()
        if context is None:
            raise ValueError(f"span {span.name!r} has no context")
        return SpanRecord(
            trace_id=format_trace_id(context.trace_id),
            span_id=format_span_id(context.span_id),
            parent_span_id=format_span_id(span.parent.span_id) if span.parent else None,
            trace_state=_trace_state(context.trace_state),
            flags=_flags(span.parent),
            name=span.name,
            kind=_KINDS.get(span.kind, 0),
            start_ns=span.start_time or 0,
            end_ns=span.end_time,
            attributes=_copy(span.attributes),
            dropped_attributes=span.dropped_attributes,
            events=tuple(_event(event) for event in span.events),
            dropped_events=span.dropped_events,
            links=tuple(_link(link) for link in span.links),
            dropped_links=span.dropped_links,
            status_code=span.status.status_code.value,
            status_message=span.status.description or "",
            resource=self.resource(span.resource),
            scope=self.scope(span.instrumentation_scope),
        )

    def log(self, log: ReadWriteLogRecord) -> LogRecord:
        """
        Make a record of a log record.
        """
        record = log.log_record
        return LogRecord(
            trace_id=format_trace_id(record.trace_id) if record.trace_id else "",
            span_id=format_span_id(record.span_id) if record.span_id else "",
            time_ns=record.timestamp or 0,
            observed_ns=record.observed_timestamp or 0,
            severity_number=record.severity_number.value if record.severity_number else 0,
            severity_text=record.severity_text or "",
            event_name=record.event_name or "",
            body=record.body,
            attributes=_copy(record.attributes),
            dropped_attributes=log.dropped_attributes,
            flags=int(record.trace_flags or 0),
            resource=self.resource(log.resource or Resource.get_empty()),
            scope=self.scope(log.instrumentation_scope),
        )

    def resource(self, resource: Resource) -> ResourceRecord:
        """
        Make a record of a resource, the same object for the same resource.
        """
        known = self._resources.get(id(resource))
        if known is None:
            record = ResourceRecord(
                dict(resource.attributes), schema_url=resource.schema_url or ""
            )
            _make_room(self._resources)
            # Holding on to the resource keeps its id from being given to another.
            known = self._resources[id(resource)] = (resource, record)
        return known[1]

    def scope(self, scope: InstrumentationScope | None) -> ScopeRecord:
        """
        Make a record of a scope, the same object for the same scope.
        """
        if scope is None:
            return ScopeRecord()
        known = self._scopes.get(id(scope))
        if known is None:
            record = ScopeRecord(
                scope.name or "",
                scope.version or "",
                _copy(scope.attributes),
                schema_url=scope.schema_url or "",
            )
            _make_room(self._scopes)
            known = self._scopes[id(scope)] = (scope, record)
        return known[1]


def _make_room(known: dict[int, Any]) -> None:
    if len(known) >= _MOST_KNOWN:
        known.clear()


def _event(event: Event) -> EventRecord:
    return EventRecord(
        event.name, event.timestamp, _copy(event.attributes), event.dropped_attributes
    )


def _link(link: Link) -> LinkRecord:
    return LinkRecord(
        trace_id=format_trace_id(link.context.trace_id),
        span_id=format_span_id(link.context.span_id),
        attributes=_copy(link.attributes),
        dropped_attributes=link.dropped_attributes,
        flags=_flags(link.context),
    )


def _flags(context: SpanContext | None) -> int:
    return _HAS_IS_REMOTE | (_IS_REMOTE if context is not None and context.is_remote else 0)


def _trace_state(state: TraceState | None) -> str:
    return ",".join(f"{key}={value}" for key, value in state.items()) if state else ""


def _copy(attributes: Mapping[str, Any] | None) -> dict[str, Any]:
    """
    Copy attributes that another thread may be changing.
    """
    if not attributes:
        return {}
    for _ in range(_COPY_TRIES):
        try:
            return dict(attributes)
        except (KeyError, RuntimeError):
            continue
    return {}
