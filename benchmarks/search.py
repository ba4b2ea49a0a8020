"""
What a search costs: the first one, which makes the index, and later ones, beside LIKE in
SQLite over the same messages.
"""

import contextlib
import itertools
import json
import random
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from _many_runs import FIRST_NS, S, make_runs, run_id_of
from _measure import folder, in_turns, note, parser, show, show_machine
from otel_bridge_queries import Queries
from otel_bridge_queries.search.index_file import index_path
from otel_bridge_storage.interning import text_hash

_VOCABULARY = 60_000
_SYLLABLES = (
    "ra",
    "to",
    "mi",
    "ne",
    "ko",
    "lu",
    "sa",
    "vi",
    "pe",
    "do",
    "tion",
    "ing",
    "er",
    "st",
)
_LENGTHS = (8, 15, 40, 80, 150)
_STEPS_OF_A_RUN = 10
_CHUNK = 20_000
_ROLES = ("user", "assistant", "tool")


def make_messages(path: Path, count: int, seed: int) -> list[str]:
    """
    Make a database with so many messages, each a step of a run, every third a tool's.

    Returns:
        The words in it, the commonest first, as often as words of a language are.
    """
    source = random.Random(seed)
    words = [
        "".join(source.choices(_SYLLABLES, k=source.randint(1, 5))) for _ in range(_VOCABULARY)
    ]
    words = list(dict.fromkeys(words))
    make_runs(path, max(count // _STEPS_OF_A_RUN, 1), seed)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        dropped = _drop_indexes(connection)
        connection.execute("BEGIN")
        rows = _rows(count, words, source)
        while some := list(itertools.islice(rows, _CHUNK)):
            _insert(connection, "messages", [row["message"] for row in some])
            _insert(connection, "steps", [row["step"] for row in some])
            _insert(connection, "tool_calls", [row["tool"] for row in some if row["tool"]])
        for statement in dropped:
            connection.execute(statement)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return words


def _rows(count: int, words: list[str], source: random.Random) -> Iterator[dict[str, Any]]:
    shares = list(itertools.accumulate(1 / (at + 1) for at in range(len(words))))
    for number in range(1, count + 1):
        text = " ".join(source.choices(words, cum_weights=shares, k=source.choice(_LENGTHS)))
        role = _ROLES[number % 3]
        parts = [{"type": "text", "content": text}]
        body = text if role == "tool" else json.dumps({"role": role, "parts": parts})
        run, at = run_id_of(number // _STEPS_OF_A_RUN), FIRST_NS + number * S // 10
        tool = {
            "span": number,
            "run_id": run,
            "counted": 1,
            "dialect": "semconv",
            "tool_name": f"tool-{number % 7}",
            "start_ns": at,
            "end_ns": at,
            "status": "ok",
            "result": number,
        }
        step = {
            "run_id": run,
            "step_id": str(number),
            "role": role,
            "time_ns": at,
            "ordinal": number,
            "span": 1,
            "message": number,
            "committed": 1,
            "tool_name": tool["tool_name"] if role == "tool" else None,
            **dict.fromkeys(("is_error", "hidden", "rolled_back"), 0),
        }
        message = {"id": number, "hash": text_hash(body), "body": body}
        yield {"message": message, "step": step, "tool": tool if role == "tool" else None}


def _drop_indexes(connection: sqlite3.Connection) -> list[str]:
    found = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL "
        "AND tbl_name IN ('steps', 'tool_calls')"
    ).fetchall()
    for name, _ in found:
        connection.execute(f"DROP INDEX {name}")
    return [statement for _, statement in found]


def _insert(connection: sqlite3.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    if rows:
        names = ", ".join(rows[0])
        marks = ", ".join(f":{name}" for name in rows[0])
        connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)


def asked(words: list[str]) -> dict[str, tuple[str, dict[str, Any]]]:
    """
    Give the searches that are measured.
    """
    rare, usual, common = words[-100], words[700], words[0]
    return {
        "rare word": (rare, {}),
        "usual word": (usual, {}),
        "commonest word": (common, {}),
        "two words": (f"{words[3]} {words[250]}", {}),
        "phrase": (f'"{words[1]} {words[2]}"', {}),
        "prefix of 4": (f"{words[5000][:4]}*", {}),
        "alternatives": (f"{rare} OR {words[-1000]}", {}),
        "excluded": (f"{usual} -{common}", {}),
        "nothing": ("qqqqzzzz", {}),
        "usual, one agent": (usual, {"agent_name": "agent-3"}),
        "usual, since": (usual, {"since": "2025-06-15T16:00Z"}),
        "commonest, one agent": (common, {"agent_name": "agent-3"}),
        "commonest, one session": (common, {"session_id": "session-7"}),
        "usual, best first": (usual, {"rank": True}),
        "commonest, best first": (common, {"rank": True}),
    }


def timed(queries: Queries, text: str, options: Mapping[str, Any]) -> float:
    """
    Search once; give milliseconds.
    """
    start = time.perf_counter()
    queries.search(text, **options)
    return (time.perf_counter() - start) * 1e3


def like(connection: sqlite3.Connection, word: str) -> float:
    """
    Look for the latest steps with a word as one does without an index; give milliseconds.
    """
    start = time.perf_counter()
    connection.execute(
        "SELECT steps.run_id, body FROM steps JOIN messages ON messages.id = steps.message "
        "WHERE body LIKE ? ORDER BY time_ns DESC LIMIT 20",
        (f"%{word}%",),
    ).fetchall()
    return (time.perf_counter() - start) * 1e3


def main() -> None:
    """
    Measure and print.
    """
    options = parser(__doc__, runs=5)
    options.add_argument("--messages", type=int, default=1_000_000)
    chosen = options.parse_args()
    show_machine()
    with folder() as place:
        path = place / "runs.db"
        note(f"writing {chosen.messages} messages")
        words = make_messages(path, chosen.messages, chosen.seed)
        with contextlib.closing(sqlite3.connect(path)) as connection, Queries(path) as queries:
            (size,) = connection.execute("SELECT sum(length(body)) FROM messages").fetchone()
            start = time.perf_counter()
            queries.search(words[-100])
            first = time.perf_counter() - start
            index_path(path).unlink()
            start = time.perf_counter()
            queries.search(words[-100])
            anew = time.perf_counter() - start
            made = index_path(path).stat().st_size
            print(
                f"\n{chosen.messages} messages, {size / 1e6:.0f} MB: first search {first:.1f} s, "
                f"{anew:.1f} s of it for the index of {made / 1e6:.0f} MB, "
                f"{made / size:.2f} of the messages"
            )
            cases: dict[str, Callable[[], float]] = {
                name: partial(timed, queries, *each) for name, each in asked(words).items()
            }
            cases["LIKE, rare word"] = partial(like, connection, words[-100])
            found = in_turns(cases, chosen.runs)
            show("a search, warm", found, unit="ms", baselines=["LIKE, rare word"], goal="50")


if __name__ == "__main__":
    main()
