"""
OTLP JSON in the forms that exporters write.
"""

import json
from typing import Any

import pytest
from otel_bridge_storage.errors import MalformedTelemetryError

from otel_bridge.otlp import decode_logs_json, decode_traces_json

SPAN = {"traceId": "0AF7651916CD43DD8448EB211C80319C", "spanId": "b7ad6b7169203331"}


def decode_one(span: dict[str, Any]) -> Any:
    """
    Decode a request of one span.
    """
    decoded = decode_traces_json(
        json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [SPAN | span]}]}]})
    )
    assert decoded.rejected == []
    return decoded.records[0]


def test_names_may_be_in_either_case() -> None:
    """
    LowerCamelCase and snake_case field names give equal records.
    """
    camel = {
        "resourceSpans": [
            {
                "resource": {"attributes": [], "droppedAttributesCount": 1},
                "schemaUrl": "r",
                "scopeSpans": [
                    {"schemaUrl": "s", "spans": [SPAN | {"parentSpanId": "b7ad6b7169203332"}]}
                ],
            }
        ]
    }
    snake = {
        "resource_spans": [
            {
                "resource": {"attributes": [], "dropped_attributes_count": 1},
                "schema_url": "r",
                "scope_spans": [
                    {
                        "schema_url": "s",
                        "spans": [
                            {
                                "trace_id": SPAN["traceId"],
                                "span_id": SPAN["spanId"],
                                "parent_span_id": "b7ad6b7169203332",
                            }
                        ],
                    }
                ],
            }
        ]
    }
    decoded = decode_traces_json(json.dumps(camel))
    assert decoded == decode_traces_json(json.dumps(snake))
    assert decoded.records[0].trace_id == SPAN["traceId"].lower()
    assert decoded.records[0].resource.dropped_attributes == 1


@pytest.mark.parametrize("start", ["1700000000000000001", 1700000000000000001])
@pytest.mark.parametrize("kind", ["SPAN_KIND_CLIENT", 3, "3"])
def test_numbers_and_enums_may_be_texts(start: str | int, kind: str | int) -> None:
    """
    64-bit integers are read from texts and numbers, enums from names and numbers.
    """
    span = decode_one(
        {
            "startTimeUnixNano": start,
            "kind": kind,
            "status": {"code": "STATUS_CODE_ERROR"},
            "flags": 257,
            "unknownField": {"a": 1},
        }
    )
    assert (span.start_ns, span.kind, span.status_code) == (1700000000000000001, 3, 2)
    assert (span.end_ns, span.parent_span_id, span.flags) == (None, None, 257)


def test_values_keep_their_types() -> None:
    """
    Each kind of value becomes its own Python type, empty ones included.
    """
    values = {
        "int": {"intValue": "-9223372036854775808"},
        "whole double": {"doubleValue": 1},
        "nan": {"doubleValue": "NaN"},
        "bytes": {"bytesValue": "_-8"},
        "list": {"arrayValue": {}},
        "map": {"kvlistValue": {"values": [{"key": "k", "value": {"boolValue": False}}]}},
        "none": {},
        "text": {"stringValue": ""},
        "half": {"stringValue": "\ud83d!"},
    }
    span = decode_one({"attributes": [{"key": k, "value": v} for k, v in values.items()]})
    found = span.attributes
    assert repr(found.pop("nan")) == "nan"
    assert found == {
        "int": -(2**63),
        "whole double": 1.0,
        "bytes": b"\xff\xef",
        "list": [],
        "map": {"k": False},
        "none": None,
        "text": "",
        "half": "?!",
    }
    assert isinstance(found["whole double"], float)


def test_lines_are_requests_of_their_own() -> None:
    """
    The collector's file exporter writes a request on each line; a line that was cut off
    is rejected by its number and the others are read.
    """
    line = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [SPAN]}]}]})
    decoded = decode_traces_json(f"{line}\n\n{line}\n{line[:30]}\n")
    assert len(decoded.records) == 2
    assert [r.where for r in decoded.rejected] == ["line 4"]
    with pytest.raises(MalformedTelemetryError, match="not JSON"):
        decode_traces_json(line[:30])


def test_logs_have_a_body_of_any_kind() -> None:
    """
    A log record's severity may be a name and its body a map.
    """
    log = {
        "timeUnixNano": "5",
        "severityNumber": "SEVERITY_NUMBER_WARN",
        "eventName": "gen_ai.choice",
        "body": {"kvlistValue": {"values": [{"key": "index", "value": {"intValue": 0}}]}},
    }
    text = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [log]}]}]})
    record = decode_logs_json(text).records[0]
    assert (record.severity_number, record.body, record.time_ns) == (13, {"index": 0}, 5)
