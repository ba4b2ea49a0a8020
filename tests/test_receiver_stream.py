"""
The way into the database: requests share transactions, and none costs another anything.
"""

import asyncio
import json
import threading
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any

import captures
import pytest
from backends import picture, store
from hypothesis import given, settings
from hypothesis import strategies as st
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.rare_warnings import RareWarnings
from otel_bridge_storage.records import Arrival, LogRecord, SpanRecord
from receiving import (
    JSON,
    json_request,
    locked,
    refuse_spans_named,
    request,
    served,
    spans,
)
from recording_data import eventually, is_whole, value
from stored import PRICER, READER
from trees import agent, message

from otel_bridge.content import ContentPolicy
from otel_bridge.database_writer import DatabaseWriter
from otel_bridge.otlp import encode_logs, encode_traces
from otel_bridge.otlp.json_encode import encode_logs_json, encode_traces_json
from otel_bridge.otlp.signals import LOGS, TRACES, Form, Signal
from otel_bridge.receiver import IngestStream, Limits, Refusal
from otel_bridge.receiver.jobs import Job, Outcome

_numbers = count(1)
Sent = tuple[Signal, Form, bytes]


async def send_all(target: str, requests: Sequence[Sent], limits: Limits) -> list[Any]:
    """
    Send requests at once, and give what came of each.
    """
    writer = DatabaseWriter(target, reader=READER, pricer=PRICER)
    stream = IngestStream(
        writer, limits, reader=READER, policy=ContentPolicy(), complain=RareWarnings(0.0)
    )
    try:
        jobs = [
            Job(signal=signal, transport="http", form=form, body=body, share=stream.enter())
            for signal, form, body in requests
        ]
        return await asyncio.gather(*(stream.submit(job) for job in jobs), return_exceptions=True)
    finally:
        await stream.close()
        assert (stream.budget.requests, stream.budget.size) == (0, 0)
        writer.close()


def as_request(records: Sequence[Arrival], form: Form) -> list[Sent]:
    """
    Write records as a request of each signal.
    """
    found = [record for record in records if isinstance(record, SpanRecord)]
    logs = [record for record in records if isinstance(record, LogRecord)]
    sent: list[Sent] = []
    if found:
        text = encode_traces_json(found).encode()
        sent.append((TRACES, form, encode_traces(found) if form is Form.PROTO else text))
    if logs:
        text = encode_logs_json(logs).encode()
        sent.append((LOGS, form, encode_logs(logs) if form is Form.PROTO else text))
    return sent


ARRIVALS = [record for name in captures.names()[::5] for record in captures.arrivals(name)]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_any_requests_at_once_store_what_one_import_stores(data: st.DataObject) -> None:
    """
    However telemetry is cut into requests, ordered, repeated and grouped, the rows are those
    of one import.
    """
    shuffled = data.draw(st.permutations(ARRIVALS))
    requests: list[Sent] = []
    while shuffled:
        size = data.draw(st.integers(1, 40))
        form = data.draw(st.sampled_from(Form))
        requests += as_request(shuffled[:size], form)
        shuffled = shuffled[size:]
    requests += data.draw(st.lists(st.sampled_from(requests), max_size=3))
    limits = Limits(
        transaction_records=data.draw(st.integers(1, 60)),
        transaction_bytes=data.draw(st.sampled_from([1, 10_000, 10**7])),
        ahead_bytes=data.draw(st.sampled_from([1, 10_000, 10**7])),
    )
    number = next(_numbers)
    received, imported = f"memory://received-{number}", f"memory://imported-{number}"
    with open_database(received), open_database(imported):
        outcomes = asyncio.run(send_all(received, requests, limits))
        assert all(isinstance(one, Outcome) and not one.rejected for one in outcomes)
        store(imported, [ARRIVALS])
        assert picture(received) == picture(imported)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=8), min_size=1, max_size=6))
def test_each_malformed_span_costs_only_itself(requests: list[list[bool]]) -> None:
    """
    Of requests with bad spans in any places, each is told its own, and all others are stored.
    """
    sent: list[Sent] = []
    for trace, bad in enumerate(requests, 1):
        document = json.loads(json_request(len(bad), trace))
        for one, is_bad in zip(
            document["resourceSpans"][0]["scopeSpans"][0]["spans"], bad, strict=True
        ):
            one["spanId"] = "no id" if is_bad else one["spanId"]
        sent.append((TRACES, Form.JSON, json.dumps(document).encode()))
    target = f"memory://malformed-{next(_numbers)}"
    with open_database(target):
        outcomes = asyncio.run(send_all(target, sent, Limits()))
        assert [one.rejected for one in outcomes] == [sum(bad) for bad in requests]
        assert [one.accepted for one in outcomes] == [len(bad) - sum(bad) for bad in requests]
        good = sum(len(bad) - sum(bad) for bad in requests)
        assert len(picture(target)["spans"]) == good


def test_requests_that_wait_together_share_a_transaction(tmp_path: Path) -> None:
    """
    Twenty requests that wait for a lock are stored by a few transactions, once it is gone.
    """
    path = tmp_path / "runs.db"
    statuses: list[int] = []

    def send(trace: int) -> None:
        statuses.append(server.post(request(5, trace)).status)

    with served(path) as server:
        senders = [threading.Thread(target=send, args=(trace,)) for trace in range(1, 21)]
        with locked(path):
            for sender in senders:
                sender.start()
            held = "queue_requests 20.0"
            assert eventually(lambda: held in server.get("/metrics").body.decode())
        for sender in senders:
            sender.join()
        told = server.get("/metrics").body.decode()
    assert statuses == [200] * 20
    assert value(path, "SELECT count(*) FROM spans") == 100
    (commits,) = (line for line in told.splitlines() if "commit_seconds_count" in line)
    assert float(commits.split()[1]) <= 3


