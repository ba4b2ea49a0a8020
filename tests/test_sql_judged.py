"""
A reader's SQL cannot reach a file, however it is put together, and what it reads is known.
"""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from otel_bridge_queries.catalog import VIEWS
from otel_bridge_queries.engine import open_engine
from otel_bridge_queries.statements import REFUSED_FUNCTIONS, reading_of
from otel_bridge_storage.errors import QueryError

SECRET = Path(__file__).as_posix()
# They depend on the session, and tell nothing that is not the reader's own.
KNOWN = {
    *("current_connection_id", "current_database", "current_date", "current_query"),
    *("current_query_id", "current_schema", "current_schemas", "current_transaction_id"),
    *("error", "format_type", "gen_random_uuid", "get_current_time", "get_current_timestamp"),
    *("in_search_path", "now", "random", "stats", "today", "transaction_timestamp"),
    *("txid_current", "uuid", "uuidv4", "uuidv7", "vector_type"),
}
HOSTILE = [
    f"read_text('{SECRET}')",
    f"\"read_text\"('{SECRET}')",
    f"main.Read_Text('{SECRET}')",
    f"system.main.read_text('{SECRET}')",
    f"read_blob('{SECRET}')",
    f"read_csv('{SECRET}', header := false)",
    f"sniff_csv('{SECRET}')",
    f"glob('{SECRET}')",
    f"parquet_metadata('{SECRET}')",
    f"'{SECRET}'",
    f'"{SECRET}"',
    f"query('FROM read_text(''{SECRET}'')')",
    f"query_table('{SECRET}')",
    "loaded.runs",
    "duckdb_settings()",
]
HARMLESS = [
    "runs",
    '"RUNS"',
    "main.steps",
    "range(3)",
    "(VALUES (1))",
    "unnest([1])",
    "(SELECT 1)",
]
NAMES = ["runs", "é", "x y", "SELECT", "K", "a.csv"]
# Each has one place for what it reads from.
AROUND = [
    "(SELECT * FROM {})",
    "(FROM {} LIMIT 1)",
    "(SELECT 1 WHERE EXISTS (FROM {}))",
    "(SELECT (SELECT count(*) FROM {}))",
    "(SELECT 1 UNION ALL SELECT count(*) FROM {})",
    "(SELECT 1 EXCEPT (SELECT count(*) FROM {}))",
    "(FROM range(1) AS t, LATERAL (SELECT count(*) FROM {}))",
    "(FROM range(1) AS t JOIN (SELECT count(*) AS n FROM {}) AS u ON t.range = u.n)",
    '(WITH "{name}" AS (FROM {}) FROM "{name}")',
    '(WITH "{name}" AS MATERIALIZED (SELECT 1), b AS (FROM {}) FROM b, "{name}")',
    "(WITH RECURSIVE r(n) AS (SELECT 1 UNION SELECT count(*) FROM r, {}) FROM r)",
    "(SELECT 1 ORDER BY (SELECT count(*) FROM {}))",
    "(SELECT 1 LIMIT (SELECT count(*) FROM {}))",
    "(SELECT sum(1) FILTER (WHERE 1 IN (SELECT count(*) FROM {})) OVER ())",
    "(SELECT [x FOR x IN [1] IF x = (SELECT count(*) FROM {})])",
    "(FROM range((SELECT count(*) FROM {})))",
    "(FROM (VALUES ((SELECT count(*) FROM {}))))",
    "(PIVOT (SELECT 1 AS a FROM {}) ON a IN (1) USING count(*))",
    "(SELECT 1 /* {{ */ FROM {} -- }}\n)",
    "(DESCRIBE FROM {})",
]


@st.composite
def nested(draw: st.DrawFn, inner: list[str]) -> str:
    """
    Make a statement that reads one of some tables, deep inside.
    """
    text = draw(st.sampled_from(inner))
    for around in draw(st.lists(st.sampled_from(AROUND), max_size=4)):
        text = around.format(text, name=draw(st.sampled_from(NAMES)))
    return draw(st.sampled_from(["FROM {}", "EXPLAIN FROM {}", "SELECT *\nFROM {};"])).format(text)


@pytest.fixture(scope="module")
def engine() -> Iterator[duckdb.DuckDBPyConnection]:
    """
    One engine for all examples.
    """
    with open_engine() as opened:
        yield opened


@given(text=nested(HOSTILE))
def test_no_nesting_hides_a_table_that_is_not_offered(
    engine: duckdb.DuckDBPyConnection, text: str
) -> None:
    """
    A file, a function that reads one, or a table of ours is refused wherever it stands.
    """
    with pytest.raises(QueryError):
        reading_of(engine, text)


@given(text=nested(HARMLESS))
def test_no_nesting_refuses_what_is_offered(engine: duckdb.DuckDBPyConnection, text: str) -> None:
    """
    What DuckDB itself takes, and reads only what is offered, is let pass.
    """
    reading = reading_of(engine, text)
    expected = {name for name in ("runs", "steps") if name in text.lower()}
    assert {name for name in reading.views if name != "runs"} == expected - {"runs"}
    assert reading.views <= set(VIEWS)


@pytest.fixture(scope="module")
def lacking() -> Iterator[dict[str, duckdb.DuckDBPyConnection]]:
    """
    Engines that lack one view each, by its name.
    """
    engines = {view: open_engine() for view in ("runs", "llm_calls", "events")}
    for view, each in engines.items():
        each.execute(f"DROP VIEW {view}")
    yield engines
    for each in engines.values():
        each.close()


@given(text=nested(["runs", "llm_calls", "events"]))
def test_the_views_that_are_read_are_known(
    lacking: dict[str, duckdb.DuckDBPyConnection], text: str
) -> None:
    """
    A view without which a statement cannot be planned is among those that the judgement names.
    """
    for view, engine in lacking.items():
        reading = reading_of(engine, text)
        try:
            engine.execute(f"EXPLAIN {reading.query}")
        except duckdb.CatalogException:
            assert view in reading.views
        except duckdb.Error:
            continue


def test_the_text_alone_proves_nothing(engine: duckdb.DuckDBPyConnection) -> None:
    """
    Names in texts, comments and columns are not taken for tables.
    """
    text = "SELECT 'FROM llm_calls' AS spans, 1 AS \"events\" /* FROM steps */ FROM runs"
    assert reading_of(engine, text).views == {"runs"}
    assert reading_of(engine, text).relations == set(VIEWS["runs"])


def test_every_function_that_depends_on_more_than_its_arguments_is_known(
    engine: duckdb.DuckDBPyConnection,
) -> None:
    """
    A DuckDB with a new function that tells of the engine, or reads a table, fails here.
    """
    rows = engine.execute(
        "SELECT DISTINCT function_name FROM duckdb_functions() "
        "WHERE internal AND (stability <> 'CONSISTENT' "
        "AND function_type IN ('scalar', 'aggregate') "
        "OR function_type = 'macro' AND macro_definition ILIKE '%FROM%')"
    ).fetchall()
    assert {name for (name,) in rows} - KNOWN - REFUSED_FUNCTIONS == set()
