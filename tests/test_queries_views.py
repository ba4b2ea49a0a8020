import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from otel_bridge_queries import Queries
from otel_bridge_queries.texts import message_text
from otel_bridge_storage.errors import QueryError
from queries_data import MS, NOON, Recorded


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """
    A database with two runs of one session and their steps.
    """
    recorded = Recorded(tmp_path / "runs.db")
    with recorded:
        recorded.session("s")
        asked, answer = recorded.said("Why?"), recorded.said("Bec\x00ause «é»", "assistant")
        recorded.run(
            "one",
            ("blue", "red"),
            agent_name="planner",
            session_id="s",
            input_message=asked,
            answer_message=answer,
            ended_ns=NOON + 1500 * MS,
            cost_picousd=3 * 10**12,
            input_tokens=7,
            metadata='{"tier":{"n":1}}',
        )
        recorded.run("two", session_id="s", started_ns=NOON + 10, parent_run_id="one")
        recorded.run("lone", started_ns=NOON - 10, status="error", error_message="broke")
        recorded.llm_call("one", request_model="m")
        recorded.step("one", 0, "user", asked)
        recorded.step("one", 1, "assistant", answer, condensed_message=asked, hidden=1)
        recorded.step("one", 2, "user", recorded.said("And then?"))
        recorded.step("one", 3, "user", recorded.said("Never mind"), rolled_back=1)
        recorded.step("two", 0, "user", recorded.message("plain"), is_error=1, tool_name="t")
        recorded.event("one", "run.paused", '{"reason":"lunch"}')
        recorded.tool_call("one", "search", arguments=recorded.message('{"q":1}'))
    recorded.close()
    return recorded.path


