"""
`otel-bridge serve` as a process: what it prints, keeps, asks for and how it ends.
"""

import contextlib
import http.client
import signal
import socket
import ssl
import threading
from pathlib import Path
from urllib.parse import urlsplit

import grpc  # type: ignore[import-untyped]
import pytest
from backends import Backend, table
from certificates import Certificates, make_certificates
from receiving import (
    START_S,
    TRACES,
    ServedProcess,
    locked,
    on_windows,
    request,
    served,
    served_process,
    start,
)
from recording_data import eventually, is_whole, rows, run_program, value

from otel_bridge.server.sockets import listen

TOKEN = "sesame-open-for-spans"
READING = "sesame-open-for-figures"
no_signals = pytest.mark.skipif(on_windows(), reason="processes are told to stop otherwise there")


def fails(*arguments: str, **variables: str) -> tuple[int, str]:
    """
    Give the exit code and the complaint of a server that does not start.
    """
    with start(*arguments, **variables) as process:
        _, complaint = process.communicate(timeout=START_S)
        return process.returncode, complaint


def test_one_line_tells_the_ports_once_both_answer(tmp_path: Path) -> None:
    """
    The line names the real ports and the database, and both listeners take spans at once.
    """
    path = tmp_path / "runs.db"
    with start("--db", str(path), "--http-port", "0", "--grpc-port", "0") as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            server = ServedProcess(
                urls=[word.strip(",") for word in line.split() if "://" in word], process=process
            )
            http_url, grpc_url = server.urls
            assert line == f"listening for OTLP on {http_url} and {grpc_url}, into {path}\n"
            assert http_url.startswith("http://127.0.0.1:")
            assert grpc_url.startswith("grpc://127.0.0.1:")
            assert server.post(request(trace=1)).status == 200
            assert server.call(request(trace=2)) == b""
        finally:
            process.kill()
    assert value(path, "SELECT count(*) FROM spans") == 2


@no_signals
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_killed_server_loses_nothing_that_it_acknowledged(tmp_path: Path, seed: int) -> None:
    """
    After `kill -9` amid requests over both ways, every span that was answered 200 is there.
    """
    path = tmp_path / "runs.db"
    acknowledged: set[int] = set()

    def send(server: ServedProcess, first: int) -> None:
        for trace in range(first, first + 10_000):
            with contextlib.suppress(OSError, http.client.HTTPException, grpc.RpcError):
                if first % 2:
                    server.call(request(3, trace))
                elif server.post(request(3, trace)).status != 200:
                    return
                acknowledged.add(trace)
                continue
            return

    with served_process(path) as server:
        senders = [
            threading.Thread(target=send, args=(server, 1 + number * 10_001))
            for number in range(4)
        ]
        for sender in senders:
            sender.start()
        assert eventually(lambda: len(acknowledged) > 20 * seed)
        server.running.kill()
        for sender in senders:
            sender.join()
    stored = {trace for (trace,) in rows(path, "SELECT trace_id FROM spans")}
    assert {f"{trace:032x}" for trace in acknowledged} <= stored
    assert is_whole(path)


@no_signals
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_stop_answers_what_is_in_hand(
    tmp_path: Path, number: int
) -> None:
    """
    A request that waits for the database is answered 200 and stored, nothing new is taken,
    and the exit code is 0.
    """
    path = tmp_path / "runs.db"
    statuses: list[int] = []
    with served_process(path) as server:
        with locked(path):
            sender = threading.Thread(
                target=lambda: statuses.append(server.post(request(5)).status)
            )
            sender.start()
            held = b"queue_requests 1.0"
            assert eventually(lambda: held in server.get("/metrics").body)
            server.running.send_signal(number)
            assert eventually(lambda: not accepts(server.port))
        sender.join()
        assert server.running.wait(START_S) == 0
    assert statuses == [200]
    assert value(path, "SELECT count(*) FROM spans") == 5
    assert value(path, "SELECT count(*) FROM writers WHERE closed_ns IS NULL") == 0


def accepts(port: int) -> bool:
    """
    Whether somebody listens at a port.
    """
    with socket.socket() as client:
        client.settimeout(START_S)
        return client.connect_ex(("127.0.0.1", port)) == 0


@no_signals
def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """
    A server that waits for a slow client ends when it is told again.
    """
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(served_process(tmp_path / "runs.db"))
        client = stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        client.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n")
        client.sendall(b"Content-Type: application/json\r\n\r\n")
        held = b"queue_requests 1.0"
        assert eventually(lambda: held in server.get("/metrics").body)
        server.running.terminate()
        assert eventually(lambda: not accepts(server.port))
        assert server.running.poll() is None
        server.running.terminate()
        assert server.running.wait(START_S) == 128 + signal.SIGTERM


