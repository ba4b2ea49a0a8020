"""
Every field of OTLP comes through records unchanged.
"""

from typing import Any

import captures
import pytest
from hypothesis import HealthCheck, assume, given, settings
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_messages import as_otlp_json, by_content, messages, spans_of

from otel_bridge.otlp import (
    decode_logs,
    decode_logs_json,
    decode_traces,
    decode_traces_json,
    encode_logs,
    encode_traces,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(messages(ExportTraceServiceRequest.DESCRIPTOR))
def test_every_field_of_traces_comes_through(request_message: Any) -> None:
    """
    A request that is decoded and encoded again has the same spans, field by field and
    type by type, with every field that the descriptors have; as JSON it gives the same
    records.
    """
    assume(request_message.resource_spans)
    decoded = decode_traces(request_message.SerializeToString())
    assert decoded.rejected == []
    assert repr(decode_traces_json(as_otlp_json(request_message))) == repr(decoded)
    again = ExportTraceServiceRequest.FromString(encode_traces(decoded.records))
    assert by_content(spans_of(again)) == by_content(spans_of(request_message))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(messages(ExportLogsServiceRequest.DESCRIPTOR))
def test_every_field_of_logs_comes_through(request_message: Any) -> None:
    """
    A request that is decoded and encoded again has the same log records, field by field
    and type by type, with every field that the descriptors have; as JSON it gives the same
    records.
    """
    assume(request_message.resource_logs)
    decoded = decode_logs(request_message.SerializeToString())
    assert decoded.rejected == []
    assert repr(decode_logs_json(as_otlp_json(request_message))) == repr(decoded)
    again = ExportLogsServiceRequest.FromString(encode_logs(decoded.records))
    assert by_content(spans_of(again)) == by_content(spans_of(request_message))


def pairs(name: str, kind: str) -> list[tuple[bytes, bytes]]:
    """
    List the contents of the protobuf and JSON files of a capture, side by side.
    """
    both = (captures.files(name, kind, suffix) for suffix in ("pb", "json"))
    return [(a.read_bytes(), b.read_bytes()) for a, b in zip(*both, strict=True)]


@pytest.mark.parametrize("name", captures.names())
def test_protobuf_and_json_of_a_capture_are_equal_records(name: str) -> None:
    """
    The protobuf and the JSON files of a capture decode to equal records, and encoding
    these and decoding again changes nothing.
    """
    for binary, text in pairs(name, "traces"):
        spans = decode_traces(binary)
        assert spans.records
        assert spans == decode_traces_json(text)
        assert spans == decode_traces(encode_traces(spans.records))
    for binary, text in pairs(name, "logs"):
        records = decode_logs(binary)
        assert records.records
        assert records == decode_logs_json(text)
        assert records == decode_logs(encode_logs(records.records))


def test_equal_resources_and_scopes_share_one_group() -> None:
    """
    Spans of one resource and scope are encoded as one group, also when the records came
    in separate requests, and decoded spans share their resource by identity.
    """
    data = captures.files("otel_genai_openai_latest", "traces", "pb")[0].read_bytes()
    first, second = decode_traces(data).records, decode_traces(data).records
    assert first[0].resource is first[1].resource
    request = ExportTraceServiceRequest.FromString(encode_traces([*first, *second]))
    assert len(request.resource_spans) == 1
    assert len(request.resource_spans[0].scope_spans) == 1
    assert len(request.resource_spans[0].scope_spans[0].spans) == 4
