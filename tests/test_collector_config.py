"""
The files in collector-config: safe to start, complete, and in step with one another.
"""

import json
import re
import shutil
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from otel_bridge.cli.main import app
from otel_bridge.forwarder.destination_files import read_destinations
from otel_bridge.receiver.limits import Limits

FOLDER = Path(__file__).parents[1] / "collector-config"
COLLECTORS = ("jaeger.yaml", "tempo.yaml", "jaeger-and-tempo.yaml", "bridge.yaml")
COMPOSED = ("compose.yaml", "hosts.yaml")
DESTINATIONS = {
    "jaeger": {"jaeger"},
    "tempo": {"tempo"},
    "jaeger-and-tempo": {"jaeger", "tempo"},
    "collector": {"collector"},
    "central": {"central"},
}


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
    The services of the compose file for one machine.
    """
    return _load("compose.yaml")["services"]


@pytest.fixture(params=COMPOSED)
def composed(request: pytest.FixtureRequest) -> Any:
    """
    One compose file after another, parsed.
    """
    return _load(request.param)


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
    The largest batch is below the request size that a bridge, Jaeger and Tempo accept.
    """
    largest = max(e["sending_queue"]["batch"]["max_size"] for e in collector["exporters"].values())
    grpc = _load("tempo/tempo.yaml")["distributor"]["receivers"]["otlp"]["protocols"]["grpc"]
    (setting,) = services["jaeger"]["command"]
    jaeger_mib = int(
        setting.removeprefix("--set=receivers.otlp.protocols.grpc.max_recv_msg_size_mib=")
    )
    smallest = min(grpc["max_recv_msg_size_mib"] * 2**20, jaeger_mib * 2**20, Limits().body_bytes)
    assert largest < smallest


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


def test_the_collector_shows_the_bridge_its_token() -> None:
    """
    The collector's exporter to the bridge shows a token from a file, never one from here.
    """
    collector = _load("bridge.yaml")
    (exporter,) = collector["exporters"].values()
    extension = collector["extensions"][exporter["auth"]["authenticator"]]
    assert extension == {"filename": "${env:BRIDGE_TOKEN_FILE}"}