def test_every_kind_of_database_is_served(backend: Backend) -> None:
    """
    Spans are stored in a file, in memory and in PostgreSQL, and readiness and costs are told.
    """
    with served(backend.target) as server:
        assert server.post(request(4)).status == 200
        assert server.get("/readyz").json == {"status": "ready"}
        assert server.get("/healthz").json == {"status": "ok"}
        assert b"otel_bridge_llm_calls" in server.get("/metrics").body
        assert len(table(backend.target, "spans")) == 4


def test_other_machines_need_a_token(tmp_path: Path) -> None:
    """
    Listening beyond the loopback without a token is wrong usage, said before anything is made.
    """
    path = tmp_path / "runs.db"
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.com"):
        code, complaint = fails("--db", str(path), "--host", host)
        assert code == 2
        assert "--ingest-token-file" in complaint
    assert not path.exists()
    with served_process(path, "--host", "0.0.0.0", OTEL_BRIDGE_INGEST_TOKEN=TOKEN) as server:
        assert server.post(request()).status == 401
        assert server.post(request(), Authorization=f"Bearer {TOKEN}").status == 200
        refused = server.get("/metrics")
        assert refused.status == 403
        assert "--read-token-file" in refused.json["message"]
        assert server.get("/metrics", Authorization=f"Bearer {TOKEN}").status == 403
        assert server.get("/healthz").status == 200


def test_tokens_for_sending_and_reading_are_apart(tmp_path: Path) -> None:
    """
    Each opens its own door, another token none, and none is ever printed.
    """
    (tmp_path / "send").write_text(f"{TOKEN}\n", encoding="utf-8")
    (tmp_path / "read").write_text(READING, encoding="utf-8")
    sending_file = ("--ingest-token-file", str(tmp_path / "send"))
    reading_file = ("--read-token-file", str(tmp_path / "read"))
    with served_process(tmp_path / "runs.db", *sending_file, *reading_file) as server:
        sending, reading = f"Bearer {TOKEN}", f"bearer {READING}"
        missing = server.post(request())
        assert (missing.status, missing.error.code) == (401, 16)
        assert missing.headers["www-authenticate"].startswith("Bearer")
        assert server.post(request(), Authorization=f"Basic {TOKEN}").status == 401
        wrong = server.post(request(), Authorization=reading)
        assert (wrong.status, wrong.error.code) == (403, 7)
        assert server.post(request(), Authorization=sending).status == 200
        assert server.get("/metrics").status == 401
        assert server.get("/metrics", Authorization=sending).status == 403
        told = server.get("/metrics", Authorization=reading, Host="bridge.example")
        assert told.status == 200
        server.stop()
        assert server.running.stdout is not None
        assert server.running.stderr is not None
        said = server.running.stdout.read() + server.running.stderr.read()
    for text in (said, told.body.decode(), missing.body.decode(errors="replace")):
        assert TOKEN not in text
        assert READING not in text


def test_a_page_of_another_site_cannot_read_by_a_name_of_its_own(tmp_path: Path) -> None:
    """
    On the loopback, figures are told only to a request whose Host is this machine.
    """
    with served(tmp_path / "runs.db") as server:
        port = server.port
        for host in ("localhost", f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}"):
            assert server.get("/metrics", Host=host).status == 200
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", ""):
            assert server.get("/metrics", Host=host).status == 403


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--no-http", "--no-grpc"), 2, "nothing to serve"),
        (("--tls-cert", "cert.pem"), 2, "--tls-key"),
        (("--ingest-token-file", "empty"), 2, "one line"),
        (("--ingest-token-file", "missing"), 1, "missing"),
        (("--tls-cert", "empty", "--tls-key", "empty"), 1, "TLS"),
        (("--db", "no/such/folder/runs.db"), 1, "folder"),
        (("--max-body", "much"), 2, "not a size"),
        (("--prices", "missing"), 1, "missing"),
    ],
)
def test_what_makes_no_sense_ends_with_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    """
    A server that cannot start says why, with 2 for wrong usage and 1 for the rest.
    """
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").write_text("")
    found, complaint = fails("--http-port", "0", "--grpc-port", "0", *arguments)
    assert found == code
    assert said in complaint
    assert "Traceback" not in complaint


