"""
Reports over 1,000,000 and 10,000,000 calls: asked once more of an open database, and by a
process that only asks that.

Beside each stands the same question to SQLite itself, and to plain DuckDB over one set of
Parquet files that hold no more than it needs, which is the limit.
"""

import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
from _many_calls import FIRST_NS, S, make_calls
from _measure import folder, note, parser, show_machine
from otel_bridge_queries import Queries
from otel_bridge_queries.cache_folder import columnar_folder

_SUMS = (
    "count(*), sum(input_tokens), sum(output_tokens), sum(cache_read_tokens), "
    "sum(cache_write_tokens), sum(reasoning_tokens), sum(cost_picousd), count(cost_picousd), "
    "sum(status = 'error')"
)
_DUCK_SUMS = _SUMS.replace("sum(status = 'error')", "count(*) FILTER (status = 'error')")
_MODEL = "coalesce(response_model, request_model)"
_CALLS = "FROM llm_calls c LEFT JOIN runs r USING (run_id) WHERE c.counted = 1"


@dataclass(frozen=True, slots=True)
class Case:
    """
    One question.

    Attributes:
        ask: Asks ours.
        sqlite: The same in SQLite's SQL, where that has what it needs.
        plain: The same in DuckDB's, over the relation `calls` or `tools`.
        typed: The same as a command line.
    """

    ask: Callable[[Queries], Any]
    sqlite: str | None = None
    plain: str | None = None
    typed: str | None = None


