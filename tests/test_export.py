"""
What is sent on to an OTLP endpoint: everything but the content, and that too if asked for.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode
from otel_bridge_storage.records import SpanRecord
from otlp_servers import Endpoint, grpc_endpoint, http_endpoint
from recording_data import CHAT, value

from otel_bridge.bridge import install
from otel_bridge.content import ContentPolicy
from otel_bridge.export import ContentFilteringExporter, endpoint_configured, otlp_exporter
from otel_bridge.otlp import decode_traces

SECRET = "the-eagle-has-landed"
SERVERS = [(grpc_endpoint, "grpc"), (http_endpoint, "http/protobuf")]
VARIABLES = [
    "OTEL_TRACES_EXPORTER",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
]
Server = Callable[[], AbstractContextManager[Endpoint]]


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Keep the surrounding environment out.
    """
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def sent(path: Path, server: Endpoint, protocol: Any, **options: Any) -> None:
    """
    Record a call with content and send it on.
    """
    provider = TracerProvider(resource=Resource({"service.name": "s"}), shutdown_on_exit=False)
    bridge = install(
        path,
        otlp_endpoint=server.base,
        otlp_protocol=protocol,
        tracer_provider=provider,
        logger_provider=LoggerProvider(shutdown_on_exit=False),
        threads=False,
        **options,
    )
    with (
        bridge,
        provider.get_tracer("test").start_as_current_span("chat", attributes=CHAT) as span,
    ):
        span.set_attribute("gen_ai.input.messages", SECRET)
        span.add_event("gen_ai.choice", {"content": SECRET, "index": 0})


@pytest.mark.parametrize(("serve", "protocol"), SERVERS)
def test_content_stays_here_by_default(tmp_path: Path, serve: Server, protocol: str) -> None:
    """
    The endpoint gets the spans without their content, which the database has.
    """
    path = tmp_path / "runs.db"
    with serve() as server:
        sent(path, server, protocol)
    (span,) = server.spans
    assert span.name == "chat"
    assert span.attributes == CHAT
    assert span.events[0].attributes == {"index": 0}
    assert not server.holds(SECRET)
    assert SECRET in value(path, "SELECT attributes FROM spans")


@pytest.mark.parametrize(("serve", "protocol"), SERVERS)
def test_content_is_sent_where_asked_for(tmp_path: Path, serve: Server, protocol: str) -> None:
    """
    With `otlp_content=True` the endpoint gets what the database has.
    """
    with serve() as server:
        sent(tmp_path / "runs.db", server, protocol, otlp_content=True)
    (span,) = server.spans
    assert span.attributes == CHAT | {"gen_ai.input.messages": SECRET}


@pytest.mark.parametrize(
    ("asked", "given", "goes"),
    [
        ("true", None, True),
        ("SPAN_ONLY", None, True),
        ("span_and_event", None, True),
        ("EVENT_ONLY", None, False),
        ("false", None, False),
        ("true", False, False),
        (None, True, True),
    ],
)
def test_the_standard_variable_decides_where_nothing_is_said(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    asked: str | None,
    given: bool | None,
    goes: bool,
) -> None:
    """
    The variable that turns on content for instrumentations counts, unless told otherwise.
    """
    if asked is not None:
        monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", asked)
    with http_endpoint() as server:
        sent(tmp_path / "runs.db", server, "http/protobuf", otlp_content=given)
    assert server.holds(SECRET) is goes


def test_the_local_switch_and_the_sending_one_are_apart(tmp_path: Path) -> None:
    """
    Content may be sent and not stored.
    """
    path = tmp_path / "runs.db"
    with http_endpoint() as server:
        sent(path, server, "http/protobuf", otlp_content=True, capture_content=False)
    assert server.holds(SECRET)
    assert SECRET not in value(path, "SELECT attributes FROM spans")


def test_the_hook_redacts_what_is_sent(tmp_path: Path) -> None:
    """
    Content that is sent has gone through the redaction hook.
    """
    with http_endpoint() as server:
        sent(
            tmp_path / "runs.db",
            server,
            "http/protobuf",
            otlp_content=True,
            redact=lambda name, text: text.replace(SECRET, "***"),
        )
    assert not server.holds(SECRET)
    assert server.spans[0].attributes["gen_ai.input.messages"] == "***"


@pytest.mark.parametrize(("serve", "protocol"), SERVERS)
def test_headers_are_sent(tmp_path: Path, serve: Server, protocol: str) -> None:
    """
    Headers reach the endpoint however their names are written.
    """
    with serve() as server:
        sent(tmp_path / "runs.db", server, protocol, otlp_headers={"Authorization": "Bearer x"})
    assert server.headers[0]["authorization"] == "Bearer x"


def test_an_http_endpoint_gets_the_standard_path(tmp_path: Path) -> None:
    """
    A base address is completed; a full one is taken as it is.
    """
    with http_endpoint() as server:
        sent(tmp_path / "a.db", server, "http/protobuf")
        server.base += "/other/v1/traces"
        sent(tmp_path / "b.db", server, None)
    assert server.paths == ["/v1/traces", "/other/v1/traces"]


