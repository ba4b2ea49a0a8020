"""
What the tests of the receiver share: servers in this process and in others, and clients.
"""

import asyncio
import contextlib
import gzip
import http.client
import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from otel_bridge_storage.records import LogRecord, SpanRecord
from recording_data import environment
from trees import NOON, span

from otel_bridge.otlp import encode_logs, encode_traces
from otel_bridge.otlp.json_encode import encode_traces_json
from otel_bridge.server import Settings, serving

PROTO = "application/x-protobuf"
JSON = "application/json"
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
METRICS = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
START_S = 30.0


@dataclass(frozen=True)
class Reply:
    """
    An answer over HTTP.
    """

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """
        The body, read as JSON.
        """
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        """
        The body, read as a `google.rpc.Status` in protobuf.
        """
        return Status.FromString(self.body)


@dataclass
class Served:
    """
    A server that runs.

    Attributes:
        urls: Of its listeners.
        failures: What it ended with, if not in good order.
    """

    urls: Sequence[str] = ()
    failures: list[BaseException] = field(default_factory=list)

    @property
    def http(self) -> str:
        """
        The URL of the HTTP listener.
        """
        return next(url for url in self.urls if url.startswith("http"))

    @property
    def grpc(self) -> str:
        """
        The host and port of the gRPC listener.
        """
        return next(url for url in self.urls if url.startswith("grpc")).partition("://")[2]

    @property
    def port(self) -> int:
        """
        The port of the HTTP listener.
        """
        return urlsplit(self.http).port or 0

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """
        Make a request on a connection of its own.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_S)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            named = {key.lower(): value for key, value in answer.getheaders()}
            return Reply(answer.status, named, answer.read())
        finally:
            connection.close()

    def post(
        self, body: bytes, path: str = "/v1/traces", kind: str = PROTO, **headers: str
    ) -> Reply:
        """
        Send telemetry; `_` in the names of headers stands for `-`.
        """
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return self.request("POST", path, body, {"Content-Type": kind, **named})

    def get(self, path: str, **headers: str) -> Reply:
        """
        Read something.
        """
        return self.request("GET", path, headers=headers)

    def call(self, body: bytes, method: str = TRACES, **options: Any) -> bytes:
        """
        Send telemetry over gRPC.
        """
        with grpc.insecure_channel(self.grpc) as channel:
            answer: bytes = channel.unary_unary(method)(body, timeout=START_S, **options)
            return answer


@contextlib.contextmanager
def served(database: str | Path, forwarding: Any = None, **options: Any) -> Iterator[Served]:
    """
    Serve in a thread of this process, at free ports of the loopback.
    """
    options = {"http_port": 0, "grpc_port": 0, **options}
    settings = Settings(database=str(database), **options)
    found, ready = Served(), threading.Event()
    stop: list[Any] = []

    async def run() -> None:
        stopped = asyncio.Event()
        stop.extend((asyncio.get_running_loop(), stopped))
        async with serving(settings, forwarding) as urls:
            found.urls = urls
            ready.set()
            await stopped.wait()

    def work() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:  # noqa: BLE001 - it is raised in the test
            found.failures.append(error)
        ready.set()

    thread = threading.Thread(target=work)
    thread.start()
    ready.wait(START_S)
    try:
        if not found.failures:
            yield found
    finally:
        if thread.is_alive():
            loop, stopped = stop
            loop.call_soon_threadsafe(stopped.set)
        thread.join()
    if found.failures:
        raise found.failures[0]


@dataclass
class ServedProcess(Served):
    """
    A server in a process of its own.
    """

    process: "subprocess.Popen[str] | None" = None

    @property
    def running(self) -> "subprocess.Popen[str]":
        """
        The process.
        """
        assert self.process is not None
        return self.process

    def stop(self) -> int:
        """
        Tell it to stop, and give its exit code.
        """
        self.running.terminate()
        return self.running.wait(START_S)


def start(*arguments: str, **variables: str) -> "subprocess.Popen[str]":
    """
    Start `otel-bridge serve`.
    """
    program = "import sys; from otel_bridge.cli.main import main; main()"
    return subprocess.Popen(
        [sys.executable, "-c", program, "serve", *arguments],
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextlib.contextmanager
def served_process(
    database: str | Path, *arguments: str, **variables: str
) -> Iterator[ServedProcess]:
    """
    Serve in a process of its own, at free ports of the loopback; it is killed at the end.
    """
    ports = ("--http-port", "0", "--grpc-port", "0")
    with start("--db", str(database), *ports, *arguments, **variables) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            words = line.replace(",", " ").split()
            urls = [word for word in words if "://" in word][:2]
            yield ServedProcess(urls=urls, process=process)
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """
    Keep others from writing a SQLite file.
    """
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def refuse_spans_named(path: Path, name: str) -> None:
    """
    Make a SQLite file refuse spans of a name.
    """
    connection = sqlite3.connect(path)
    connection.execute(
        f"CREATE TRIGGER refusing BEFORE INSERT ON spans WHEN NEW.name = '{name}' "
        "BEGIN SELECT RAISE(ABORT, 'not this one'); END"
    )
    connection.commit()
    connection.close()


def spans(count: int, trace: int = 1, **fields: Any) -> list[SpanRecord]:
    """
    Make plain spans.
    """
    fields.setdefault("name", "work")
    return [span(trace, number, **fields) for number in range(1, count + 1)]


def request(count: int = 1, trace: int = 1, **fields: Any) -> bytes:
    """
    Make a request of plain spans, in protobuf.
    """
    return encode_traces(spans(count, trace, **fields))


def json_request(count: int = 1, trace: int = 1) -> bytes:
    """
    Make a request of plain spans, in JSON.
    """
    return encode_traces_json(spans(count, trace)).encode()


def log_request(count: int = 1) -> bytes:
    """
    Make a request of log records, in protobuf.
    """
    return encode_logs([LogRecord(time_ns=NOON + n, body=f"log {n}") for n in range(count)])


def with_broken_id(body: bytes, which: int = 0) -> bytes:
    """
    Make one span of a JSON request malformed.
    """
    document = json.loads(body)
    document["resourceSpans"][0]["scopeSpans"][0]["spans"][which]["traceId"] = "zz"
    return json.dumps(document).encode()


def packed(body: bytes) -> bytes:
    """
    Pack a body with gzip.
    """
    return gzip.compress(body, mtime=0)


def on_windows() -> bool:
    """
    Whether this is Windows, where a process cannot be asked to stop as elsewhere.
    """
    return os.name == "nt"