def cases(calls: int) -> dict[str, Case]:
    """
    Make the questions for a database of so many calls.
    """
    end = FIRST_NS + calls * 3 * S
    month = _iso(end - 30 * 86400 * S)
    return {
        "cost": Case(
            lambda q: q.cost(),
            f"SELECT {_SUMS} FROM llm_calls WHERE counted = 1",
            f"SELECT {_DUCK_SUMS} FROM calls",
            "cost --by model --limit 1",
        ),
        "cost by model": Case(
            lambda q: q.cost("model"),
            f"SELECT {_MODEL}, {_SUMS} FROM llm_calls WHERE counted = 1 GROUP BY 1",
            f"SELECT model, {_DUCK_SUMS} FROM calls GROUP BY 1",
            "cost --by model",
        ),
        "cost by agent and model": Case(
            lambda q: q.cost(["agent_name", "model"]),
            f"SELECT r.agent_name, {_MODEL}, {_prefixed()} {_CALLS} GROUP BY 1, 2",
            f"SELECT agent_name, model, {_DUCK_SUMS} FROM calls GROUP BY 1, 2",
            "cost --by agent_name,model",
        ),
        "cost by session, the top 20": Case(
            lambda q: q.cost("session_id", limit=20),
            f"SELECT r.session_id, {_prefixed()} {_CALLS} GROUP BY 1 ORDER BY 8 DESC LIMIT 20",
            f"SELECT session_id, {_DUCK_SUMS} FROM calls GROUP BY 1 ORDER BY 8 DESC LIMIT 20",
            "cost --by session_id --limit 20",
        ),
        "cost by day (UTC)": Case(
            lambda q: q.cost("day"),
            f"SELECT start_ns / 86400000000000, {_SUMS} FROM llm_calls WHERE counted = 1 "
            "GROUP BY 1",
            f"SELECT start_ns // 86400000000000, {_DUCK_SUMS} FROM calls GROUP BY 1",
            "cost --by day",
        ),
        "cost by day in Paris": Case(
            lambda q: q.cost("day", timezone="Europe/Paris"),
            None,
            "SELECT date_trunc('day', timezone('Europe/Paris', make_timestamptz("
            f"start_ns // 1000))), {_DUCK_SUMS} FROM calls GROUP BY 1",
        ),
        "cost by tag": Case(
            lambda q: q.cost("tag"),
            f"SELECT t.value, {_prefixed()} FROM llm_calls c LEFT JOIN runs r USING (run_id) "
            "LEFT JOIN json_each(r.tags) t WHERE c.counted = 1 GROUP BY 1",
            f"SELECT tag, {_DUCK_SUMS} FROM (SELECT *, unnest(CASE WHEN len(tags) > 0 "
            "THEN tags ELSE [NULL] END) AS tag FROM calls) GROUP BY 1",
        ),
        "cost by metadata.plan": Case(
            lambda q: q.cost("metadata.plan"),
            f"SELECT r.metadata ->> 'plan', {_prefixed()} {_CALLS} GROUP BY 1",
            f"SELECT json_extract_string(metadata, '/plan'), {_DUCK_SUMS} FROM calls GROUP BY 1",
        ),
        "cost of one agent, 30 days": Case(
            lambda q: q.cost("model", agent_name="agent-3", since=month),
            f"SELECT {_MODEL}, {_prefixed()} {_CALLS} AND r.agent_name = 'agent-3' "
            f"AND c.start_ns >= {end - 30 * 86400 * S} GROUP BY 1",
            f"SELECT model, {_DUCK_SUMS} FROM calls WHERE agent_name = 'agent-3' "
            f"AND start_ns >= {end - 30 * 86400 * S} GROUP BY 1",
        ),
        "cost by agent at the top": Case(lambda q: q.cost("root_agent_name")),
        "tokens by model": Case(lambda q: q.tokens("model"), typed="tokens --by model"),
        "latency by model": Case(
            lambda q: q.latency("model"),
            None,
            "SELECT model, quantile_cont(end_ns - start_ns, [0.5, 0.9, 0.95, 0.99]), "
            "quantile_cont(ttft_ns, [0.5, 0.9, 0.95, 0.99]), avg(end_ns - start_ns), "
            "max(end_ns - start_ns) FROM calls GROUP BY 1",
            "latency --by model",
        ),
        "cache by model": Case(lambda q: q.cache("model")),
        "tools": Case(lambda q: q.tools(), typed="tools"),
        "errors": Case(lambda q: q.errors(), typed="errors"),
        "retries": Case(lambda q: q.retries("model")),
        "throughput by day": Case(lambda q: q.throughput(every="day")),
        "compare two weeks": Case(
            lambda q: q.compare(
                {"since": _iso(end - 14 * 86400 * S), "until": _iso(end - 7 * 86400 * S)},
                {"since": _iso(end - 7 * 86400 * S)},
                "model",
            )
        ),
        "the 10 dearest runs": Case(lambda q: q.top_runs(), typed="top runs"),
        "the latest 50 sessions": Case(lambda q: q.session_views(limit=50)),
        "the latest 50 runs": Case(lambda q: q.run_views(limit=50)),
        "roll-up by agent": Case(lambda q: q.rollup("agent_name")),
        "budget by month": Case(lambda q: q.budget(1000.0, per="month")),
        "SQL: calls by model": Case(
            lambda q: q.sql("SELECT model, count(*), sum(cost_usd) FROM llm_calls GROUP BY 1")
        ),
    }


def measure(path: Path, runs: int, calls: int) -> None:
    """
    Print the times of all questions over one database.
    """
    ideal = _Ideal(path)
    heads = ("ours", "SQLite", "limit", "÷ SQLite", "÷ limit", "process")
    print(f"\n{calls:,} calls: milliseconds, medians of {runs}")
    print("  ".join(["report".ljust(28), *(f"{head:>9}" for head in heads)]))
    with Queries(path) as queries, closing(sqlite3.connect(path)) as plain:
        for name, case in cases(calls).items():
            ours = _median(partial(case.ask, queries), runs)
            slow = _median(partial(_all, plain, case.sqlite), 3) if case.sqlite else None
            least = _median(partial(ideal.ask, case.plain), runs) if case.plain else None
            whole = _median(partial(_run, path, case.typed), runs) if case.typed else None
            shown = [
                *(_shown(value, 0) for value in (ours, slow, least)),
                *(_shown(value and ours / value, 2) for value in (slow, least)),
                _shown(whole, 0),
            ]
            print("  ".join([name.ljust(28), *(f"{text:>9}" for text in shown)]), flush=True)


