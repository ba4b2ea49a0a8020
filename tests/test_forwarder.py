"""
Forwarding what is stored: whole, in order, and on from where it was, whatever happens.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import backends
import captures
import pytest
from backends import MEMORY, Backend
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.trace import TracerProvider
from otel_bridge_storage.ended_records import spans_ended_after
from otel_bridge_storage.forward_cursors import ForwardCursor, Places, Progress, SetAside
from otel_bridge_storage.forward_states import ForwardState, forward_states
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.records import LogRecord
from otel_bridge_storage.tolerant_reading import tolerant_reading
from otlp_servers import TAKEN, Answer, Endpoint, grpc_endpoint, http_endpoint
from recording_data import eventually
from stored import rows, store
from trees import agent, span

import otel_bridge
from otel_bridge.cli.main import run_with
from otel_bridge.forwarder import backoff
from otel_bridge.forwarder.destination import Destination, DestinationError
from otel_bridge.forwarder.outcomes import Accepted, NotNow, NotSo, Outcome, Refused
from otel_bridge.forwarder.route import Route
from otel_bridge.forwarder.signal_pauses import SignalPauses
from otel_bridge.forwarder.worker import sender_for
from otel_bridge.otlp import decode_logs, decode_traces, encode_logs, encode_traces

URL = "http://localhost:4317"
NOON = 1_795_262_400_000_000_000
NAME, LOGS = "langsmith_otel_langgraph", "claude_code"


class Recorded:
    """
    A sender that keeps what it sends, and answers as it is told.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.answers: list[Outcome] = []

    def send(self, signal: str, request: bytes) -> Outcome:
        """
        Send one request.
        """
        answer = self.answers.pop(0) if self.answers else Accepted()
        if isinstance(answer, Accepted) and signal == "traces":
            self.names += [each.name for each in decode_traces(request).records]
        return answer

    def close(self) -> None:
        """
        Do nothing.
        """


def spans_named(*names: str) -> list[Any]:
    """
    Make spans of one trace.
    """
    return [span(1, n, name=name) for n, name in enumerate(names, 1)]


def drain(route: Route) -> NotNow | NotSo | None:
    """
    Send until nothing waits or something is wrong.
    """
    places = route.claim()
    assert places is not None
    return route.drain(places)


def has_news(route: Route, target: Path) -> bool:
    """
    Whether something waits that is to be sent now.
    """
    with tolerant_reading(target) as connection:
        return route.has_news(connection)


def states(target: Path | str) -> list[ForwardState]:
    """
    Read how forwarding stands.
    """
    with tolerant_reading(target) as connection:
        return forward_states(connection)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """
    Give the path of a database.
    """
    return tmp_path / "runs.db"


@pytest.mark.parametrize("serve", [http_endpoint, grpc_endpoint])
def test_what_arrives_is_what_was_stored(serve: Any, path: Path) -> None:
    """
    Real spans and log records arrive field by field and type by type, over both protocols.
    """
    sent = [
        s
        for f in captures.files(NAME, "traces", "pb")
        for s in decode_traces(f.read_bytes()).records
    ]
    logs = [
        g for f in captures.files(LOGS, "logs", "pb") for g in decode_logs(f.read_bytes()).records
    ]
    store(path, [sent, logs])
    with serve() as endpoint:
        assert run_with(["forward", endpoint.url, "--db", str(path)]) == 0
    assert encode_traces(endpoint.spans) == encode_traces(sent)
    assert sorted(map(encode_one, endpoint.logs)) == sorted({encode_one(log) for log in logs})


def encode_one(log: Any) -> bytes:
    """
    Encode one log record.
    """
    return encode_logs([log])


