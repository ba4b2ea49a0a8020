"""
OTLP over HTTP: what is sent is stored as an import stores it, and answered as OTLP says.
"""

import gzip
import json
import logging
import shutil
import socket
import subprocess
from pathlib import Path

import captures
import pytest
from backends import Backend, picture, store, table
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from receiving import (
    JSON,
    PROTO,
    json_request,
    locked,
    log_request,
    packed,
    request,
    served,
    with_broken_id,
)
from recording_data import eventually, value

METRICS = {
    "resourceMetrics": [
        {
            "scopeMetrics": [
                {
                    "metrics": [
                        {"name": "a", "sum": {"dataPoints": [{"asInt": "1"}, {"asInt": "2"}]}},
                        {"name": "b", "gauge": {"dataPoints": [{"asDouble": 0.5}]}},
                    ]
                }
            ]
        }
    ]
}


@pytest.mark.parametrize(("suffix", "kind"), [("pb", PROTO), ("json", JSON)])
def test_what_is_received_is_stored_as_an_import_stores_it(
    backend: Backend, suffix: str, kind: str
) -> None:
    """
    Real recordings sent over HTTP give the same rows as their import, in every database.
    """
    imported = backend.fresh()
    with served(backend.target) as server:
        for name in captures.names()[:6]:
            store(imported, [captures.arrivals(name, suffix)])
            for signal in ("traces", "logs"):
                for path in captures.files(name, signal, suffix):
                    reply = server.post(path.read_bytes(), f"/v1/{signal}", kind)
                    assert (reply.status, reply.headers["content-type"]) == (200, kind)
    assert picture(backend.target) == picture(imported)
    assert table(backend.target, "spans")


def test_a_request_is_durable_when_it_is_answered(tmp_path: Path) -> None:
    """
    Another reader of the file finds the span as soon as the answer is there.
    """
    path = tmp_path / "runs.db"
    with served(path) as server:
        for trace in range(1, 6):
            assert server.post(request(trace=trace)).body == b""
            assert value(path, "SELECT count(*) FROM spans") == trace


def test_a_malformed_span_costs_only_itself_and_is_named(tmp_path: Path) -> None:
    """
    The others are stored, and the answer counts and names the bad one in the form of the request.
    """
    path = tmp_path / "runs.db"
    body = with_broken_id(json_request(5), which=2)
    short = request(3, trace=2).replace(bytes.fromhex(f"{2:04x}{2:012x}"), b"\0" * 8)
    with served(path) as server:
        told = server.post(body, kind=JSON)
        partial = ExportTraceServiceResponse.FromString(server.post(short).body).partial_success
        assert told.status == 200
        assert told.json["partialSuccess"]["rejectedSpans"] == "1"
        assert "spans[2]: traceId is not hex" in told.json["partialSuccess"]["errorMessage"]
        assert partial.rejected_spans == 1
        assert "spans[1]" in partial.error_message
        assert partial.error_message.startswith("1 span not stored")
    assert value(path, "SELECT count(*) FROM spans") == 6


def test_rejected_log_records_are_counted_as_such(tmp_path: Path) -> None:
    """
    A log record that cannot be read is told in the answer's own field.
    """
    body = log_request(3).replace(b"log 1", b"log\xff1")
    with served(tmp_path / "runs.db") as server:
        reply = server.post(body, "/v1/logs")
    partial = ExportLogsServiceResponse.FromString(reply.body).partial_success
    assert (reply.status, partial.rejected_log_records) == (200, 1)
    assert value(tmp_path / "runs.db", "SELECT count(*) FROM logs") == 2


