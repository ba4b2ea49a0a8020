"""
Records to OTLP protobuf, grouped by resource and scope.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans
from otel_bridge_storage.records import (
    EventRecord,
    LinkRecord,
    LogRecord,
    ResourceRecord,
    ScopeRecord,
    SpanRecord,
)
from otel_bridge_storage.values import clean

_INT64 = range(-(2**63), 2**63)


def encode_traces(spans: Iterable[SpanRecord]) -> bytes:
    """
    Encode spans as an ExportTraceServiceRequest.
    """
    request = ExportTraceServiceRequest()
    groups = _Groups(ResourceSpans, request.resource_spans, "scope_spans")
    for span in spans:
        _write_span(groups.scope(span.resource, span.scope).spans.add(), span)
    return bytes(request.SerializeToString())


def encode_logs(logs: Iterable[LogRecord]) -> bytes:
    """
    Encode log records as an ExportLogsServiceRequest.
    """
    request = ExportLogsServiceRequest()
    groups = _Groups(ResourceLogs, request.resource_logs, "scope_logs")
    for log in logs:
        _write_log(groups.scope(log.resource, log.scope).log_records.add(), log)
    return bytes(request.SerializeToString())


class _Groups:
    """
    The groups of a request; equal resources and scopes share one.

    Records that came together share their resource by identity, so most spans find
    their group by the ids of two objects, which are kept alive here.
    """

    def __init__(self, kind: type[Any], target: Any, scopes_field: str) -> None:
        self._kind = kind
        self._target = target
        self._scopes_field = scopes_field
        self._by_identity: dict[tuple[int, int], tuple[Any, ResourceRecord, ScopeRecord]] = {}
        self._resources: dict[bytes, Any] = {}
        self._scopes: dict[tuple[bytes, bytes], Any] = {}

    def scope(self, resource: ResourceRecord, scope: ScopeRecord) -> Any:
        identity = (id(resource), id(scope))
        if known := self._by_identity.get(identity):
            return known[0]
        group = self._find(resource, scope)
        self._by_identity[identity] = (group, resource, scope)
        return group

    def _find(self, resource: ResourceRecord, scope: ScopeRecord) -> Any:
        outer = self._kind()
        _write_resource(outer, resource)
        outer_key = outer.SerializeToString(deterministic=True)
        if outer_key not in self._resources:
            self._target.append(outer)
            self._resources[outer_key] = self._target[-1]
        scopes = getattr(self._resources[outer_key], self._scopes_field)
        inner = scopes.add()
        _write_scope(inner, scope)
        key = (outer_key, inner.SerializeToString(deterministic=True))
        if key in self._scopes:
            del scopes[-1]
        else:
            self._scopes[key] = inner
        return self._scopes[key]


def _write_resource(group: Any, resource: ResourceRecord) -> None:
    group.schema_url = resource.schema_url
    target = group.resource
    write_attributes(target.attributes, resource.attributes)
    target.dropped_attributes_count = resource.dropped_attributes
    for entity in resource.entities:
        target.entity_refs.add(
            type=entity.type,
            id_keys=entity.id_keys,
            description_keys=entity.description_keys,
            schema_url=entity.schema_url,
        )


def _write_scope(group: Any, scope: ScopeRecord) -> None:
    group.schema_url = scope.schema_url
    target = group.scope
    target.name = scope.name
    target.version = scope.version
    write_attributes(target.attributes, scope.attributes)
    target.dropped_attributes_count = scope.dropped_attributes


def _write_span(target: Any, span: SpanRecord) -> None:
    target.trace_id = bytes.fromhex(span.trace_id)
    target.span_id = bytes.fromhex(span.span_id)
    target.parent_span_id = bytes.fromhex(span.parent_span_id or "")
    target.trace_state = span.trace_state
    target.flags = span.flags
    target.name = span.name
    target.kind = span.kind
    target.start_time_unix_nano = span.start_ns
    target.end_time_unix_nano = span.end_ns or 0
    write_attributes(target.attributes, span.attributes)
    target.dropped_attributes_count = span.dropped_attributes
    for event in span.events:
        _write_event(target.events.add(), event)
    target.dropped_events_count = span.dropped_events
    for link in span.links:
        _write_link(target.links.add(), link)
    target.dropped_links_count = span.dropped_links
    target.status.code = span.status_code
    target.status.message = span.status_message


def _write_event(target: Any, event: EventRecord) -> None:
    target.name = event.name
    target.time_unix_nano = event.time_ns
    write_attributes(target.attributes, event.attributes)
    target.dropped_attributes_count = event.dropped_attributes


def _write_link(target: Any, link: LinkRecord) -> None:
    target.trace_id = bytes.fromhex(link.trace_id)
    target.span_id = bytes.fromhex(link.span_id)
    target.trace_state = link.trace_state
    write_attributes(target.attributes, link.attributes)
    target.dropped_attributes_count = link.dropped_attributes
    target.flags = link.flags


def _write_log(target: Any, log: LogRecord) -> None:
    target.trace_id = bytes.fromhex(log.trace_id)
    target.span_id = bytes.fromhex(log.span_id)
    target.time_unix_nano = log.time_ns
    target.observed_time_unix_nano = log.observed_ns
    target.severity_number = log.severity_number
    target.severity_text = log.severity_text
    target.event_name = log.event_name
    write_value(target.body, log.body)
    write_attributes(target.attributes, log.attributes)
    target.dropped_attributes_count = log.dropped_attributes
    target.flags = log.flags


def write_attributes(target: Any, values: Mapping[str, Any]) -> None:
    """
    Add a map to a list of KeyValue messages.
    """
    for key, value in values.items():
        write_value(target.add(key=clean(key)).value, value)


def write_value(target: Any, value: Any) -> None:
    """
    Write one value into an AnyValue message; None leaves it without a value.

    An integer of more than 64 bits, which OTLP has not, becomes its decimal text.

    Raises:
        TypeError: The value is of a kind that OTLP has not.
    """
    if isinstance(value, str):
        target.string_value = value if value.isascii() else clean(value)
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int):
        if value in _INT64:
            target.int_value = value
        else:
            target.string_value = str(value)
    elif isinstance(value, float):
        target.double_value = value
    elif isinstance(value, bytes | bytearray):
        target.bytes_value = bytes(value)
    elif isinstance(value, Mapping):
        target.kvlist_value.SetInParent()
        write_attributes(target.kvlist_value.values, value)
    elif isinstance(value, list | tuple):
        target.array_value.SetInParent()
        for item in value:
            write_value(target.array_value.values.add(), item)
    elif value is not None:
        raise TypeError(f"{type(value).__name__} is not a telemetry value")
