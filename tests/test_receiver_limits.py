"""
A receiver takes on no more than it was told to, and says when to come back.
"""

import http.client
import os
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from otel_bridge_storage.errors import MalformedTelemetryError
from receiving import JSON, PROTO, START_S, Served, locked, packed, request, served
from recording_data import eventually, value

from otel_bridge.otlp.signals import TRACES, Form
from otel_bridge.receiver import Limits, Refusal
from otel_bridge.receiver.bodies import gunzip

KIB = 1024
SMALL = Limits().with_body(100 * KIB)


def in_hand(server: Served) -> tuple[float, float]:
    """
    Give how many requests are in hand, and the size of their bodies.
    """
    lines = server.get("/metrics").body.decode().splitlines()
    values = dict(line.split(" ", 1) for line in lines if line.startswith("otel_bridge_queue"))
    return (
        float(values["otel_bridge_queue_requests"]),
        float(values["otel_bridge_queue_bytes"]),
    )


def chunks(count: int) -> Iterator[bytes]:
    """
    Give a body whose length is not declared.
    """
    for _ in range(count):
        yield bytes(KIB)


def test_a_body_is_bounded_however_it_is_sent(tmp_path: Path) -> None:
    """
    A body that is declared, sent in chunks, or unpacked beyond the bound is 413, for good.
    """
    with served(tmp_path / "runs.db", limits=SMALL) as server:
        kind = {"Content-Type": PROTO}
        replies = [
            server.post(bytes(101 * KIB)),
            server.request("POST", "/v1/traces", chunks(101), kind),
            server.post(packed(bytes(20_000 * KIB)), Content_Encoding="gzip"),
            server.post(packed(bytes(99 * KIB)) + packed(bytes(2 * KIB)), Content_Encoding="gzip"),
        ]
        for reply in replies:
            assert (reply.status, reply.error.code) == (413, 3)
            assert "102400 bytes" in reply.error.message
            assert "retry-after" not in reply.headers
        assert in_hand(server) == (0, 0)
        assert server.post(request(100)).status == 200


def test_a_body_that_is_declared_too_long_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    """
    The answer comes while the client has sent nothing but the head.
    """
    with served(tmp_path / "runs.db", limits=SMALL) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=START_S)
        connection.putrequest("POST", "/v1/traces")
        connection.putheader("Content-Type", PROTO)
        connection.putheader("Content-Length", str(10**12))
        connection.endheaders()
        assert connection.getresponse().status == 413
        connection.close()


def test_a_client_reads_the_refusal_of_what_it_goes_on_sending(tmp_path: Path) -> None:
    """
    A large body is taken in to its end, so that the client sees why it was refused, on a
    connection that goes on.
    """
    with served(tmp_path / "runs.db", limits=SMALL) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=START_S)
        for _ in range(2):
            connection.request("POST", "/v1/traces", bytes(8_000 * KIB), {"Content-Type": PROTO})
            answer = connection.getresponse()
            assert answer.status == 413
            answer.read()
        connection.close()


def test_a_full_queue_says_when_to_come_back(tmp_path: Path) -> None:
    """
    Beyond so many requests a further one is 503 with Retry-After, and those in hand are stored.
    """
    path, limits = tmp_path / "runs.db", Limits(waiting_requests=2)
    statuses: list[int] = []
    with served(path, limits=limits) as server:
        with locked(path):
            senders = [
                threading.Thread(
                    target=lambda t=trace: statuses.append(server.post(request(trace=t)).status)
                )
                for trace in (1, 2)
            ]
            for sender in senders:
                sender.start()
            assert eventually(lambda: in_hand(server)[0] == 2)
            full = server.post(request(trace=3))
            assert server.get("/readyz").json["reasons"][-1] == "too many requests are in hand"
        for sender in senders:
            sender.join()
        assert (full.status, full.headers["retry-after"], full.error.code) == (503, "1", 8)
        assert server.post(request(trace=3)).status == 200
    assert statuses == [200, 200]
    assert value(path, "SELECT count(*) FROM spans") == 3


def test_the_bytes_of_all_bodies_are_bounded(tmp_path: Path) -> None:
    """
    Bodies that wait take up the room of others, whose senders are told to come back.
    """
    path = tmp_path / "runs.db"
    limits = Limits(waiting_bytes=160 * KIB, body_bytes=100 * KIB)
    big: dict[str, Any] = {"attributes": {"text": "x" * 90 * KIB}}
    statuses: list[int] = []
    with served(path, limits=limits) as server:
        with locked(path):
            sender = threading.Thread(
                target=lambda: statuses.append(server.post(request(**big)).status)
            )
            sender.start()
            assert eventually(lambda: in_hand(server)[1] > 90 * KIB)
            for body, headers in (
                (request(trace=2, **big), {}),
                (packed(request(trace=2, **big)), {"Content_Encoding": "gzip"}),
            ):
                full = server.post(body, **headers)
                assert (full.status, full.headers["retry-after"]) == (503, "1")
        sender.join()
        assert statuses == [200]
        assert in_hand(server) == (0, 0)


