"""
Malformed telemetry gets a clear error and costs its neighbours nothing.
"""

import contextlib
import json
from typing import Any

import captures
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otel_bridge_storage.errors import MalformedTelemetryError

from otel_bridge.otlp import decode_logs, decode_logs_json, decode_traces, decode_traces_json

GOOD = {"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331"}
SECOND = "resourceSpans[0].scopeSpans[0].spans[1]"
CAPTURED = captures.files("otel_genai_openai_latest", "traces", "pb")[0].read_bytes()


def request_of(*spans: dict[str, Any]) -> str:
    """
    Write a JSON request of spans.
    """
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]})


def binary_of(*spans: dict[str, Any]) -> bytes:
    """
    Write a protobuf request of spans.
    """
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add().scope_spans.add()
    for span in spans:
        group.spans.add(**span)
    return bytes(request.SerializeToString())


@pytest.mark.parametrize(
    ("span", "why"),
    [
        ({"trace_id": b"\1" * 15, "span_id": b"\1" * 8}, "trace_id has 15 bytes, not 16"),
        ({"trace_id": b"\0" * 16, "span_id": b"\1" * 8}, "trace_id is all zeros"),
        ({"trace_id": b"\1" * 16, "span_id": b""}, "span_id has 0 bytes, not 8"),
        ({"trace_id": b"\1" * 16, "span_id": b"\0" * 8}, "span_id is all zeros"),
        (
            {"trace_id": b"\1" * 16, "span_id": b"\1" * 8, "parent_span_id": b"\1"},
            "parent_span_id has 1 bytes, not 8",
        ),
        (
            {"trace_id": b"\1" * 16, "span_id": b"\1" * 8, "end_time_unix_nano": 2**63},
            "end_time_unix_nano 9223372036854775808 is after the year 2262",
        ),
    ],
)
def test_a_malformed_protobuf_span_does_not_lose_its_neighbours(
    span: dict[str, Any], why: str
) -> None:
    """
    A span with a bad id or time is rejected with its place and reason; the spans before
    and after it are kept.
    """
    good = {"trace_id": b"\2" * 16, "span_id": b"\2" * 8}
    decoded = decode_traces(binary_of(good, span, good))
    assert len(decoded.records) == 2
    assert [str(r) for r in decoded.rejected] == [
        f"resourceSpans[0].scopeSpans[0].spans[1]: {why}"
    ]
    assert decoded.rejected_count == 1


@pytest.mark.parametrize(
    ("span", "why"),
    [
        (GOOD | {"traceId": "zz"}, "traceId is not hex digits"),
        (GOOD | {"traceId": "0af7"}, "trace_id has 2 bytes, not 16"),
        (GOOD | {"spanId": 7}, "spanId is not a text"),
        (GOOD | {"kind": "SPAN_KIND_ODD"}, "kind 'SPAN_KIND_ODD' is not known"),
        (GOOD | {"startTimeUnixNano": "soon"}, "startTimeUnixNano is not an integer"),
        (GOOD | {"startTimeUnixNano": 2**63}, f"startTimeUnixNano {2**63} is out of range"),
        (GOOD | {"attributes": {}}, "attributes is not a list"),
        (GOOD | {"attributes": [3]}, "an item of attributes is not an object"),
        (
            GOOD | {"attributes": [{"key": "a", "value": 3}]},
            "an attribute's value is not an object",
        ),
        (
            GOOD | {"attributes": [{"key": "a", "value": {"intValue": str(2**63)}}]},
            f"intValue {2**63} is out of range",
        ),
        (
            GOOD | {"attributes": [{"key": "a", "value": {"bytesValue": "%"}}]},
            "bytesValue is not base64",
        ),
        (GOOD | {"status": []}, "status is not an object"),
        ("a span", "it is not an object"),
    ],
)
def test_a_malformed_json_span_does_not_lose_its_neighbours(
    span: dict[str, Any], why: str
) -> None:
    """
    A span with a field of a wrong kind is rejected with its place and reason; the spans
    before and after it are kept.
    """
    decoded = decode_traces_json(request_of(GOOD, span, GOOD))
    assert len(decoded.records) == 2
    assert [str(r) for r in decoded.rejected] == [
        f"resourceSpans[0].scopeSpans[0].spans[1]: {why}"
    ]