def test_spans_go_in_the_order_of_their_ends_and_each_once(backend: Backend) -> None:
    """
    A span that is open is not sent; it is once it ends, after those that ended before,
    and a fuller version of a sent one is no new span. On every kind of database.
    """
    first, second, third = spans_named("first", "second", "third")
    sender = Recorded()
    with open_database(backend.target) as database:
        route = Route(database, Destination(url=URL, since="all"), sender)
        route.begin()
        backends.store(backend.target, [[replace(first, end_ns=None)], [second]])
        assert drain(route) is None
        backends.store(backend.target, [[first, third]])
        assert drain(route) is None
        backends.store(backend.target, [[replace(second, attributes={"more": 1})]])
        assert drain(route) is None
        assert sender.names == ["second", "first", "third"]
        (state,) = states(backend.target)
    assert (state.sent_spans, state.waiting_spans) == (3, 0)


def test_a_new_destination_gets_what_is_stored_from_now_on(path: Path) -> None:
    """
    Where nothing else is said, what was stored before is not sent.
    """
    store(path, [spans_named("before")])
    sender = Recorded()
    with open_database(path) as database:
        route = Route(database, Destination(url=URL), sender)
        route.begin()
        store(path, [[span(2, 1, name="after")]])
        assert drain(route) is None
    assert sender.names == ["after"]


def test_nothing_is_skipped_when_the_process_dies(path: Path) -> None:
    """
    A process that ends between the answer and the cursor sends the batch again, no less.
    """
    store(path, [spans_named("a", "b", "c")])
    destination = Destination(url=URL, since="all")

    class Dies(Recorded):
        """
        Ends the program as soon as it was answered.
        """

        def send(self, signal: str, request: bytes) -> Outcome:
            """
            Send one request.
            """
            super().send(signal, request)
            raise KeyboardInterrupt

    with open_database(path) as database:
        dying = Dies()
        route = Route(database, destination, dying)
        route.begin()
        with pytest.raises(KeyboardInterrupt):
            drain(route)
        route.release()
        again = Recorded()
        other = Route(database, destination, again)
        other.begin()
        assert drain(other) is None
    assert dying.names == again.names == ["a", "b", "c"]


def test_what_is_refused_alone_is_set_aside_and_can_be_sent_later(path: Path) -> None:
    """
    The others arrive; the bad one is listed with the reason, and sent when it is taken.
    """
    bad = "b"

    def judge(_: str, body: bytes) -> Answer:
        names = {each.name for each in decode_traces(body).records}
        return (400, {}, b"") if bad in names else TAKEN

    store(path, [spans_named("a", "b", "c")])
    with http_endpoint() as endpoint:
        endpoint.answer = judge
        assert run_with(["forward", endpoint.url, "--db", str(path)]) == 0
        assert endpoint.names == ["a", "c"]
        (state,) = states(path)
        assert (state.sent_spans, state.set_aside, state.waiting_spans) == (2, 1, 0)
        assert run_with(["forward", endpoint.url, "--db", str(path), "--set-aside"]) == 1
        bad = ""
        assert run_with(["forward", endpoint.url, "--db", str(path), "--set-aside"]) == 0
        assert endpoint.names == ["a", "c", "b"]
    (state,) = states(path)
    assert (state.sent_spans, state.set_aside) == (3, 0)


