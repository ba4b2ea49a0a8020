"""
The demo: what it prints, what it leaves, and what it never touches.
"""

import json
import os
import shlex
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import openai
import pytest
from otel_bridge_storage.errors import DatabaseError

from otel_bridge.cli.main import run_with
from otel_bridge.demo import tour
from otel_bridge.demo.fresh import SAMPLES, SERVICE, made_by_demo, make_way
from otel_bridge.demo.model_server import ModelServer
from otel_bridge.demo.script import SCRIPT

MAIN = "from otel_bridge.cli.main import main; main()"
TELEMETRY = ("OTEL_", "OTEL_BRIDGE_DB")


def _run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    known = {key: value for key, value in os.environ.items() if not key.startswith(TELEMETRY)}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", MAIN, *words],
        cwd=folder,
        env={**known, "PYTHONIOENCODING": "utf-8", "COLUMNS": "160"},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def _rows(folder: Path, *words: str) -> list[dict[str, Any]]:
    ended = _run(folder, *words, "--format", "json", "--db", "otel-bridge-demo.db")
    assert ended.returncode == 0, ended.stderr
    rows = json.loads(ended.stdout)
    assert isinstance(rows, list)
    return rows


@pytest.fixture(scope="module")
def toured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """
    A folder in which the demo ran, and what it printed.
    """
    folder = tmp_path_factory.mktemp("demo")
    ended = _run(folder, "demo")
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.splitlines() == [
        "2 of 16 calls have no known price and are not in the cost:",
        "1 call of house house-llama: no price for the model house-llama of house",
        "1 call of openai gpt-4o: the call failed without an answer",
    ]
    return folder, ended.stdout


@pytest.fixture
def models() -> Iterator[ModelServer]:
    """
    A model server that runs.
    """
    with ModelServer() as server:
        yield server


def test_demo_leaves_one_fresh_database(toured: tuple[Path, str]) -> None:
    """
    The database stands in the working directory, made of the demo's telemetry alone.
    """
    folder, _ = toured
    assert [path.name for path in folder.glob("*.db")] == ["otel-bridge-demo.db"]
    assert made_by_demo(folder / "otel-bridge-demo.db")


def test_demo_records_the_runs_of_its_agents(toured: tuple[Path, str]) -> None:
    """
    Agents, their status, sessions and users are the same every time.
    """
    runs = _rows(toured[0], "runs")
    own = [run for run in runs if run["service"] == SERVICE]
    assert sorted(
        (run["agent_name"], run["status"], run["session_id"], run["user_id"]) for run in own
    ) == [
        ("planner", "success", "lisbon-trip", "ada"),
        ("researcher", "success", "lisbon-trip", "ada"),
        ("writer", "error", "guide-book", "bob"),
        ("writer", "success", "lisbon-trip", "ada"),
    ]
    by_id = {run["run_id"]: run for run in runs}
    (researcher,) = [run for run in own if run["agent_name"] == "researcher"]
    assert by_id[researcher["parent_run_id"]]["agent_name"] == "planner"
    assert len(runs) - len(own) == 5


def test_demo_counts_every_token_of_the_script_once(toured: tuple[Path, str]) -> None:
    """
    The tokens of all calls are those that the model server sent.
    """
    services = _rows(toured[0], "cost", "--by", "service")
    rows = [row for row in services if row["service"] == SERVICE]
    replies = [reply for _, _, reply in SCRIPT]
    assert rows[0]["llm_calls"] == len(replies)
    assert rows[0]["input_tokens"] == sum(reply.input_tokens for reply in replies)
    assert rows[0]["output_tokens"] == sum(reply.output_tokens for reply in replies)
    assert rows[0]["cache_read_tokens"] == sum(reply.cached for reply in replies)
    assert rows[0]["reasoning_tokens"] == sum(reply.reasoning for reply in replies)
    assert (rows[0]["unpriced_calls"], rows[0]["error_calls"]) == (2, 1)
    assert rows[0]["cost_usd"] == pytest.approx(_reference_cost())


def _reference_cost() -> float:
    """
    The script's tokens at the published prices of its models, USD per million tokens.
    """
    prices = {"gpt-4o": (2.5, 1.25, 10.0), "gpt-4o-mini": (0.15, 0.075, 0.6)}
    total = 0.0
    for model, _, reply in SCRIPT:
        if model in prices:
            fresh, cached, written = prices[model]
            total += (reply.input_tokens - reply.cached) * fresh
            total += reply.cached * cached + reply.output_tokens * written
    return total / 1e6


def test_demo_shows_runs_a_tree_and_the_cost(toured: tuple[Path, str]) -> None:
    """
    What a newcomer is to see is printed in order: runs, one run's tree, cost, commands.
    """
    _, printed = toured
    marks = [
        "planner: Two days in Lisbon",
        "writer:  failed, Error code: 400",
        "stored 17 spans and 20 log records from 6 files",
        "All runs",
        "run planner",
        "└─ run researcher",
        "! TimeoutError: the weather service did not answer",
        "chat house-llama",
        "paused and resumed: waiting_approval",
        "What it cost",
        "total",
        "Try next",
    ]
    places = [printed.find(mark) for mark in marks]
    assert -1 not in places
    assert places == sorted(places)


