"""
What a bridge stores, sent on to a real Jaeger and read back from Jaeger's own query API.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from jaegers import Jaeger, jaeger
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcExporter,
)
from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
    OTLPSpanExporter as HttpExporter,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.trace.export import SpanExporter
from otlp_servers import Endpoint, grpc_endpoint
from peers import Bridge, bridge, collector, free_port, needs, running, wait_until
from sdk_traces import Sender, content_of, sending

pytestmark = needs("jaeger", "otelcol")

FOLDER = Path(__file__).parents[1] / "collector-config"


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Jaeger]:
    """
    A Jaeger that keeps its spans in memory, as they came.
    """
    found = jaeger(tmp_path)
    with running(found.program):
        yield found


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[Jaeger]:
    """
    A Jaeger that has its spans after a restart too.
    """
    found = jaeger(tmp_path, durable=True)
    with running(found.program):
        yield found


def exporter_to(server: Bridge, protocol: str = "grpc") -> SpanExporter:
    """
    Give the SDK's exporter to a bridge.
    """
    if protocol == "grpc":
        return GrpcExporter(f"http://127.0.0.1:{server.grpc}", insecure=True)
    return HttpExporter(f"http://127.0.0.1:{server.http}/v1/traces")


def wait_for_all(backend: Jaeger, sender: Sender, traces: Sequence[str]) -> None:
    """
    Wait until Jaeger has every span that was sent, and nothing else of these traces.
    """
    wanted = set(sender.span_ids)

    def there() -> bool:
        return {each for trace in traces for each in backend.span_ids(trace)} == wanted

    wait_until(there, "all spans in Jaeger")


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_spans_sent_on_to_jaeger_are_whole(protocol: str, backend: Jaeger, tmp_path: Path) -> None:
    """
    SDK, bridge, Jaeger: each span is there once, with every attribute and its type, event,
    link, status, time, and its resource and scope.
    """
    port = {"grpc": f"{backend.grpc}", "http": f"{backend.http}/v1/traces"}[protocol]
    server = bridge(tmp_path, "--forward", f"http://127.0.0.1:{port}")
    with running(server.program), sending(exporter_to(server, protocol)) as sender:
        trace = sender.send_every_kind()
        wait_for_all(backend, sender, [trace])
        assert content_of(backend.trace(trace), schema_urls=False) == content_of(
            sender.sent, schema_urls=False
        )


def test_jaeger_that_is_killed_has_every_span_in_the_end(durable: Jaeger, tmp_path: Path) -> None:
    """
    Spans sent before, while and after Jaeger was killed are all in Jaeger in the end.
    """
    server = bridge(tmp_path, "--forward", f"http://127.0.0.1:{durable.grpc}")
    with running(server.program), sending(exporter_to(server)) as sender:
        traces = [sender.send_small() for _ in range(20)]
        durable.program.kill()
        traces += [sender.send_small() for _ in range(20)]
        durable.program.start()
        traces += [sender.send_small() for _ in range(20)]
        wait_for_all(durable, sender, traces)


def test_a_bridge_that_is_killed_sends_on_what_it_acknowledged(
    durable: Jaeger, tmp_path: Path
) -> None:
    """
    Spans that the bridge acknowledged before a kill -9, with Jaeger there and with Jaeger
    away, are all in Jaeger after both came back.
    """
    server = bridge(tmp_path, "--forward", f"http://127.0.0.1:{durable.grpc}")
    with running(server.program), sending(exporter_to(server)) as sender:
        traces = [sender.send_small() for _ in range(20)]
        server.program.kill()
        server.program.start()
        durable.program.kill()
        traces += [sender.send_small() for _ in range(20)]
        server.program.kill()
        durable.program.start()
        server.program.start()
        wait_for_all(durable, sender, traces)


def test_a_collector_between_that_is_killed_loses_nothing(backend: Jaeger, tmp_path: Path) -> None:
    """
    SDK, bridge, collector, Jaeger: every span arrives whole though the collector is killed
    amid them, and log records, for which it has no place, hold up none.
    """
    grpc = free_port()
    between = collector(
        tmp_path,
        FOLDER / "jaeger.yaml",
        {
            "receivers.otlp.protocols.grpc.endpoint": f"127.0.0.1:{grpc}",
            "receivers.otlp.protocols.http.endpoint": f"127.0.0.1:{free_port()}",
        },
        JAEGER_ENDPOINT=f"127.0.0.1:{backend.grpc}",
    )
    server = bridge(
        tmp_path,
        "--destinations",
        FOLDER / "destinations" / "collector.toml",
        variables={"COLLECTOR_URL": f"http://127.0.0.1:{grpc}"},
    )
    with ExitStack() as stack:
        stack.enter_context(running(between))
        stack.enter_context(running(server.program))
        _send_log_record(server)
        sender = stack.enter_context(sending(exporter_to(server)))
        traces = [sender.send_small() for _ in range(20)]
        between.kill()
        traces += [sender.send_every_kind(), sender.send_small()]
        between.start()
        wait_for_all(backend, sender, traces)
        found = [backend.trace(trace) for trace in dict.fromkeys(traces)]
        once = set(content_of(*found, schema_urls=False))
        assert once == set(content_of(sender.sent, schema_urls=False))


@pytest.mark.parametrize("name", ["jaeger.toml", "tempo.toml", "jaeger-and-tempo.toml"])
def test_destinations_of_the_files_get_every_span(
    name: str, backend: Jaeger, tmp_path: Path
) -> None:
    """
    A bridge with the file sends each span to each backend that the file names; an OTLP
    server stands in for Tempo.
    """
    hosts = set(name.removesuffix(".toml").split("-and-"))
    with ExitStack() as stack:
        tempo = stack.enter_context(grpc_endpoint(takes_logs=False))
        urls = {"jaeger": f"http://127.0.0.1:{backend.grpc}", "tempo": tempo.base}
        server = bridge(
            tmp_path,
            "--destinations",
            FOLDER / "destinations" / name,
            variables={f"{host.upper()}_URL": urls[host] for host in hosts},
        )
        stack.enter_context(running(server.program))
        _send_log_record(server)
        sender = stack.enter_context(sending(exporter_to(server)))
        trace = sender.send_every_kind()
        if "jaeger" in hosts:
            wait_for_all(backend, sender, [trace])
        if "tempo" in hosts:
            wait_until(lambda: len(tempo.spans) == len(sender.span_ids), "the spans at Tempo's")
            assert content_of(*_requests(tempo)) == content_of(sender.sent)
        assert bool(backend.span_ids(trace)) == ("jaeger" in hosts)
        assert bool(tempo.requests) == ("tempo" in hosts)


def test_one_destination_that_is_away_does_not_hold_up_another(
    durable: Jaeger, tmp_path: Path
) -> None:
    """
    With Jaeger killed, the other destination gets its spans at once, and Jaeger when it is
    back.
    """
    with ExitStack() as stack:
        tempo = stack.enter_context(grpc_endpoint(takes_logs=False))
        server = bridge(
            tmp_path,
            "--destinations",
            FOLDER / "destinations" / "jaeger-and-tempo.toml",
            variables={
                "JAEGER_URL": f"http://127.0.0.1:{durable.grpc}",
                "TEMPO_URL": tempo.base,
            },
        )
        durable.program.kill()
        stack.enter_context(running(server.program))
        sender = stack.enter_context(sending(exporter_to(server)))
        traces = [sender.send_small() for _ in range(5)]
        wait_until(lambda: len(tempo.spans) == len(sender.span_ids), "the spans at Tempo's")
        durable.program.start()
        wait_for_all(durable, sender, traces)


def _requests(server: Endpoint) -> list[ExportTraceServiceRequest]:
    return [ExportTraceServiceRequest.FromString(each) for each in server.requests]


def _send_log_record(server: Bridge) -> None:
    provider = LoggerProvider(shutdown_on_exit=False)
    exporter = OTLPLogExporter(f"http://127.0.0.1:{server.grpc}", insecure=True)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    provider.get_logger("agents").emit(event_name="asked", body="what?", timestamp=1)
    provider.shutdown()