@pytest.mark.parametrize(
    ("body", "headers", "status", "said"),
    [
        (b"", {"Content-Type": PROTO}, 200, None),
        (b"{}", {"Content-Type": f"{JSON}; charset=utf-8"}, 200, None),
        (b'{"resourceSpans": [], "new": 1}', {"Content-Type": JSON}, 200, None),
        (b"\xff\xff", {"Content-Type": PROTO}, 400, "not OTLP protobuf"),
        (b"[]", {"Content-Type": JSON}, 400, "not an object"),
        (b'{"resourceSpans": [', {"Content-Type": JSON}, 400, "not JSON"),
        (b"", {"Content-Type": JSON}, 400, "not JSON"),
        (b"{}", {"Content-Type": "text/plain"}, 415, "Content-Type"),
        (b"{}", {}, 415, "Content-Type"),
        (b"{}", {"Content-Type": JSON, "Content-Encoding": "br"}, 415, "Content-Encoding"),
        (b"{}", {"Content-Type": JSON, "Content-Encoding": "gzip, gzip"}, 415, "Encoding"),
        (b"{}", {"Content-Type": JSON, "Content-Encoding": "gzip"}, 400, "not gzip"),
        (
            gzip.compress(b"{}", mtime=0)[:-4],
            {"Content-Type": JSON, "Content-Encoding": "gzip"},
            400,
            "cut off",
        ),
    ],
)
def test_each_request_gets_the_status_that_otlp_names(
    tmp_path: Path, body: bytes, headers: dict[str, str], status: int, said: str | None
) -> None:
    """
    What can be read is 200, what cannot is 400 or 415 with a message, and never tried again.
    """
    with served(tmp_path / "runs.db") as server:
        reply = server.request("POST", "/v1/traces", body, headers)
    assert reply.status == status
    assert "retry-after" not in reply.headers
    if said is not None and headers.get("Content-Type") == PROTO:
        assert said in reply.error.message
        assert reply.headers["content-type"] == PROTO
    elif said is not None:
        assert said in reply.json["message"]
        assert reply.json["code"] == 3


def test_deep_nesting_ends_in_an_answer(tmp_path: Path) -> None:
    """
    JSON and protobuf nested ten thousand levels deep are refused, and the server goes on.
    """
    levels = 10_000
    nested = b'{"a":' + b"[" * levels + b"]" * levels + b"}"
    value_bytes = b""
    for _ in range(levels):
        value_bytes = b"\x2a" + _length(b"\x0a" + _length(value_bytes))
    attribute = b"\x0a\x01k\x12" + _length(value_bytes)
    deep = (
        request(2)
        + b"\x0a"
        + _length(b"\x12" + _length(b"\x12" + _length(b"\x4a" + _length(attribute))))
    )
    with served(tmp_path / "runs.db") as server:
        told = server.post(nested, kind=JSON)
        assert (told.status, told.json["message"]) == (400, "JSON is nested too deeply")
        answer = ExportTraceServiceResponse.FromString(server.post(deep).body)
        assert answer.partial_success.rejected_spans == 1
        assert server.post(request()).status == 200
    assert value(tmp_path / "runs.db", "SELECT count(*) FROM spans") == 2


def _length(data: bytes) -> bytes:
    """
    Put a protobuf length before bytes.
    """
    size, head = len(data), bytearray()
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*head, size]) + data


def test_gzip_is_unpacked_of_one_member_or_several(tmp_path: Path) -> None:
    """
    Members that follow one another are one body.
    """
    body = request(3)
    with served(tmp_path / "runs.db") as server:
        assert server.post(packed(body), Content_Encoding="GZIP").status == 200
        both = packed(body[:20]) + packed(body[20:])
        assert server.post(both, Content_Encoding="gzip").status == 200
        assert b"duplicates_total 3" in server.get("/metrics").body
    assert value(tmp_path / "runs.db", "SELECT count(*) FROM spans") == 3


def test_metrics_are_counted_and_acknowledged(tmp_path: Path) -> None:
    """
    Data points of both forms are counted, and nothing of them is stored.
    """
    with served(tmp_path / "runs.db") as server:
        assert server.post(json.dumps(METRICS).encode(), "/v1/metrics", JSON).json == {}
        assert server.post(b"\xff", "/v1/metrics").status == 400
        send_two_points(f"{server.http}/v1/metrics")
        told = server.get("/metrics").body.decode()
    assert 'otel_bridge_accepted_total{signal="metrics"} 5.0' in told


def send_two_points(endpoint: str) -> None:
    """
    Send metrics as a program does.
    """
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=endpoint))
    provider = MeterProvider(metric_readers=[reader], shutdown_on_exit=False)
    counter = provider.get_meter("test").create_counter("calls")
    counter.add(1, {"k": "a"})
    counter.add(1, {"k": "b"})
    provider.shutdown()


