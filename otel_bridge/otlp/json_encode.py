"""
Records to OTLP JSON, grouped by resource and scope.

Ids are hex digits and 64-bit integers are texts, as OTLP wants them in JSON.
"""

import base64
import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from otel_bridge_storage.records import (
    EventRecord,
    LinkRecord,
    LogRecord,
    ResourceRecord,
    ScopeRecord,
    SpanRecord,
)
from otel_bridge_storage.values import clean

R = TypeVar("R", SpanRecord, LogRecord)
Object = dict[str, Any]

_INT64 = range(-(2**63), 2**63)


def encode_traces_json(spans: Iterable[SpanRecord]) -> str:
    """
    Encode spans as an ExportTraceServiceRequest, in one line of JSON.
    """
    return _request(spans, _span, ("resourceSpans", "scopeSpans", "spans"))


def encode_logs_json(logs: Iterable[LogRecord]) -> str:
    """
    Encode log records as an ExportLogsServiceRequest, in one line of JSON.
    """
    return _request(logs, _log, ("resourceLogs", "scopeLogs", "logRecords"))


def _request(
    records: Iterable[R], write: Callable[[R], Object], names: tuple[str, str, str]
) -> str:
    outer, inner, leaf = names
    groups: list[Object] = []
    by_resource: dict[str, Object] = {}
    by_scope: dict[tuple[str, str], list[Object]] = {}
    known: dict[tuple[int, int], tuple[ResourceRecord, ScopeRecord, list[Object]]] = {}
    for record in records:
        identity = (id(record.resource), id(record.scope))
        if identity not in known:
            resource, scope = _resource(record.resource), _scope(record.scope)
            key = (_text(resource), _text(scope))
            if key[0] not in by_resource:
                by_resource[key[0]] = {**resource, inner: []}
                groups.append(by_resource[key[0]])
            if key not in by_scope:
                by_scope[key] = []
                by_resource[key[0]][inner].append({**scope, leaf: by_scope[key]})
            # Holding on to the objects keeps their ids from being given to others.
            known[identity] = (record.resource, record.scope, by_scope[key])
        known[identity][2].append(write(record))
    return _text({outer: groups})


def _text(value: Object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _resource(resource: ResourceRecord) -> Object:
    entities = [
        {
            "type": entity.type,
            "idKeys": list(entity.id_keys),
            "descriptionKeys": list(entity.description_keys),
            "schemaUrl": entity.schema_url,
        }
        for entity in resource.entities
    ]
    return {
        "resource": {
            **_said(resource.attributes, resource.dropped_attributes),
            **({"entityRefs": entities} if entities else {}),
        },
        **({"schemaUrl": resource.schema_url} if resource.schema_url else {}),
    }


def _scope(scope: ScopeRecord) -> Object:
    return {
        "scope": {
            "name": scope.name,
            "version": scope.version,
            **_said(scope.attributes, scope.dropped_attributes),
        },
        **({"schemaUrl": scope.schema_url} if scope.schema_url else {}),
    }


def _span(span: SpanRecord) -> Object:
    return _filled(
        traceId=span.trace_id,
        spanId=span.span_id,
        traceState=span.trace_state,
        parentSpanId=span.parent_span_id,
        flags=span.flags,
        name=span.name,
        kind=span.kind,
        startTimeUnixNano=str(span.start_ns),
        endTimeUnixNano=None if span.end_ns is None else str(span.end_ns),
        **_said(span.attributes, span.dropped_attributes),
        events=[_event(event) for event in span.events],
        droppedEventsCount=span.dropped_events,
        links=[_link(link) for link in span.links],
        droppedLinksCount=span.dropped_links,
        status=_filled(code=span.status_code, message=span.status_message),
    )


def _event(event: EventRecord) -> Object:
    return _filled(
        timeUnixNano=str(event.time_ns),
        name=event.name,
        **_said(event.attributes, event.dropped_attributes),
    )


def _link(link: LinkRecord) -> Object:
    return _filled(
        traceId=link.trace_id,
        spanId=link.span_id,
        traceState=link.trace_state,
        **_said(link.attributes, link.dropped_attributes),
        flags=link.flags,
    )


def _log(log: LogRecord) -> Object:
    return _filled(
        timeUnixNano=str(log.time_ns),
        observedTimeUnixNano=str(log.observed_ns),
        severityNumber=log.severity_number,
        severityText=log.severity_text,
        eventName=log.event_name,
        body=_value(log.body),
        **_said(log.attributes, log.dropped_attributes),
        flags=log.flags,
        traceId=log.trace_id,
        spanId=log.span_id,
    )


def _said(attributes: Mapping[str, Any], dropped: int) -> Object:
    return _filled(attributes=_pairs(attributes), droppedAttributesCount=dropped)


def _filled(**fields: Any) -> Object:
    """
    Leave out what has its default value, as JSON of protobuf messages does.
    """
    return {name: value for name, value in fields.items() if value}


def _pairs(values: Mapping[str, Any]) -> list[Object]:
    return [{"key": clean(key), "value": _value(value)} for key, value in values.items()]


def _value(value: Any) -> Object:
    """
    Write one value as an AnyValue; None is one without a value.

    An integer of more than 64 bits, which OTLP has not, becomes its decimal text.
    """
    if value is None:
        return {}
    if isinstance(value, str):
        return {"stringValue": clean(value)}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue" if value in _INT64 else "stringValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value if math.isfinite(value) else _NOT_FINITE[str(value)]}
    if isinstance(value, bytes | bytearray):
        return {"bytesValue": base64.b64encode(value).decode("ascii")}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": _pairs(value)}}
    if isinstance(value, list | tuple):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    raise TypeError(f"{type(value).__name__} is not a telemetry value")


_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
