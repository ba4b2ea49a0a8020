"""
`/metrics`: well-formed, true, and never in the way.
"""

import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import Any

import captures
import pytest
from backends import Backend
from hypothesis import given
from hypothesis import strategies as st
from otel_bridge_storage.call_sums import call_sums
from otel_bridge_storage.rare_warnings import RareWarnings
from otlp_servers import grpc_endpoint, http_endpoint
from prometheus_client.parser import text_string_to_metric_families
from receiving import (
    JSON,
    Served,
    json_request,
    locked,
    log_request,
    request,
    served,
    with_broken_id,
)
from recording_data import eventually
from sqlalchemy import Connection

from otel_bridge import Destination, Forwarder, Queries
from otel_bridge.server.cost_metrics import CostMetrics, bounded
from otel_bridge.server.forward_metrics import ForwardMetrics

Labels = frozenset[tuple[str, str]]


def scrape(server: Served) -> dict[tuple[str, Labels], float]:
    """
    Read all figures, by name and labels; none may be told twice.
    """
    found: dict[tuple[str, Labels], float] = {}
    reply = server.get("/metrics")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain")
    for family in text_string_to_metric_families(reply.body.decode()):
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found
            found[key] = sample.value
    return found


def key(name: str, **labels: str) -> tuple[str, Labels]:
    """
    Name one figure.
    """
    return f"otel_bridge_{name}", frozenset(labels.items())


def test_costs_are_those_of_the_reports(backend: Backend) -> None:
    """
    Calls, tokens and cost by agent, provider and model are what `Queries.cost` says, to the
    last figure, and what it does not know is not told.
    """
    by = ["agent_name", "provider", "model"]
    with served(backend.target) as server:
        for name in captures.names():
            for path in captures.files(name, "traces", "pb"):
                assert server.post(path.read_bytes()).status == 200
        told = scrape(server)
        with Queries(backend.target) as queries:
            expected = list(queries.cost(by=by))
    assert len(expected) > 5
    calls = {k: v for k, v in told.items() if k[0] == "otel_bridge_llm_calls"}
    assert len(calls) == len(expected)
    for row in expected:
        group = {
            "agent": row["agent_name"] or "",
            "provider": row["provider"] or "",
            "model": row["model"] or "",
        }
        assert told[key("llm_calls", **group)] == row["llm_calls"]
        assert told[key("llm_unpriced_calls", **group)] == row["unpriced_calls"]
        assert told.get(key("llm_cost_usd", **group)) == row["cost_usd"]
        for kind in ("input", "output", "cache_read", "cache_write", "reasoning"):
            figure = told.get(key("llm_tokens", **group, type=kind))
            assert figure == row[f"{kind}_tokens"]


def test_requests_and_records_are_counted_by_what_became_of_them(tmp_path: Path) -> None:
    """
    Accepted, stored, duplicate, rejected and refused are told apart.
    """
    with served(tmp_path / "runs.db") as server:
        server.post(request(3))
        server.post(request(4))
        server.call(request(2, trace=2))
        server.post(with_broken_id(json_request(3, trace=3)), kind=JSON)
        server.post(b"\xff\xff")
        server.post(b"{}", kind="text/plain")
        told = scrape(server)
    http = {"signal": "traces", "transport": "http"}
    assert told[key("requests_total", **http, result="ok")] == 2
    assert told[key("requests_total", **http, result="partial")] == 1
    assert told[key("requests_total", **http, result="malformed")] == 1
    assert told[key("requests_total", **http, result="unsupported")] == 1
    assert told[key("requests_total", **http | {"transport": "grpc"}, result="ok")] == 1
    assert told[key("accepted_total", signal="traces")] == 3 + 4 + 2 + 2
    assert told[key("stored_total", signal="traces")] == 4 + 2 + 2
    assert told[key("duplicates_total")] == 3
    assert told[key("rejected_total", signal="traces", reason="malformed")] == 1
    assert told[key("commit_seconds_count")] == 4
    assert told[key("commit_seconds_bucket", le="+Inf")] == 4
    assert told[key("commit_seconds_sum")] > 0
    assert told[key("database_writable")] == 1


def test_a_forwarder_starts_tells_and_ends_with_the_server(tmp_path: Path) -> None:
    """
    What waits and what was sent is told by destination.
    """
    path = tmp_path / "runs.db"
    with http_endpoint() as endpoint:
        there = Destination(url=endpoint.url, name="there")
        away = Destination(url="http://127.0.0.1:9/v1/traces", name="away")
        with served(path, Forwarder(path, [there, away])) as server:
            assert server.post(request(3)).status == 200
            sent = key("forward_sent_total", destination="there", signal="traces")
            failing = key("forward_failing", destination="away")
            assert eventually(lambda: scrape(server)[sent] == 3)
            assert eventually(lambda: scrape(server)[failing] == 1)
            told = scrape(server)
    assert len(endpoint.spans) == 3
    assert told[key("forward_waiting", destination="there", signal="traces")] == 0
    assert told[key("forward_waiting", destination="away", signal="traces")] == 3
    assert told[key("forward_lag_seconds", destination="away")] > 0
    assert told[key("forward_set_aside", destination="away")] == 0


async def test_the_event_loop_does_not_wait_for_what_waits() -> None:
    """
    While the database counts what waits for destinations, the event loop goes on, and a
    second scrape asks nothing more.
    """
    going, done = threading.Event(), threading.Event()
    asked: list[int] = []

    def slow() -> list[Any]:
        asked.append(1)
        going.set()
        assert done.wait(30)
        return []

    metrics = ForwardMetrics(slow)
    scrapes = [asyncio.create_task(metrics.refresh()) for _ in range(2)]
    assert await asyncio.to_thread(going.wait, 30)
    done.set()
    await asyncio.gather(*scrapes)
    assert asked == [1]


