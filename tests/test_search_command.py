"""
`otel-bridge search`: hits for people and for programs.
"""

import csv
import io
import json
from pathlib import Path

import duckdb
import pytest
from queries_data import Recorded

from otel_bridge.cli.main import run_with

HOSTILE = "\x1b[31mred\x07 needle [bold]\u202e"


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """
    A database with some messages, one of them hostile to terminals.
    """
    recorded = Recorded(tmp_path / "runs.db")
    with recorded:
        recorded.run("6c7f", agent_name="plan\x1b[2Jner", session_id="s-1", user_id="ada")
        recorded.step("6c7f", 0, "user", recorded.said(HOSTILE))
        recorded.step("6c7f", 1, "tool", recorded.said("a needle", "tool"), tool_name="find")
        recorded.step("6c7f", 2, "assistant", recorded.said("needle taken back"), rolled_back=1)
    recorded.close()
    return recorded.path


def test_hits_are_shown_with_where_they_are(
    database: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Each hit has a line of its place and one of its text, and no control character.
    """
    monkeypatch.setenv("COLUMNS", "60")
    assert run_with(["search", "needle", "--db", str(database)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = out.splitlines()
    assert lines[0].endswith("assistant  run 6c7f  session s-1  user ada  rolled back")
    assert lines[3].endswith("tool · find  run 6c7f  session s-1  user ada")
    assert lines[4] == "  a needle"
    assert lines[7] == r"  \x1b[31mred\x07 needle [bold]\u202e"
    assert "\x1b" not in out


def test_programs_get_all_of_it(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    JSON and CSV have every field of every hit, and Markdown a table.
    """
    assert run_with(["search", "needle", "--db", str(database), "-f", "json"]) == 0
    hits = json.loads(capsys.readouterr().out)
    assert [hit["role"] for hit in hits] == ["assistant", "tool", "user"]
    assert hits[1]["marks"] == [[2, 8]]
    assert hits[2]["said_at"] == "2025-06-15T15:06:40.000000Z"
    assert hits[2]["snippet"] == HOSTILE
    assert run_with(["search", "needle", "--db", str(database), "-f", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["tool_name"] for row in rows] == ["", "find", ""]
    assert run_with(["search", "needle", "--db", str(database), "-f", "md"]) == 0
    assert capsys.readouterr().out.count("\n") == 5


def test_hits_go_to_a_file(database: Path, tmp_path: Path) -> None:
    """
    `--output` gets the hits in every form, Parquet with as many rows as there are hits.
    """
    words = ["search", "needle", "--db", str(database), "-o", str(tmp_path / "hits")]
    assert run_with([*words, "-f", "parquet"]) == 0
    (count,) = duckdb.execute(
        "SELECT count(*) FROM read_parquet(?)", [str(tmp_path / "hits")]
    ).fetchall()
    assert count == (3,)
    assert run_with(words) == 0
    assert (tmp_path / "hits").read_text("utf-8").count("needle") == 3


def test_no_hit_is_no_failure(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Where nothing matches the command says so and ends well; what makes no sense is usage.
    """
    assert run_with(["search", "hay", "stack", "--db", str(database)]) == 0
    assert capsys.readouterr() == ("", "nothing that was said matches hay stack\n")
    for wrong in (["!"], ["needle", "--role", "x"], ["needle", "--since", "x"]):
        assert run_with(["search", *wrong, "--db", str(database)]) == 2
        assert capsys.readouterr().out == ""


def test_filters_are_as_elsewhere(database: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    The beginning of a run's id is enough, several words are all meant, and a limit is said.
    """
    line = ["search", "--db", str(database), "-f", "json"]
    for options, count in (
        (["needle", "--run", "6c"], 3),
        (["taken", "needle"], 1),
        (['"needle taken"'], 1),
        (["needle", "--tool", "find"], 1),
        (["needle", "--role", "user", "--role", "tool"], 2),
        (["needle", "--since", "2025-06-15T15:06:41"], 0),
        (["needle", "--user", "ada", "--session", "s-1", "--rank"], 3),
    ):
        assert run_with([*line, *options]) == 0
        assert len(json.loads(capsys.readouterr().out)) == count, options
    assert run_with([*line, "needle", "--limit", "2"]) == 0
    assert capsys.readouterr().err == "the latest 2 hits; --limit shows more\n"
