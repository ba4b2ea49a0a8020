"""
The files of collector-config as a real collector reads and runs them.
"""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from jaegers import Jaeger, jaeger
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcExporter,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from otlp_servers import Endpoint, grpc_endpoint
from peers import collector, find, free_port, needs, running, wait_until
from sdk_traces import content_of, sending

pytestmark = needs("otelcol", "jaeger")

FOLDER = Path(__file__).parents[1] / "collector-config"
FILES = ("jaeger.yaml", "tempo.yaml", "jaeger-and-tempo.yaml", "bridge.yaml")


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Jaeger]:
    """
    A Jaeger that keeps its spans in memory.
    """
    found = jaeger(tmp_path)
    with running(found.program):
        yield found


@pytest.mark.parametrize("name", FILES)
def test_a_collector_accepts_the_file(name: str) -> None:
    """
    `otelcol validate` finds nothing wrong with any of the collector's files.
    """
    done = _validate(FOLDER / name)
    assert done.returncode == 0, done.stderr


def test_a_collector_does_not_accept_a_wrong_setting(tmp_path: Path) -> None:
    """
    `otelcol validate` tells of a setting that it does not know, so that its silence about
    our files means something.
    """
    text = (FOLDER / "jaeger.yaml").read_text(encoding="utf-8")
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(text.replace("queue_size", "length"), encoding="utf-8")
    done = _validate(wrong)
    assert done.returncode != 0
    assert "length" in done.stderr


@pytest.mark.parametrize(
    ("name", "hosts"),
    [
        ("jaeger.yaml", {"jaeger"}),
        ("tempo.yaml", {"tempo"}),
        ("jaeger-and-tempo.yaml", {"jaeger", "tempo"}),
    ],
)
def test_a_collector_delivers_by_the_file(
    name: str, hosts: set[str], backend: Jaeger, tmp_path: Path
) -> None:
    """
    What the SDK sends to a collector that runs the file is in each backend that the file
    names, with every field; an OTLP server stands in for Tempo.
    """
    with ExitStack() as stack:
        tempo = stack.enter_context(grpc_endpoint(takes_logs=False))
        endpoints = {"jaeger": f"127.0.0.1:{backend.grpc}", "tempo": _address(tempo)}
        grpc = free_port()
        program = collector(
            tmp_path,
            FOLDER / name,
            _listening(grpc, free_port()),
            **{f"{host.upper()}_ENDPOINT": endpoints[host] for host in hosts},
        )
        stack.enter_context(running(program))
        exporter = GrpcExporter(f"http://127.0.0.1:{grpc}", insecure=True)
        sender = stack.enter_context(sending(exporter))
        trace = sender.send_every_kind()
        wanted = sorted(sender.span_ids)
        if "jaeger" in hosts:
            wait_until(lambda: sorted(backend.span_ids(trace)) == wanted, "the trace in Jaeger")
            found = content_of(backend.trace(trace), schema_urls=False)
            assert found == content_of(sender.sent, schema_urls=False)
        if "tempo" in hosts:
            wait_until(lambda: len(tempo.spans) == len(wanted), "the spans at Tempo's address")
            requests = [ExportTraceServiceRequest.FromString(each) for each in tempo.requests]
            assert content_of(*requests) == content_of(sender.sent)
        assert backend.span_ids(trace) == [] or "jaeger" in hosts
        assert not tempo.requests or "tempo" in hosts


def test_a_killed_collector_delivers_what_it_acknowledged(backend: Jaeger, tmp_path: Path) -> None:
    """
    Spans that a collector with our file acknowledged while Jaeger was away are in Jaeger
    after both a kill -9 of the collector and Jaeger's return.
    """
    backend.program.kill()
    grpc = free_port()
    program = collector(
        tmp_path,
        FOLDER / "jaeger.yaml",
        _listening(grpc, free_port()),
        JAEGER_ENDPOINT=f"127.0.0.1:{backend.grpc}",
    )
    exporter = GrpcExporter(f"http://127.0.0.1:{grpc}", insecure=True)
    with running(program), sending(exporter) as sender:
        traces = [sender.send_small() for _ in range(5)]
        program.kill()
        backend.program.start()
        program.start()
        wanted = set(sender.span_ids)
        wait_until(
            lambda: {each for trace in traces for each in backend.span_ids(trace)} == wanted,
            "the traces in Jaeger",
        )


def _validate(file: Path) -> subprocess.CompletedProcess[str]:
    program = find("otelcol")
    assert program is not None
    return subprocess.run(
        [program, "validate", "--config", file],
        env={"BRIDGE_TOKEN_FILE": __file__},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def _listening(grpc: int, http: int) -> dict[str, object]:
    protocols = "receivers.otlp.protocols"
    return {
        f"{protocols}.grpc.endpoint": f"127.0.0.1:{grpc}",
        f"{protocols}.http.endpoint": f"127.0.0.1:{http}",
    }


def _address(server: Endpoint) -> str:
    return server.base.removeprefix("http://")