class _Ideal:
    """
    Parquet files with the columns that the questions need and nothing else.
    """

    def __init__(self, path: Path) -> None:
        self._engine = duckdb.connect(config={"threads": 2})
        source = columnar_folder(path) / "llm_calls-*.parquet"
        target = path.with_suffix(".ideal")
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        for number, rows in enumerate(_ranges(self._engine, source)):
            self._engine.execute(
                "COPY (SELECT run_id, agent_name, session_id, model, tags, metadata, status, "
                "start_ns, end_ns, input_tokens, output_tokens, cache_read_tokens, "
                "cache_write_tokens, reasoning_tokens, cost_picousd, time_to_first_chunk_ns "
                f"AS ttft_ns FROM read_parquet('{source}') WHERE row_key BETWEEN {rows[0]} AND "
                f"{rows[1]} ORDER BY row_key) TO '{target}/{number:05d}.parquet' "
                "(FORMAT parquet, COMPRESSION zstd)"
            )
        self._engine.execute(f"CREATE VIEW calls AS FROM read_parquet('{target}/*.parquet')")

    def ask(self, statement: str) -> None:
        """
        Ask plain DuckDB.
        """
        self._engine.execute(statement).fetchall()


def _ranges(engine: duckdb.DuckDBPyConnection, source: Path) -> Iterator[tuple[int, int]]:
    found = engine.execute(
        f"SELECT min(row_key), max(row_key) FROM read_parquet('{source}', filename = true) "
        "GROUP BY filename ORDER BY 1"
    )
    yield from found.fetchall()


def _prefixed() -> str:
    names = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
    sums = _SUMS.replace("status", "c.status")
    for name in (*names, "reasoning_tokens", "cost_picousd"):
        sums = sums.replace(f"({name})", f"(c.{name})")
    return sums


def _median(work: Callable[[], object], runs: int) -> float:
    work()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def _run(path: Path, typed: str) -> None:
    program = "from otel_bridge.cli.main import main; main()"
    subprocess.run(
        [sys.executable, "-c", program, *typed.split(), "--db", str(path), "--format", "json"],
        check=True,
        capture_output=True,
    )


def _iso(ns: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ns // S))


def _all(plain: sqlite3.Connection, statement: str) -> None:
    plain.execute(statement).fetchall()


def _shown(value: float | None, digits: int) -> str:
    return f"{value:.{digits}f}" if value else "–"


def main() -> None:
    """
    Build the databases and print the times.
    """
    options = parser(__doc__, runs=5)
    options.add_argument(
        "--calls", type=int, nargs="+", default=[1_000_000], help="how large the databases are"
    )
    options.add_argument("--keep", type=Path, help="a folder for the databases, to use again")
    given = options.parse_args()
    show_machine()
    with folder() as scratch:
        for calls in given.calls:
            path = (given.keep or scratch) / f"{calls}.db"
            if not path.exists():
                note(f"making {calls:,} calls")
                make_calls(path, calls)
            started = time.perf_counter()
            with Queries(path, progress=_progress) as queries:
                for relation_of in (queries.cost, queries.tools, queries.top_runs):
                    relation_of()
            seconds = time.perf_counter() - started
            files = sum(file.stat().st_size for file in columnar_folder(path).iterdir())
            print(
                f"\n{calls:,} calls: the cache of calls, tools and runs took {seconds:.1f} s and "
                f"has {files / 1e6:.0f} MB beside a database of {path.stat().st_size / 1e6:.0f} MB"
            )
            measure(path, given.runs, calls)


def _progress(name: str, done: int, whole: int) -> None:
    note(f"{name}: {done / max(whole, 1):.0%}")


if __name__ == "__main__":
    main()
