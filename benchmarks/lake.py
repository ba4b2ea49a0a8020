"""
How long an export into a lake takes: the first, one without a change, and one after a day
was repriced; beside a plain DuckDB that copies the same rows out of memory.
"""

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
from _measure import folder, note, parser, show_machine
from otel_bridge_queries.lake import LakeExport
from otel_bridge_queries.lake.store import LakeStore
from otel_bridge_storage.opening import open_database

DAY_NS = 86_400 * 10**9
FIRST_NS = 1_750_000_000 * 10**9 // DAY_NS * DAY_NS
DAYS = 30
CALLS_OF_A_RUN = 10
_MODELS = ("gpt-4o", "gpt-4o-mini", "claude-sonnet-4", "gemini-2.5-pro", "house-llama")
TABLES = ("runs", "llm_calls")


def main() -> None:
    """
    Make the database and print each time.
    """
    options = parser(__doc__, runs=1)
    options.add_argument("--calls", type=int, default=1_000_000)
    given = options.parse_args()
    show_machine()
    with folder() as place:
        note(f"making a database of {given.calls:,} calls")
        database, lake = place / "runs.db", place / "lake"
        make(database, given.calls, given.seed)
        told("first export", database, lake)
        told("nothing changed", database, lake)
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute(
                "UPDATE llm_calls SET cost_picousd = cost_picousd + 1 WHERE start_ns < ?",
                (FIRST_NS + DAY_NS,),
            )
        told("one day repriced", database, lake)
        for name in (*TABLES,):
            size = sum(path.stat().st_size for path in (lake / name).rglob("*.parquet"))
            print(f"{name}: {size / 1e6:.1f} MB of Parquet")
        print(f"database: {database.stat().st_size / 1e6:.1f} MB")
        copied(lake, place / "plain")


def told(title: str, database: Path, lake: Path) -> None:
    """
    Export and print what came of it.
    """
    began = time.perf_counter()
    export = LakeExport(database, LakeStore(lake, exporter="bench"), exporter="bench")
    done = export.run(TABLES)
    took = time.perf_counter() - began
    print(
        f"{title}: {took:.2f} s, {done.written} files written with {done.rows:,} rows, "
        f"{done.unchanged} unchanged"
    )


def copied(lake: Path, target: Path) -> None:
    """
    Print how long DuckDB takes to write the same rows, once it has them in memory.
    """
    with duckdb.connect() as engine:
        for name in TABLES:
            engine.execute(
                f"CREATE TABLE {name} AS "
                f"SELECT * FROM read_parquet('{lake / name}/*/*.parquet', hive_partitioning=true)"
            )
        began = time.perf_counter()
        for name in TABLES:
            engine.execute(
                f"COPY {name} TO '{target}_{name}' "
                "(FORMAT parquet, COMPRESSION zstd, PARTITION_BY (date))"
            )
        print(f"plain DuckDB COPY of the same rows: {time.perf_counter() - began:.2f} s")


def make(path: Path, calls: int, seed: int) -> None:
    """
    Make a database with so many calls over thirty days, ten to a run.
    """
    open_database(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        connection.execute(
            "INSERT INTO resources (id, hash, service, attributes, dropped_attributes, "
            "schema_url, entities) VALUES (1, x'00', 'shop', '{}', 0, '', '[]')"
        )
        connection.execute(
            "INSERT INTO scopes (id, hash, name, version, attributes, dropped_attributes, "
            "schema_url) VALUES (1, x'00', 'lib', '1', '{}', 0, '')"
        )
        connection.executemany(_insert("runs", _run(0, 1)), _runs(calls))
        connection.executemany(_insert("spans", _span(0, 1)), _spans(calls))
        sample = _call(0, 1, random.Random(seed))
        connection.executemany(_insert("llm_calls", sample), _calls(calls, seed))
        connection.execute("COMMIT")


def _insert(table: str, row: dict[str, Any]) -> str:
    names = ", ".join(row)
    return f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{name}' for name in row)})"


def _runs(calls: int) -> Iterator[dict[str, Any]]:
    return (_run(number, calls) for number in range(calls // CALLS_OF_A_RUN))


def _spans(calls: int) -> Iterator[dict[str, Any]]:
    return (_span(number, calls) for number in range(calls))


def _calls(calls: int, seed: int) -> Iterator[dict[str, Any]]:
    source = random.Random(seed)
    return (_call(number, calls, source) for number in range(calls))


def _start(number: int, calls: int) -> int:
    return FIRST_NS + DAYS * DAY_NS // calls * number


def _run(number: int, calls: int) -> dict[str, Any]:
    start = _start(number * CALLS_OF_A_RUN, calls)
    zeros = "delegation_level iteration_count llm_calls failed_llm_calls tool_calls"
    more = "failed_tool_calls unpriced_calls"
    return {
        "run_id": f"{number:032x}",
        "trace_id": f"{number:032x}",
        "agent_name": f"agent {number % 20}",
        "status": "success",
        "session_id": f"s-{number // 5}",
        "user_id": f"u-{number % 1000}",
        "service": "shop",
        "started_ns": start,
        "ended_ns": start + 10**9,
        "updated_ns": start + 10**9,
        "tags": '["beta"]' if number % 3 else "[]",
        "metadata": '{"plan":"pro"}',
        **dict.fromkeys(f"{zeros} {more}".split(), 0),
    }


def _span(number: int, calls: int) -> dict[str, Any]:
    start = _start(number, calls)
    zeros = "flags status_code dropped_attributes dropped_events dropped_links"
    return {
        "id": number + 1,
        "trace_id": f"{number // CALLS_OF_A_RUN:032x}",
        "span_id": f"{number + 1:016x}",
        "trace_state": "",
        "name": "chat",
        "kind": 3,
        "start_ns": start,
        "end_ns": start + 10**8,
        "status_message": "",
        "attributes": "{}",
        "resource_id": 1,
        "scope_id": 1,
        **dict.fromkeys(zeros.split(), 0),
    }


def _call(number: int, calls: int, source: random.Random) -> dict[str, Any]:
    start = _start(number, calls)
    return {
        "span": number + 1,
        "run_id": f"{number // CALLS_OF_A_RUN:032x}",
        "counted": 1,
        "scope": 1,
        "dialect": "semconv",
        "precedence": 1,
        "operation": "chat",
        "provider": "openai",
        "response_model": source.choice(_MODELS),
        "start_ns": start,
        "end_ns": start + source.randrange(10**10),
        "status": "error" if number % 50 == 0 else "ok",
        "input_tokens": source.randrange(20_000),
        "output_tokens": source.randrange(2_000),
        "cost_picousd": source.randrange(10**11),
        "finish_reasons": '["stop"]',
        "input_messages": "[]",
        "output_messages": "[]",
    }


if __name__ == "__main__":
    main()