def test_a_record_that_the_database_refuses_costs_only_itself(tmp_path: Path) -> None:
    """
    Its neighbours in the request and the transaction are stored, and its sender is told.
    """
    path = tmp_path / "runs.db"
    statuses: list[int] = []
    with served(path) as server:
        refuse_spans_named(path, "poison")
        mixed = encode_traces([*spans(10), *spans(1, 2, name="poison"), *spans(10, 3)])
        with locked(path):
            beside = [
                threading.Thread(
                    target=lambda t=trace: statuses.append(server.post(request(2, t)).status)
                )
                for trace in (4, 5)
            ]
            for sender in beside:
                sender.start()
            held = "queue_requests 2.0"
            assert eventually(lambda: held in server.get("/metrics").body.decode())
        reply = server.post(mixed)
        for sender in beside:
            sender.join()
        told = server.get("/metrics").body.decode()
    partial = TRACES.answer(0, "x").FromString(reply.body).partial_success
    assert (reply.status, partial.rejected_spans, statuses) == (200, 1, [200, 200])
    assert f"span {2:04x}{1:012x} of trace {2:032x}" in partial.error_message
    assert 'otel_bridge_rejected_total{reason="unstorable",signal="traces"} 1.0' in told
    assert value(path, "SELECT count(*) FROM spans") == 24
    assert is_whole(path)


def test_a_large_request_is_stored_piece_by_piece(tmp_path: Path) -> None:
    """
    A request of more records than a transaction holds does not lock the others out.
    """
    path = tmp_path / "runs.db"
    with served(path, limits=Limits(transaction_records=100)) as server:
        assert server.post(request(1050)).status == 200
        told = server.get("/metrics").body.decode()
    assert "otel_bridge_commit_seconds_count 11.0" in told
    assert value(path, "SELECT count(*) FROM spans") == 1050


def test_a_locked_database_is_told_to_the_sender_and_passes(tmp_path: Path) -> None:
    """
    While it is locked a sender hears 503 and when to come back, and readiness says so; then
    all is as before.
    """
    path = tmp_path / "runs.db"
    with served(path, limits=Limits(patience_s=0.0)) as server:
        with locked(path):
            reply = server.post(request(), kind=JSON)
            assert reply.status == 400
            reply = server.post(json_request(), kind=JSON)
            assert (reply.status, reply.headers["retry-after"]) == (503, "2")
            assert reply.json["code"] == 14
            assert reply.json["details"][0]["retryDelay"] == "2s"
            assert str(path) not in reply.json["message"]
            ready = server.get("/readyz")
            assert ready.status == 503
            assert ready.json["reasons"] == ["the database cannot be written"]
            assert b"database_writable 0.0" in server.get("/metrics").body
        assert eventually(lambda: server.get("/readyz").status == 200)
        assert server.post(json_request(), kind=JSON).status == 200
        assert server.get("/readyz").json == {"status": "ready"}
    assert value(path, "SELECT count(*) FROM spans") == 1


async def test_a_locked_database_holds_up_no_stop(tmp_path: Path) -> None:
    """
    Of twenty requests in hand, each a transaction of its own, one waits for a database that
    cannot be written; the others are refused with it.
    """
    path = tmp_path / "runs.db"
    writer = DatabaseWriter(path, reader=READER, pricer=PRICER)
    limits = Limits(patience_s=0.0, transaction_records=1)
    stream = IngestStream(
        writer, limits, reader=READER, policy=ContentPolicy(), complain=RareWarnings(0.0)
    )
    with locked(path):
        jobs = [
            Job(
                signal=TRACES,
                transport="http",
                form=Form.PROTO,
                body=request(trace=number),
                share=stream.enter(),
            )
            for number in range(1, 21)
        ]
        answers = [asyncio.ensure_future(stream.submit(job)) for job in jobs]
        began = time.monotonic()
        await asyncio.sleep(0)
        await stream.close()
        told = await asyncio.gather(*answers, return_exceptions=True)
        assert time.monotonic() - began < 6
    assert {type(answer) for answer in told} == {Refusal}
    writer.close()


def test_health_is_told_while_a_large_request_is_decoded(tmp_path: Path) -> None:
    """
    The event loop answers while 40,000 spans are decoded and stored beside it.
    """
    body = json_request(40_000)
    with served(tmp_path / "runs.db") as server:
        sender = threading.Thread(target=server.post, args=(body,), kwargs={"kind": JSON})
        sender.start()
        answered = 0
        while sender.is_alive():
            answered += server.get("/healthz").status == 200
        sender.join()
    assert answered > 10
    assert value(tmp_path / "runs.db", "SELECT count(*) FROM spans") == 40_000


@pytest.mark.parametrize("keep", [True, False])
def test_content_is_left_out_where_it_is_not_wanted(tmp_path: Path, keep: bool) -> None:
    """
    Without content neither the attribute nor a message is stored, and the run is.
    """
    path = tmp_path / "runs.db"
    fields = agent("planner", **{"gen_ai.input.messages": message("user", "a secret wish")})
    with served(path, keep_content=keep) as server:
        assert server.post(encode_traces(spans(1, **fields))).status == 200
    texts = value(path, "SELECT count(*) FROM messages WHERE body LIKE '%secret wish%'")
    assert (texts > 0) is keep
    assert value(path, "SELECT count(*) FROM runs") == 1
