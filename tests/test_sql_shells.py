"""
The views in the plain sqlite3 and DuckDB shells are those of `Queries.sql`.
"""

import json
import shutil
import sqlite3
import subprocess
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otel_bridge_queries import Queries, described_views, sqlite_script, write_views
from otel_bridge_storage.errors import DatabaseError, DatabaseNotFoundError
from queries_data import MS, NOON, Recorded

VIEWS = described_views()
SHELL = shutil.which("sqlite3")
PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | PLAIN,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(PLAIN, inner, max_size=2),
    max_leaves=4,
)
PART = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "tool_call_response", "image"])},
    optional={"content": JSON, "response": JSON},
)
MESSAGE = st.fixed_dictionaries(
    {"parts": st.lists(PART | JSON, max_size=3)}, optional={"role": st.sampled_from(["user", "x"])}
)
BODY = PLAIN | (MESSAGE | JSON).map(
    lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
)
COUNT = st.none() | st.integers(0, 2**40)
MAYBE = st.none() | PLAIN


def recorded_by(draw: st.DrawFn, path: Path) -> None:
    """
    Write a database with rows in all views.
    """
    recorded = Recorded(path)
    with recorded:
        recorded.session("s")
        messages = [
            recorded.message(body) for body in draw(st.lists(BODY, min_size=1, max_size=4))
        ]
        message = st.none() | st.sampled_from(messages)
        for at, run in enumerate(draw(st.lists(PLAIN, min_size=1, max_size=3, unique=True))):
            recorded.run(
                run,
                tuple(draw(st.lists(PLAIN, max_size=3))),
                session_id=draw(st.sampled_from([None, "s"])),
                agent_name=draw(MAYBE),
                status=draw(st.sampled_from(["success", "error", "running", "paused"])),
                started_ns=NOON + at,
                ended_ns=draw(st.none() | st.integers(NOON - 5, NOON + 10**10)),
                metadata=json.dumps(draw(st.dictionaries(PLAIN, JSON, max_size=2))),
                input_message=draw(message),
                answer_message=draw(message),
                cost_picousd=draw(COUNT),
                input_tokens=draw(COUNT),
            )
            recorded.llm_call(
                run,
                counted=draw(st.sampled_from([0, 1])),
                status=draw(st.sampled_from(["ok", "error", "running"])),
                request_model=draw(MAYBE),
                response_model=draw(MAYBE),
                end_ns=draw(st.none() | st.integers(NOON - 5, NOON + 10**10)),
                cost_picousd=draw(COUNT),
                emitted_cost_picousd=draw(COUNT),
                finish_reasons=json.dumps(draw(st.lists(PLAIN, max_size=2))),
            )
            recorded.tool_call(run, draw(PLAIN), arguments=draw(message), result=draw(message))
            recorded.step(run, 0, "user", draw(st.sampled_from(messages)), hidden=1)
            recorded.event(run, "run.paused", draw(st.none() | JSON.map(json.dumps)))
    recorded.close()


def plain(value: Any, kind: str) -> Any:
    """
    Put a value of `Queries.sql` as the sqlite3 shell has it; JSON is compared by what it says.
    """
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, bool):
        return int(value)
    return json.loads(value) if kind == "JSON" and value is not None else value


def comparable(rows: list[tuple[Any, ...]], kinds: tuple[str, ...]) -> list[str]:
    """
    Put the rows of any shell so that equal ones are equal, in an order of their own.
    """
    plains = [[plain(v, k) for v, k in zip(row, kinds, strict=True)] for row in rows]
    return sorted(json.dumps(row, ensure_ascii=True) for row in plains)


