"""
`otel-bridge sql`, as it is typed.
"""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from queries_data import Recorded

from otel_bridge.cli.main import run_with

Typed = Callable[..., tuple[int, str, str]]


@pytest.fixture
def typed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Typed:
    """
    Runs `otel-bridge sql` over a database of two runs, and gives code, output and errors.
    """
    recorded = Recorded(tmp_path / "runs.db")
    with recorded:
        recorded.run("one", agent_name="planner")
        recorded.run("two", agent_name="42")
    recorded.close()
    monkeypatch.setenv("OTEL_BRIDGE_DB", str(recorded.path))

    def run(*words: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run_with(["sql", *map(str, words)])
        return (code, *capsys.readouterr())

    return run


def test_a_query_is_read_from_a_file(typed: Typed, tmp_path: Path) -> None:
    """
    A file with a byte order mark and comments is a query, and one that is not text is told.
    """
    file = tmp_path / "q.sql"
    file.write_text("-- é\nSELECT count(*) AS n FROM runs", encoding="utf-8-sig")
    assert json.loads(typed("--file", file, "-f", "json")[1]) == [{"n": 2}]
    file.write_bytes(b"\xff\xfe")
    assert typed("--file", file)[0] == 2
    assert typed("--file", tmp_path / "none.sql")[0] == 1


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("5", 5),
        ("1.5", 1.5),
        ("true", True),
        ("null", None),
        ('"5"', "5"),
        ('["a", 1]', ["a", 1]),
        ("a=b", "a=b"),
        ("NaN", "NaN"),
        ("", ""),
        ("'; DROP TABLE runs", "'; DROP TABLE runs"),
    ],
)
def test_parameters_are_json_or_text(typed: Typed, value: str, read: object) -> None:
    """
    A value is what it says as JSON, else the text that was typed.
    """
    code, out, _ = typed("SELECT to_json($x) AS x", "--param", f"x={value}", "-f", "json")
    assert code == 0
    expected = ["a", "1"] if read == ["a", 1] else read
    assert json.loads(json.loads(out)[0]["x"] or "null") == expected


def test_rows_beyond_the_limit_are_told_of(typed: Typed) -> None:
    """
    Fewer rows are printed than there are, and a note says so; none where all are there.
    """
    query = "SELECT run_id FROM runs ORDER BY 1"
    code, out, err = typed(query, "--limit", "1", "-f", "csv")
    assert (code, out.split()) == (0, ["run_id", "one"])
    assert "more" in err
    assert typed(query, "--limit", "2", "-f", "csv")[2] == ""


def test_a_query_without_end_is_stopped(typed: Typed) -> None:
    """
    The time that was typed is kept to, with one line and exit code 1.
    """
    endless = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range < b.range"
    code, out, err = typed(endless, "--timeout", "0.2")
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "stopped after 0.2 seconds" in err


def test_the_schema_is_listed_without_a_database(
    typed: Typed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """
    `--schema` and the script for sqlite3 need no database.
    """
    monkeypatch.setenv("OTEL_BRIDGE_DB", str(tmp_path / "none.db"))
    rows = json.loads(typed("--schema", "-f", "json")[1])
    assert {"view": "runs", "column": "run_id", "type": "VARCHAR", "comment": "the run's id"} in (
        rows
    )
    code, script, err = typed("--shell", "sqlite")
    assert (code, err) == (0, "")
    assert "CREATE TEMP VIEW runs" in script


def test_the_views_are_written_for_duckdb(typed: Typed, tmp_path: Path) -> None:
    """
    A folder gets the files and the script, and a note says how to open them.
    """
    code, out, err = typed("--shell", "duckdb", "--into", tmp_path / "views")
    assert (code, out) == (0, "")
    assert "duckdb -init" in err
    assert (tmp_path / "views" / "runs.parquet").is_file()


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["SELECT 1", "--schema"],
        ["SELECT 1", "--file", "q.sql"],
        ["SELECT 1", "--param", "x"],
        ["SELECT 1", "--limit", "0"],
        ["--shell", "duckdb"],
        ["--shell", "sqlite", "--into", "views"],
        ["SELECT 1", "--into", "views"],
        ["--shell", "fish"],
        ["--schema", "--format", "parquet"],
    ],
)
def test_wrong_usage_is_told_apart(typed: Typed, words: list[str]) -> None:
    """
    What makes no sense together has exit code 2 and prints nothing.
    """
    code, out, err = typed(*words)
    assert (code, out) == (2, "")
    assert "Error" in err


def test_the_printed_script_is_taken_by_sqlite(typed: Typed, tmp_path: Path) -> None:
    """
    What is printed runs as it is.
    """
    connection = sqlite3.connect(tmp_path / "runs.db")
    printed = typed("--shell", "sqlite")[1]
    assert typed("--shell", "sqlite", "-o", str(tmp_path / "views.sql"))[:2] == (0, "")
    assert (tmp_path / "views.sql").read_text("utf-8") == printed
    connection.executescript(printed)
    assert connection.execute("SELECT count(*) FROM runs").fetchone() == (2,)
    connection.close()
