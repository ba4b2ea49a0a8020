from datetime import UTC, datetime
from pathlib import Path

import pytest
from otel_bridge_queries import Queries
from otel_bridge_storage.errors import QueryError
from queries_data import NOON, Recorded


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """
    A database with a row in every view.
    """
    recorded = Recorded(tmp_path / "runs.db")
    with recorded:
        recorded.session("s")
        asked = recorded.said("Why?")
        recorded.run("one", ("red",), agent_name="planner", session_id="s", input_message=asked)
        recorded.llm_call("one", request_model="m", cost_picousd=2 * 10**12)
        recorded.llm_call("one", counted=0)
        recorded.tool_call("one", "search", arguments=recorded.message('{"q":1}'))
        recorded.step("one", 0, "user", asked)
        recorded.event("one", "run.paused", '{"reason":"lunch"}')
    recorded.close()
    return recorded.path


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("SELECT run_id, input, tags FROM runs", [("one", "Why?", ["red"])]),
        ("SELECT content FROM Steps", [("Why?",)]),
        ('SELECT agent_name, model, cost_usd FROM "LLM_CALLS"', [("planner", "m", 2.0)]),
        ("SELECT tool_name, arguments FROM tool_calls", [("search", '{"q":1}')]),
        ("SELECT session_id, runs FROM sessions", [("s", 1)]),
        ("SELECT count(*), any_value(service) FROM spans", [(5, "shop")]),
        ("SELECT kind, data->>'reason' FROM events", [("run.paused", "lunch")]),
        ("SELECT body FROM messages WHERE id = 2", [('{"q":1}',)]),
        ("WITH r AS (FROM runs) SELECT count(*) FROM r;", [(1,)]),
        ("SELECT count(*) FROM query('FROM ru' || 'ns')", [(1,)]),
        ("-- a note\nVALUES (1), (2) -- and another", [(1,), (2,)]),
    ],
)
def test_views_can_be_queried(path: Path, text: str, rows: list[tuple[object, ...]]) -> None:
    """
    Each view has its rows, calls once each, however the statement is written.
    """
    with Queries(path) as queries:
        assert queries.sql(text).rows == rows


def test_values_are_bound_by_place_or_name(path: Path) -> None:
    """
    Parameters reach the statement as values.
    """
    hostile = "'; DROP TABLE runs; --"
    with Queries(path) as queries:
        assert queries.sql("SELECT ?, ?", [1, hostile]).rows == [(1, hostile)]
        assert queries.sql("SELECT $x AS x", {"x": hostile}).dicts() == [{"x": hostile}]


def test_moments_are_aware_where_sql_says_so(path: Path) -> None:
    """
    A moment is an aware datetime in UTC; a local clock time is left without a zone.
    """
    text = "SELECT started_at, started_at AT TIME ZONE 'Asia/Tokyo', [started_at] FROM runs"
    with Queries(path) as queries:
        ((aware, local, nested),) = queries.sql(text).rows
    assert aware == datetime.fromtimestamp(NOON // 10**9, UTC)
    assert aware.tzinfo is UTC
    assert (local - aware.replace(tzinfo=None)).total_seconds() == 9 * 3600
    assert nested == [aware.replace(tzinfo=None)]


def test_the_engine_reaches_nothing_outside(path: Path) -> None:
    """
    The settings that close the engine off are in force, and locked.
    """
    closed = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "enable_external_access": "false",
        "lock_configuration": "true",
        "python_enable_replacements": "false",
    }
    text = "SELECT name, value FROM duckdb_settings() WHERE list_contains($names, name)"
    with Queries(path) as queries:
        assert dict(queries.sql(text, {"names": list(closed)}).rows) == closed
        assert "cost_usd" in [row["column_name"] for row in queries.sql("DESCRIBE llm_calls")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  -- nothing",
        "SELEC 1",
        "SELECT * FROM nowhere",
        "SELECT ?",
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP VIEW runs",
        "COPY (SELECT 1) TO '{out}'",
        "COPY runs FROM '/etc/passwd'",
        "EXPORT DATABASE '{out}'",
        "ATTACH '{out}'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "PRAGMA threads=1",
        "PRAGMA database_list",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "RESET threads",
        "CALL enable_logging()",
        "SELECT * FROM enable_logging(storage = 'file', storage_path = '{out}')",
        "CREATE TABLE x (a INT)",
        "CREATE TEMP TABLE x AS SELECT 1",
        "DROP TABLE loaded.runs",
        "DELETE FROM loaded.runs",
        "INSERT INTO loaded.dead_writers VALUES ('x')",
        "WITH x AS (INSERT INTO loaded.dead_writers VALUES ('x') RETURNING *) FROM x",
        "WITH x AS (DELETE FROM loaded.run_keys RETURNING *) FROM x",
        "EXPLAIN ANALYZE DELETE FROM loaded.runs",
        "PREPARE x AS DELETE FROM loaded.runs",
        "BEGIN",
        "USE loaded",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM 'https://example.com/a.parquet'",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('/etc/passwd')",
        "SELECT * FROM glob('/*')",
        "SELECT * FROM sqlite_scan('{db}', 'runs')",
        "SELECT getenv('HOME')",
        "SELECT * FROM query('SELECT * FROM read_text(''/etc/passwd'')')",
        "SELECT * FROM path",
    ],
)
def test_statements_that_do_more_than_read_views_are_refused(path: Path, text: str) -> None:
    """
    Nothing is written, no file or setting reached, and the next report still works.
    """
    out = path.parent / "out"
    before = path.read_bytes()
    with Queries(path) as queries:
        with pytest.raises(QueryError):
            queries.sql(text.format(out=out, db=path))
        assert queries.sql("SELECT count(*) FROM runs").rows == [(1,)]
        assert queries.sql("SELECT count(*) FROM loaded.dead_writers").rows == [(0,)]
        assert queries.cost("agent_name").rows[0][:2] == ("planner", 1)
    assert path.read_bytes() == before
    assert not out.exists()
