"""
OTLP over gRPC: the same requests, and the same meanings of answers, as over HTTP.
"""

from pathlib import Path
from typing import Any

import captures
import grpc  # type: ignore[import-untyped]
import pytest
from backends import Backend, picture, store
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from receiving import LOGS, METRICS, TRACES, locked, log_request, packed, request, served
from recording_data import eventually, value

from otel_bridge.receiver import Limits

BEARER = (("authorization", "Bearer sesame-sesame"),)


def refused(server: Any, body: bytes, method: str = TRACES, **options: Any) -> tuple[Any, Any]:
    """
    Make a call that is refused.

    Returns:
        The code, and the status of the details, if there are any.
    """
    with pytest.raises(grpc.RpcError) as raised:
        server.call(body, method, **options)
    error: Any = raised.value
    details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    status = None if details is None else Status.FromString(details)
    assert status is None or status.code == error.code().value[0]
    return error.code(), status


def test_what_is_received_is_stored_as_an_import_stores_it(backend: Backend) -> None:
    """
    Real recordings sent over gRPC give the same rows as their import, in every database.
    """
    imported = backend.fresh()
    with served(backend.target) as server:
        for name in captures.names()[6:10]:
            store(imported, [captures.arrivals(name)])
            for signal, method in (("traces", TRACES), ("logs", LOGS)):
                for path in captures.files(name, signal, "pb"):
                    assert server.call(path.read_bytes(), method) == b""
    assert picture(backend.target) == picture(imported)


def test_a_malformed_span_costs_only_itself(tmp_path: Path) -> None:
    """
    The answer counts and names the bad span, and the others are stored.
    """
    body = request(3).replace(bytes.fromhex(f"{1:04x}{2:012x}"), b"\0" * 8)
    with served(tmp_path / "runs.db") as server:
        partial = ExportTraceServiceResponse.FromString(server.call(body)).partial_success
    assert (partial.rejected_spans, "spans[1]" in partial.error_message) == (1, True)
    assert value(tmp_path / "runs.db", "SELECT count(*) FROM spans") == 2


def test_each_refusal_has_the_code_that_otlp_names(tmp_path: Path) -> None:
    """
    What cannot be read is INVALID_ARGUMENT, and what is not served is UNIMPLEMENTED.
    """
    with served(tmp_path / "runs.db") as server:
        code, status = refused(server, b"\xff\xff")
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert "not OTLP protobuf" in status.message
        assert not status.details
        assert refused(server, b"\xff", METRICS)[0] is grpc.StatusCode.INVALID_ARGUMENT
        other = "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export"
        assert refused(server, b"", other)[0] is grpc.StatusCode.UNIMPLEMENTED
        assert server.call(b"") == server.call(b"", METRICS) == server.call(b"", LOGS) == b""
        assert server.call(log_request(2), LOGS) == b""
        told = server.get("/metrics").body.decode()
    refusal = 'result="malformed",signal="traces",transport="grpc"} 1.0'
    assert f"otel_bridge_requests_total{{{refusal}" in told


def assert_says_when(status: Any) -> None:
    """
    See that a refusal says when to try again, and nothing of the server's files.
    """
    info = RetryInfo()
    assert status.details[0].Unpack(info)
    assert info.retry_delay.seconds >= 1
    assert "runs.db" not in status.message


def test_a_locked_database_is_unavailable(tmp_path: Path) -> None:
    """
    The code is UNAVAILABLE, with RetryInfo.
    """
    path = tmp_path / "runs.db"
    with served(path, limits=Limits(patience_s=0.0)) as server, locked(path):
        code, status = refused(server, request())
        assert code is grpc.StatusCode.UNAVAILABLE
        assert_says_when(status)


def test_a_full_queue_is_resource_exhausted(tmp_path: Path) -> None:
    """
    The code is RESOURCE_EXHAUSTED, with RetryInfo, without which senders give up.
    """
    path, limits = tmp_path / "runs.db", Limits(waiting_requests=1, patience_s=30.0)
    with served(path, limits=limits) as server, grpc.insecure_channel(server.grpc) as channel:
        with locked(path):
            waiting = channel.unary_unary(TRACES).future(request(), timeout=30)
            held = "queue_requests 1.0"
            assert eventually(lambda: held in server.get("/metrics").body.decode())
            code, status = refused(server, request(trace=2))
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert_says_when(status)
        assert waiting.result() == b""


def test_senders_need_the_token(tmp_path: Path) -> None:
    """
    Without a token it is UNAUTHENTICATED, with that for reading PERMISSION_DENIED.
    """
    tokens = {"ingest_token": "sesame-sesame", "read_token": "only-reading"}
    with served(tmp_path / "runs.db", **tokens) as server:
        assert refused(server, request())[0] is grpc.StatusCode.UNAUTHENTICATED
        wrong = (("authorization", "Bearer sesame-sesamf"),)
        assert refused(server, request(), metadata=wrong)[0] is grpc.StatusCode.UNAUTHENTICATED
        reading = (("authorization", "Bearer only-reading"),)
        code, status = refused(server, request(), metadata=reading)
        assert code is grpc.StatusCode.PERMISSION_DENIED
        assert "only-reading" not in status.message
        assert server.call(request(), metadata=BEARER) == b""
    assert value(tmp_path / "runs.db", "SELECT count(*) FROM spans") == 1


def test_a_message_is_bounded_as_sent_and_unpacked(tmp_path: Path) -> None:
    """
    A message that is too long is refused, and gzip is unpacked no further than the bound.
    """
    limits = Limits().with_body(100_000)
    with served(tmp_path / "runs.db", limits=limits) as server:
        assert refused(server, bytes(200_000))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        code, status = refused(server, bytes(50_000_000), compression=grpc.Compression.Gzip)
        assert (code, list(status.details)) == (grpc.StatusCode.INVALID_ARGUMENT, [])
        assert "100000 bytes" in status.message
        assert server.call(request(9), compression=grpc.Compression.Gzip) == b""
        assert server.call(packed(request(9))) == b""
        assert b"queue_bytes 0.0" in server.get("/metrics").body
    assert value(tmp_path / "runs.db", "SELECT count(*) FROM spans") == 9


def test_a_call_that_was_cancelled_is_stored(tmp_path: Path) -> None:
    """
    A client that gives up on its answer loses nothing of what it sent.
    """
    path = tmp_path / "runs.db"
    with served(path) as server, locked(path), grpc.insecure_channel(server.grpc) as channel:
        waiting = channel.unary_unary(TRACES).future(request(4), timeout=20)
        held = "queue_requests 1.0"
        assert eventually(lambda: held in server.get("/metrics").body.decode())
        waiting.cancel()
    assert value(path, "SELECT count(*) FROM spans") == 4


@pytest.mark.parametrize("packing", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_the_sdk_sends_spans_over_grpc(tmp_path: Path, packing: Any) -> None:
    """
    What the Python SDK's exporter sends is there, packed or not.
    """
    with served(tmp_path / "runs.db") as server:
        provider = TracerProvider(shutdown_on_exit=False)
        exporter = OTLPSpanExporter(f"http://{server.grpc}", insecure=True, compression=packing)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        for number in range(20):
            provider.get_tracer("test").start_span(f"span {number}").end()
        provider.shutdown()
    assert value(tmp_path / "runs.db", "SELECT count(DISTINCT name) FROM spans") == 20