def parsed(rows: list[tuple[Any, ...]], kinds: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """
    Read the lists that SQLite has as text.
    """
    return [
        tuple(json.loads(v) if k == "VARCHAR[]" else v for v, k in zip(row, kinds, strict=True))
        for row in rows
    ]


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_the_views_for_sqlite_have_the_rows_of_the_queries(data: st.DataObject) -> None:
    """
    Every view has the same columns and rows in SQLite's own words.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs.db"
        data.draw(st.composite(recorded_by)(path))
        connection = sqlite3.connect(path)
        connection.executescript(sqlite_script())
        with Queries(path) as queries:
            for view in VIEWS:
                expected = queries.sql(f"FROM {view.name}")
                found = connection.execute(f"SELECT * FROM {view.name}")
                assert [each[0] for each in found.description] == list(expected.columns)
                rows = parsed(found.fetchall(), expected.types)
                assert comparable(rows, expected.types) == comparable(
                    expected.rows, expected.types
                )
        connection.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """
    A database whose runs are open, with writers that are silent, closed and alive.
    """
    now = time.time_ns()
    recorded = Recorded(tmp_path / "runs.db")
    with recorded:
        recorded.session("s")
        for at, writer in enumerate(["silent", "closed", "alive", "unknown"]):
            recorded.run(
                writer, ("it's",), status="running", writer_id=writer, started_ns=NOON + at
            )
            recorded.llm_call(writer, status="running", end_ns=None)
            recorded.step(writer, 0, "user", recorded.said("it's"))
        recorded.tool_call("alive", "search")
        recorded.event("alive", "run.paused", '{"reason":"lunch"}')
    recorded.close()
    connection = sqlite3.connect(recorded.path)
    hours = 3600 * 1000 * MS
    connection.executemany(
        "INSERT INTO writers VALUES (?, 'elsewhere', 1, ?, ?, ?)",
        [
            ("silent", NOON, now - hours, None),
            ("closed", NOON, now, now),
            ("alive", NOON, now + hours, None),
        ],
    )
    connection.commit()
    connection.close()
    return recorded.path


def test_open_runs_of_silent_writers_are_interrupted_in_sqlite(path: Path) -> None:
    """
    Runs, and the calls they left open, stand as they do in the queries.
    """
    text = "SELECT r.run_id, r.status, c.status FROM runs AS r JOIN llm_calls AS c USING (run_id)"
    connection = sqlite3.connect(path)
    connection.executescript(sqlite_script())
    with Queries(path) as queries:
        expected = sorted(queries.sql(text).rows)
    assert sorted(connection.execute(text).fetchall()) == expected
    assert ("silent", "interrupted", "interrupted") in expected
    assert ("alive", "running", "running") in expected
    connection.close()


def test_the_script_leaves_no_trace_in_the_database(path: Path) -> None:
    """
    The tables are still there under their whole names, and the file is as it was.
    """
    before = path.read_bytes()
    connection = sqlite3.connect(path)
    connection.executescript(sqlite_script())
    assert connection.execute("SELECT count(*) FROM main.runs").fetchone() == (4,)
    assert connection.execute(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'view'"
    ).fetchone() == (0,)
    connection.close()
    assert path.read_bytes() == before


@pytest.mark.skipif(SHELL is None, reason="the sqlite3 shell is not installed")
def test_the_sqlite3_shell_takes_the_script(path: Path, tmp_path: Path) -> None:
    """
    `sqlite3 -init` has the views without a word on standard error.
    """
    script = tmp_path / "views.sql"
    script.write_text(sqlite_script(), encoding="utf-8")
    asked = "SELECT run_id, status, date(started_at) AS day FROM runs WHERE run_id = 'closed'"
    ended = subprocess.run(
        [str(SHELL), "-batch", "-bail", "-json", "-init", str(script), str(path), asked],
        capture_output=True,
        text=True,
        check=True,
    )
    row = {"run_id": "closed", "status": "interrupted", "day": "2025-06-15"}
    assert json.loads(ended.stdout) == [row]
    assert "rror" not in ended.stderr


def test_the_views_for_duckdb_have_the_rows_of_the_queries(path: Path, tmp_path: Path) -> None:
    """
    Every view has the same columns, types, rows and comments in a plain DuckDB.
    """
    folder = tmp_path / "it's a folder"
    write_views(path, folder)
    script = write_views(path, folder)
    assert sorted(each.name for each in folder.iterdir()) == sorted(
        ["views.sql", *(f"{view.name}.parquet" for view in VIEWS)]
    )
    with duckdb.connect() as shell, Queries(path) as queries:
        shell.execute("SET TimeZone = 'UTC'")
        shell.execute(script.read_text(encoding="utf-8"))
        for view in VIEWS:
            expected = queries.sql(f"SELECT * FROM {view.name}")
            found = shell.sql(f"FROM {view.name}")
            assert tuple(found.columns) == expected.columns
            assert tuple(map(str, found.types)) == expected.types
            moments = ", ".join(
                f"{name}::TIMESTAMP AS {name}" for name in found.columns if name.endswith("_at")
            )
            rows = found.project(f"* REPLACE ({moments})" if moments else "*").fetchall()
            # An open run is heard of anew at every moment.
            hidden = {at for at, name in enumerate(found.columns) if name == "last_seen_at"}
            assert comparable(_without(rows, hidden), _kinds(expected.types, hidden)) == (
                comparable(_without(expected.rows, hidden), _kinds(expected.types, hidden))
            )
        comments = shell.execute(
            "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal"
        ).fetchall()
    assert set(comments) == {
        (view.name, each.name, each.comment) for view in VIEWS for each in view.columns
    }


def _without(rows: list[tuple[Any, ...]], hidden: set[int]) -> list[tuple[Any, ...]]:
    return [tuple(v for at, v in enumerate(row) if at not in hidden) for row in rows]


def _kinds(kinds: tuple[str, ...], hidden: set[int]) -> tuple[str, ...]:
    return tuple(kind for at, kind in enumerate(kinds) if at not in hidden)


@pytest.mark.skipif(shutil.which("duckdb") is None, reason="the DuckDB shell is not installed")
def test_the_duckdb_shell_takes_the_script(path: Path, tmp_path: Path) -> None:
    """
    `duckdb -init` has the views.
    """
    script = write_views(path, tmp_path / "views")
    ended = subprocess.run(
        ["duckdb", "-init", str(script), "-csv", "-c", "SELECT count(*) AS n FROM llm_calls"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.split() == ["n", "4"]


def test_a_folder_that_cannot_be_written_is_told(path: Path, tmp_path: Path) -> None:
    """
    No folder is made for a database that is not there, and a file in the way is an error.
    """
    with pytest.raises(DatabaseNotFoundError):
        write_views(tmp_path / "none.db", tmp_path / "views")
    assert not (tmp_path / "views").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises((DatabaseError, OSError)):
        write_views(path, tmp_path / "file")
