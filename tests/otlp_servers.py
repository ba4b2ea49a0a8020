"""
OTLP endpoints on the loopback that answer as a test says.
"""

import gzip
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc  # type: ignore[import-untyped]
from certificates import Certificates
from otel_bridge_storage.records import LogRecord, SpanRecord

from otel_bridge.otlp import decode_logs, decode_traces

Answer = tuple[int, Mapping[str, str], bytes]
TAKEN: Answer = (200, {}, b"")
NOT_THERE: Answer = (404, {"Content-Type": "text/plain"}, b"no such page")


@dataclass
class Endpoint:
    """
    What an endpoint was sent, and took.

    Attributes:
        answer: Called with the path and the body of each request.
        takes_logs: Whether it has a place for log records; Jaeger has none.
        base: Where it listens.
        url: Where it takes traces.
        requests: The body of each request.
        paths: The path of each HTTP request, the signal of each of gRPC.
        headers: Those of each request.
        spans: Those that it took, in the order in which they came; so `logs`.
    """

    answer: Callable[[str, bytes], Answer] = lambda path, body: TAKEN
    takes_logs: bool = True
    base: str = ""
    url: str = ""
    requests: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    spans: list[SpanRecord] = field(default_factory=list)
    logs: list[LogRecord] = field(default_factory=list)

    def take(self, path: str, body: bytes) -> Answer:
        """
        Judge a request, and keep what is taken.
        """
        self.requests.append(body)
        self.paths.append(path)
        is_missing = path.endswith("logs") and not self.takes_logs
        answer = NOT_THERE if is_missing else self.answer(path, body)
        if answer[0] == 200:
            if path.endswith("traces"):
                self.spans += decode_traces(body).records
            else:
                self.logs += decode_logs(body).records
        return answer

    @property
    def asked(self) -> int:
        """
        How many requests came.
        """
        return len(self.requests)

    def holds(self, text: str) -> bool:
        """
        Whether a text is anywhere in what was sent.
        """
        return any(text.encode() in request for request in self.requests)

    @property
    def names(self) -> list[str]:
        """
        The names of the spans, in the order in which they came.
        """
        return [span.name for span in self.spans]


@contextmanager
def http_endpoint(
    port: int = 0, endpoint: Endpoint | None = None, tls: Certificates | None = None
) -> Iterator[Endpoint]:
    """
    Serve OTLP/HTTP; with certificates, to clients that show one of the same authority.
    """
    kept = endpoint or Endpoint()

    class Handler(BaseHTTPRequestHandler):
        """
        Asks the endpoint what to answer.
        """

        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """
            Take a request.
            """
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            kept.headers.append({key.lower(): value for key, value in self.headers.items()})
            code, headers, content = kept.take(self.path, body)
            self.send_response(code)
            for name, value in {"Content-Type": "application/x-protobuf", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """
            Say nothing.
            """

    class Server(ThreadingHTTPServer):
        """
        Waits for no connection that is kept open.
        """

        daemon_threads = True
        block_on_close = False

        def handle_error(self, request: Any, client_address: Any) -> None:
            """
            Say nothing of clients that are not let in.
            """
            if not isinstance(sys.exception(), OSError):
                super().handle_error(request, client_address)

    server = Server(("127.0.0.1", port), Handler)
    if tls is not None:
        server.socket = _asking(tls).wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    kept.base = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    kept.url = f"{kept.base}/v1/traces"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def grpc_endpoint(takes_logs: bool = True, tls: Certificates | None = None) -> Iterator[Endpoint]:
    """
    Serve OTLP/gRPC; an answer's code is that of gRPC where it is not 200. With
    certificates, to clients that show one of the same authority.
    """
    kept = Endpoint(takes_logs=takes_logs)
    codes = {code.value[0]: code for code in grpc.StatusCode}

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc]
        """
        Asks the endpoint what to answer.
        """

        def service(self, details: Any) -> Any:
            """
            Give what handles a method.
            """
            signal = "traces" if "TraceService" in details.method else "logs"
            if signal == "logs" and not kept.takes_logs:
                return None

            def call(body: bytes, context: Any) -> bytes:
                kept.headers.append({k: str(v) for k, v in context.invocation_metadata()})
                code, headers, content = kept.take(signal, body)
                if details := headers.get("d"):
                    context.set_trailing_metadata((("grpc-status-details-bin", details),))
                if code != 200:
                    context.abort(codes[code], content.decode())
                return content

            return grpc.unary_unary_rpc_method_handler(call)

    server = grpc.server(ThreadPoolExecutor(max_workers=2), handlers=[Handler()])
    if tls is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        own = [(tls.server_key.read_bytes(), tls.server.read_bytes())]
        asking = grpc.ssl_server_credentials(own, tls.authority.read_bytes(), True)
        port = server.add_secure_port("127.0.0.1:0", asking)
    kept.base = kept.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    server.start()
    try:
        yield kept
    finally:
        server.stop(None).wait()


def _asking(tls: Certificates) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.server, tls.server_key)
    context.load_verify_locations(tls.authority)
    context.verify_mode = ssl.CERT_REQUIRED
    return context