def test_the_commands_to_try_work_as_printed(toured: tuple[Path, str]) -> None:
    """
    Each of the three commands at the end runs in the same folder and prints something.
    """
    folder, printed = toured
    commands = [shlex.split(line) for line in printed.splitlines()[-3:]]
    assert [command[0] for command in commands] == ["otel-bridge"] * 3
    for command in commands:
        ended = _run(folder, *command[1:])
        assert (ended.returncode, bool(ended.stdout)) == (0, True), ended.stderr


def test_paths_with_spaces_are_quoted_in_the_commands() -> None:
    """
    A path that a shell would cut apart comes back whole.
    """
    for command in tour.commands_to_try(Path("my demo.db"), "run 1"):
        if sys.platform != "win32":
            assert shlex.split(command)[-1] == "my demo.db"


def test_an_earlier_demo_is_replaced_or_kept(toured: tuple[Path, str], tmp_path: Path) -> None:
    """
    A second demo starts afresh by default, and adds to the first with `--keep`.
    """
    earlier = (toured[0] / "otel-bridge-demo.db").read_bytes()
    (tmp_path / "otel-bridge-demo.db").write_bytes(earlier)
    assert _run(tmp_path, "demo", "--keep").returncode == 0
    assert len(_rows(tmp_path, "runs")) == 9 + 4
    assert _run(tmp_path, "demo").returncode == 0
    assert len(_rows(tmp_path, "runs")) == 9


def test_another_database_or_file_is_never_touched(
    toured: tuple[Path, str], tmp_path: Path
) -> None:
    """
    A database with anything of somebody else's, any other file, and a folder are refused.
    """
    mixed = tmp_path / "mixed.db"
    mixed.write_bytes((toured[0] / "otel-bridge-demo.db").read_bytes())
    with closing(sqlite3.connect(mixed)) as database, database:
        database.execute(
            "INSERT INTO resources SELECT max(id) + 1, x'00', 'mine', '{}', 0, '', '[]' "
            "FROM resources"
        )
    notes = tmp_path / "notes.txt"
    notes.write_text("my notes")
    foreign = tmp_path / "foreign.db"
    with closing(sqlite3.connect(foreign)) as database, database:
        database.execute("CREATE TABLE resources (service TEXT)")
        database.execute("INSERT INTO resources VALUES (?)", (SERVICE,))
    for path in (mixed, notes, foreign, tmp_path):
        before = path.read_bytes() if path.is_file() else None
        for keep in (False, True):
            with pytest.raises(DatabaseError, match="not the database of an earlier demo"):
                make_way(path, keep=keep)
        assert before == (path.read_bytes() if path.is_file() else None)
    ended = _run(tmp_path, "demo", "--db", "notes.txt")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert len(ended.stderr.splitlines()) == 1


def test_without_the_openai_client_the_demo_says_how_to_install_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """
    One line, exit code 1, and nothing is made.
    """
    monkeypatch.setattr(tour, "find_spec", lambda _: None)
    assert run_with(["demo", "--db", str(tmp_path / "demo.db")]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [printed.err.strip()]
    assert "pip install openai" in printed.err
    assert list(tmp_path.iterdir()) == []


def test_samples_are_named_after_their_service() -> None:
    """
    Traces and logs of three instrumentations travel with the package.
    """
    assert len(list(SAMPLES.glob("*-traces.pb"))) == len(list(SAMPLES.glob("*-logs.pb"))) == 3


def test_model_server_answers_the_real_client(models: ModelServer) -> None:
    """
    Usage with cached and reasoning tokens, and tool calls, arrive as the client's types.
    """
    with openai.OpenAI(base_url=models.url, api_key="none", max_retries=0) as client:
        wish: Any = [{"role": "user", "content": "Plan a weekend in Lisbon"}]
        completion = client.chat.completions.create(model="gpt-4o", messages=wish)
        calls: Any = completion.choices[0].message.tool_calls
        usage: Any = completion.usage
        assert [call.function.name for call in calls] == ["research"]
        assert completion.model == "gpt-4o-2024-08-06"
        assert usage.prompt_tokens_details.cached_tokens == 1024
        assert usage.completion_tokens_details.reasoning_tokens == 64


def test_model_server_streams_with_and_without_usage(models: ModelServer) -> None:
    """
    The text comes in pieces, and usage at the end if it was asked for.
    """
    order: Any = [{"role": "user", "content": "Write a postcard"}]
    with openai.OpenAI(base_url=models.url, api_key="none", max_retries=0) as client:
        cases: list[tuple[Any, list[int]]] = [({"include_usage": True}, [205]), ({}, [])]
        for options, told in cases:
            stream = client.chat.completions.create(
                model="gpt-4o-mini", messages=order, stream=True, stream_options=options
            )
            chunks = list(stream)
            pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
            assert (
                "".join(pieces) == "Dear Ada, Lisbon is tiles, trams and fado. Wish you were here!"
            )
            assert [chunk.usage.prompt_tokens for chunk in chunks if chunk.usage] == told


def test_model_server_refuses_what_the_script_does_not_know(models: ModelServer) -> None:
    """
    A scripted refusal is a client error, and so is a request without a reply.
    """
    with openai.OpenAI(base_url=models.url, api_key="none", max_retries=0) as client:
        for words, raised in (
            ("Summarise the whole guide book", openai.BadRequestError),
            ("Tell a joke", openai.NotFoundError),
        ):
            message: Any = [{"role": "user", "content": words}]
            with pytest.raises(raised):
                client.chat.completions.create(model="gpt-4o", messages=message)
    with pytest.raises(HTTPError, match="413") as refused:
        urllib.request.urlopen(models.url, data=b"")
    refused.value.close()
