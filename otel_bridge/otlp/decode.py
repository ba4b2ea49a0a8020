"""
OTLP protobuf to records.

This is the hot path of every arrival from another process: attributes are read with
as few calls into protobuf as possible, and a resource or a scope is decoded once and
shared by its spans.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otel_bridge_storage.errors import MalformedTelemetryError
from otel_bridge_storage.records import (
    EntityRecord,
    EventRecord,
    LinkRecord,
    LogRecord,
    ResourceRecord,
    ScopeRecord,
    SpanRecord,
)

from otel_bridge.otlp import ids, salvage
from otel_bridge.otlp.decoded import MAX_TIME_NS, Decoded, InvalidRecordError, Rejected

R = TypeVar("R", SpanRecord, LogRecord)

_SCALARS = frozenset({"string_value", "int_value", "bool_value", "double_value", "bytes_value"})


def decode_traces(data: bytes) -> Decoded[SpanRecord]:
    """
    Decode an ExportTraceServiceRequest (or TracesData, which is the same bytes).

    Raises:
        MalformedTelemetryError: The bytes are not such a message at all.
    """
    request, broken = salvage.parse(ExportTraceServiceRequest, salvage.TRACES, data)
    if data and not request.resource_spans:
        raise MalformedTelemetryError("not OTLP traces: the message holds no resource_spans")
    decoded: Decoded[SpanRecord] = Decoded()
    for i, group in enumerate(request.resource_spans):
        resource = resource_record(group)
        for j, scoped in enumerate(group.scope_spans):
            scope = scope_record(scoped)
            place = f"resourceSpans[{i}].scopeSpans[{j}].spans"
            _collect(decoded, scoped.spans, place, broken, span_record, resource, scope)
    decoded.rejected.extend(salvage.groups(broken))
    return decoded


def decode_logs(data: bytes) -> Decoded[LogRecord]:
    """
    Decode an ExportLogsServiceRequest (or LogsData, which is the same bytes).

    Raises:
        MalformedTelemetryError: The bytes are not such a message at all.
    """
    request, broken = salvage.parse(ExportLogsServiceRequest, salvage.LOGS, data)
    if data and not request.resource_logs:
        raise MalformedTelemetryError("not OTLP logs: the message holds no resource_logs")
    decoded: Decoded[LogRecord] = Decoded()
    for i, group in enumerate(request.resource_logs):
        resource = resource_record(group)
        for j, scoped in enumerate(group.scope_logs):
            scope = scope_record(scoped)
            place = f"resourceLogs[{i}].scopeLogs[{j}].logRecords"
            _collect(decoded, scoped.log_records, place, broken, log_record, resource, scope)
    decoded.rejected.extend(salvage.groups(broken))
    return decoded


def _collect(
    decoded: Decoded[R],
    messages: Iterable[Any],
    place: str,
    broken: Mapping[str, Rejected],
    read: Callable[[Any, ResourceRecord, ScopeRecord], R],
    resource: ResourceRecord,
    scope: ScopeRecord,
) -> None:
    keep = decoded.records.append
    for index, message in enumerate(messages):
        if broken and (lost := broken.get(f"{place}[{index}]")):
            decoded.rejected.append(lost)
            continue
        try:
            keep(read(message, resource, scope))
        except InvalidRecordError as error:
            decoded.rejected.append(Rejected(f"{place}[{index}]", str(error)))


def span_record(span: Any, resource: ResourceRecord, scope: ScopeRecord) -> SpanRecord:
    """
    Read one protobuf span.

    Raises:
        InvalidRecordError: An id or a time is not valid.
    """
    status = span.status
    return SpanRecord(
        trace_id=ids.trace_id(span.trace_id),
        span_id=ids.span_id(span.span_id),
        parent_span_id=ids.parent_span_id(span.parent_span_id),
        trace_state=span.trace_state,
        flags=span.flags,
        name=span.name,
        kind=span.kind,
        start_ns=time_ns(span.start_time_unix_nano, "start_time_unix_nano"),
        end_ns=time_ns(span.end_time_unix_nano, "end_time_unix_nano") or None,
        attributes=attributes(span.attributes),
        dropped_attributes=span.dropped_attributes_count,
        events=[_event(e) for e in events] if (events := span.events) else (),
        dropped_events=span.dropped_events_count,
        links=[_link(item) for item in links] if (links := span.links) else (),
        dropped_links=span.dropped_links_count,
        status_code=status.code,
        status_message=status.message,
        resource=resource,
        scope=scope,
    )


def log_record(log: Any, resource: ResourceRecord, scope: ScopeRecord) -> LogRecord:
    """
    Read one protobuf log record.

    Raises:
        InvalidRecordError: A time is not valid.
    """
    return LogRecord(
        trace_id=ids.log_trace_id(log.trace_id),
        span_id=ids.log_span_id(log.span_id),
        time_ns=time_ns(log.time_unix_nano, "time_unix_nano"),
        observed_ns=time_ns(log.observed_time_unix_nano, "observed_time_unix_nano"),
        severity_number=log.severity_number,
        severity_text=log.severity_text,
        event_name=log.event_name,
        body=any_value(log.body),
        attributes=attributes(log.attributes),
        dropped_attributes=log.dropped_attributes_count,
        flags=log.flags,
        resource=resource,
        scope=scope,
    )


def resource_record(group: Any) -> ResourceRecord:
    """
    Read the resource of a ResourceSpans or ResourceLogs message.
    """
    resource = group.resource
    return ResourceRecord(
        attributes=attributes(resource.attributes),
        dropped_attributes=resource.dropped_attributes_count,
        schema_url=group.schema_url,
        entities=tuple(
            EntityRecord(
                type=entity.type,
                id_keys=tuple(entity.id_keys),
                description_keys=tuple(entity.description_keys),
                schema_url=entity.schema_url,
            )
            for entity in resource.entity_refs
        ),
    )


def scope_record(scoped: Any) -> ScopeRecord:
    """
    Read the scope of a ScopeSpans or ScopeLogs message.
    """
    scope = scoped.scope
    return ScopeRecord(
        name=scope.name,
        version=scope.version,
        attributes=attributes(scope.attributes),
        dropped_attributes=scope.dropped_attributes_count,
        schema_url=scoped.schema_url,
    )


def attributes(pairs: Iterable[Any]) -> dict[str, Any]:
    """
    Read a list of KeyValue messages; of two with one key the later counts.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        value = pair.value
        found[pair.key] = value.string_value or any_value(value)
    return found


def any_value(value: Any) -> Any:
    """
    Read an AnyValue message; one without a value is None.
    """
    which = value.WhichOneof("value")
    if which in _SCALARS:
        return getattr(value, which)
    if which == "array_value":
        return [any_value(item) for item in value.array_value.values]
    if which == "kvlist_value":
        return attributes(value.kvlist_value.values)
    return None


def time_ns(value: int, field: str) -> int:
    """
    Check a time of the wire.

    Raises:
        InvalidRecordError: It is after the year 2262, which no database integer holds.
    """
    if value > MAX_TIME_NS:
        raise InvalidRecordError(f"{field} {value} is after the year 2262")
    return value


def _event(event: Any) -> EventRecord:
    return EventRecord(
        name=event.name,
        time_ns=time_ns(event.time_unix_nano, "an event's time_unix_nano"),
        attributes=attributes(event.attributes),
        dropped_attributes=event.dropped_attributes_count,
    )


def _link(link: Any) -> LinkRecord:
    return LinkRecord(
        trace_id=link.trace_id.hex(),
        span_id=link.span_id.hex(),
        trace_state=link.trace_state,
        attributes=attributes(link.attributes),
        dropped_attributes=link.dropped_attributes_count,
        flags=link.flags,
    )