def test_text_that_is_not_utf8_loses_one_span() -> None:
    """
    Protobuf refuses a whole request for one bad text; only the span that has it is
    rejected, and with a resource that has it the spans of that resource.
    """
    good = {"trace_id": b"\2" * 16, "span_id": b"\2" * 8, "name": "good"}
    data = binary_of(good, good | {"name": "broke"}, good)
    decoded = decode_traces(data.replace(b"broke", b"br\xff\xfee"))
    assert [span.name for span in decoded.records] == ["good", "good"]
    assert [r.where for r in decoded.rejected] == [SECOND]
    assert "not valid protobuf" in decoded.rejected[0].why

    request = ExportTraceServiceRequest.FromString(binary_of(good, good))
    request.resource_spans[0].resource.attributes.add(key="broke")
    both = request.SerializeToString().replace(b"broke", b"br\xff\xfee") + binary_of(good)
    decoded = decode_traces(both)
    assert len(decoded.records) == 1
    assert [(r.where, r.count) for r in decoded.rejected] == [("resourceSpans[0]", 2)]


@pytest.mark.parametrize(
    "data", [b"hello", b"\xff\xff", CAPTURED[:-1], CAPTURED[:40], b"\x08\x01"]
)
def test_bytes_that_are_no_request_are_refused(data: bytes) -> None:
    """
    Bytes that are not protobuf, cut off, or without any spans raise one clear line.
    """
    with pytest.raises(MalformedTelemetryError, match="not OTLP") as caught:
        decode_traces(data)
    assert "\n" not in str(caught.value)
    with pytest.raises(MalformedTelemetryError, match="not OTLP"):
        decode_logs(data)


def test_an_empty_request_is_valid() -> None:
    """
    An empty protobuf message and an empty JSON object are requests without spans.
    """
    assert decode_traces(b"").records == decode_traces_json("{}").records == []


@example(b"\xc5\x80\x80\x80\x10\x00\x00\x00\x00")
@given(st.binary(max_size=60) | st.integers(0, len(CAPTURED)).map(lambda n: CAPTURED[:n]))
def test_any_bytes_are_decoded_or_refused(data: bytes) -> None:
    """
    No bytes make the decoders raise anything but `MalformedTelemetryError`.
    """
    for decode in (decode_traces, decode_logs, decode_traces_json, decode_logs_json):
        with contextlib.suppress(MalformedTelemetryError):
            decode(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["spans", "value", "values", "kvlistValue", "traceId", "key", "body"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(JSON, st.sampled_from(["spans", "attributes", "events", "links", "status", "scope"]))
def test_any_json_is_decoded_or_rejected(value: Any, field: str) -> None:
    """
    Whatever stands in place of a part of a request, decoding does not raise, and a good
    span beside it is kept.
    """
    odd = {"scopeSpans": [{field: value}, {"spans": [GOOD | {field: value}, GOOD]}]}
    decoded = decode_traces_json(json.dumps({"resourceSpans": [odd, value]}))
    assert GOOD["spanId"] in {span.span_id for span in decoded.records}
    decode_logs_json(json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [value]}]}]}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"resourceSpans": [}', "line 1, column 20"),
        ('{"resourceSpans', "string starting at line 1, column 2"),
        ('{\n "resourceSpans":\n}', "line 3, column 1"),
        ("[" * 100_000, "nested too deeply"),
        ('{"resourceSpans": ' + "[" * 100_000, "nested too deeply"),
        ("7", "the request is not an object"),
        ("9" * 5000, "a number that is too long"),
        (b"\xff", "byte 0 is not UTF-8"),
    ],
)
def test_what_is_not_json_is_refused_with_its_place(text: str | bytes, message: str) -> None:
    """
    Text that is not JSON raises one clear line with the line and column where it can.
    """
    with pytest.raises(MalformedTelemetryError, match=message) as caught:
        decode_traces_json(text)
    assert "\n" not in str(caught.value)


def test_a_deeply_nested_value_is_rejected_alone() -> None:
    """
    A value that protobuf could not carry loses its span and not the next one.
    """
    value: dict[str, Any] = {"stringValue": "deep"}
    for _ in range(60):
        value = {"arrayValue": {"values": [value]}}
    deep = GOOD | {"attributes": [{"key": "a", "value": value}]}
    decoded = decode_traces_json(request_of(deep, GOOD))
    assert len(decoded.records) == 1
    assert "nested deeper" in decoded.rejected[0].why


def test_an_open_span_has_no_end() -> None:
    """
    An end time of zero means that the span has not ended, and a parent id of zeros that
    it has no parent.
    """
    ids = {"trace_id": b"\1" * 16, "span_id": b"\1" * 8}
    (span,) = decode_traces(binary_of(ids | {"parent_span_id": b"\0" * 8})).records
    assert (span.end_ns, span.parent_span_id) == (None, None)


def test_a_log_record_with_a_bad_id_belongs_to_no_trace() -> None:
    """
    A log record whose ids are not valid is kept, as the protocol asks, without them.
    """
    request = ExportLogsServiceRequest()
    log = request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=1)
    log.trace_id, log.span_id = b"\1\2", b"\0" * 8
    record = decode_logs(request.SerializeToString()).records[0]
    assert (record.trace_id, record.span_id) == ("", "")
