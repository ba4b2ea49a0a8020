"""
The collector files and the compose file beside them: safe to start and complete.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[1] / "collector-config"
COLLECTORS = ("jaeger.yaml", "tempo.yaml", "jaeger-and-tempo.yaml")


def _load(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


@pytest.fixture(params=COLLECTORS)
def collector(request: pytest.FixtureRequest) -> Any:
    """
    One collector file after another, parsed.
    """
    return _load(request.param)


@pytest.fixture
def services() -> Any:
    """
    The services of the compose file.
    """
    return _load("compose.yaml")["services"]


def test_pipelines_and_components_agree(collector: Any) -> None:
    """
    Pipelines name only components that are defined, and every defined one is used.
    """
    pipelines = collector["service"]["pipelines"].values()
    for kind in ("receivers", "processors", "exporters"):
        assert {name for pipeline in pipelines for name in pipeline[kind]} == set(collector[kind])
    assert set(collector["service"]["extensions"]) == set(collector["extensions"])


def test_memory_limiter_comes_first(collector: Any) -> None:
    """
    Every pipeline refuses work before it does any when memory runs short.
    """
    for pipeline in collector["service"]["pipelines"].values():
        assert pipeline["processors"][0] == "memory_limiter"


def test_listeners_are_on_loopback_by_default(collector: Any) -> None:
    """
    A collector started by hand listens on 127.0.0.1, on the standard ports.
    """
    protocols = collector["receivers"]["otlp"]["protocols"]
    listeners = [protocols["grpc"], protocols["http"], collector["extensions"]["health_check"]]
    assert [listener["endpoint"] for listener in listeners] == [
        f"${{env:OTELCOL_HOST:-127.0.0.1}}:{port}" for port in (4317, 4318, 13133)
    ]


def test_what_is_acknowledged_is_on_disk(collector: Any) -> None:
    """
    Every exporter queues on disk and never gives up, so an outage loses nothing.
    """
    assert collector["extensions"]["file_storage"]["fsync"] is True
    for exporter in collector["exporters"].values():
        assert exporter["sending_queue"]["storage"] == "file_storage"
        assert exporter["retry_on_failure"]["max_elapsed_time"] == "0s"


def test_batches_fit_the_receivers(collector: Any, services: Any) -> None:
    """
    The largest batch is below the request size that Jaeger and Tempo accept.
    """
    largest = max(e["sending_queue"]["batch"]["max_size"] for e in collector["exporters"].values())
    grpc = _load("tempo/tempo.yaml")["distributor"]["receivers"]["otlp"]["protocols"]["grpc"]
    (setting,) = services["jaeger"]["command"]
    jaeger_mib = int(
        setting.removeprefix("--set=receivers.otlp.protocols.grpc.max_recv_msg_size_mib=")
    )
    assert largest < min(grpc["max_recv_msg_size_mib"], jaeger_mib) * 2**20


@pytest.mark.parametrize(
    ("name", "hosts"),
    [
        ("jaeger.yaml", {"jaeger"}),
        ("tempo.yaml", {"tempo"}),
        ("jaeger-and-tempo.yaml", {"jaeger", "tempo"}),
    ],
)
def test_exporters_reach_the_services_of_compose(
    name: str, hosts: set[str], services: Any
) -> None:
    """
    Each file sends to the backends of its name, by the host names that compose gives.
    """
    exporters = _load(name)["exporters"]
    assert {exporter["endpoint"] for exporter in exporters.values()} == {
        f"${{env:{host.upper()}_ENDPOINT:-{host}:4317}}" for host in hosts
    }
    assert hosts <= set(services)


def test_ports_are_published_on_loopback_only(services: Any) -> None:
    """
    Nothing that compose starts can be reached from another machine.
    """
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert len(ports) == 6
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports)
    assert not any("network_mode" in service for service in services.values())


def test_images_are_pinned(services: Any) -> None:
    """
    Every image names an exact version.
    """
    for service in services.values():
        assert re.fullmatch(r"[\w/-]+:\d+\.\d+\.\d+", service["image"])


def test_mounts_exist(services: Any) -> None:
    """
    Every file or folder that compose mounts is in the repository, or is a named volume.
    """
    volumes = set(_load("compose.yaml")["volumes"])
    for service in services.values():
        for mount in service.get("volumes", []):
            source, target, *mode = mount.split(":")
            if source in volumes:
                continue
            assert (FOLDER / source).exists(), source
            assert target.startswith("/")
            assert mode == ["ro"]


def test_collector_of_compose_listens_outside_its_container(services: Any) -> None:
    """
    Inside the container the collector listens on every address, else no port reaches it.
    """
    assert services["collector"]["environment"]["OTELCOL_HOST"] == "0.0.0.0"


def test_grafana_is_read_only_and_knows_its_sources(services: Any) -> None:
    """
    Visitors of Grafana are viewers, and both backends are data sources by their ports.
    """
    environment = services["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert environment["GF_AUTH_BASIC_ENABLED"] == "false"
    sources = _load("grafana/provisioning/datasources/traces.yaml")["datasources"]
    assert {source["type"]: source["url"] for source in sources} == {
        "tempo": f"http://tempo:{_load('tempo/tempo.yaml')['server']['http_listen_port']}",
        "jaeger": "http://jaeger:16686",
    }
    assert [source["isDefault"] for source in sources if "isDefault" in source] == [True]


def test_tempo_keeps_whole_prompts() -> None:
    """
    Tempo neither cuts long attributes nor refuses the trace of a long run.
    """
    tempo = _load("tempo/tempo.yaml")
    assert tempo["distributor"]["max_attribute_bytes"] >= 2**20
    assert tempo["overrides"]["defaults"]["global"]["max_bytes_per_trace"] >= 10**8
