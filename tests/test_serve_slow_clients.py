"""
Clients that send nothing, little or for ever must not keep a healthy one waiting.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
from receiving import JSON, START_S, TRACES, Served, json_request, request, served
from recording_data import eventually, value

from otel_bridge.receiver import Limits

CROWD = 100
HEAD = f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nContent-Length: 1000\r\n"
BEGINNINGS = {
    "half open": b"",
    "in the head": HEAD.encode()[:40],
    "before the body": f"{HEAD}\r\n".encode(),
    "in the body": f"{HEAD}\r\n{{".encode(),
}


def connect(server: Served) -> socket.socket:
    """
    Open a connection.
    """
    return socket.create_connection(("127.0.0.1", server.port), START_S)


def figure(server: Served, name: str) -> float:
    """
    Read one figure that the server tells.
    """
    lines = server.get("/metrics").body.decode().splitlines()
    (line,) = (line for line in lines if line.startswith(f"otel_bridge_{name} "))
    return float(line.split()[1])


@contextlib.contextmanager
def crowd(server: Served, beginning: bytes) -> Iterator[list[socket.socket]]:
    """
    Open many connections that begin a request and do not end it.
    """
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect(server)) for _ in range(CROWD)]
        for client in clients:
            client.sendall(beginning)
        yield clients


@contextlib.contextmanager
def trickling(clients: list[socket.socket]) -> Iterator[None]:
    """
    Go on sending a byte from each connection now and then.
    """
    stop = threading.Event()

    def trickle() -> None:
        while not stop.wait(0.02):
            for client in clients:
                with contextlib.suppress(OSError):
                    client.sendall(b"x")

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def read_to_end(client: socket.socket) -> bytes:
    """
    Read until the server closes.
    """
    found = b""
    with contextlib.suppress(ConnectionError):
        while part := client.recv(4096):
            found += part
    return found


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS.keys())
def test_a_crowd_of_slow_clients_stops_no_healthy_one(tmp_path: Path, beginning: bytes) -> None:
    """
    Beside a hundred clients that stand still or trickle, every request is answered and stored.
    """
    path = tmp_path / "runs.db"
    with served(path) as server, crowd(server, beginning) as clients:
        assert eventually(lambda: figure(server, "http_connections") > CROWD)
        with trickling(clients if beginning else []):
            for trace in range(1, 21):
                assert server.post(request(trace=trace)).status == 200
            assert server.call(request(trace=21)) == b""
            assert server.get("/readyz").status == 200
    assert value(path, "SELECT count(*) FROM spans") == 21


@pytest.mark.parametrize("beginning", BEGINNINGS.values(), ids=BEGINNINGS.keys())
def test_slow_clients_are_sent_away(tmp_path: Path, beginning: bytes) -> None:
    """
    Whoever does not end the head or the body in time is answered 408 and closed, trickling
    or not.
    """
    limits = Limits(head_s=0.3, read_s=0.3)
    with served(tmp_path / "runs.db", limits=limits) as server:
        with crowd(server, beginning) as clients, trickling(clients if beginning else []):
            for client in clients:
                assert read_to_end(client).startswith(b"HTTP/1.1 408")
        assert figure(server, "http_connections") == 1
        assert figure(server, "queue_requests") == 0


@contextlib.contextmanager
def silent_calls(server: Served, number: int) -> Iterator[list[Any]]:
    """
    Open calls that send no message, and wait until the server has them.
    """
    silence = threading.Event()

    def nothing() -> Iterator[bytes]:
        silence.wait()
        yield from ()

    with grpc.insecure_channel(server.grpc) as channel:
        calls = [channel.stream_unary(TRACES).future(nothing()) for _ in range(number)]
        try:
            yield calls
        finally:
            silence.set()
            for call in calls:
                call.cancel()


def test_calls_without_their_message_stop_no_healthy_one(tmp_path: Path) -> None:
    """
    Beside idle connections and calls that send nothing, another is answered; one too many is
    told when to come back.
    """
    path = tmp_path / "runs.db"
    with served(path, limits=Limits(calls=20)) as server, contextlib.ExitStack() as stack:
        host, _, port = server.grpc.rpartition(":")
        for _ in range(CROWD):
            stack.enter_context(socket.create_connection((host, int(port))))
        stack.enter_context(silent_calls(server, 19))
        assert eventually(lambda: figure(server, "queue_requests") == 19)
        assert server.call(request()) == b""
        stack.enter_context(silent_calls(server, 1))
        assert eventually(lambda: figure(server, "queue_requests") == 20)
        with pytest.raises(grpc.RpcError) as full:
            server.call(request(trace=2))
    error: Any = full.value
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "grpc-status-details-bin" in dict(error.trailing_metadata())
    assert value(path, "SELECT count(*) FROM spans") == 1


def test_calls_without_their_message_end_some_day(tmp_path: Path) -> None:
    """
    A call that sends nothing ends with DEADLINE_EXCEEDED, and holds nothing afterwards.
    """
    with served(tmp_path / "runs.db", limits=Limits(read_s=0.2)) as server:
        with silent_calls(server, 5) as calls:
            assert {call.code() for call in calls} == {grpc.StatusCode.DEADLINE_EXCEEDED}
        assert figure(server, "queue_requests") == 0


def test_what_is_sent_after_a_refusal_ends_some_day(tmp_path: Path) -> None:
    """
    A client that was refused and goes on with its body for ever is closed.
    """
    limits = Limits(read_s=0.1).with_body(1000)
    head = f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\n"
    with served(tmp_path / "runs.db", limits=limits) as server, connect(server) as client:
        client.sendall(f"{head}Content-Length: 99999999\r\n\r\n".encode())
        with trickling([client]):
            assert read_to_end(client).startswith(b"HTTP/1.1 413")
        assert figure(server, "http_connections_slow_total") == 1


def test_a_client_that_does_not_read_its_answers_is_closed(tmp_path: Path) -> None:
    """
    Answers that nobody reads do not pile up: the connection is given up after a while.
    """
    limits = Limits(read_s=0.3)
    with served(tmp_path / "runs.db", limits=limits) as server, connect(server) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(0.2)
        asking = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with contextlib.suppress(OSError):
            while True:
                client.sendall(asking * 100)
        assert eventually(lambda: figure(server, "http_connections") == 1)


def test_idle_connections_are_kept_for_the_next_request(tmp_path: Path) -> None:
    """
    A connection that waits between whole requests is not slow, and not closed for it.
    """
    limits = Limits(head_s=0.1, read_s=0.1)
    body = json_request()
    whole = f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\n"
    sent = f"{whole}Content-Length: {len(body)}\r\n\r\n".encode() + body
    with served(tmp_path / "runs.db", limits=limits) as server, connect(server) as client:
        for _ in range(2):
            client.sendall(sent)
            answer = b""
            while not answer.endswith(b"{}"):
                answer += client.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200")
            waited(lambda: figure(server, "http_connections") == 2, 30)


def waited(holds: Callable[[], bool], times: int) -> None:
    """
    See a condition hold again and again.
    """
    for _ in range(times):
        assert holds()


def test_one_connection_too_many_is_refused_politely(tmp_path: Path) -> None:
    """
    It hears 503 and when to come back; those that are open go on, and one that ends makes room.
    """
    with served(tmp_path / "runs.db", limits=Limits(connections=3)) as server:
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                stack.enter_context(connect(server))
            refused = server.get("/healthz")
            assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert eventually(lambda: server.get("/healthz").status == 200)
        assert figure(server, "http_connections_refused_total") >= 1
