"""
Databases with very many runs, written straight into the tables.
"""

import json
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from otel_bridge_storage.labels import run_labels_of
from otel_bridge_storage.opening import open_database

S = 1_000_000_000
FIRST_NS = 1_750_000_000 * S
INTERRUPTED, RUNNING = 5000, 200
_CHUNK = 20_000
_ENDS = ("success",) * 90 + ("error",) * 6 + ("cancelled",) * 2 + ("paused",) * 2
_ZEROS = (
    "iteration_count",
    "llm_calls",
    "failed_llm_calls",
    "tool_calls",
    "failed_tool_calls",
    "unpriced_calls",
)


def make_runs(path: Path, count: int, seed: int) -> None:
    """
    Make a database with so many runs, a run a second.

    Half of them have tags and metadata, a third was started by another run, every
    hundred have a writer of their own. The first 5,000 open runs, or a quarter of all
    where there are fewer, were interrupted; 200 go on.
    """
    open_database(path).close()
    source = random.Random(seed)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL "
            "AND tbl_name IN ('runs', 'run_labels', 'sessions', 'writers')"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        connection.execute("BEGIN")
        _insert(connection, "writers", list(_writers(count)))
        rows: list[dict[str, Any]] = []
        for number in range(count):
            rows.append(_run(number, count, source))
            if len(rows) == _CHUNK or number == count - 1:
                _insert(connection, "runs", rows)
                _insert(connection, "run_labels", [x for row in rows for x in run_labels_of(row)])
                rows = []
        connection.execute(
            "INSERT INTO sessions SELECT session_id, min(user_id), min(started_ns), "
            "max(updated_ns), count(*) FROM runs GROUP BY session_id"
        )
        for _, sql in indexes:
            connection.execute(sql)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def keep_alive(path: Path) -> None:
    """
    Renew the sign of life of the writers of the runs that go on.
    """
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(
            "UPDATE writers SET last_seen_ns = ? WHERE writer_id LIKE 'alive-%'",
            (time.time_ns(),),
        )


def run_id_of(number: int) -> str:
    """
    Give the id of a run by its number; ids are in no order.
    """
    return f"{number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128:032x}"


def _writers(count: int) -> Iterator[dict[str, Any]]:
    for number in range(max(count // 100, 1)):
        seen = FIRST_NS + (number + 1) * 100 * S
        yield _writer(f"gone-{number}", seen) | {"closed_ns": seen if number % 2 else None}
    for number in range(5):
        yield _writer(f"alive-{number}", time.time_ns()) | {"closed_ns": None}


def _writer(writer_id: str, seen_ns: int) -> dict[str, Any]:
    return {
        "writer_id": writer_id,
        "host": "elsewhere",
        "pid": 1,
        "started_ns": FIRST_NS,
        "last_seen_ns": seen_ns,
    }


def _run(number: int, count: int, source: random.Random) -> dict[str, Any]:
    started = FIRST_NS + number * S
    gone = max(count // min(INTERRUPTED, count // 4), 1)
    writer = f"gone-{number // 100}" if number % gone == 0 else None
    if number >= count - RUNNING * 2 and number % 2:
        writer = f"alive-{number % 5}"
    labelled = number % 2 == 0
    tags = sorted({f"team-{source.randrange(50)}", f"env-{number % 3}"}) if labelled else []
    metadata = {"plan": ("free", "pro")[number % 4 // 2], "ticket": number} if labelled else {}
    return {
        "run_id": run_id_of(number),
        "trace_id": run_id_of(number + 2**64),
        "span_id": f"{number:016x}",
        "agent_name": f"agent-{source.randrange(20)}",
        "status": source.choice(_ENDS) if writer is None else "running",
        "session_id": f"session-{number // 5}",
        "user_id": f"user-{source.randrange(max(count // 100, 1))}",
        "tenant_id": f"tenant-{source.randrange(100)}",
        "parent_run_id": run_id_of(number - number % 3) if number % 3 == 1 else None,
        "delegation_level": int(number % 3 == 1),
        "service": f"service-{source.randrange(10)}",
        "model": "gpt-4o",
        "started_ns": started,
        "ended_ns": started + S if writer is None else None,
        "updated_ns": started + S,
        **dict.fromkeys(_ZEROS, 1),
        "input_tokens": source.randrange(5000),
        "output_tokens": source.randrange(500),
        "cost_picousd": source.randrange(10**10),
        "tags": json.dumps(tags),
        "metadata": json.dumps(metadata, separators=(",", ":")),
        "writer_id": writer,
    }


def _insert(connection: sqlite3.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        names = ", ".join(rows[0])
        marks = ", ".join(f":{name}" for name in rows[0])
        connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)
