"""
The servers that take the same load: how each is started, where it takes spans, and how many
of them it then has.
"""

import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from _process_tree import lives, tree

_START_S = 180.0
_STOP_S = 60.0
_HERE = Path(__file__).parent
_OURS = "import sys; from otel_bridge.cli.main import main; main()"
_NO_TELEMETRY = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PHOENIX_TELEMETRY_ENABLED": "false",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """
    A server that can be measured.

    Attributes:
        command: What starts it, given the folder for its data and a port.
        ready: The path that answers 200 once it takes spans.
        path: Where it takes them.
        headers: That it wants with them.
        variables: Of its environment, given the folder and a port.
        count: How many spans can be read, given the folder and its URL.
        needs_running: Whether it must run for that.
    """

    name: str
    command: Callable[[Path, int], Sequence[str]]
    ready: str
    count: Callable[[Path, str], int]
    path: str = "/v1/traces"
    headers: Mapping[str, str] = field(default_factory=dict)
    variables: Callable[[Path, int], Mapping[str, str]] = lambda _place, _port: {}
    needs_running: bool = False


@dataclass(slots=True)
class Running:
    """
    A server that runs.

    Attributes:
        place: The folder with its data.
        start_s: From the start of the process until it was ready.
    """

    server: Server
    process: "subprocess.Popen[bytes]"
    place: Path
    base: str
    start_s: float

    @property
    def url(self) -> str:
        """
        Where it takes spans.
        """
        return self.base + self.server.path

    def count(self) -> int:
        """
        How many spans can be read.
        """
        return self.server.count(self.place, self.base)

    def stop(self) -> float:
        """
        Tell it and all that it started to stop, and give how many seconds that took.

        Raises:
            subprocess.TimeoutExpired: It does not.
        """
        began = time.monotonic()
        everyone = tree(self.process.pid)
        if sys.platform != "win32":
            os.killpg(self.process.pid, signal.SIGTERM)
        else:
            self.process.terminate()
        self.process.wait(_STOP_S)
        while any(lives(pid) for pid in everyone):
            if time.monotonic() - began > _STOP_S:
                raise subprocess.TimeoutExpired(self.process.args, _STOP_S)
            time.sleep(0.01)
        return time.monotonic() - began

    def kill(self) -> None:
        """
        End it and all that it started, at once.
        """
        if sys.platform != "win32":
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()

    def size(self) -> int:
        """
        The bytes of its files.
        """
        return sum(file.stat().st_size for file in self.place.rglob("*") if file.is_file())


@contextmanager
def running(server: Server, place: Path, *more: str) -> Iterator[Running]:
    """
    Start a server, and end it afterwards.

    Args:
        more: More arguments for it.
    """
    port = _free_port()
    base = f"http://127.0.0.1:{port}"
    variables = {k: v for k, v in os.environ.items() if not k.startswith("OTEL_")}
    place.mkdir(exist_ok=True)
    with (place.parent / f"{place.name}.log").open("ab") as log:
        began = time.monotonic()
        process = subprocess.Popen(
            [*server.command(place, port), *more],
            env=variables | _NO_TELEMETRY | dict(server.variables(place, port)),
            stdout=log,
            stderr=log,
            cwd=place,
            start_new_session=True,
        )
    found = Running(server, process, place, base, 0.0)
    try:
        _wait_until_ready(found)
        found.start_s = time.monotonic() - began
        yield found
    finally:
        found.kill()


def ask(url: str) -> bytes:
    """
    Get what a URL answers.

    Raises:
        OSError: Nobody answers, or with an error.
    """
    with urllib.request.urlopen(url, timeout=30) as answer:
        return bytes(answer.read())


def otel_bridge() -> Server:
    """
    Ours.
    """
    return Server(
        name="otel-bridge",
        command=lambda place, port: [
            *(sys.executable, "-c", _OURS, "serve", "--db", str(place / "runs.db")),
            *("--http-port", str(port), "--grpc-port", "0"),
        ],
        ready="/readyz",
        count=_rows("runs.db", "spans"),
    )


def plain() -> Server:
    """
    The least that keeps its word; see `_plain_server`.
    """
    return Server(
        name="plain sqlite3",
        command=lambda place, port: [
            *(sys.executable, str(_HERE / "_plain_server.py")),
            *(str(place / "plain.db"), str(port)),
        ],
        ready="/",
        count=_rows("plain.db", "spans"),
    )


def mlflow(program: str) -> Server:
    """
    MLflow with its SQLite backend.
    """
    return Server(
        name="MLflow",
        command=lambda place, port: [
            *(program, "server", "--host", "127.0.0.1", "--port", str(port)),
            *("--backend-store-uri", f"sqlite:///{place / 'mlflow.db'}"),
            *("--artifacts-destination", str(place / "artifacts")),
        ],
        ready="/health",
        headers={"x-mlflow-experiment-id": "0"},
        count=_rows("mlflow.db", "spans"),
    )


def phoenix(program: str) -> Server:
    """
    Phoenix with its SQLite file.
    """
    return Server(
        name="Phoenix",
        command=lambda _place, _port: [program, "serve"],
        variables=lambda place, port: {
            "PHOENIX_WORKING_DIR": str(place),
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": str(port),
            "PHOENIX_GRPC_PORT": str(_free_port()),
        },
        ready="/healthz",
        count=_rows("phoenix.db", "spans"),
    )


def sideseat(program: str) -> Server:
    """
    SideSeat with its DuckDB and SQLite files, which it alone can read while it runs.
    """
    return Server(
        name="SideSeat",
        command=lambda _place, port: [
            *(program, "--host", "127.0.0.1", "--port", str(port), "--no-auth"),
            *("--no-update-check", "--otel-grpc", "false"),
        ],
        variables=lambda place, _port: {"SIDESEAT_DATA_DIR": str(place)},
        ready="/api/v1/health",
        path="/otel/default/v1/traces",
        count=_listed_by_sideseat,
        needs_running=True,
    )


PEERS: Mapping[str, Callable[[str], Server]] = {
    "mlflow": mlflow,
    "phoenix": phoenix,
    "sideseat": sideseat,
}


def _rows(file: str, table: str) -> Callable[[Path, str], int]:
    def count(place: Path, _base: str) -> int:
        with closing(sqlite3.connect(place / file, timeout=30)) as connection:
            return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    return count


def _listed_by_sideseat(_place: Path, base: str) -> int:
    page = json.loads(ask(f"{base}/api/v1/project/default/otel/spans?limit=1"))
    return int(page["meta"]["total_items"])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(found: Running) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            ask(found.base + found.server.ready)
        except (OSError, urllib.error.URLError):
            if found.process.poll() is not None or time.monotonic() > deadline:
                log = found.place.parent / f"{found.place.name}.log"
                said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
                raise SystemExit(f"{found.server.name} did not start:\n{said}") from None
            time.sleep(0.01)
        else:
            return
