"""
Lakes in tests: exporting to one, reading it with another DuckDB, and what it should hold.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
from otel_bridge_queries import Queries
from otel_bridge_queries.lake import NAMES, Exported, LakeExport
from otel_bridge_queries.lake.store import LakeStore

DAY = 86_400 * 10**9
Rows = list[tuple[Any, ...]]


def export(database: Path, lake: Path, exporter: str = "here", **options: Any) -> Exported:
    """
    Bring a lake up to date.
    """
    store = LakeStore(lake, exporter=exporter)
    return LakeExport(database, store, exporter=exporter, **options).run(NAMES)


def files(lake: Path) -> dict[str, int]:
    """
    List the Parquet files of a lake, with what changes when one is replaced.
    """
    return {
        path.relative_to(lake).as_posix(): path.stat().st_ino for path in lake.rglob("*.parquet")
    }


def read(lake: Path, table: str, columns: list[str], where: str = "true") -> Rows:
    """
    Read columns of a table by a DuckDB of its own.
    """
    if not list((lake / table).rglob("*.parquet")):
        return []
    with duckdb.connect(config={"python_enable_replacements": False}) as engine:
        engine.execute("SET TimeZone = 'UTC'")
        source = engine.read_parquet(f"{lake / table}/*/*.parquet", hive_partitioning=True)
        found = source.filter(where).select(", ".join(map(_comparable, columns))).fetchall()
    return sorted(found, key=repr)


def held(database: Path) -> dict[str, tuple[list[str], Rows]]:
    """
    Give the rows of the views, which a lake should hold, by the columns that both have.
    """
    found = {}
    with Queries(database) as queries:
        for table in NAMES:
            view = "runs" if table == "runs" else table
            names = [
                name
                for name in queries.sql(f"SELECT * FROM {view} LIMIT 0").columns
                if not name.endswith("_ms") and name not in ("cost_usd", "emitted_cost_usd")
                if (table, name) != ("runs", "last_seen_at")
            ]
            shown = ", ".join(map(_comparable, names))
            rows = queries.sql(f"SELECT {shown} FROM {view}").rows
            found[table] = (names, sorted(rows, key=repr))
    return found


def assert_equal(lake: Path, database: Path, exporter: str = "here") -> None:
    """
    Check that a lake holds what a database holds, and each number of it exactly.
    """
    for table, (names, rows) in held(database).items():
        assert read(lake, table, names, f"exporter = '{exporter}'") == rows, table
    numbers = ["span_id", "start_ns", "end_ns", "cost_picousd"]
    exact = "(cost_usd * 1000000000000)::HUGEINT"
    with closing(sqlite3.connect(database)) as connection:
        wanted = connection.execute(
            "SELECT spans.span_id, c.start_ns, c.end_ns, cost_picousd, cost_picousd "
            "FROM llm_calls AS c JOIN spans ON spans.id = c.span WHERE counted = 1"
        ).fetchall()
    found = read(lake, "llm_calls", [*numbers, exact], f"exporter = '{exporter}'")
    assert found == sorted(wanted, key=repr)


def _comparable(column: str) -> str:
    # Without a time zone library DuckDB hands over moments as text only.
    return f"{column}::VARCHAR" if column.endswith("_at") else column
