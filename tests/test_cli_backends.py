"""
The command line over a PostgreSQL server, as over a file.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import captures
import pytest
from backends import FILE, POSTGRES, Backend

from otel_bridge.cli.main import run_with

CAPTURE = "double_openinference_langgraph_openai"


@pytest.fixture
def both(postgres_url: str, tmp_path: Path) -> Iterator[list[Backend]]:
    """
    Give a file and a schema of a server.
    """
    made = [Backend(FILE, tmp_path), Backend(POSTGRES, tmp_path, postgres_url)]
    try:
        yield made
    finally:
        for each in made:
            each.close()


def said(capsys: pytest.CaptureFixture[str], db: str, *words: str, code: int = 0) -> str:
    """
    Run one command and give what it printed.
    """
    assert run_with([*words, "--db", db]) == code, capsys.readouterr().err
    return capsys.readouterr().out


def test_every_command_answers_the_same(
    both: list[Backend], capsys: pytest.CaptureFixture[str]
) -> None:
    """
    What was imported into a server is shown as it is from a file.
    """
    files = [str(file) for file in captures.files(CAPTURE, "traces", "pb")]
    answers = []
    for backend in both:
        db = backend.target
        told = [said(capsys, db, "import", *files)]
        runs = json.loads(said(capsys, db, "runs", "--format", "json"))
        (first, *_) = runs
        commands = [
            ["run", first["run_id"]],
            ["run", first["run_id"], "--events"],
            ["trace", first["trace_id"]],
            ["cost", "--by", "agent,model"],
            ["tokens"],
            ["tools"],
            ["sql", "SELECT count(*) AS calls FROM llm_calls"],
        ]
        told += [said(capsys, db, *command) for command in commands]
        answers.append([str(runs), *told])
    assert answers[0] == answers[1]
    assert re.search(r"\d", answers[0][1])


def test_a_password_is_not_in_an_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """
    A server that cannot be reached is one line on standard error, without the password.
    """
    url = "postgresql://me:tr0ub4dor@127.0.0.1:1/db"
    for command in (["runs"], ["cost"], ["sql", "SELECT 1"]):
        assert run_with([*command, "--db", url]) == 1
        printed = capsys.readouterr()
        assert "127.0.0.1" in printed.err
        assert "tr0ub4dor" not in printed.err + printed.out