def test_other_paths_and_methods_are_told_apart(tmp_path: Path) -> None:
    """
    An unknown path is 404, and another method 405 with what is allowed.
    """
    with served(tmp_path / "runs.db") as server:
        assert server.post(b"", "/v1/profiles").status == 404
        assert "/v1/traces" in server.get("/").json["message"]
        wrong = server.get("/v1/logs")
        assert (wrong.status, wrong.headers["allow"]) == (405, "POST")
        assert server.request("OPTIONS", "/v1/logs").status == 405


def test_what_is_sent_to_no_known_path_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    An exporter that was given a wrong path shows in the server's log, and a visitor does not.
    """
    with served(tmp_path / "runs.db") as server, caplog.at_level(logging.INFO):
        server.get("/favicon.ico")
        server.post(b"", "/healthz")
        assert not caplog.records
        for _ in range(3):
            server.post(b"", "/v1/trace")
    (record,) = caplog.records
    assert "nothing at /v1/trace over HTTP (404)" in record.getMessage()
    assert "/v1/traces" in record.getMessage()


def test_pages_of_other_sites_are_let_in_only_where_named(tmp_path: Path) -> None:
    """
    Without an option no header lets a page in; with it the named origin alone.
    """
    asked = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}
    allow = "access-control-allow-origin"
    with served(tmp_path / "a.db") as server:
        assert allow not in server.request("OPTIONS", "/v1/traces", headers=asked).headers
        assert allow not in server.post(request(), Origin="https://a.example").headers
    with served(tmp_path / "b.db", cors_origins=("https://a.example",)) as server:
        granted = server.request("OPTIONS", "/v1/traces", headers=asked)
        assert granted.headers[allow] == "https://a.example"
        assert server.post(request(), Origin="https://a.example").headers[allow] == asked["Origin"]
        other = server.request("OPTIONS", "/v1/traces", headers=asked | {"Origin": "https://b"})
        assert allow not in other.headers


def test_a_request_whose_client_went_away_is_stored(tmp_path: Path) -> None:
    """
    A client that closes its connection before the answer loses nothing of what it sent.
    """
    path, body = tmp_path / "runs.db", request(7)
    head = (
        f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTO}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with served(path) as server, locked(path):
        client = socket.create_connection(("127.0.0.1", server.port))
        client.sendall(head.encode() + body)
        client.close()
        told = f"otel_bridge_queue_bytes {len(body)}.0"
        assert eventually(lambda: told in server.get("/metrics").body.decode())
    assert value(path, "SELECT count(*) FROM spans") == 7


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_the_sdk_sends_spans_and_logs_over_http(tmp_path: Path, compression: Compression) -> None:
    """
    What the Python SDK's exporters send is there, packed or not.
    """
    path = tmp_path / "runs.db"
    with served(path) as server:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(
            BatchSpanProcessor(
                OTLPSpanExporter(f"{server.http}/v1/traces", compression=compression)
            )
        )
        for number in range(20):
            provider.get_tracer("test").start_span(f"span {number}").end()
        provider.shutdown()
        logs = LoggerProvider(shutdown_on_exit=False)
        exporter = OTLPLogExporter(f"{server.http}/v1/logs", compression=compression)
        logs.add_log_record_processor(SimpleLogRecordProcessor(exporter))
        logs.get_logger("test").emit(severity_number=SeverityNumber.INFO, body="hello")
        logs.shutdown()
    assert value(path, "SELECT count(DISTINCT name) FROM spans") == 20
    assert value(path, "SELECT count(*) FROM logs") == 1


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed: not run")
def test_curl_sends_otlp_json(tmp_path: Path) -> None:
    """
    A plain curl with a JSON file is answered with `{}`, and the spans are there.
    """
    (tmp_path / "spans.json").write_bytes(json_request(3))
    with served(tmp_path / "runs.db") as server:
        url = f"{server.http}/v1/traces"
        done = subprocess.run(
            ["curl", "-sSH", f"Content-Type: {JSON}", "-d@spans.json", url],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
    assert done.stdout == "{}"
    assert value(tmp_path / "runs.db", "SELECT count(*) FROM spans") == 3


def test_refusals_are_logged_once_in_a_while(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Of many refusals of one kind the first is logged, without what was sent.
    """
    with served(tmp_path / "runs.db") as server, caplog.at_level(logging.INFO):
        for _ in range(5):
            server.post(b"\xff\xff", Authorization="Bearer very-secret")
    assert len([r for r in caplog.records if "refuses" in r.getMessage()]) == 1
    assert "very-secret" not in caplog.text