def test_a_body_that_does_not_come_is_408(tmp_path: Path) -> None:
    """
    A sender that stops in its body is answered after a while, and its connection closed.
    """
    limits = Limits(read_s=0.2)
    head = f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\n"
    with served(tmp_path / "runs.db", limits=limits) as server:
        with socket.create_connection(("127.0.0.1", server.port), START_S) as client:
            client.sendall(f"{head}Content-Length: 10\r\n\r\n{{".encode())
            answer = b"".join(iter(lambda: client.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"connection: close" in answer.lower()
        assert in_hand(server) == (0, 0)
        assert server.post(request()).status == 200


def test_gzip_takes_no_more_memory_than_a_body_may() -> None:
    """
    Of 200 MiB of zeros, packed small, no more is unpacked than shows that it is too long.
    """
    bomb = packed(bytes(2**20)) + packed(bytes(200 * 2**20))
    limits = Limits().with_body(2 * 2**20)
    tracemalloc.start()
    try:
        with pytest.raises(Refusal, match="longer"):
            gunzip(bomb, limits)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * limits.body_bytes


def test_gzip_of_many_members_takes_no_longer_than_of_one() -> None:
    """
    Ten thousand empty members before 16 MiB are passed in a moment, and more are refused.
    """
    data = os.urandom(16 * 2**20)
    members = packed(b"") * 9_999
    began = time.process_time()
    assert gunzip(members + packed(data), Limits()) == data
    assert time.process_time() - began < 5
    with pytest.raises(Refusal, match="more than 10000 members"):
        gunzip(members + packed(b"") * 2, Limits())


@pytest.mark.parametrize(
    ("form", "body"),
    [
        (Form.PROTO, b"\x12\0" * 100_000),
        (
            Form.JSON,
            b'{"resourceSpans":[{"scopeSpans":[{"spans":[{}' + b",{}" * 99_999 + b"]}]}]}",
        ),
        (Form.JSON, b'{"resourceSpans":[{}' + b",5" * 100_000 + b"]}"),
        (Form.JSON, b'{"resourceSpans":[{"scopeSpans":5}' + b",5" * 99_999 + b"]}"),
        (Form.JSON, b"{}" + b"\n{" * 100_000),
    ],
)
def test_what_is_rejected_is_named_up_to_a_bound_and_counted(form: Form, body: bytes) -> None:
    """
    A hundred thousand records that are none are all counted, and take little memory.
    """
    if form is Form.PROTO:
        body = _long(b"\x0a", _long(b"\x12", body))
    rejected = TRACES.read(body, form).rejected
    assert sum(item.count for item in rejected) == 100_000
    assert len(rejected) <= 1_000


def test_a_request_that_is_broken_all_over_is_refused() -> None:
    """
    What holds more broken parts than anybody sends by mistake is not taken apart to its end.
    """
    broken = _long(b"\x0a", _long(b"\x12", b"\x12\x03\x2a\x01\xff" * 100_001))
    with pytest.raises(MalformedTelemetryError, match="more than 100000 parts"):
        TRACES.read(broken, Form.PROTO)


def _long(tag: bytes, data: bytes) -> bytes:
    """
    Give a field of protobuf that has a length.
    """
    length, left = b"", len(data)
    while left > 0x7F:
        length, left = length + bytes([left & 0x7F | 0x80]), left >> 7
    return tag + length + bytes([left]) + data


def test_a_body_may_be_as_long_as_one_allows() -> None:
    """
    Allowing longer bodies makes room for two of them, and shorter ones take none away.
    """
    assert Limits().with_body(10**9).waiting_bytes == 2 * 10**9
    assert Limits().with_body(10).waiting_bytes == Limits().waiting_bytes


@pytest.mark.parametrize("status", [200, 413])
def test_room_is_given_back_after_each_request(tmp_path: Path, status: int) -> None:
    """
    A hundred requests, taken or refused, leave nothing behind that would count as in hand.
    """
    body = request() if status == 200 else bytes(101 * KIB)
    with served(tmp_path / "runs.db", limits=SMALL) as server:
        assert {server.post(body).status for _ in range(100)} == {status}
        assert in_hand(server) == (0, 0)