def test_a_run_view_tells_the_whole_run(path: Path) -> None:
    """
    A run has its texts, totals, times, tags and metadata in one row.
    """
    with Queries(path) as queries:
        (row,) = queries.run_views(run_id="one")
    expected = {
        "run_id": "one",
        "session_id": "s",
        "agent_name": "planner",
        "status": "success",
        "response": "Bec\x00ause «é»",
        "last_user_input": "And then?",
        "started_at": datetime.fromtimestamp(NOON // 10**9, UTC),
        "duration_ms": 1500.0,
        "input_tokens": 7,
        "output_tokens": None,
        "cost_usd": 3.0,
        "unpriced_calls": 0,
        "tags": ["blue", "red"],
        "metadata": {"tier": {"n": 1}},
        "depth": 0,
    }
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["two", "one", "lone"]),
        ({"limit": 1, "offset": 1}, ["one"]),
        ({"session_id": "s"}, ["two", "one"]),
        ({"tag": ["red", "green"]}, ["one"]),
        ({"status": "error"}, ["lone"]),
        ({"model": "m"}, ["one"]),
        ({"provider": "p"}, []),
        ({"agent_name": ["planner", "x"]}, ["one"]),
        ({"run_id": iter(["one", "two"])}, ["two", "one"]),
        ({"until": datetime.fromtimestamp(NOON // 10**9, UTC)}, ["lone"]),
    ],
)
def test_runs_are_listed_latest_first_and_filtered(
    path: Path, asked: dict[str, Any], found: list[str]
) -> None:
    """
    Each filter keeps the runs that have what it names.
    """
    with Queries(path) as queries:
        assert [row["run_id"] for row in queries.run_views(**asked)] == found


def test_a_run_of_a_dead_writer_is_interrupted(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A running run is interrupted once its writer is known to be dead, without any commit.
    """
    dead: list[str] = []
    monkeypatch.setattr("otel_bridge_queries.sqlite_source.dead_writers", lambda connection: dead)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE runs SET writer_id = 'w' WHERE run_id != 'lone'")
        connection.execute("UPDATE runs SET status = 'running' WHERE run_id != 'two'")
    connection.close()
    with Queries(path) as queries:
        assert len(queries.run_views(status="running")) == 2
        dead.append("w")
        assert [r["run_id"] for r in queries.run_views(status="interrupted")] == ["one"]
        assert queries.sql("SELECT status FROM runs ORDER BY run_id").rows == [
            ("running",),
            ("interrupted",),
            ("success",),
        ]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"run_id": "one"}, ["Why?", "Bec\x00ause «é»", "And then?"]),
        ({"run_id": "one", "include_hidden": False}, ["Why?", "And then?"]),
        ({"run_id": "one", "include_rolled_back": True, "limit": 9}, None),
        ({"session_id": "s"}, ["Why?", "Bec\x00ause «é»", "And then?", "plain"]),
        ({"session_id": "s", "run_id": "two"}, ["plain"]),
        ({"run_id": "nobody"}, []),
    ],
)
def test_steps_are_listed_in_order(
    path: Path, asked: dict[str, Any], found: list[str] | None
) -> None:
    """
    Steps come run by run, without those taken back unless asked for.
    """
    with Queries(path) as queries:
        contents = [row["content"] for row in queries.step_views(**asked)]
    assert contents == (found or contents)
    assert ("Never mind" in contents) == asked.get("include_rolled_back", False)


def test_a_step_tells_what_the_model_sees_of_it(path: Path) -> None:
    """
    A condensed step has both texts; flags are booleans and moments aware.
    """
    with Queries(path) as queries:
        row = queries.step_views(run_id="one").dicts()[1]
    assert (row["condensed_content"], row["hidden"], row["is_error"]) == ("Why?", True, False)
    assert row["created_at"].tzinfo is UTC


def test_steps_of_nobody_are_refused(path: Path) -> None:
    """
    Listing steps needs a run or a session.
    """
    with Queries(path) as queries, pytest.raises(QueryError, match="run_id or a session_id"):
        queries.step_views()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (None, None),
        ("plain", "plain"),
        ("{broken", "{broken"),
        ('"quoted"', '"quoted"'),
        ("[1]", "[1]"),
        ('{"q": 1}', '{"q": 1}'),
        ('{"parts": []}', '{"parts": []}'),
        ('{"role": "user", "parts": 3}', '{"role": "user", "parts": 3}'),
        ('{"role":' * 100_000, '{"role":' * 100_000),
    ],
)
def test_what_is_not_a_message_is_text_itself(body: str | None, text: str | None) -> None:
    """
    Any other body is handed on as it is.
    """
    assert message_text(body) == text


def test_the_text_of_a_message_is_its_text_parts() -> None:
    """
    Text parts are joined; a tool's answer is the text where there is none.
    """
    said = [
        {"type": "text", "content": "a"},
        {"type": "tool_call", "id": "1"},
        "stray",
        {"type": "text", "content": None},
        {"type": "text", "content": "b"},
    ]
    told = [{"type": "tool_call_response", "id": "1", "response": {"ok": True}}]
    assert message_text(json.dumps({"role": "user", "parts": said})) == "ab"
    assert message_text(json.dumps({"role": "tool", "parts": told})) == '{"ok":true}'


@pytest.mark.parametrize("status", ["zz", ["error", "zz"], 7])
def test_a_status_that_no_run_has_is_refused(path: Path, status: Any) -> None:
    """
    A misspelt status is an error, as it is for the run store, and not an empty list.
    """
    with Queries(path) as queries, pytest.raises(QueryError, match="status"):
        queries.run_views(status=status)


@pytest.mark.parametrize("text", ["[]", "{}", "null", ""])
def test_a_text_that_looks_like_json_is_told_as_it_is(tmp_path: Path, text: str) -> None:
    """
    A message that is an empty list in the eyes of JSON has that as its text.
    """
    recorded = Recorded(tmp_path / "texts.db")
    with recorded:
        recorded.run("r")
        recorded.step("r", 0, "user", recorded.message(text))
    recorded.close()
    with Queries(recorded.path) as queries:
        assert queries.sql("SELECT content FROM steps").rows == [(text,)]
        assert [row["content"] for row in queries.step_views(run_id="r")] == [text]
