"""
The page on `serve`: it names every option and every figure, and its example works.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import typer.main
from prometheus_client.parser import text_string_to_metric_families
from receiving import request, served

from otel_bridge import Destination, Forwarder, Queries
from otel_bridge.cli.main import app
from otel_bridge.receiver.refusals import Why

PAGE = Path(__file__).parents[1] / "docs" / "serve.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_page_has_the_options_that_there_are() -> None:
    """
    The table of options is complete, and names none that does not exist.
    """
    command = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    known = {
        name
        for parameter in command.params
        for name in (*parameter.opts, *parameter.secondary_opts)
        if name.startswith("--")
    }
    table = TEXT.partition("\n## Options\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(--[a-z-]+)", table)) == known - {"--help"}


def test_the_page_has_the_figures_that_there_are(tmp_path: Path) -> None:
    """
    The table of metrics names all of ours, and no other.
    """
    path = tmp_path / "runs.db"
    away = Destination(url="http://127.0.0.1:9/v1/traces", name="away")
    with served(path, Forwarder(path, [away])) as server:
        assert server.post(request()).status == 200
        told = server.get("/metrics").body.decode()
    families = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in text_string_to_metric_families(told)
        if family.name.startswith("otel_bridge")
    }
    table = TEXT.partition("\n## Metrics\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"`(otel_bridge_[a-z_]+)`", table)) == families


def test_the_page_has_the_answers_that_there_are() -> None:
    """
    Each reason to refuse is in the table of answers with its HTTP status.
    """
    table = TEXT.partition("\n## Answers\n")[2].partition("\n## ")[0]
    shown = set(map(int, re.findall(r"\b([2-5]\d\d)\b(?=[,| ])", table)))
    unexpected = {Why.BROKEN.http_status}
    assert {why.http_status for why in Why} - unexpected == shown - {200}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed: not run")
def test_the_curl_example_sends_a_call_that_has_a_price(tmp_path: Path) -> None:
    """
    The command as it stands on the page is answered with `{}`, and the cost is known.
    """
    (example,) = re.findall(r"```sh\n(curl .*?)```", TEXT, re.DOTALL)
    path = tmp_path / "runs.db"
    with served(path) as server:
        command = example.replace("http://127.0.0.1:4318", server.http)
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
        assert done.stdout == "{}"
        with Queries(path) as queries:
            (row,) = queries.cost(by="model")
    assert (row["model"], row["input_tokens"], row["unpriced_calls"]) == ("gpt-4o", 1200, 0)
