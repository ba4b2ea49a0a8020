"""
OTLP servers on the loopback that keep what they are sent.
"""

import gzip
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)
from otel_bridge_storage.records import SpanRecord

from otel_bridge.otlp import decode_traces


@dataclass
class Received:
    """
    What a server was sent.

    Attributes:
        endpoint: Where it listens.
        paths: The path of each HTTP request.
    """

    endpoint: str = ""
    requests: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    @property
    def spans(self) -> Sequence[SpanRecord]:
        """
        The spans, in the order in which they came.
        """
        return [span for request in self.requests for span in decode_traces(request).records]

    def holds(self, text: str) -> bool:
        """
        Whether a text is anywhere in what was sent.
        """
        return any(text.encode() in request for request in self.requests)


@contextmanager
def grpc_server() -> Iterator[Received]:
    """
    Serve OTLP/gRPC.
    """
    received = Received()

    class Servicer(TraceServiceServicer):
        """
        Keeps what it is sent.
        """

        def Export(self, request: ExportTraceServiceRequest, context: Any) -> Any:  # noqa: N802
            """
            Take a request.
            """
            received.requests.append(request.SerializeToString())
            received.headers.append({key: str(val) for key, val in context.invocation_metadata()})
            return ExportTraceServiceResponse()

    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    add_TraceServiceServicer_to_server(Servicer(), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    received.endpoint = f"http://127.0.0.1:{port}"
    server.start()
    try:
        yield received
    finally:
        server.stop(None).wait()


@contextmanager
def http_server() -> Iterator[Received]:
    """
    Serve OTLP/HTTP.
    """
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        """
        Keeps what it is sent.
        """

        def do_POST(self) -> None:
            """
            Take a request.
            """
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            received.requests.append(body)
            received.headers.append({key.lower(): val for key, val in self.headers.items()})
            received.paths.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """
            Say nothing.
            """

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
