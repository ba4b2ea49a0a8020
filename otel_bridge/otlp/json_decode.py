"""
OTLP JSON to records.

Ids are hex digits, 64-bit integers are texts or numbers, enums are numbers or names,
fields have their lowerCamelCase or snake_case names, and unknown fields are ignored.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
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

from otel_bridge.otlp import ids
from otel_bridge.otlp import json_values as js
from otel_bridge.otlp.decoded import Decoded, InvalidRecordError, Losses, Rejected
from otel_bridge.otlp.json_text import documents

R = TypeVar("R", SpanRecord, LogRecord)

_KINDS: dict[str, int] = dict(Span.SpanKind.items())
_CODES: dict[str, int] = dict(Status.StatusCode.items())
_SEVERITIES: dict[str, int] = dict(SeverityNumber.items())


def decode_traces_json(data: bytes | str) -> Decoded[SpanRecord]:
    """
    Decode the spans of OTLP JSON: one request, or a request on each line.

    Raises:
        MalformedTelemetryError: The data is not JSON, or not an object.
    """
    found, rejected = documents(data)
    decoded: Decoded[SpanRecord] = Decoded(rejected=rejected)
    for document in found:
        read_traces(document, decoded)
    return decoded


def decode_logs_json(data: bytes | str) -> Decoded[LogRecord]:
    """
    Decode the log records of OTLP JSON: one request, or a request on each line.

    Raises:
        MalformedTelemetryError: The data is not JSON, or not an object.
    """
    found, rejected = documents(data)
    decoded: Decoded[LogRecord] = Decoded(rejected=rejected)
    for document in found:
        read_logs(document, decoded)
    return decoded


def read_traces(document: Any, decoded: Decoded[SpanRecord]) -> None:
    """
    Read the spans of one parsed request into `decoded`.

    Raises:
        MalformedTelemetryError: The request is not an object.
    """
    _groups(document, ("resourceSpans", "scopeSpans", "spans"), _span, decoded)


def read_logs(document: Any, decoded: Decoded[LogRecord]) -> None:
    """
    Read the log records of one parsed request into `decoded`.

    Raises:
        MalformedTelemetryError: The request is not an object.
    """
    _groups(document, ("resourceLogs", "scopeLogs", "logRecords"), _log, decoded)


def _groups(
    document: Any,
    names: tuple[str, str, str],
    read: Callable[[js.Object, ResourceRecord, ScopeRecord], R],
    decoded: Decoded[R],
) -> None:
    if not isinstance(document, dict):
        raise MalformedTelemetryError("not OTLP JSON: the request is not an object")
    outer, inner, leaf = names
    reject = decoded.rejected.append
    for place, group in _items(document, outer, "", reject):
        try:
            resource = _resource(group)
        except InvalidRecordError as error:
            reject(Rejected(place, str(error), _count(group, inner, leaf)))
            continue
        for within, scoped in _items(group, inner, place + ".", reject):
            try:
                scope = _scope(scoped)
            except InvalidRecordError as error:
                reject(Rejected(within, str(error), _count({inner: [scoped]}, inner, leaf)))
                continue
            for where, item in _items(scoped, leaf, within + ".", reject):
                try:
                    decoded.records.append(read(item, resource, scope))
                except InvalidRecordError as error:
                    reject(Rejected(where, str(error)))


def _items(
    obj: js.Object, name: str, prefix: str, reject: Callable[[Rejected], None]
) -> list[tuple[str, js.Object]]:
    """
    List the objects of a list with their places; what is no object is rejected.
    """
    try:
        values = js.objects(obj, name)
    except InvalidRecordError as error:
        reject(Rejected(f"{prefix}{name}", str(error)))
        return []
    found: list[tuple[str, js.Object]] = []
    for index, value in enumerate(values):
        place = f"{prefix}{name}[{index}]"
        if isinstance(value, dict):
            found.append((place, value))
        else:
            reject(Rejected(place, "it is not an object"))
    return found


def _count(group: js.Object, inner: str, leaf: str) -> int:
    """
    Count the records that are lost with a group, at least one.
    """
    ignore = Losses()
    scopes = _items(group, inner, "", ignore.append)
    return max(1, sum(len(_items(scoped, leaf, "", ignore.append)) for _, scoped in scopes))


def _resource(group: js.Object) -> ResourceRecord:
    resource = js.sub_object(group, "resource")
    return ResourceRecord(
        attributes=js.attributes(resource),
        dropped_attributes=js.integer(resource, "droppedAttributesCount"),
        schema_url=js.text(group, "schemaUrl"),
        entities=tuple(
            EntityRecord(
                type=js.text(entity, "type"),
                id_keys=_texts(entity, "idKeys"),
                description_keys=_texts(entity, "descriptionKeys"),
                schema_url=js.text(entity, "schemaUrl"),
            )
            for entity in _all_objects(resource, "entityRefs")
        ),
    )


def _scope(scoped: js.Object) -> ScopeRecord:
    scope = js.sub_object(scoped, "scope")
    return ScopeRecord(
        name=js.text(scope, "name"),
        version=js.text(scope, "version"),
        attributes=js.attributes(scope),
        dropped_attributes=js.integer(scope, "droppedAttributesCount"),
        schema_url=js.text(scoped, "schemaUrl"),
    )


def _span(span: js.Object, resource: ResourceRecord, scope: ScopeRecord) -> SpanRecord:
    status = js.sub_object(span, "status")
    return SpanRecord(
        trace_id=ids.trace_id(js.raw_id(span, "traceId")),
        span_id=ids.span_id(js.raw_id(span, "spanId")),
        parent_span_id=ids.parent_span_id(js.raw_id(span, "parentSpanId")),
        trace_state=js.text(span, "traceState"),
        flags=js.integer(span, "flags"),
        name=js.text(span, "name"),
        kind=js.enum(span, "kind", _KINDS),
        start_ns=js.time_ns(span, "startTimeUnixNano"),
        end_ns=js.time_ns(span, "endTimeUnixNano") or None,
        attributes=js.attributes(span),
        dropped_attributes=js.integer(span, "droppedAttributesCount"),
        events=[_event(e) for e in events] if (events := _all_objects(span, "events")) else (),
        dropped_events=js.integer(span, "droppedEventsCount"),
        links=[_link(item) for item in links] if (links := _all_objects(span, "links")) else (),
        dropped_links=js.integer(span, "droppedLinksCount"),
        status_code=js.enum(status, "code", _CODES),
        status_message=js.text(status, "message"),
        resource=resource,
        scope=scope,
    )


def _event(event: js.Object) -> EventRecord:
    return EventRecord(
        name=js.text(event, "name"),
        time_ns=js.time_ns(event, "timeUnixNano"),
        attributes=js.attributes(event),
        dropped_attributes=js.integer(event, "droppedAttributesCount"),
    )


def _link(link: js.Object) -> LinkRecord:
    return LinkRecord(
        trace_id=js.raw_id(link, "traceId").hex(),
        span_id=js.raw_id(link, "spanId").hex(),
        trace_state=js.text(link, "traceState"),
        attributes=js.attributes(link),
        dropped_attributes=js.integer(link, "droppedAttributesCount"),
        flags=js.integer(link, "flags"),
    )


def _log(log: js.Object, resource: ResourceRecord, scope: ScopeRecord) -> LogRecord:
    return LogRecord(
        trace_id=ids.log_trace_id(js.raw_id(log, "traceId")),
        span_id=ids.log_span_id(js.raw_id(log, "spanId")),
        time_ns=js.time_ns(log, "timeUnixNano"),
        observed_ns=js.time_ns(log, "observedTimeUnixNano"),
        severity_number=js.enum(log, "severityNumber", _SEVERITIES),
        severity_text=js.text(log, "severityText"),
        event_name=js.text(log, "eventName"),
        body=js.any_value(js.get(log, "body")),
        attributes=js.attributes(log),
        dropped_attributes=js.integer(log, "droppedAttributesCount"),
        flags=js.integer(log, "flags"),
        resource=resource,
        scope=scope,
    )


def _all_objects(obj: js.Object, name: str) -> list[js.Object]:
    return [js.as_object(item, f"an item of {name}") for item in js.objects(obj, name)]


def _texts(obj: js.Object, name: str) -> tuple[str, ...]:
    return tuple(js.as_text(item, f"an item of {name}") for item in js.objects(obj, name))
