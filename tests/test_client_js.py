"""
Spans from OpenTelemetry JS: what a program in Node sends is what is stored.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from peers import PEERS, Bridge, bridge, running
from stored import rows

pytestmark = pytest.mark.peers

FOLDER = Path(__file__).parent / "js"
TOKEN = "sesame-open-for-spans"
_INSTALL = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
_INSTALL_S = 300


@pytest.fixture(scope="module")
def packages() -> Path:
    """
    Install the packages once for each version of their list, and give their folder.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("OpenTelemetry JS was not run: Node and npm are not installed")
    wanted = (FOLDER / "package.json").read_text(encoding="utf-8")
    folder = PEERS / "js"
    listed = folder / "package.json"
    if listed.exists() and listed.read_text(encoding="utf-8") == wanted:
        return folder / "node_modules"
    PEERS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PEERS, prefix="js-") as name:
        fresh = Path(name)
        (fresh / "package.json").write_text(wanted, encoding="utf-8")
        npm = shutil.which("npm") or "npm"
        try:
            done = subprocess.run(
                [npm, *_INSTALL[1:]],
                cwd=fresh,
                capture_output=True,
                timeout=_INSTALL_S,
                check=False,
                encoding="utf-8",
            )
        except subprocess.TimeoutExpired:
            pytest.skip("OpenTelemetry JS was not run: npm did not end")
        if done.returncode != 0:
            why = done.stderr.strip().partition("\n")[0]
            pytest.skip(f"OpenTelemetry JS was not run: npm could not install it: {why}")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(fresh, folder, symlinks=True)
    return folder / "node_modules"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Bridge]:
    """
    A bridge that asks senders for a token.
    """
    token = tmp_path / "token"
    token.write_text(TOKEN, encoding="utf-8")
    found = bridge(tmp_path, "--ingest-token-file", token)
    with running(found.program):
        yield found


@pytest.mark.parametrize("exporter", ["http", "proto", "grpc"])
def test_spans_of_opentelemetry_js_are_stored_whole(
    exporter: str, packages: Path, server: Bridge
) -> None:
    """
    Each exporter of OpenTelemetry JS (OTLP JSON, OTLP protobuf, gRPC) sends a run whose
    spans are stored with every field that JS says it sent, and which is counted and priced.
    """
    sent = _send(packages, exporter, _url(server, exporter), TOKEN)
    assert sent["failure"] is None
    (trace,) = {span["trace_id"] for span in sent["spans"]}
    stored = [_told(*each) for each in _spans(server, trace)]
    assert sorted(stored, key=_by_id) == sorted(sent["spans"], key=_by_id)
    assert rows(
        Path(server.database),
        "SELECT agent_name, status, llm_calls, input_tokens, output_tokens FROM runs",
    ) == [("planner", "success", 1, 1000, 100)]


@pytest.mark.parametrize("exporter", ["http", "proto", "grpc"])
def test_opentelemetry_js_without_the_token_is_told(
    exporter: str, packages: Path, server: Bridge
) -> None:
    """
    Without the token nothing is stored, and the exporter of OpenTelemetry JS sees that.
    """
    sent = _send(packages, exporter, _url(server, exporter))
    assert re.search("Unauthorized|UNAUTHENTICATED", sent["failure"])
    assert rows(Path(server.database), "SELECT count(*) FROM spans") == [(0,)]


def _send(packages: Path, *arguments: str) -> Any:
    done = subprocess.run(
        ["node", FOLDER / "send.js", *arguments],
        env={**os.environ, "NODE_PATH": str(packages)},
        capture_output=True,
        timeout=60,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _url(server: Bridge, exporter: str) -> str:
    if exporter == "grpc":
        return f"http://127.0.0.1:{server.grpc}"
    return f"http://127.0.0.1:{server.http}/v1/traces"


def _spans(server: Bridge, trace: str) -> Iterator[tuple[Any, Any, Any]]:
    for group in server.spans(trace).resource_spans:
        for scoped in group.scope_spans:
            for span in scoped.spans:
                yield span, group.resource, scoped.scope


def _told(span: Any, resource: Any, scope: Any) -> dict[str, Any]:
    """
    Tell of a span in the words of send.js.
    """
    return {
        "trace_id": span.trace_id.hex(),
        "span_id": span.span_id.hex(),
        "parent_span_id": span.parent_span_id.hex(),
        "name": span.name,
        "kind": span.kind,
        "start_ns": str(span.start_time_unix_nano),
        "end_ns": str(span.end_time_unix_nano),
        "attributes": _plain(span.attributes),
        "events": [[e.name, str(e.time_unix_nano), _plain(e.attributes)] for e in span.events],
        "links": [[k.trace_id.hex(), k.span_id.hex(), _plain(k.attributes)] for k in span.links],
        "status": [span.status.code, span.status.message],
        "resource": _plain(resource.attributes),
        "scope": [scope.name, scope.version],
    }


def _plain(attributes: Any) -> dict[str, Any]:
    return {each.key: _value(each.value) for each in attributes}


def _value(value: Any) -> Any:
    found = getattr(value, value.WhichOneof("value"))
    return [_value(each) for each in found.values] if hasattr(found, "values") else found


def _by_id(span: dict[str, Any]) -> str:
    span_id: str = span["span_id"]
    return span_id