@pytest.mark.parametrize("name", DESTINATIONS)
def test_destinations_are_those_of_the_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The bridge can read each file of destinations; each is named, so that its address may
    change, gets what was recorded before too, and no logs where it takes none.
    """
    for host in DESTINATIONS[name]:
        monkeypatch.setenv(f"{host.upper()}_URL", f"http://{host}:4317")
    monkeypatch.setenv("CENTRAL_TOKEN", "sesame")
    found = read_destinations(FOLDER / "destinations" / f"{name}.toml")
    assert {each.name: each.url for each in found} == {
        host: f"http://{host}:4317" for host in DESTINATIONS[name]
    }
    for each in found:
        assert each.since == "all"
        assert ("logs" in each.signals) == (each.name in ("collector", "central"))
    authorizations = {each.headers.get("Authorization") for each in found}
    assert authorizations == {"Bearer sesame" if name == "central" else None}


def test_every_file_of_destinations_is_tested() -> None:
    """
    No file of destinations is left out above.
    """
    assert {path.stem for path in (FOLDER / "destinations").iterdir()} == set(DESTINATIONS)


def test_the_bridge_of_compose_sends_on_to_services(services: Any) -> None:
    """
    Each variable of the bridge's destinations is set to the address of a service.
    """
    bridge = services["bridge"]
    mounts = dict(mount.split(":")[:2][::-1] for mount in bridge["volumes"])
    (given,) = [word for word in bridge["command"] if word.startswith("--destinations=")]
    file = FOLDER / mounts[given.partition("=")[2]]
    wanted = set(re.findall(r"\$\{env:(\w+)\}", file.read_text(encoding="utf-8")))
    assert set(bridge["environment"]) == wanted
    for address in bridge["environment"].values():
        assert re.fullmatch(r"http://(\w+):4317", address)[1] in services  # type: ignore[index]


def test_bridges_are_started_as_they_can_be(composed: Any) -> None:
    """
    `otel-bridge serve` has each option that compose gives it, and outside its container
    only those are served who show a token.
    """
    name, *words = composed["services"]["bridge"]["command"]
    serve = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    known = {option for parameter in serve.params for option in parameter.opts}
    given = dict(word.split("=", 1) for word in words)
    assert set(given) <= known
    assert given["--host"] == "0.0.0.0"
    for kind in ("ingest", "read"):
        assert given[f"--{kind}-token-file"] == f"/run/secrets/{kind}-token"


def test_ports_are_published_on_loopback_only(services: Any) -> None:
    """
    Nothing that compose starts for one machine can be reached from another.
    """
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert len(ports) == 9
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports)
    assert len({port.split(":")[1] for port in ports}) == len(ports)
    assert not any("network_mode" in service for service in services.values())


def test_what_hosts_reach_speaks_tls() -> None:
    """
    What many hosts reach is the bridge alone, over TLS.
    """
    services = _load("hosts.yaml")["services"]
    assert [name for name, service in services.items() if service.get("ports")] == ["bridge"]
    assert {"--tls-cert=/run/secrets/tls-cert.pem", "--tls-key=/run/secrets/tls-key.pem"} <= set(
        services["bridge"]["command"]
    )


def test_images_are_pinned(composed: Any) -> None:
    """
    Every image names an exact version, or is built from this checkout.
    """
    for service in composed["services"].values():
        if "build" in service:
            assert "image" not in service
        else:
            assert re.fullmatch(r"[\w/-]+:v?\d+(\.\d+)+", service["image"])


def test_secrets_are_files_that_git_does_not_see(composed: Any) -> None:
    """
    Each secret that a service uses is a file in a folder that is ignored, and no service
    has one in its environment, except a password that the shell has to give.
    """
    for service in composed["services"].values():
        assert set(service.get("secrets", [])) <= set(composed["secrets"])
        read = re.findall(r"/run/secrets/([\w.-]+)", json.dumps(service))
        assert set(read) <= set(service.get("secrets", []))
        for name, value in service.get("environment", {}).items():
            assert "PASSWORD" not in name or value.startswith("${OTEL_BRIDGE_POSTGRES_PASSWORD:?")
    for name, secret in composed["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
    assert "secrets/" in (FOLDER / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_mounts_exist(composed: Any) -> None:
    """
    Every file or folder that compose mounts is in the repository, or is a named volume
    that is used.
    """
    volumes, used = set(composed["volumes"]), set()
    for service in composed["services"].values():
        for mount in service.get("volumes", []):
            source, target, *mode = mount.split(":")
            if source in volumes:
                used.add(source)
                continue
            assert (FOLDER / source).exists(), source
            assert target.startswith("/")
            assert mode == ["ro"]
    assert used == volumes


def test_collector_of_compose_listens_outside_its_container(services: Any) -> None:
    """
    Inside the container the collector listens on every address, else no port reaches it.
    """
    assert services["collector"]["environment"]["OTELCOL_HOST"] == "0.0.0.0"


def test_the_image_of_the_bridge_is_built_from_what_it_copies(
    composed: Any, tmp_path: Path
) -> None:
    """
    The files that the Dockerfile copies are enough to build the wheel, and the ignore file
    beside it lets each of them through.
    """
    dockerfile = FOLDER / "bridge.Dockerfile"
    build = composed["services"]["bridge"]["build"]
    assert build == {"context": "..", "dockerfile": f"{FOLDER.name}/{dockerfile.name}"}
    text = dockerfile.read_text(encoding="utf-8")
    assert re.search(r"^FROM python:\d+\.\d+\.\d+-slim$", text, re.MULTILINE)
    copies = [line.split()[1:] for line in text.splitlines() if line.startswith("COPY ")]
    sources = [source for *found, _ in copies for source in found]
    ignore = dockerfile.with_name(f"{dockerfile.name}.dockerignore")
    assert {f"!{source}" for source in sources} == {
        line for line in ignore.read_text(encoding="utf-8").splitlines() if line.startswith("!")
    }
    root = FOLDER.parent
    if not (root / "otel_bridge").is_dir():
        pytest.skip("the image's wheel was not built: the sources are not here")
    for *found, target in copies:
        place = tmp_path / Path(target).relative_to("/src")
        for source in found:
            if (root / source).is_dir():
                shutil.copytree(root / source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(root / source, place)
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )


def test_grafana_is_read_only_and_knows_its_sources(services: Any) -> None:
    """
    Visitors of Grafana are viewers, and all backends are data sources by their ports.
    """
    environment = services["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert environment["GF_AUTH_BASIC_ENABLED"] == "false"
    sources = _sources()
    assert {source["type"]: source["url"] for source in sources} == {
        "tempo": f"http://tempo:{_load('tempo/tempo.yaml')['server']['http_listen_port']}",
        "jaeger": "http://jaeger:16686",
        "prometheus": "http://prometheus:9090",
    }
    assert {source["type"] for source in sources} <= set(services)
    assert [source["isDefault"] for source in sources if "isDefault" in source] == [True]


def test_prometheus_scrapes_the_bridge_with_the_token_for_reading(services: Any) -> None:
    """
    Prometheus reads from the bridge's HTTP port, with the token that compose hands it, as
    often as Grafana is told.
    """
    config = _load("prometheus.yaml")
    (job,) = config["scrape_configs"]
    assert job["static_configs"] == [{"targets": ["bridge:4318"]}]
    assert job["authorization"] == {"credentials_file": "/run/secrets/read-token"}
    assert services["prometheus"]["secrets"] == ["read-token"]
    (source,) = [each for each in _sources() if each["type"] == "prometheus"]
    assert source["jsonData"]["timeInterval"] == config["global"]["scrape_interval"]


def test_dashboards_are_where_grafana_looks(services: Any) -> None:
    """
    Grafana is told of the folder that compose mounts, and its first page is one in there.
    """
    (provider,) = _load("grafana/provisioning/dashboards/dashboards.yaml")["providers"]
    folder = provider["options"]["path"]
    assert f"./grafana/dashboards:{folder}:ro" in services["grafana"]["volumes"]
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home.startswith(f"{folder}/")
    assert (FOLDER / "grafana/dashboards" / home.removeprefix(f"{folder}/")).exists()


def test_the_dashboard_is_laid_out_and_asks_a_source_that_is_there() -> None:
    """
    Panels have ids of their own, do not overlap, and ask a data source that is provisioned.
    """
    dashboard = json.loads((FOLDER / "grafana/dashboards/cost.json").read_text(encoding="utf-8"))
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, (one, other)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)
    asked = [panel for panel in panels if panel["type"] != "row"]
    asked += [target for panel in asked for target in panel["targets"]]
    asked += dashboard["templating"]["list"]
    known = {(source["type"], source["uid"]) for source in _sources()}
    assert {(each["datasource"]["type"], each["datasource"]["uid"]) for each in asked} <= known


def test_tempo_keeps_whole_prompts() -> None:
    """
    Tempo neither cuts long attributes nor refuses the trace of a long run.
    """
    tempo = _load("tempo/tempo.yaml")
    assert tempo["distributor"]["max_attribute_bytes"] >= 2**20
    assert tempo["overrides"]["defaults"]["global"]["max_bytes_per_trace"] >= 10**8


def _sources() -> Any:
    return _load("grafana/provisioning/datasources/sources.yaml")["datasources"]
