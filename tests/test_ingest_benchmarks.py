"""
The benchmarks of the server run, and nothing that they send is lost or sent twice.
"""

import subprocess
import sys
from pathlib import Path

import pytest
from otlp_servers import TAKEN, Answer, http_endpoint
from recording_data import environment

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
TINY = ("--spans", "2000", "--runs", "1")

pytestmark = pytest.mark.slow


def run(script: str, *arguments: str) -> str:
    """
    Run a benchmark, and give what it printed.
    """
    done = subprocess.run(
        [sys.executable, BENCHMARKS / script, *arguments],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_ingest_is_measured_beside_a_plain_server() -> None:
    """
    A run of both servers prints their figures, loses nothing, and names the peers that are
    not there.
    """
    missing = [word for name in ("mlflow", "phoenix", "sideseat") for word in (f"--{name}", "no")]
    text = run("ingest.py", *TINY, "--peers", *missing)
    lost = text.partition("acknowledged and lost")[2].splitlines()
    figures = {line[:15].strip(): line[15:].split()[0] for line in lost[2:] if line}
    assert figures == {"otel-bridge": "0", "plain sqlite3": "0"}
    assert text.count("not run: ") == 3


def test_the_load_obeys_whoever_it_is_sent_to() -> None:
    """
    What is refused for now is sent again and counted, and no span is the same as another,
    also when the same load is sent twice.
    """
    busy: list[Answer] = [(503, {"Retry-After": "0"}, b""), (429, {"Retry-After": "0"}, b"")]

    def answer(_path: str, _body: bytes) -> Answer:
        return busy.pop() if busy else TAKEN

    with http_endpoint() as endpoint:
        endpoint.answer = answer
        first = run("ingest.py", *TINY, "--url", endpoint.url, "--header", "x-project=a=b")
        again = run("ingest.py", *TINY, "--url", endpoint.url)
    assert "2 retries" in first
    assert "0 retries" in again
    assert endpoint.headers[0]["x-project"] == "a=b"
    assert len({(span.trace_id, span.span_id) for span in endpoint.spans}) == 4000


def test_a_soak_accounts_for_every_span() -> None:
    """
    What was sent, stored and forwarded is the same in the end.
    """
    text = run("soak.py", "--minutes", "0.05", "--rate", "1000", "--every", "1")
    assert "3000 spans acknowledged, 3000 stored, 3000 forwarded: lost 0" in text


def test_a_soak_may_end_after_so_many_spans() -> None:
    """
    With `--spans` it goes on until they are stored.
    """
    assert "2000 spans acknowledged, 2000 stored: lost 0" in run("soak.py", "--spans", "2000")
