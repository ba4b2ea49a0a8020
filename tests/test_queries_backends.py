"""
Reports are the same over every kind of database, and never of an older state.
"""

from pathlib import Path
from typing import Any

import captures
import pytest
from backends import Backend, store
from captures import arrivals
from otel_bridge_queries import Queries
from otel_bridge_storage.errors import DatabaseError, DatabaseNotFoundError
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.opening import open_database
from stored import PRICER, READER
from trees import agent, chat, span

NOW = 1_795_262_400_000_000_000
VIEWS = {
    "runs": "run_id",
    "llm_calls": "trace_id, span_id",
    "tool_calls": "trace_id, span_id",
    "steps": "run_id, step_id",
    "sessions": "session_id",
    "spans": "trace_id, span_id",
    "messages": "body",
}


def reports(target: str | Path) -> dict[str, Any]:
    """
    Ask for every report there is.
    """
    with Queries(target, clock=lambda: NOW) as queries:
        grouped = {
            name: getattr(queries, name)(["agent_name", "day"]).rows
            for name in ("cost", "tokens", "latency", "tools", "errors")
        }
        views = {
            name: without_ids(queries.sql(f"SELECT * FROM {name} ORDER BY {key}").dicts())
            for name, key in VIEWS.items()
        }
        runs = queries.run_views().dicts()
        ids = [run["run_id"] for run in runs]
        steps = queries.step_views(run_id=ids).dicts() if ids else []
        return {**grouped, **views, "run_views": runs, "step_views": steps}


def without_ids(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """
    Leave out the numbers of rows.
    """
    return [{k: v for k, v in row.items() if k not in ("id", "message_id")} for row in rows]


def test_reports_are_the_same_everywhere(backend: Backend) -> None:
    """
    Every report on real telemetry equals the one on a SQLite file.
    """
    batches = [arrivals(name) for name in captures.names()]
    reference = backend.folder / "reference.db"
    store(str(reference), batches)
    store(backend.target, batches)
    found, wanted = reports(backend.target), reports(reference)
    assert found.keys() == wanted.keys()
    for name, rows in wanted.items():
        assert rows, name
        assert found[name] == rows, name


def test_reports_are_of_what_was_committed_last(backend: Backend) -> None:
    """
    A report asked for after a commit sees it, whatever was copied before.
    """
    with open_database(backend.target) as database, Queries(backend.target) as queries:
        ingestor = Ingestor(database, reader=READER, pricer=PRICER)
        for number in range(1, 6):
            ingestor.apply([span(number, 1, **agent("a")), span(number, 2, 1, **chat("r", 3))])
            assert queries.cost("agent_name").rows[0][:2] == ("a", number)
            assert queries.cost("agent_name").rows[0][:2] == ("a", number)


def test_a_report_sees_a_transaction_that_began_before_the_last_copy(backend: Backend) -> None:
    """
    What was under way while tables were copied is in the next report, once committed.
    """
    if backend.may("readers and the writer"):
        pytest.skip("a reader waits for the writer there")
    store(backend.target, [[span(1, 1, **agent("a")), span(1, 2, 1, **chat("r", 3))]])
    with open_database(backend.target) as database, Queries(backend.target) as queries:
        with database.transaction() as connection:
            connection.exec_driver_sql("UPDATE runs SET agent_name = 'b'")
            assert queries.cost("agent_name").rows[0][0] == "a"
        assert queries.cost("agent_name").rows[0][0] == "b"


def test_chunks_join_without_a_seam(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    However many rows travel at once, each arrives once.
    """
    monkeypatch.setattr("otel_bridge_queries.sources.CHUNK_ROWS", 3)
    spans = [span(1, number, None, **chat(f"r{number}", number)) for number in range(1, 11)]
    store(backend.target, [spans])
    with Queries(backend.target) as queries:
        assert queries.cost().rows[0][:2] == (10, 55)


def test_a_report_needs_a_database(backend: Backend) -> None:
    """
    Where nothing was recorded there is nothing to report on, and the error says so.
    """
    target = "memory://nobody" if backend.kind == "sqlite-memory" else backend.target
    with pytest.raises(DatabaseNotFoundError):
        Queries(target)


def test_an_error_of_the_database_is_one_of_ours(backend: Backend) -> None:
    """
    A table that is gone is told as an error of the database, and closing still works.
    """
    store(backend.target, [[span(1, 1, **agent("a")), span(1, 2, 1, **chat("r", 3))]])
    with open_database(backend.target) as database, Queries(backend.target) as queries:
        with database.transaction() as connection:
            connection.exec_driver_sql("DROP TABLE tool_calls")
        with pytest.raises(DatabaseError, match="tool_calls"):
            queries.tools()
        assert queries.cost().rows[0][0] == 1