def test_what_a_destination_has_no_place_for_is_no_lag(tmp_path: Path) -> None:
    """
    Log records that Jaeger will never take are told apart from what waits for it.
    """
    path = tmp_path / "runs.db"
    with grpc_endpoint(takes_logs=False) as endpoint:
        jaeger = Destination(url=endpoint.url, name="jaeger")
        with served(path, Forwarder(path, [jaeger])) as server:
            assert server.post(request(3)).status == 200
            assert server.post(log_request(2), "/v1/logs").status == 200
            untaken = key("forward_untaken", destination="jaeger", signal="logs")
            assert eventually(lambda: scrape(server)[untaken] == 2)
            assert eventually(lambda: len(endpoint.spans) == 3)
            told = scrape(server)
    assert told[key("forward_waiting", destination="jaeger", signal="logs")] == 0
    assert told[key("forward_lag_seconds", destination="jaeger")] == 0
    assert told[key("forward_failing", destination="jaeger")] == 0


def test_names_from_outside_cannot_break_the_format(tmp_path: Path) -> None:
    """
    Quotes, line ends and backslashes in a model's name come back as they were.
    """
    name = 'evil"} 1\nmodel{x="\\y'
    fields: dict[str, Any] = {
        "name": "chat",
        "attributes": {"gen_ai.operation.name": "chat", "gen_ai.request.model": name},
    }
    with served(tmp_path / "runs.db") as server:
        assert server.post(request(**fields)).status == 200
        told = scrape(server)
    assert {dict(labels)["model"] for n, labels in told if n == "otel_bridge_llm_calls"} == {name}


def test_figures_are_told_while_the_database_is_locked(tmp_path: Path) -> None:
    """
    A scrape and a health check do not wait for a request that waits for the database.
    """
    path = tmp_path / "runs.db"
    with served(path) as server:
        sender = threading.Thread(target=server.post, args=(request(),))
        with locked(path):
            sender.start()
            assert eventually(lambda: scrape(server)[key("queue_requests")] == 1)
            assert server.get("/healthz").status == 200
        sender.join()
        assert scrape(server)[key("queue_requests")] == 0


def test_costs_that_cannot_be_asked_leave_the_rest(tmp_path: Path) -> None:
    """
    With tables that reports cannot read, the figures of the server itself are told.
    """
    path = tmp_path / "runs.db"
    with served(path) as server:
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99999")
            connection.execute("ALTER TABLE llm_calls RENAME TO gone")
        connection.close()
        assert scrape(server)[key("queue_requests")] == 0


async def test_the_database_is_asked_once_in_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Many scrapes at once and soon after ask the database one question.
    """
    asked: list[object] = []

    def counted(connection: Connection) -> Any:
        asked.append(connection)
        return call_sums(connection)

    monkeypatch.setattr("otel_bridge.server.cost_metrics.call_sums", counted)
    with served(tmp_path / "runs.db"):
        costs = CostMetrics(str(tmp_path / "runs.db"), complain=RareWarnings(0.0))
        await asyncio.gather(*(costs.refresh() for _ in range(10)))
        await costs.refresh()
        await costs.close()
    assert len(asked) == 1


async def test_a_database_that_is_slow_to_answer_is_asked_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Asking takes a twentieth of the time at most.
    """
    now = 0.0
    asked: list[float] = []

    def slow(connection: Connection) -> Any:
        nonlocal now
        asked.append(now)
        now += 10.0
        return call_sums(connection)

    monkeypatch.setattr("otel_bridge.server.cost_metrics.call_sums", slow)
    with served(tmp_path / "runs.db"):
        path = str(tmp_path / "runs.db")
        costs = CostMetrics(path, complain=RareWarnings(0.0), clock=lambda: now)
        for then in (0.0, 100.0, 209.0, 210.0):
            now = then
            await costs.refresh()
        await costs.close()
    assert asked == [0.0, 210.0]


ROWS = st.fixed_dictionaries(
    {
        "agent_name": st.sampled_from(["a", "b", "other", None]),
        "provider": st.sampled_from(["p", "other", None]),
        "model": st.sampled_from(["m", "n", "other", None]),
        "llm_calls": st.integers(1, 9),
        "unpriced_calls": st.integers(0, 9),
        "error_calls": st.integers(0, 9),
        "cost_usd": st.none() | st.integers(0, 9),
        "input_tokens": st.none() | st.integers(0, 9),
        "output_tokens": st.none() | st.integers(0, 9),
        "cache_read_tokens": st.none(),
        "cache_write_tokens": st.none() | st.integers(0, 9),
        "reasoning_tokens": st.none() | st.integers(0, 9),
    }
)


@given(
    st.lists(ROWS, unique_by=lambda row: (row["agent_name"], row["provider"], row["model"])),
    st.integers(0, 6),
)
def test_the_groups_are_bounded_and_their_sum_is_kept(rows: list[Any], most: int) -> None:
    """
    There are so many groups and one for the others, and no figure is lost or made up.
    """
    groups = bounded(rows, most)
    assert len(groups) <= most + 1
    for column in ("llm_calls", "cost_usd", "input_tokens", "cache_read_tokens"):
        before = [row[column] for row in rows if row[column] is not None]
        after = [value for sums in groups.values() if (value := sums[column]) is not None]
        assert sum(before) == sum(after)
        assert bool(before) == bool(after)
