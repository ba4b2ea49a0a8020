"""
What destinations answer that makes no sense, or do not answer, harms nothing here.
"""

import contextlib
import socket
import threading
import time
from pathlib import Path
from typing import Any

from backends import Backend, store
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from otel_bridge_storage.forward_states import forward_states, set_aside_of
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.tolerant_reading import tolerant_reading
from otlp_servers import TAKEN, Answer, Endpoint, grpc_endpoint, http_endpoint
from recording_data import eventually
from trees import span

from otel_bridge import Destination, Forwarder
from otel_bridge.forwarder.grpc_sender import GrpcSender
from otel_bridge.forwarder.http_sender import HttpSender
from otel_bridge.forwarder.outcomes import Accepted, NotNow, NotSo, Outcome, Refused
from otel_bridge.forwarder.route import Route


class Scripted:
    """
    A sender that answers as it is told.
    """

    def __init__(self, answers: list[Outcome]) -> None:
        self.answers = answers

    def send(self, signal: str, request: bytes) -> Outcome:
        """
        Send one request.
        """
        return self.answers.pop(0)

    def close(self) -> None:
        """
        Do nothing.
        """


def drain(route: Route) -> NotNow | NotSo | None:
    """
    Send until nothing waits or something is wrong.
    """
    places = route.claim()
    assert places is not None
    return route.drain(places)


def test_details_of_grpc_that_are_none_are_passed_over() -> None:
    """
    An exhausted resource whose RetryInfo is no message is one without a time.
    """
    status = Status(code=8)
    status.details.add(type_url="type.googleapis.com/google.rpc.RetryInfo", value=b"\xff")
    with grpc_endpoint() as endpoint:
        endpoint.answer = lambda *_: (8, {"d": status.SerializeToString()}, b"no")
        sender = GrpcSender(Destination(url=endpoint.url))
        assert isinstance(sender.send("traces", b""), Refused)
        sender.close()


def test_an_answer_that_comes_in_drops_is_given_up() -> None:
    """
    The time for an answer is that of all of it.
    """
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_drip, args=(listener, stop))
        thread.start()
        sender = HttpSender(
            Destination(url=f"http://127.0.0.1:{listener.getsockname()[1]}/", timeout_s=0.2)
        )
        outcome = sender.send("traces", b"")
        stop.set()
        sender.close()
        thread.join()
    assert isinstance(outcome, NotNow)
    assert "does not come to its end" in outcome.reason


def _drip(listener: socket.socket, stop: threading.Event) -> None:
    """
    Answer one request a byte at a time until told to stop.
    """
    client, _ = listener.accept()
    with client, contextlib.suppress(OSError):
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not stop.wait(0.02):
            client.sendall(b".")


def test_the_answers_of_endpoints_are_kept_whatever_they_hold(backend: Backend) -> None:
    """
    A reason with NUL, of which PostgreSQL has none, is told and stops nothing.
    """
    store(backend.target, [[span(1, 1), span(1, 2)]])
    answers: list[Outcome] = [Refused("bad"), Refused("no\0"), Accepted(), NotNow("later\0")]
    destination = Destination(url="http://127.0.0.1:9", since="all")
    with open_database(backend.target) as database:
        route = Route(database, destination, Scripted(answers))
        route.begin()
        assert drain(route) is None
        store(backend.target, [[span(2, 1)]])
        assert isinstance(drain(route), NotNow)
        with tolerant_reading(backend.target) as connection:
            (state,) = forward_states(connection)
            (aside,) = set_aside_of(connection, destination.label)
    assert (state.trouble, aside.reason) == ("later\ufffd", "no\ufffd")


def test_destinations_that_hang_take_as_long_as_one(tmp_path: Path) -> None:
    """
    Stopping waits for all requests that are under way at once.
    """
    stop = threading.Event()

    def hang(*_: Any) -> Answer:
        stop.wait(30)
        return TAKEN

    with http_endpoint(endpoint=Endpoint(hang)) as endpoint:
        destinations = [
            Destination(url=endpoint.url, name=f"d{n}", timeout_s=1.5, since="all")
            for n in range(4)
        ]
        path = tmp_path / "runs.db"
        store(str(path), [[span(1, 1)]])
        forwarder = Forwarder(path, destinations)
        forwarder.start()
        assert eventually(lambda: endpoint.asked == 4)
        began = time.monotonic()
        forwarder.close(0.2)
        took_s = time.monotonic() - began
        stop.set()
    assert took_s < 4.5
