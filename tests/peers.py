"""
Real peers for the tests: an OpenTelemetry Collector, Jaeger and Prometheus, on the loopback.
"""

import asyncio
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otel_bridge_storage.records import SpanRecord
from otel_bridge_storage.run_store import RunStore
from recording_data import environment

from otel_bridge.otlp import encode_traces

PEERS = Path(os.environ.get("OTEL_BRIDGE_PEERS") or Path.home() / ".cache" / "otel-bridge-peers")
DEADLINE_S = 60.0
_POLL_S = 0.02
_BRIDGE = "from otel_bridge.cli.main import main; main()"


def find(name: str) -> Path | None:
    """
    Find a peer's program where .ci/peers/build.sh puts it; None where it was not built.
    """
    found = shutil.which(name, path=str(PEERS / "bin"))
    return None if found is None else Path(found)


def needs(*names: str) -> list[pytest.MarkDecorator]:
    """
    Mark the tests of a module as ones that need peers, skipped where one is missing.
    """
    missing = [name for name in names if find(name) is None]
    reason = f"{' and '.join(missing)} not run: build with .ci/peers/build.sh, which needs Go"
    return [pytest.mark.peers, pytest.mark.skipif(bool(missing), reason=reason)]


def free_port() -> int:
    """
    Find a port that nobody listens on.
    """
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def fetch(
    url: str, headers: Mapping[str, str] | None = None, authority: Path | None = None
) -> bytes:
    """
    Get what is at a URL.

    Args:
        authority: Whose certificates are trusted, for HTTPS.

    Raises:
        OSError: Nothing, or an error, is there.
    """
    request = urllib.request.Request(url, headers=dict(headers or {}))
    trusting = None if authority is None else ssl.create_default_context(cafile=authority)
    with urllib.request.urlopen(request, timeout=10, context=trusting) as answer:
        body: bytes = answer.read()
    return body


def fetch_json(url: str, headers: Mapping[str, str] | None = None) -> Any:
    """
    Get the JSON at a URL.

    Raises:
        OSError: Nothing, or an error, is there.
    """
    return json.loads(fetch(url, headers))


def wait_until(holds: Callable[[], Any], what: str) -> Any:
    """
    Wait until something is true, and give what it is then.

    Raises:
        AssertionError: It is not within a minute.
    """
    deadline = time.monotonic() + DEADLINE_S
    while True:
        with suppress(OSError):
            if found := holds():
                return found
        assert time.monotonic() < deadline, f"not within {DEADLINE_S:.0f} s: {what}"
        time.sleep(_POLL_S)


@dataclass
class Program:
    """
    A program that serves, which can be killed and started again where it was.

    Attributes:
        health: The URL that answers once it can be used.
        log: What it wrote, over all its starts.
        authority: Whose certificate it shows, where it speaks TLS.
    """

    words: Sequence[str | Path]
    health: str
    log: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    authority: Path | None = None
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """
        Start it and wait until it can be used.
        """
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.log.parent,
                env=environment(**self.variables),
            )
        try:
            wait_until(self._is_ready, f"{Path(self.words[0]).name} to be ready")
        except AssertionError as error:
            self.kill()
            raise AssertionError(f"{error}\n{self.log.read_text(errors='replace')}") from None

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "it ended"
        return bool(fetch(self.health, authority=self.authority))

    def kill(self) -> None:
        """
        End it at once, as a power cut does.
        """
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait(DEADLINE_S)

    def stop(self) -> None:
        """
        Ask it to end and wait until it did.
        """
        process, self.process = self.process, None
        if process is not None:
            process.terminate()
            process.wait(DEADLINE_S)


@contextmanager
def running(program: Program) -> Iterator[Program]:
    """
    Start a program, and end it afterwards.
    """
    program.start()
    try:
        yield program
    finally:
        program.kill()


def collector(
    folder: Path, config: Path, settings: Mapping[str, object], **variables: str
) -> Program:
    """
    Give a collector that runs one of our files, not yet started.

    Args:
        settings: What to set otherwise, by dotted names, such as ports that are free.
        variables: The environment that the file reads.
    """
    health = free_port()
    changed = {
        "extensions.health_check.endpoint": f"127.0.0.1:{health}",
        "service.telemetry.metrics.level": "none",
        **settings,
    }
    words: list[str | Path] = [program_of("otelcol"), "--config", config]
    words += [f"--set={name}={value}" for name, value in changed.items()]
    return Program(
        words,
        f"http://127.0.0.1:{health}",
        folder / "collector.log",
        {"OTELCOL_QUEUE_DIR": str(folder / "queue"), **variables},
    )


def prometheus(folder: Path, config: Path, port: int) -> Program:
    """
    Give a Prometheus that scrapes as a file says, not yet started.
    """
    words: list[str | Path] = [
        program_of("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    return Program(words, f"http://127.0.0.1:{port}/-/ready", folder / "prometheus.log")


@dataclass
class Bridge:
    """
    An `otel-bridge serve` of the test's own, in a process of its own.
    """

    program: Program
    database: str
    http: int
    grpc: int

    def spans(self, *trace_ids: str) -> ExportTraceServiceRequest:
        """
        Read the spans of traces from its database, as a request that would send them on.
        """
        request = ExportTraceServiceRequest()
        request.ParseFromString(encode_traces(asyncio.run(_spans(self.database, trace_ids))))
        return request

    def span_ids(self, *trace_ids: str) -> list[str]:
        """
        List the ids of the spans that its database has of traces.
        """
        return sorted(
            span.span_id.hex()
            for group in self.spans(*trace_ids).resource_spans
            for scoped in group.scope_spans
            for span in scoped.spans
        )


def bridge(
    folder: Path,
    *words: str | Path,
    database: str | None = None,
    authority: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> Bridge:
    """
    Give a bridge that is not yet started.

    Args:
        words: Further options of `otel-bridge serve`.
        database: A path or URL; else a file in the folder.
        authority: Whose certificate it shows, where the options make it speak TLS.
        variables: The environment that its files of destinations read.
    """
    http, grpc, database = free_port(), free_port(), database or str(folder / "bridge.db")
    serve = ["serve", f"--http-port={http}", f"--grpc-port={grpc}", f"--db={database}"]
    program = Program(
        [sys.executable, "-c", _BRIDGE, *serve, *words],
        f"{'http' if authority is None else 'https'}://127.0.0.1:{http}/readyz",
        folder / "bridge.log",
        variables or {},
        authority,
    )
    return Bridge(program, database, http, grpc)


def options_of(file: Path, folder: Path) -> list[str]:
    """
    Give the options with which a compose file starts its bridge, for a test.

    Its files are looked for in the test's folder, and it stays on the loopback with the
    test's own database.
    """
    command = yaml.safe_load(file.read_text(encoding="utf-8"))["services"]["bridge"]["command"]
    assert command[0] == "serve"
    kept = [word for word in command[1:] if not word.startswith(("--db=", "--host="))]
    return [word.replace("/run/secrets/", f"{folder}/") for word in kept]


async def _spans(database: str, trace_ids: Sequence[str]) -> list[SpanRecord]:
    async with RunStore.from_url(database) as store:
        return [span for trace_id in trace_ids for span in await store.get_spans(trace_id)]


def program_of(name: str) -> Path:
    """
    Find a peer's program, in a test that is skipped where there is none.
    """
    found = find(name)
    assert found is not None, f"{name} is not built"
    return found
