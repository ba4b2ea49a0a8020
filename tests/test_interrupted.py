"""
Interrupted runs in reports and on the command line: their end, and what they left open.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from backends import Backend
from otel_bridge_queries import Queries
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.liveness import Writer
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.schema import writers
from run_store_data import FlatPricer, PlainReader, at, call, fact, run, tool, when
from sqlalchemy import update

from otel_bridge.cli.main import run_with

SEEN = when(7)
Cli = Callable[..., str]


def record(target: str, *, seen_s: float | None = 7) -> None:
    """
    Write an open run, a paused one and one that ended.

    Args:
        seen_s: When their writer was last heard of; None is now.
    """
    with open_database(target) as database:
        writer = Writer("w", "elsewhere", 1)
        ingestor = Ingestor(database, reader=PlainReader(), pricer=FlatPricer(), writer=writer)
        ingestor.apply(
            [
                run("01", "open", 0, None, agent_name="planner"),
                call("02", 1, None, parent="01", model="m", provider="p"),
                call("03", 2, 3, parent="01", model="m", provider="p"),
                tool("04", 4, None, parent="01", tool_name="search"),
                run("05", "paused", 0, 5, trace="b", facts=(fact("run.paused", 5),)),
                run("06", "ended", 0, 5, trace="c"),
            ]
        )
        if seen_s is not None:
            with database.transaction() as connection:
                connection.execute(update(writers).values(last_seen_ns=at(seen_s)))


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """
    Run a command line in a wide terminal, and give what it printed.
    """
    monkeypatch.setenv("COLUMNS", "220")

    def typed(*words: object) -> str:
        capsys.readouterr()
        assert run_with([str(word) for word in words]) == 0
        return capsys.readouterr().out

    return typed


def test_reports_tell_when_a_run_was_interrupted(backend: Backend) -> None:
    """
    An interrupted run has its last sign of life as its end; a paused one has none, and
    what an interrupted run left open is interrupted too.
    """
    record(backend.target)
    with Queries(backend.target) as queries:
        told = queries.sql(
            "SELECT run_id, status, ended_at, duration_ms, last_seen_at FROM runs ORDER BY 1"
        )
        assert told.rows == [
            ("ended", "success", when(5), 5000.0, None),
            ("open", "interrupted", SEEN, 7000.0, SEEN),
            ("paused", "paused", None, None, when(5)),
        ]
        (view,) = queries.run_views(status="interrupted")
        assert (view["run_id"], view["ended_at"], view["duration_ms"]) == ("open", SEEN, 7000.0)
        assert not queries.run_views(status="running").rows
        calls = queries.sql("SELECT status FROM llm_calls ORDER BY started_at").rows
        assert calls == [("interrupted",), ("ok",)]
        assert queries.sql("SELECT status FROM tool_calls").rows == [("interrupted",)]


def test_reports_tell_of_runs_that_go_on(backend: Backend) -> None:
    """
    A running run has no end and a last sign of life, and its open calls run.
    """
    record(backend.target, seen_s=None)
    with Queries(backend.target) as queries:
        (row,) = queries.sql(
            "SELECT ended_at, duration_ms, last_seen_at FROM runs WHERE status = 'running'"
        ).rows
        assert row[:2] == (None, None)
        assert timedelta() <= datetime.now(UTC) - row[2] < timedelta(minutes=1)
        assert queries.sql("SELECT status FROM tool_calls").rows == [("running",)]


def test_a_sign_of_life_in_the_future_is_one_of_now_in_reports(tmp_path: Path) -> None:
    """
    After a clock was set back no run was last seen in the future.
    """
    path = tmp_path / "runs.db"
    ahead = (datetime.now(UTC) - when(0) + timedelta(hours=1)).total_seconds()
    record(str(path), seen_s=ahead)
    with Queries(path) as queries:
        ((status, seen),) = queries.sql(
            "SELECT status, last_seen_at FROM runs WHERE run_id = 'open'"
        ).rows
    assert status == "running"
    assert seen <= datetime.now(UTC)


def test_the_command_line_says_when_a_run_was_last_seen(cli: Cli, tmp_path: Path) -> None:
    """
    Lists, headers and traces name the last sign of life of what was interrupted.
    """
    path = tmp_path / "runs.db"
    record(str(path))
    listed = cli("runs", "--db", path)
    assert "last seen (UTC)" in listed
    assert re.search(r"interrupted .*2026-03-01 12:00:07 +7.00 s", listed)
    (row,) = json.loads(cli("runs", "--db", path, "--status", "interrupted", "-f", "json"))
    assert row["last_seen_at"] == row["ended_at"] == "2026-03-01T12:00:07.000000Z"
    assert (row["status"], row["duration_ms"]) == ("interrupted", 7000.0)
    header = cli("run", "open", "--db", path)
    assert "interrupted, last heard of 2026-03-01 12:00:07 UTC, after 7.00 s" in header
    assert re.search(r"run planner +interrupted", header)
    trace = cli("trace", "open", "--db", path)
    assert "interrupted, last heard of 2026-03-01 12:00:07 UTC" in trace
    assert trace.count("interrupted") == 4
    assert "running" not in trace
    spans = cli("trace", "open", "--db", path, "-f", "csv")
    assert spans.count(",interrupted,") == 3


def test_a_list_of_ended_runs_does_not_say_when_they_were_last_seen(
    cli: Cli, tmp_path: Path
) -> None:
    """
    The column is left out where it would be empty.
    """
    record(str(tmp_path / "runs.db"))
    assert "last seen" not in cli("runs", "--db", tmp_path / "runs.db", "--status", "success")
