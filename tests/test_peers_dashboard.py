"""
The cost dashboard, asked of a real Prometheus that scrapes a bridge as prometheus.yaml says.
"""

import json
import urllib.error
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from otel_bridge_queries import Queries
from otlp_servers import grpc_endpoint
from peers import (
    Bridge,
    bridge,
    fetch,
    fetch_json,
    free_port,
    needs,
    options_of,
    prometheus,
    running,
    wait_until,
)
from sdk_traces import sending

pytestmark = needs("prometheus")

FOLDER = Path(__file__).parents[1] / "collector-config"
DASHBOARD = json.loads((FOLDER / "grafana/dashboards/cost.json").read_text(encoding="utf-8"))
TOKEN, READING = "sesame-open-for-spans", "sesame-open-for-figures"
# What Grafana puts in the place of its variables when everything is chosen.
VARIABLES = {"$agent": ".*", "$provider": ".*", "$model": ".*", "$__rate_interval": "30s"}


@dataclass
class Scraped:
    """
    A bridge, and the Prometheus that scrapes it.
    """

    bridge: Bridge
    port: int

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """
        Ask Prometheus for the values of now.
        """
        url = f"http://127.0.0.1:{self.port}/api/v1/query?query={quote(expression)}"
        try:
            answer = fetch_json(url)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{expression}: {error.read().decode()}") from None
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """
    Both, after calls of two agents, one request that was refused, and records sent on.
    """
    folder = tmp_path_factory.mktemp("scraped")
    (folder / "ingest-token").write_text(TOKEN, encoding="utf-8")
    (folder / "read-token").write_text(READING, encoding="utf-8")
    destinations = FOLDER / "destinations" / "jaeger-and-tempo.toml"
    with ExitStack() as stack:
        sink = stack.enter_context(grpc_endpoint(takes_logs=False))
        server = bridge(
            folder,
            *_with_destinations(options_of(FOLDER / "compose.yaml", folder), destinations),
            variables={"JAEGER_URL": sink.base, "TEMPO_URL": "http://127.0.0.1:1"},
        )
        stack.enter_context(running(server.program))
        headers = {"Authorization": f"Bearer {TOKEN}"}
        url = f"http://127.0.0.1:{server.http}/v1/traces"
        sender = stack.enter_context(sending(OTLPSpanExporter(url, headers=headers)))
        sender.send_call("planner", "openai", "gpt-4o", 1_000, 100)
        sender.send_call("writer", "anthropic", "claude-sonnet-4-5", 2_000, 200)
        sender.send_call("writer", "nobody", "no-such-model", 10, 1)
        port = free_port()
        config = _config(folder, server)
        stack.enter_context(running(prometheus(folder, config, port)))
        found = Scraped(server, port)
        wait_until(lambda: found.ask("otel_bridge_llm_calls"), "the first figures")
        # What is counted per second needs to have moved since then.
        sender.send_call("planner", "openai", "gpt-4o", 1_000, 100)
        with pytest.raises(urllib.error.HTTPError, match="401"):
            fetch(f"http://127.0.0.1:{server.http}/metrics")
        with sending(OTLPSpanExporter(url)) as stranger:
            stranger.send_small()
        yield found


@pytest.mark.parametrize(
    ("title", "expression"),
    [
        (panel["title"], target["expr"])
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", [])
    ],
)
def test_each_question_of_the_dashboard_is_answered(
    title: str, expression: str, scraped: Scraped
) -> None:
    """
    Prometheus understands each expression, and finds figures for it.
    """
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    wait_until(lambda: scraped.ask(expression), f"figures for {title}: {expression}")


def test_the_dashboard_says_what_the_report_says(scraped: Scraped) -> None:
    """
    Cost, calls, calls without a price and tokens, summed over the groups that Prometheus
    has, are those of the cost report on the same database.
    """
    with Queries(scraped.bridge.database) as queries:
        (report,) = queries.cost()

    def figure(expression: str) -> float:
        (found,) = scraped.ask(f"sum({expression})")
        return float(found["value"][1])

    wait_until(lambda: figure("otel_bridge_llm_calls") == report["llm_calls"], "all calls")
    assert report["unpriced_calls"] == 1
    assert figure("otel_bridge_llm_unpriced_calls") == report["unpriced_calls"]
    assert figure("otel_bridge_llm_cost_usd") == pytest.approx(report["cost_usd"])
    for kind in ("input", "output"):
        tokens = figure(f'otel_bridge_llm_tokens{{type="{kind}"}}')
        assert tokens == report[f"{kind}_tokens"]


def test_the_lists_of_the_dashboard_can_be_filled(scraped: Scraped) -> None:
    """
    Each of the dashboard's variables is a label that the figures have.
    """
    for variable in DASHBOARD["templating"]["list"]:
        name, _, rest = variable["definition"].removeprefix("label_values(").partition(",")
        label = rest.strip().removesuffix(")")
        assert label == variable["name"]
        assert {each["metric"][label] for each in scraped.ask(name)}


def _with_destinations(options: list[str], file: Path) -> list[str]:
    return [
        f"--destinations={file}" if word.startswith("--destinations=") else word
        for word in options
    ]


def _config(folder: Path, server: Bridge) -> Path:
    """
    Write prometheus.yaml with this test's address, token and pace.
    """
    config = yaml.safe_load((FOLDER / "prometheus.yaml").read_text(encoding="utf-8"))
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    (job,) = config["scrape_configs"]
    job["authorization"]["credentials_file"] = str(folder / "read-token")
    job["static_configs"] = [{"targets": [f"127.0.0.1:{server.http}"]}]
    written = folder / "prometheus.yaml"
    written.write_text(yaml.safe_dump(config), encoding="utf-8")
    return written
