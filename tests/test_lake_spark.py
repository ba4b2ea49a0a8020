"""
A real Spark reads a lake and reports the same cost as the queries on this machine.
"""

import os
import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from lakes import DAY, export
from otel_bridge_queries import Queries
from queries_data import MS, NOON, Recorded

pytestmark = pytest.mark.slow

_PYSPARK, _JAVA = find_spec("pyspark") is not None, shutil.which("java") is not None
if not (_PYSPARK and _JAVA):
    missing = " and ".join(
        name for name, there in (("pyspark", _PYSPARK), ("Java", _JAVA)) if not there
    )
    pytest.skip(f"not run: no {missing}", allow_module_level=True)

# Nothing of it is asked of the network, nor listens anywhere but on this machine.
_SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.shuffle.partitions": "2",
}
_COST = """
    SELECT
        {keys}, count(*), sum(input_tokens), sum(output_tokens), sum(cost_picousd),
        CAST(sum(cost_usd) * 1000000000000 AS DECIMAL(38, 0)),
        count(*) - count(cost_usd), count_if(status = 'error')
    FROM llm_calls GROUP BY {keys}
"""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """
    A database of three days with odd names, unknown and very large prices, and its lake.
    """
    folder = tmp_path_factory.mktemp("spark")
    source = random.Random(7)
    recorded = Recorded(folder / "runs.db")
    names = ("planner", "l'été 日本", None, "", "a=b/c%20d")
    with recorded:
        for number in range(40):
            start = NOON + number % 3 * DAY + number
            name = names[number % len(names)]
            recorded.run(f"r{number}", ("x", "y"), agent_name=name, started_ns=start)
            for step in range(10):
                price = source.choice((None, 0, 1, source.randrange(10**9), 10**16 + step))
                recorded.llm_call(
                    f"r{number}",
                    start_ns=start + step * MS,
                    response_model=source.choice(("gpt-4o", "house", None)),
                    input_tokens=source.choice((None, source.randrange(10**6))),
                    output_tokens=source.randrange(10**4),
                    cost_picousd=price,
                    status=source.choice(("ok", "error")),
                    counted=int(step != 9),
                )
            recorded.tool_call(f"r{number}", "search", start_ns=start)
    recorded.close()
    export(folder / "runs.db", folder / "lake")
    return folder / "runs.db", folder / "lake"


@pytest.fixture(scope="module")
def spark(lake: tuple[Path, Path]) -> Iterator[Any]:
    """
    A Spark in this process's own Java, with the tables of the lake as views.
    """
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    from pyspark.sql import SparkSession  # type: ignore[import-not-found, unused-ignore]

    builder = SparkSession.builder.master("local[1]").appName("lake")
    for name, value in _SETTINGS.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    try:
        for table in ("llm_calls", "tool_calls", "runs", "spans"):
            session.read.parquet(str(lake[1] / table)).createOrReplaceTempView(table)
        yield session
    finally:
        session.stop()


def exact(database: Path, keys: str) -> list[tuple[Any, ...]]:
    """
    Sum the integers of the database itself, by keys of the calls and their runs.
    """
    statement = (
        f"SELECT {keys}, sum(c.cost_picousd) FROM llm_calls AS c JOIN runs AS r USING (run_id) "
        f"WHERE counted = 1 GROUP BY {keys}"
    )
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(statement).fetchall()


@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_spark_reports_the_same_cost(lake: tuple[Path, Path], spark: Any) -> None:
    """
    By agent and model, and by day, Spark's sums equal the local report to the last
    picodollar, as integers and as decimals.
    """
    with Queries(lake[0]) as queries:
        local = {
            "agent_name, model": queries.cost(["agent_name", "model"]).dicts(),
            "date": [{**row, "date": row["day"].date()} for row in queries.cost("day").dicts()],
        }
    for keys, wanted in local.items():
        found = [tuple(row) for row in spark.sql(_COST.format(keys=keys)).collect()]
        names = keys.split(", ")
        assert len(found) == len(wanted) > 2
        rows = {tuple(row[name] for name in names): row for row in wanted}
        for *values, calls, tokens_in, tokens_out, pico, decimal, unpriced, errors in found:
            row = rows[tuple(values)]
            assert pico == (None if decimal is None else int(decimal))
            assert row["cost_usd"] == (None if pico is None else float(f"{pico}e-12"))
            assert row["llm_calls"] == calls
            assert row["input_tokens"] == tokens_in
            assert row["output_tokens"] == tokens_out
            assert row["unpriced_calls"] == unpriced
            assert row["error_calls"] == errors


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_spark_sums_the_same_integers(lake: tuple[Path, Path], spark: Any) -> None:
    """
    Spark's sums equal those of SQLite, with no double between them.
    """
    keys = "agent_name, response_model"
    found = spark.sql(f"SELECT {keys}, sum(cost_picousd) FROM llm_calls GROUP BY {keys}")
    wanted = exact(lake[0], "r.agent_name, c.response_model")
    assert sorted(map(tuple, found.collect()), key=repr) == sorted(wanted, key=repr)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_spark_reads_moments_and_lists(spark: Any) -> None:
    """
    Moments are moments in UTC, tags are lists, and days are dates that prune folders.
    """
    day = NOON // DAY * DAY
    (row,) = spark.sql(
        "SELECT count(*), count_if(unix_micros(started_at) = start_ns div 1000), "
        f"count_if(start_ns >= {day} AND start_ns < {day + DAY}), "
        "count_if(size(tags) = 2 AND tags[1] = 'y') FROM llm_calls "
        "WHERE date = DATE'2025-06-15'"
    ).collect()
    assert len(set(row)) == 1
    assert row[0] > 100
    assert spark.sql("SELECT count(*) FROM spans").collect()[0][0] == 440
    assert spark.sql("SELECT count(*) FROM tool_calls").collect()[0][0] == 40
    assert spark.sql("SELECT count(*) FROM runs WHERE input IS NULL").collect()[0][0] == 40
