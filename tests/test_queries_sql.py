import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from otel_bridge_queries import Queries
from otel_bridge_queries.catalog import VIEWS
from otel_bridge_queries.engine import open_engine
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
        ('FROM memory.MAIN."Runs" SELECT run_id', [("one",)]),
        ("WITH runs AS (SELECT run_id FROM runs) FROM runs", [("one",)]),
        (
            "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) "
            "SELECT sum(n) FROM t, LATERAL (SELECT n) AS l(m)",
            [(6,)],
        ),
        ("SELECT tag FROM runs, unnest(tags) AS t(tag)", [("red",)]),
        ("FROM range(2)", [(0,), (1,)]),
        ("SELECT 'read_csv()' AS x -- read_csv()", [("read_csv()",)]),
        ("SELECT (SELECT max(cost_usd) FROM llm_calls), [x + 1 FOR x IN [1]]", [(2.0, [2])]),
        ("FROM (PIVOT llm_calls ON model IN ('m', 'n') USING count(*)) SELECT m, n", [(1, 0)]),
        ("SELECT text FROM messages WHERE id = 1", [("Why?",)]),
        ("SELECT llm_calls, cost_usd FROM sessions", [(0, None)]),
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


def test_the_engine_reaches_nothing_outside() -> None:
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
    with open_engine() as engine:
        assert dict(engine.execute(text, {"names": list(closed)}).fetchall()) == closed


@pytest.mark.parametrize("text", ["DESCRIBE llm_calls", "SUMMARIZE llm_calls"])
def test_columns_of_a_view_are_told(path: Path, text: str) -> None:
    """
    A view can be described and summarized.
    """
    with Queries(path) as queries:
        assert "cost_usd" in [row["column_name"] for row in queries.sql(text)]


@pytest.mark.parametrize("text", ["EXPLAIN FROM runs", "EXPLAIN ANALYZE\nSELECT 1"])
def test_a_query_can_be_explained(path: Path, text: str) -> None:
    """
    The plan of a query is told, in one row.
    """
    with Queries(path) as queries:
        assert len(queries.sql(text)) == 1


def test_the_views_are_listed(path: Path) -> None:
    """
    SHOW TABLES names the views and nothing else.
    """
    with Queries(path) as queries:
        assert {name for (name,) in queries.sql("SHOW TABLES").rows} == set(VIEWS)


def test_a_query_gives_no_more_rows_than_asked_for(path: Path) -> None:
    """
    A limit is the most rows, in the order of the query.
    """
    text = "FROM range(5) AS t(n) ORDER BY n DESC"
    with Queries(path) as queries:
        assert queries.sql(text, limit=2).rows == [(4,), (3,)]
        assert len(queries.sql(text, limit=9)) == 5
        with pytest.raises(QueryError, match="limit"):
            queries.sql(text, limit=0)


def test_a_query_that_takes_too_long_is_stopped(path: Path) -> None:
    """
    The time is up, and the next query is answered.
    """
    endless = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range < b.range"
    with Queries(path) as queries:
        with pytest.raises(QueryError, match=r"stopped after 0\.2 seconds"):
            queries.sql(endless, timeout=0.2)
        assert queries.sql("SELECT count(*) FROM runs", timeout=60).rows == [(1,)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("SELECT 1,\n  'é', nope\nFROM runs", r"\"nope\" not found.*\(line 2, column 8\)"),
        ("EXPLAIN SELECT nope FROM runs", r"\(line 1, column 8\)"),
        (f"SELECT '{'a' * 300}', nope FROM runs", r"\(line 1, column 312\)"),
        ("SELECT mx(1)", r"Did you mean \"\w+\".*\(line 1, column 8\)"),
        ("FROM\n rums", r"no view 'rums'; did you mean runs\?.*\(line 2, column 2\)"),
        ("SELECT 'é', (FROM read_csv('x'))", r"read_csv\(\) .*\(line 1, column 19\)"),
        ("SELEC 1", r"near \"SELEC\" \(line 1, column 1\)"),
        ("SELECT error('a\nb')", r"a b"),
    ],
)
def test_an_error_says_where_and_what_instead(path: Path, text: str, told: str) -> None:
    """
    An error is one line, with the place in the statement as it was written, and a hint.
    """
    with Queries(path) as queries, pytest.raises(QueryError) as caught:
        queries.sql(text)
    assert re.search(told, str(caught.value), re.IGNORECASE)
    assert "\n" not in str(caught.value)


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
        "FROM loaded.runs",
        "FROM asked.runs",
        "FROM query_table('runs')",
        "FROM query('FROM runs')",
        "FROM histogram(runs, run_id)",
        "FROM histogram('/etc/passwd', column0)",
        "FROM duckdb_settings()",
        "FROM duckdb_views",
        "FROM information_schema.tables",
        "FROM pragma_table_info('runs')",
        "FROM json_execute_serialized_sql('{{}}')",
        "SHOW ALL TABLES",
        "SHOW DATABASES",
        "DESCRIBE",
        "DESCRIBE '/etc/passwd'",
        "SUMMARIZE '/etc/passwd'",
        "EXPLAIN FROM read_text('/etc/passwd')",
        "EXPLAIN (FORMAT json) SELECT 1",
        "PIVOT runs ON status USING count(*)",
        "SELECT getvariable('keys')",
        "SELECT main.\"GetVariable\"('keys')",
        "SELECT current_setting('memory_limit')",
        "SELECT write_log('x')",
        'WITH "/etc/passwd" AS (FROM "/etc/passwd") FROM "/etc/passwd"',
        "WITH RECURSIVE p AS (FROM p UNION ALL SELECT 1) FROM p",
        'FROM (WITH "{db}" AS (SELECT 1) FROM "{db}") AS a, "{db}" AS b',
        'WITH "k.csv" AS (SELECT 1) FROM "\u212a.csv"',
        "SELECT " + "(" * 100_000 + "1" + ")" * 100_000,
        "FROM runs" + ", runs" * 2_000,
        "FROM " + "(FROM " * 150 + "runs" + ")" * 150,
        "SELECT a" + ".a" * 5_000,
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
        assert queries.cost("agent_name").rows[0][:2] == ("planner", 1)
    assert path.read_bytes() == before
    assert not out.exists()