def test_a_destination_can_be_forgotten(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    What a mistyped URL left behind is no longer listed, and the others stay as they are.
    """
    store(path, [spans_named("a", "b")])
    with http_endpoint() as endpoint:
        endpoint.answer = lambda _, body: (400, {}, b"") if b"b" in body else TAKEN
        assert run_with(["forward", endpoint.url, "--db", str(path)]) == 0
        wrong = endpoint.url.replace("/v1/traces", "/v1/trace")
        assert run_with(["forward", wrong, URL, "--db", str(path)]) == 1
    names = [each.destination for each in states(path)]
    assert (
        run_with(["forward", "--forget", names[0], "--forget", names[1], "--db", str(path)]) == 0
    )
    assert [each.destination for each in states(path)] == names[2:]
    capsys.readouterr()
    assert run_with(["forward", "--forget", names[0], "--db", str(path)]) == 1
    assert f"no destination is called {names[0]}" in capsys.readouterr().err
    assert run_with(["forward", URL, "--forget", names[2], "--db", str(path)]) == 2


def test_a_running_forwarder_begins_anew_with_what_was_forgotten(path: Path) -> None:
    """
    Forgetting a destination that is still forwarded to does not end the forwarding.
    """
    store(path, [spans_named("a")])
    with http_endpoint() as endpoint:
        forwarder = otel_bridge.Forwarder(path, [Destination(url=endpoint.url, since="all")])
        forwarder.start()
        assert eventually(lambda: endpoint.names == ["a"])
        assert forwarder.flush(20)
        (state,) = states(path)
        assert run_with(["forward", "--forget", state.destination, "--db", str(path)]) == 0
        assert eventually(lambda: endpoint.names == ["a", "a"])
        forwarder.close()


def test_erasing_a_span_erases_that_it_was_set_aside(path: Path) -> None:
    """
    What is erased is not named by the list of what was set aside.
    """
    store(path, [[span(1, 1, **agent("planner"))]])
    with open_database(path) as database:
        cursor = ForwardCursor(database, "d", URL)
        cursor.begin(0)
        assert cursor.claim() is not None
        refused = SetAside(signal="traces", row=1, trace_id="1", span_id="1", reason="no")
        assert cursor.advance(Progress(places=Places(1, 0), set_aside=[refused]))
    assert states(path)[0].set_aside == 1
    otel_bridge.prune(path, max_bytes=0)
    assert states(path)[0].set_aside == 0


def test_one_process_sends_at_a_time(path: Path) -> None:
    """
    A second sender waits while the first lives, and takes over when it is gone or done.
    """
    with open_database(path) as database:
        first, second = (ForwardCursor(database, "d", URL) for _ in range(2))
        first.begin(0)
        assert first.claim() == Places(0, 0)
        assert second.claim() is None
        with database.transaction() as connection:
            connection.exec_driver_sql("UPDATE forward_cursors SET held_ns = 0")
        assert second.claim() == Places(0, 0)
        assert not first.advance(Progress(places=Places(5, 5)))
        assert second.advance(Progress(places=Places(2, 1)))
        second.release()
        assert first.claim() == Places(2, 1)


def test_partial_success_is_counted(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """
    What a destination rejects of an accepted request is counted, told, and not sent again.
    """
    answer = ExportTraceServiceResponse()
    answer.partial_success.rejected_spans = 2
    answer.partial_success.error_message = "too old"
    store(path, [spans_named("a", "b", "c")])
    with http_endpoint() as endpoint:
        endpoint.answer = lambda *_: (200, {}, answer.SerializeToString())
        assert run_with(["forward", endpoint.url, "--db", str(path)]) == 0
        assert run_with(["forward", endpoint.url, "--db", str(path)]) == 0
        assert endpoint.asked == 1
    assert states(path)[0].rejected == 2
    assert "too old" in caplog.text


@pytest.mark.parametrize(
    ("answer", "kind", "after_s"),
    [
        ((429, {"Retry-After": "7"}, b""), NotNow, 7.0),
        ((503, {}, b""), NotNow, None),
        ((401, {}, b"who are you"), NotSo, None),
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), NotSo, None),
        ((413, {}, b""), Refused, None),
    ],
)
def test_http_answers_mean_what_the_specification_says(
    answer: Answer, kind: type, after_s: float | None
) -> None:
    """
    Each status is what can be done about it, and Retry-After is heeded.
    """
    from otel_bridge.forwarder.http_sender import HttpSender

    with http_endpoint(endpoint=Endpoint(lambda *_: answer)) as endpoint:
        sender = HttpSender(Destination(url=endpoint.url))
        outcome = sender.send("traces", b"")
        sender.close()
    assert isinstance(outcome, kind)
    assert str(answer[0]) in getattr(outcome, "reason", "")
    assert getattr(outcome, "after_s", None) == after_s


@pytest.mark.parametrize(("code", "kind"), [(14, NotNow), (16, NotSo), (3, Refused), (8, Refused)])
def test_grpc_answers_mean_what_the_specification_says(code: int, kind: type) -> None:
    """
    Each status is what can be done about it; an exhausted resource without a time is final.
    """
    from otel_bridge.forwarder.grpc_sender import GrpcSender

    with grpc_endpoint() as endpoint:
        endpoint.answer = lambda *_: (code, {}, b"no")
        sender = GrpcSender(Destination(url=endpoint.url, headers={"X-Key": "k"}))
        assert isinstance(sender.send("traces", b""), kind)
        sender.close()
    assert endpoint.headers[0]["x-key"] == "k"


def some_logs(count: int) -> list[Any]:
    """
    Make log records that differ.
    """
    return [LogRecord(time_ns=NOON + n, body=f"log {n}") for n in range(count)]


@pytest.mark.parametrize("serve", [http_endpoint, grpc_endpoint])
def test_log_records_are_kept_for_what_begins_to_take_them(
    serve: Any, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    What has no place for log records, as Jaeger, gets all spans and is in no trouble. It is
    asked again after a pause, and once it has a place it gets all log records in order.
    """
    now = 0.0
    store(path, [some_logs(40), spans_named("a")])
    with serve() as endpoint, open_database(path) as database:
        endpoint.takes_logs = False
        destination = Destination(url=endpoint.url, since="all")
        with closing(sender_for(destination)) as sender:
            pauses = SignalPauses(lambda: now, lambda: 1.0)
            route = Route(database, destination, sender, pauses=pauses)
            route.begin()
            assert drain(route) is None
            assert endpoint.names == ["a"]
            (state,) = states(path)
            assert (state.waiting_logs, state.untaken_logs, state.oldest_ns) == (0, 40, None)
            assert (state.trouble, state.waiting_spans) == (None, 0)
            asked = endpoint.asked
            now = 4.9
            store(path, [spans_named("a", "b"), some_logs(50)])
            assert drain(route) is None
            assert endpoint.asked == asked + 1
            assert endpoint.names == ["a", "b"]
            assert not has_news(route, path)
            endpoint.takes_logs = True
            now = 5.0
            assert has_news(route, path)
            assert drain(route) is None
            assert [log.body for log in endpoint.logs] == [f"log {n}" for n in range(50)]
            (state,) = states(path)
            assert (state.untaken_logs, state.untaken, state.sent_logs) == (0, None, 50)
            assert not pauses.holds("logs")
    assert caplog.text.count("takes no log records") == 1


def test_a_running_forwarder_asks_for_log_records_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A collector that gets a pipeline for logs gets what was kept, without a restart here.
    """
    monkeypatch.setattr(backoff, "_FIRST_MISTAKEN_S", 0.01)
    store(path, [some_logs(20), spans_named("a")])
    with grpc_endpoint(takes_logs=False) as endpoint:
        forwarder = otel_bridge.Forwarder(path, [Destination(url=endpoint.url, since="all")])
        forwarder.start()
        assert forwarder.flush(20)
        assert [each.untaken_logs for each in forwarder.statuses()] == [20]
        otel_bridge.prune(path, max_bytes=10**9)
        endpoint.takes_logs = True
        assert eventually(lambda: len(endpoint.logs) == 20)
        assert forwarder.flush(20)
        assert [each.untaken_logs for each in forwarder.statuses()] == [0]
        forwarder.close()


def test_the_pauses_before_log_records_are_sent_again_grow(path: Path) -> None:
    """
    A destination that never has a place for log records is asked with a few of them every
    five minutes; one that is asked anew by another process is asked at once.
    """
    now = 0.0
    asked: list[float] = []
    store(path, [some_logs(3)])

    class NoPlace(Recorded):
        """
        Has a place for nothing.
        """

        def send(self, signal: str, request: bytes) -> Outcome:
            """
            Send one request.
            """
            asked.append(now)
            return NotSo("HTTP 404", of_signal=True)

    with open_database(path) as database:
        destination = Destination(url=URL, since="all")
        pauses = SignalPauses(lambda: now, lambda: 1.0)
        route = Route(database, destination, NoPlace(), pauses=pauses)
        route.begin()
        while now < 2000:
            assert drain(route) is None
            now += 20
        assert [after - before for before, after in pairwise(asked)][-3:] == [300, 300, 300]
        assert len(asked) < 15
        sender = Recorded()
        other = Route(database, destination, sender)
        other.begin()
        route.release()
        assert states(path)[0].untaken_logs == 3
        assert drain(other) is None
    assert (states(path)[0].untaken_logs, states(path)[0].sent_logs) == (0, 3)


def test_what_takes_no_log_records_and_never_took_a_span_is_in_trouble(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    An address where nothing is taken is told as such, though only log records are stored.
    """
    store(path, [some_logs(3)])
    with http_endpoint() as endpoint:
        endpoint.takes_logs = False
        assert run_with(["forward", endpoint.url, "--db", str(path)]) == 1
        assert "HTTP 404" in capsys.readouterr().err
        assert states(path)[0].trouble == "HTTP 404 no such page"
        store(path, [spans_named("a")])
        assert run_with(["forward", endpoint.url, "--db", str(path)]) == 0
    assert states(path)[0].trouble is None
    capsys.readouterr()
    assert run_with(["forward", "--status", "--db", str(path), "--format", "json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["untaken_logs"], told["untaken"]) == (3, "HTTP 404 no such page")


@pytest.mark.parametrize("signal", ["traces", "logs"])
def test_what_a_destination_is_not_to_get_does_not_wait_for_it(
    signal: Any, backend: Backend
) -> None:
    """
    A signal that the description leaves out is neither sent nor counted; where it is added
    later, what was stored meanwhile is sent. On every kind of database.
    """
    backends.store(backend.target, [[*spans_named("a", "b"), *some_logs(3)]])
    sender = Recorded()
    with open_database(backend.target) as database:
        one = Destination(url=URL, name="d", since="all", signals=[signal])
        route = Route(database, one, sender)
        route.begin()
        assert drain(route) is None
        (state,) = states(backend.target)
        assert (state.waiting_spans, state.waiting_logs, state.untaken_logs) == (0, 0, 0)
        assert state.oldest_ns is None
        assert state.sent_spans + state.sent_logs == (2 if signal == "traces" else 3)
        both = Route(database, replace(one, signals=("traces", "logs")), sender)
        both.begin()
        (state,) = states(backend.target)
        assert state.waiting_spans + state.waiting_logs == (3 if signal == "traces" else 2)
        assert state.oldest_ns is not None
        route.release()
        assert drain(both) is None
        (state,) = states(backend.target)
    assert (state.sent_spans, state.sent_logs, state.set_aside) == (2, 3, 0)


@pytest.fixture
def provider() -> Iterator[dict[str, Any]]:
    """
    Give providers of the test's own, as arguments of `install`.
    """
    tracers, loggers = (
        TracerProvider(shutdown_on_exit=False),
        LoggerProvider(shutdown_on_exit=False),
    )
    yield {"tracer_provider": tracers, "logger_provider": loggers, "threads": False}
    tracers.shutdown()
    loggers.shutdown()


@pytest.mark.parametrize("kind", ["file", MEMORY])
def test_a_program_forwards_what_it_records(
    kind: str, tmp_path: Path, provider: dict[str, Any]
) -> None:
    """
    One argument of `install` is enough, and the end of the program waits for the rest.
    """
    target = "memory://forwarded" if kind == MEMORY else str(tmp_path / "runs.db")
    with http_endpoint() as endpoint:
        with otel_bridge.install(target, forward=endpoint.url, **provider) as bridge:
            with bridge.run("planner", session_id="s", input="hello"):
                pass
            assert bridge.flush_forwarding()
            (state,) = bridge.forwarding()
            assert (state.sent_spans, state.waiting_spans, state.trouble) == (1, 0, None)
            with bridge.run("second"):
                pass
        assert endpoint.names == ["invoke_agent planner", "invoke_agent second"]


def test_what_a_destination_misses_while_it_is_away_it_gets_later(
    path: Path, provider: dict[str, Any]
) -> None:
    """
    A program whose destination is away ends in time; another that forwards brings it all.
    """
    port = free_port()
    url = f"http://127.0.0.1:{port}/v1/traces"
    with otel_bridge.install(path, forward=url, **provider) as bridge:
        with bridge.run("lonely"):
            pass
        assert not bridge.flush_forwarding(10)
        (state,) = bridge.forwarding()
        assert state.waiting_spans == 1
        assert state.trouble is not None
    with http_endpoint(port) as endpoint:
        forwarder = otel_bridge.Forwarder(path, [url])
        forwarder.start()
        assert forwarder.flush(20)
        forwarder.close()
        assert endpoint.names == ["invoke_agent lonely"]


def test_a_destination_that_comes_back_gets_all_in_order(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """
    While it says 503 everything waits; then it arrives, each once, in order. The log tells
    of both.
    """
    store(path, [spans_named("a", "b", "c")])
    with http_endpoint() as endpoint:
        endpoint.answer = lambda *_: (503, {}, b"") if endpoint.asked < 3 else TAKEN
        forwarder = otel_bridge.Forwarder(path, [Destination(url=endpoint.url, since="all")])
        forwarder.start()
        forwarder.flush(1)
        assert eventually(lambda: len(endpoint.names) == 3)
        assert forwarder.flush(20)
        forwarder.close()
    assert endpoint.names == ["a", "b", "c"]
    away, back = caplog.records
    assert f"{endpoint.url} takes nothing now" in away.getMessage()
    assert f"{endpoint.url} takes what is sent again" in back.getMessage()


def test_looking_for_news_opens_nothing(path: Path) -> None:
    """
    However often a forwarder looks in vain, it does so over the connections it has.
    """
    opened: list[object] = []
    is_counted = False

    def count(event: str, arguments: tuple[object, ...]) -> None:
        if is_counted and event == "sqlite3.connect":
            opened.append(arguments)

    sys.addaudithook(count)
    store(path, [spans_named("a")])
    with http_endpoint() as endpoint:
        forwarder = otel_bridge.Forwarder(path, [Destination(url=endpoint.url, since="all")])
        forwarder.start()
        assert forwarder.flush(20)
        is_counted = True
        assert all(forwarder.flush(20) for _ in range(20))
        is_counted = False
        forwarder.close()
    assert endpoint.names == ["a"]
    assert opened == []


def test_what_another_process_stores_is_noticed(path: Path) -> None:
    """
    An idle forwarder sends what is stored elsewhere, which wakes nobody here.
    """
    store(path, [spans_named("a")])
    program = "import sys, otel_bridge\nwith otel_bridge.install(sys.argv[1]) as bridge:\n"
    program += "    with bridge.run('there'):\n        pass"
    with http_endpoint() as endpoint:
        forwarder = otel_bridge.Forwarder(path, [Destination(url=endpoint.url, since="all")])
        forwarder.start()
        assert forwarder.flush(20)
        subprocess.run([sys.executable, "-c", program, str(path)], check=True, timeout=60)
        assert eventually(lambda: endpoint.names == ["a", "invoke_agent there"])
        forwarder.close()


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be deleted there")
def test_a_database_that_is_made_anew_is_forwarded_from_its_first_span(path: Path) -> None:
    """
    Where the file is replaced under a forwarder, all that is in the new one is sent.
    """
    store(path, [spans_named("before")])
    with http_endpoint() as endpoint:
        forwarder = otel_bridge.Forwarder(path, [endpoint.url])
        forwarder.start()
        new = path.with_name("new.db")
        store(new, [spans_named("a", "b")])
        for left in path.parent.glob(f"{path.name}-*"):
            left.unlink()
        new.replace(path)
        assert eventually(lambda: endpoint.names == ["a", "b"])
        assert forwarder.flush(20)
        forwarder.close()


CHILD = """
import sys, otel_bridge
bridge = otel_bridge.install(sys.argv[1], forward=sys.argv[2])
for number in range(1000000):
    with bridge.run(f"agent-{number}"):
        pass
    if number == 200:
        bridge.force_flush()
        print("ready", flush=True)
"""


def test_a_killed_program_loses_nothing_that_was_on_disk(path: Path) -> None:
    """
    Every span that the database holds when the program is killed arrives in the end.
    """
    with http_endpoint() as endpoint:
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path), endpoint.url], stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline().strip() == b"ready"
            child.kill()
        forwarder = otel_bridge.Forwarder(path, [endpoint.url])
        forwarder.start()
        assert forwarder.flush(30)
        forwarder.close()
    ended = [
        n for (n,) in rows(path, "SELECT name FROM spans WHERE end_ns > 0 ORDER BY ended_seq")
    ]
    assert len(ended) > 200
    assert list(dict.fromkeys(endpoint.names)) == ended


@pytest.mark.skipif(sys.platform == "win32", reason="processes are told to stop otherwise there")
def test_a_program_that_is_told_to_stop_sends_its_open_spans(path: Path) -> None:
    """
    Where SIGTERM is turned into an exit, as the documentation shows, the root arrives.
    """
    script = """
import signal, sys, time, otel_bridge
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
with otel_bridge.install(sys.argv[1], forward=sys.argv[2]) as bridge, bridge.run("planner"):
    print("ready", flush=True)
    # A signal that comes just before `signal.pause` would be waited for in vain.
    while True:
        time.sleep(0.01)
"""
    with http_endpoint() as endpoint:
        with subprocess.Popen(
            [sys.executable, "-c", script, str(path), endpoint.url], stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline().strip() == b"ready"
            child.terminate()
        assert endpoint.names == ["invoke_agent planner"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_records_and_its_spans_are_forwarded(
    path: Path, provider: dict[str, Any]
) -> None:
    """
    A fork disturbs neither the parent's forwarding nor what the child records.
    """
    script = """
import os, sys, otel_bridge
bridge = otel_bridge.install(sys.argv[1], forward=sys.argv[2])
with bridge.run("before"):
    pass
assert bridge.flush_forwarding(20)
pid = os.fork()
with bridge.run("parent" if pid else "child"):
    pass
if pid:
    assert os.waitpid(pid, 0)[1] == 0
    assert bridge.flush_forwarding(20)
bridge.close()
"""
    with http_endpoint() as endpoint:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", script, str(path), endpoint.url],
            timeout=60, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted(endpoint.names) == [f"invoke_agent {n}" for n in ("before", "child", "parent")]


def test_the_state_is_shown(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    `forward --status` names each destination, what waits for it and why.
    """
    store(path, [spans_named("a", "b")])
    url = f"http://127.0.0.1:{free_port()}/v1/traces"
    assert run_with(["forward", url, "--db", str(path)]) == 1
    assert "the rest waits" in capsys.readouterr().err
    assert run_with(["forward", "--status", "--db", str(path), "--format", "json"]) == 0
    shown = capsys.readouterr().out
    assert url in shown
    assert '"waiting_spans": 2' in shown.replace('":2', '": 2')


@pytest.mark.parametrize("columns", ["80", "120"])
def test_the_state_says_why_in_full(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    """
    In a terminal of any width the reason is told whole, and that of what was set aside.
    """
    monkeypatch.setenv("COLUMNS", columns)
    store(path, [spans_named("a", "bad", "c"), some_logs(3)])
    with http_endpoint() as endpoint:
        endpoint.takes_logs = False
        endpoint.answer = lambda path, body: (400, {}, b"too odd") if b"bad" in body else TAKEN
        run_with(["forward", endpoint.url, "--db", str(path)])
    away = f"http://127.0.0.1:{free_port()}/a/rather/long/path/to/v1/traces"
    run_with(["forward", away, "--db", str(path)])
    capsys.readouterr()
    assert run_with(["forward", "--status", "--db", str(path)]) == 0
    *_, first, second, third = capsys.readouterr().out.splitlines()
    told = sorted([first, second, third])
    assert any(f"{away} takes nothing now: ConnectionError" in line for line in told)
    assert any(f"{endpoint.url} takes no log records" in line for line in told)
    assert any("would not take 1 record, the last because: HTTP 4" in line for line in told)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--status", "--set-aside"),
        ("--status", "--follow"),
        ("--status", URL),
        (URL, "--set-aside", "--since", "2h"),
        (URL, "--set-aside", "--follow"),
    ],
)
def test_what_does_not_go_together_is_wrong_usage(path: Path, arguments: tuple[str, ...]) -> None:
    """
    An option that would be passed over is refused, and no cursor is moved.
    """
    store(path, [spans_named("a")])
    assert run_with(["forward", *arguments, "--db", str(path)]) == 2
    assert states(path) == []


def test_what_is_forwarded_by_hand_begins_with_everything(path: Path) -> None:
    """
    A destination of a file that does not say where it begins gets all that is stored, as
    one that is named by its URL does; two of one name are refused.
    """
    store(path, [spans_named("a", "b")])
    file = path.with_name("to.toml")
    with http_endpoint() as endpoint:
        text = f"[[destination]]\nname = 'd'\nurl = '{endpoint.url}'\n"
        file.write_text(text, encoding="utf-8")
        assert run_with(["forward", "--db", str(path), "--destinations", str(file)]) == 0
        assert endpoint.names == ["a", "b"]
        file.write_text(2 * text, encoding="utf-8")
        assert run_with(["forward", "--db", str(path), "--destinations", str(file)]) == 1


def test_since_begins_anew_at_a_time(path: Path) -> None:
    """
    A destination that lost what it had gets what ended since then once more.
    """
    early, late = spans_named("early", "late")
    late = replace(late, start_ns=early.start_ns + 10**13, end_ns=early.end_ns + 10**13)
    store(path, [[early, late]])
    with http_endpoint() as endpoint:
        assert run_with(["forward", endpoint.url, "--db", str(path)]) == 0
        moment = "2200-01-01T00:00:00Z"
        assert run_with(["forward", endpoint.url, "--db", str(path), "--since", moment]) == 0
        assert endpoint.names == ["early", "late"]
        when = f"{(early.end_ns + 5 * 10**12) / 1e9:.0f}"
        assert run_with(["forward", endpoint.url, "--db", str(path), "--since", rfc(when)]) == 0
    assert endpoint.names == ["early", "late", "late"]


def rfc(seconds: str) -> str:
    """
    Write a time as the command line takes it.
    """
    from datetime import UTC, datetime

    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_destinations_have_names_of_their_own() -> None:
    """
    Two destinations of one name would share a cursor, and are refused.
    """
    with pytest.raises(DestinationError, match="a name of its own"):
        otel_bridge.Forwarder("runs.db", [URL, URL])
    with pytest.raises(DestinationError, match="http"):
        otel_bridge.install("runs.db", forward="localhost:4317", tracer_provider=TracerProvider())


def test_places_are_given_by_commit(path: Path) -> None:
    """
    Spans are numbered when they end, in the order of the transactions.
    """
    first, second = spans_named("first", "second")
    store(path, [[replace(first, end_ns=None), second], [first]])
    with tolerant_reading(path) as connection:
        ended = spans_ended_after(connection, 0, 10)
    assert [each.record.name for each in ended if hasattr(each.record, "name")] == [
        "second",
        "first",
    ]
    assert [each.place for each in ended] == [1, 2]


def free_port() -> int:
    """
    Find a port on which nobody listens.
    """
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
