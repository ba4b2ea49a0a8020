"""
An OTLP endpoint that takes all, keeps none and counts the spans, in a process of its own.
"""

import gzip
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Sink:
    """
    A sink that runs.

    Attributes:
        url: Where it takes traces.
    """

    url: str
    _count: Any

    @property
    def spans(self) -> int:
        """
        How many spans it took.
        """
        return int(self._count.value)


@contextmanager
def sink() -> Iterator[Sink]:
    """
    Run a sink.
    """
    context: Any = multiprocessing.get_context("spawn")
    ours, theirs = multiprocessing.Pipe()
    count = context.Value("q", 0)
    process = context.Process(target=_work, args=(theirs, count), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Sink(f"http://127.0.0.1:{ours.recv()}/v1/traces", count)
    finally:
        process.kill()
        process.join()
        ours.close()


def _work(pipe: Connection, count: Any) -> None:
    class Handler(BaseHTTPRequestHandler):
        """
        Counts what each request holds.
        """

        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """
            Take a request.
            """
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path.endswith("/v1/traces"):
                with count.get_lock():
                    count.value += _spans(body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """
            Say nothing.
            """

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pipe.send(server.server_address[1])
    server.serve_forever()


def _spans(body: bytes) -> int:
    request = ExportTraceServiceRequest.FromString(body)
    return sum(len(s.spans) for resource in request.resource_spans for s in resource.scope_spans)