def test_answers_are_not_held_back_by_the_kernel() -> None:
    """
    Sockets name their protocol, without which asyncio leaves them to collect small answers.
    """
    (listening,) = listen("127.0.0.1", 0)
    with listening:
        assert listening.proto == socket.IPPROTO_TCP


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    """
    The second server at a port of either kind ends with exit code 1 and says which.
    """
    path = str(tmp_path / "runs.db")
    with served_process(path) as server:
        for kind, port, other in (
            ("--http-port", str(server.port), "--grpc-port"),
            ("--grpc-port", server.grpc.rpartition(":")[2], "--http-port"),
        ):
            code, complaint = fails("--db", path, kind, port, other, "0")
            assert code == 1
            assert f"127.0.0.1:{port}" in complaint.splitlines()[-1]


def test_one_of_both_listeners_may_be_left_out(tmp_path: Path) -> None:
    """
    Without gRPC there is HTTP alone, and the other way round.
    """
    with served_process(tmp_path / "a.db", "--no-grpc") as server:
        assert [url.partition(":")[0] for url in server.urls] == ["http"]
        assert server.post(request()).status == 200
    with served_process(tmp_path / "b.db", "--no-http") as server:
        assert [url.partition(":")[0] for url in server.urls] == ["grpc"]
        assert server.call(request()) == b""


def test_nothing_heavy_is_loaded_before_it_is_asked_for(tmp_path: Path) -> None:
    """
    A server that started, stored and answered has not imported DuckDB, nor does a scrape.
    """
    program = """
import asyncio, sys, urllib.request
from otel_bridge.server import Settings, serving
async def main():
    async with serving(Settings(database=sys.argv[1], http_port=0, grpc_port=0)) as urls:
        def get(path):
            return urllib.request.urlopen(urls[0] + path).status
        assert await asyncio.to_thread(get, "/readyz") == 200
        before = "duckdb" in sys.modules
        assert await asyncio.to_thread(get, "/metrics") == 200
        print(before, "duckdb" in sys.modules)
asyncio.run(main())
"""
    done = run_program(program, tmp_path / "runs.db")
    assert (done.stdout, done.stderr) == ("False False\n", "")


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    """
    Make certificates for this machine, and for a client.
    """
    return make_certificates(tmp_path)


def post_securely(server: ServedProcess, context: ssl.SSLContext) -> int:
    """
    Send a span over HTTPS.
    """
    port = urlsplit(server.urls[0]).port
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=START_S)
    with contextlib.closing(connection):
        kind = {"Content-Type": "application/x-protobuf"}
        connection.request("POST", "/v1/traces", request(), kind)
        return connection.getresponse().status


def call_securely(server: ServedProcess, **files: bytes) -> bytes:
    """
    Send a span over gRPC with TLS.
    """
    target = server.urls[1].partition("://")[2]
    with grpc.secure_channel(target, grpc.ssl_channel_credentials(**files)) as channel:
        answer: bytes = channel.unary_unary(TRACES)(request(trace=2), timeout=START_S)
        return answer


def test_both_listeners_speak_tls(tmp_path: Path, certificates: Certificates) -> None:
    """
    With a certificate spans come over HTTPS and gRPC with TLS 1.2 or newer, and no other way.
    """
    files = ("--tls-cert", str(certificates.server), "--tls-key", str(certificates.server_key))
    with served_process(tmp_path / "runs.db", *files) as server:
        assert [url.partition(":")[0] for url in server.urls] == ["https", "grpcs"]
        trusting = ssl.create_default_context(cafile=certificates.authority)
        assert post_securely(server, trusting) == 200
        assert call_securely(server, root_certificates=certificates.authority.read_bytes()) == b""
        with pytest.raises((OSError, http.client.HTTPException)):
            server.post(request())
        old = ssl.create_default_context(cafile=certificates.authority)
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(ssl.SSLError, match=r"PROTOCOL_VERSION|EOF"):
            post_securely(server, old)
    assert value(tmp_path / "runs.db", "SELECT count(*) FROM spans") == 2


def test_clients_may_be_asked_for_a_certificate(
    tmp_path: Path, certificates: Certificates
) -> None:
    """
    With an authority for clients, those without its certificate get no answer at all.
    """
    files = ("--tls-cert", str(certificates.server), "--tls-key", str(certificates.server_key))
    asking = ("--tls-client-ca", str(certificates.authority))
    with served_process(tmp_path / "runs.db", *files, *asking) as server:
        context = ssl.create_default_context(cafile=certificates.authority)
        with pytest.raises((OSError, http.client.HTTPException)):
            post_securely(server, context)
        context.load_cert_chain(certificates.client, certificates.client_key)
        assert post_securely(server, context) == 200
        root = certificates.authority.read_bytes()
        with pytest.raises(grpc.RpcError):
            call_securely(server, root_certificates=root)
        own = {
            "private_key": certificates.client_key.read_bytes(),
            "certificate_chain": certificates.client.read_bytes(),
        }
        assert call_securely(server, root_certificates=root, **own) == b""