def test_a_dead_endpoint_costs_no_record(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where nobody listens the database has everything all the same.
    """
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    with http_endpoint() as server:
        pass
    sent(tmp_path / "runs.db", server, "http/protobuf")
    assert value(tmp_path / "runs.db", "SELECT count(*) FROM spans WHERE end_ns > 0") == 1


@pytest.mark.parametrize(
    ("endpoint", "variables", "kind"),
    [
        ("http://localhost:4317", {}, Grpc),
        ("https://collector.example", {}, Grpc),
        ("http://localhost:4318", {}, Http),
        ("http://localhost:4318/", {}, Http),
        ("https://collector.example/v1/traces", {}, Http),
        ("http://localhost:4317", {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, Http),
        (
            "http://localhost:4318",
            {
                "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc",
            },
            Grpc,
        ),
        (None, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4317"}, Grpc),
        (None, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}, Http),
        (None, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x/v1/traces"}, Http),
    ],
)
def test_the_protocol_is_told_by_variables_or_the_endpoint(
    monkeypatch: pytest.MonkeyPatch,
    endpoint: str | None,
    variables: dict[str, str],
    kind: type[object],
) -> None:
    """
    A variable names the protocol; else the port or a path tells.
    """
    for name, setting in variables.items():
        monkeypatch.setenv(name, setting)
    exporter = otlp_exporter(endpoint)
    try:
        assert isinstance(exporter, kind)
    finally:
        exporter.shutdown()


@pytest.mark.parametrize(
    ("endpoint", "protocol", "says"),
    [
        ("localhost:4317", None, "http://localhost:4317"),
        ("ftp://localhost", None, "no http"),
        ("", None, "no http"),
        ("http://localhost:port", None, "[Pp]ort"),
        ("http://localhost:4317", "carrier-pigeon", "use grpc or http/protobuf"),
    ],
)
def test_a_malformed_endpoint_is_refused(endpoint: str, protocol: Any, says: str) -> None:
    """
    An endpoint or a protocol that cannot be meant is refused with a clear line.
    """
    with pytest.raises(ValueError, match=says):
        otlp_exporter(endpoint, protocol=protocol)


@pytest.mark.parametrize(
    ("variables", "configured"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
    ],
)
def test_whether_variables_configure_an_endpoint(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], configured: bool
) -> None:
    """
    Nothing is sent on unless a variable names where to, or one turns it off.
    """
    for name, setting in variables.items():
        monkeypatch.setenv(name, setting)
    assert endpoint_configured() is configured


def full_span() -> ReadableSpan:
    """
    Make a span with something in every field, and something dropped of everything.
    """
    provider = TracerProvider(
        resource=Resource({"service.name": "s"}, "https://r"),
        span_limits=SpanLimits(
            max_span_attributes=3, max_events=2, max_links=1, max_event_attributes=2
        ),
        shutdown_on_exit=False,
    )
    tracer = provider.get_tracer("scope", "1.2", "https://s", {"k": "v"})
    parent = SpanContext(0xA1, 0xB2, is_remote=True)
    span = tracer.start_span(
        "work", kind=SpanKind.CLIENT, links=[Link(parent), Link(parent, {"x": 1})], start_time=100
    )
    span.set_attributes({"dropped": 0, "a": [1, 2], "b": 0.5, "input.value": SECRET})
    for number in range(3):
        span.add_event(f"gen_ai.e{number}", {"n": 1, "m": 2, "content": SECRET}, timestamp=110)
    span.set_status(Status(StatusCode.ERROR, "broken"))
    span.end(200)
    assert isinstance(span, ReadableSpan)
    return span


def as_sent(span: ReadableSpan) -> SpanRecord:
    """
    Give what OpenTelemetry's exporters would send.
    """
    return decode_traces(encode_spans([span]).SerializeToString()).records[0]


def test_a_treated_span_equals_the_original_but_for_content() -> None:
    """
    Every other field is sent as it was, counts of what was dropped included.
    """
    span, memory = full_span(), InMemorySpanExporter()
    exporter = ContentFilteringExporter(memory, ContentPolicy(keep=False))
    exporter.export([span])
    (treated,) = memory.get_finished_spans()
    before, after = as_sent(span), as_sent(treated)
    assert before.dropped_attributes == before.dropped_events == before.dropped_links == 1
    assert before.events[0].dropped_attributes == 1
    assert "input.value" not in after.attributes
    expected = replace(
        before,
        attributes={k: v for k, v in before.attributes.items() if k != "input.value"},
        events=[
            replace(e, attributes={k: v for k, v in e.attributes.items() if k != "content"})
            for e in before.events
        ],
    )
    assert after == expected


def test_without_treatment_the_very_spans_are_sent() -> None:
    """
    Where content may pass nothing is copied.
    """
    span, memory = full_span(), InMemorySpanExporter()
    exporter = ContentFilteringExporter(memory, ContentPolicy())
    exporter.export([span])
    assert memory.get_finished_spans()[0] is span
    assert exporter.force_flush()
    exporter.shutdown()
