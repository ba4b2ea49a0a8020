"""
A PostgreSQL server for the tests: one that is there, or a fresh one of the test's own.
"""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

NOT_RUN = "PostgreSQL was not run: no server binaries found (install the postgresql package)"
URL_VARIABLE = "OTEL_BRIDGE_TEST_POSTGRES"
_USER = "postgres"
_DEADLINE_S = 60.0
_ATTEMPTS = 5


def find_binaries() -> Path | None:
    """
    Find the folder of the server's programs; None where they are not installed.
    """
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    places += sorted(versions, key=lambda path: int(path.parent.name), reverse=True)
    name = "postgres.exe" if os.name == "nt" else "postgres"
    return next((place for place in places if (place / name).exists()), None)


def is_there() -> bool:
    """
    Whether tests can have a server.
    """
    return bool(os.environ.get(URL_VARIABLE)) or find_binaries() is not None


@dataclass
class Server:
    """
    A server of the test's own, which can be stopped and started again.

    Attributes:
        password: The one of `postgres`, which must turn up nowhere.
    """

    binaries: Path
    folder: Path
    port: int
    password: str = field(repr=False)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """
        Say how to connect to it.
        """
        return (
            f"postgresql://{_USER}:{self.password}@127.0.0.1:{self.port}/postgres?sslmode=disable"
        )

    def start(self) -> None:
        """
        Start it and wait until it answers.
        """
        log = (self.folder / "log").open("ab")
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "" if os.name == "nt" else self.folder,
            "max_connections": 200,
            "shared_buffers": "32MB",
            # The tests make thousands of tables, and none of them pulls the plug.
            "fsync": "off",
            "full_page_writes": "off",
            "autovacuum": "off",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with log:
            self.process = subprocess.Popen(
                [self.binaries / "postgres", "-D", self.folder / "data", *options],
                stdout=log,
                stderr=log,
                **_identity(),
            )
        deadline = time.monotonic() + _DEADLINE_S
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=5).close()
            except psycopg.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """
        Stop it at once, as a server's restart does; whoever is connected is cut off.
        """
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return
        subprocess.run(
            [self.binaries / "pg_ctl", "stop", "-D", self.folder / "data", "-m", "fast"],
            check=True,
            capture_output=True,
            timeout=_DEADLINE_S,
            **_identity(),
        )
        process.wait(_DEADLINE_S)


@contextmanager
def fresh_server() -> Iterator[Server]:
    """
    Make a server, and remove it at the end.
    """
    binaries = find_binaries()
    assert binaries is not None, NOT_RUN
    folder = Path(tempfile.mkdtemp(prefix="otel-bridge-pg-"))
    try:
        _own(folder)
        password = secrets.token_hex(12)
        _make_cluster(binaries, folder, password)
        server = _started(binaries, folder, password)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def any_server() -> Iterator[str]:
    """
    Give the URL of the server that is there, or of a fresh one.
    """
    given = os.environ.get(URL_VARIABLE)
    if given:
        yield given
        return
    with fresh_server() as server:
        yield server.url


def _started(binaries: Path, folder: Path, password: str) -> Server:
    for attempt in range(_ATTEMPTS):
        server = Server(binaries, folder, _free_port(), password)
        try:
            server.start()
        except psycopg.OperationalError:
            # Somebody else may have taken the port meanwhile.
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            return server
    raise AssertionError("unreachable")


def _make_cluster(binaries: Path, folder: Path, password: str) -> None:
    secret = folder / "password"
    secret.write_text(password)
    _own(secret)
    subprocess.run(
        [
            binaries / "initdb",
            "--pgdata",
            folder / "data",
            "--username",
            _USER,
            "--pwfile",
            secret,
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
        ],
        check=True,
        capture_output=True,
        timeout=_DEADLINE_S,
        **_identity(),
    )
    secret.unlink()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _identity() -> dict[str, Any]:
    """
    Say as whom the server's programs run: they refuse to do so as root.
    """
    owner = _owner()
    common: dict[str, Any] = {"cwd": tempfile.gettempdir()}
    if owner is None:
        return common
    return common | {"user": owner[0], "group": owner[1], "extra_groups": []}


def _owner() -> tuple[int, int] | None:
    if os.name == "nt" or os.geteuid() != 0:
        return None
    import pwd

    for name in (_USER, "nobody"):
        with suppress(KeyError):
            found = pwd.getpwnam(name)
            return (found.pw_uid, found.pw_gid)
    return (65534, 65534)


def _own(path: Path) -> None:
    owner = _owner()
    if owner is not None:
        os.chown(path, *owner)
