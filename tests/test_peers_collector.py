"""
A bridge behind a real OpenTelemetry Collector.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcExporter,
)
from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
    OTLPSpanExporter as HttpExporter,
)
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.trace.export import SpanExporter
from peers import Bridge, Program, bridge, collector, free_port, needs, running, wait_until
from sdk_traces import content_of, sending
from stored import rows

pytestmark = needs("otelcol")

FILE = Path(__file__).parents[1] / "collector-config" / "bridge.yaml"
TOKEN = "sesame-open-for-spans"


@dataclass
class Chain:
    """
    A collector that runs our file, and the bridge that it sends to.
    """

    collector: Program
    bridge: Bridge
    grpc: int
    http: int

    def exporter(self, protocol: str = "grpc") -> SpanExporter:
        """
        Give the SDK's exporter to the collector.
        """
        if protocol == "grpc":
            return GrpcExporter(f"http://127.0.0.1:{self.grpc}", insecure=True)
        return HttpExporter(f"http://127.0.0.1:{self.http}/v1/traces")


@pytest.fixture
def chain(tmp_path: Path) -> Iterator[Chain]:
    """
    Both, running, with a token between them.
    """
    token = tmp_path / "token"
    token.write_text(f"{TOKEN}\n", encoding="utf-8")
    server = bridge(tmp_path, "--ingest-token-file", token)
    grpc, http = free_port(), free_port()
    program = collector(
        tmp_path,
        FILE,
        {
            "receivers.otlp.protocols.grpc.endpoint": f"127.0.0.1:{grpc}",
            "receivers.otlp.protocols.http.endpoint": f"127.0.0.1:{http}",
        },
        BRIDGE_URL=f"http://127.0.0.1:{server.http}",
        BRIDGE_TOKEN_FILE=str(token),
    )
    with ExitStack() as stack:
        stack.enter_context(running(server.program))
        stack.enter_context(running(program))
        yield Chain(program, server, grpc, http)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_spans_come_through_a_collector_whole(chain: Chain, protocol: str) -> None:
    """
    What the SDK sends to a collector is stored by the bridge behind it with every field.
    """
    with sending(chain.exporter(protocol)) as sender:
        trace = sender.send_every_kind()
        wanted = sorted(sender.span_ids)
        wait_until(lambda: chain.bridge.span_ids(trace) == wanted, "the spans in the bridge")
        assert content_of(chain.bridge.spans(trace)) == content_of(sender.sent)


def test_log_records_come_through_a_collector(chain: Chain) -> None:
    """
    What the SDK sends to a collector as log records is stored by the bridge behind it.
    """
    provider = LoggerProvider(shutdown_on_exit=False)
    exporter = OTLPLogExporter(f"http://127.0.0.1:{chain.grpc}", insecure=True)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    provider.get_logger("agents").emit(event_name="asked", body="what?", timestamp=1)
    try:
        wait_until(
            lambda: rows(Path(chain.bridge.database), "SELECT count(*) FROM logs") == [(1,)],
            "the log record in the bridge",
        )
    finally:
        provider.shutdown()


def test_a_bridge_that_is_killed_gets_every_span_once(chain: Chain) -> None:
    """
    Spans sent to the collector before, while and after the bridge was killed are stored
    once each, however often the collector sent them.
    """
    with sending(chain.exporter()) as sender:
        traces = [sender.send_small() for _ in range(20)]
        chain.bridge.program.kill()
        traces += [sender.send_small() for _ in range(20)]
        chain.bridge.program.start()
        traces += [sender.send_small() for _ in range(20)]
        wanted = sorted(sender.span_ids)
        wait_until(lambda: chain.bridge.span_ids(*traces) == wanted, "all spans in the bridge")


def test_a_collector_that_is_killed_delivers_what_it_acknowledged(chain: Chain) -> None:
    """
    Spans that the collector acknowledged while the bridge was away are stored after both a
    kill -9 of the collector and the bridge's return.
    """
    with sending(chain.exporter()) as sender:
        chain.bridge.program.stop()
        traces = [sender.send_small() for _ in range(20)]
        chain.collector.kill()
        chain.bridge.program.start()
        chain.collector.start()
        wanted = sorted(sender.span_ids)
        wait_until(lambda: chain.bridge.span_ids(*traces) == wanted, "all spans in the bridge")


def test_a_collector_without_the_token_stores_nothing(chain: Chain, tmp_path: Path) -> None:
    """
    The bridge takes nothing from a collector that shows another token, and the collector
    says why.
    """
    other = tmp_path / "other"
    other.mkdir()
    (other / "token").write_text("not-this-one", encoding="utf-8")
    grpc = free_port()
    program = collector(
        other,
        FILE,
        {
            "receivers.otlp.protocols.grpc.endpoint": f"127.0.0.1:{grpc}",
            "receivers.otlp.protocols.http.endpoint": f"127.0.0.1:{free_port()}",
        },
        BRIDGE_URL=f"http://127.0.0.1:{chain.bridge.http}",
        BRIDGE_TOKEN_FILE=str(other / "token"),
    )
    exporter = GrpcExporter(f"http://127.0.0.1:{grpc}", insecure=True)
    with running(program), sending(exporter) as sender:
        trace = sender.send_small()
        wait_until(lambda: b"401" in program.log.read_bytes(), "the collector to say 401")
        assert chain.bridge.span_ids(trace) == []
