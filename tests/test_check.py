"""
`check` finds what is wrong with a database, and nothing where nothing is.
"""

import json
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from captures import names
from damage import DAMAGES, capture, captured, large, open_with_live_facts
from hypothesis import HealthCheck, given, settings
from otel_bridge_storage.errors import OtelBridgeError
from otel_bridge_storage.integrity import check
from otel_bridge_storage.records import SpanRecord
from stored import rows, store
from trees import forests

from otel_bridge.cli.main import run_with


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A database of all captures and of a run that never ended.
    """
    path = captured(tmp_path_factory.mktemp("whole") / "runs.db")
    store(path, open_with_live_facts())
    return path


@pytest.mark.parametrize("name", names())
def test_nothing_is_found_in_what_was_recorded(tmp_path: Path, name: str) -> None:
    """
    A database made of a capture is in order.
    """
    path = tmp_path / "runs.db"
    store(path, [capture(name)])
    assert check(path) == []


@given(forests())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_nothing_is_found_in_any_forest(
    tmp_path_factory: pytest.TempPathFactory, made: list[SpanRecord]
) -> None:
    """
    Whatever spans arrived, and in whatever batches, the database is in order.
    """
    path = tmp_path_factory.mktemp("forest") / "runs.db"
    store(path, [[each] for each in made])
    assert check(path) == []


PLANTED = {
    "sequence": ("UPDATE counters SET value = 3 WHERE name = 'sequence'", "run_log", "seq is"),
    "bound_seq": (
        "UPDATE run_log SET bound_seq = 1000000 WHERE seq = 1",
        "run_log",
        "bound_seq is above",
    ),
    "span counter": ("UPDATE counters SET value = 0 WHERE name = 'span'", "spans", "id is above"),
    "message counter": (
        "UPDATE counters SET value = 0 WHERE name = 'message'",
        "messages",
        "id is above",
    ),
    "log counter": ("UPDATE counters SET value = 0 WHERE name = 'log'", "logs", "id is above"),
    "missing counter": ("DELETE FROM counters WHERE name = 'erasures'", "counters", "are missing"),
    "text of a span": (
        """UPDATE spans SET attributes = '{"a":{"$text":999999}}' WHERE id = 1""",
        "spans",
        "texts that are not there",
    ),
    "text of an event": (
        """UPDATE spans SET events = '[["e",1,{"a":{"$list":[999999],"$separator":","}},0]]'
        WHERE id = 1""",
        "spans",
        "texts that are not there",
    ),
    "text of a link": (
        """UPDATE spans SET links = '[["a","b","",{"a":{"$text":999999}},0,0]]' WHERE id = 1""",
        "spans",
        "texts that are not there",
    ),
    "text of a log": (
        """UPDATE logs SET body = '{"$text":999999}' WHERE id = 1""",
        "logs",
        "texts that are not there",
    ),
    "text of a fact": (
        """UPDATE run_log SET data = '{"a":[{"$text":999999}]}' WHERE seq = 1""",
        "run_log",
        "texts that are not there",
    ),
    "text of a call": (
        "UPDATE llm_calls SET input_messages = '[999999]'"
        " WHERE span = (SELECT min(span) FROM llm_calls)",
        "llm_calls",
        "texts that are not there",
    ),
    "text of a tool call": (
        "UPDATE tool_calls SET result = 999999 WHERE span = (SELECT min(span) FROM tool_calls)",
        "tool_calls",
        "result refers",
    ),
    "text of a step": (
        "UPDATE steps SET message = 999999 WHERE rowid = (SELECT min(rowid) FROM steps)",
        "steps",
        "message refers",
    ),
    "text of a run": (
        "UPDATE runs SET answer_message = 999999 WHERE rowid = (SELECT min(rowid) FROM runs)",
        "runs",
        "answer_message refers",
    ),
    "malformed attributes": (
        "UPDATE spans SET attributes = '{' WHERE id = 1",
        "spans",
        "JSON that is malformed",
    ),
    "changed text": (
        "UPDATE messages SET body = body || '!' WHERE id = 1",
        "messages",
        "are not what was stored",
    ),
    "span of an entry": ("UPDATE run_log SET span = 999999 WHERE seq = 1", "run_log", "span ref"),
    "resource": ("UPDATE spans SET resource_id = 999 WHERE id = 1", "spans", "resource_id refers"),
    "span of a call": (
        "UPDATE llm_calls SET span = 999999 WHERE span = (SELECT min(span) FROM llm_calls)",
        "llm_calls",
        "span refers",
    ),
    "call of a span": (
        "DELETE FROM llm_calls WHERE span = (SELECT min(span) FROM llm_calls)",
        "spans",
        "no row in llm_calls",
    ),
    "tool of a span": (
        "DELETE FROM tool_calls WHERE span = (SELECT min(span) FROM tool_calls)",
        "spans",
        "no row in tool_calls",
    ),
    "run of a span": (
        "DELETE FROM runs WHERE run_id = (SELECT min(run_id) FROM spans WHERE role = 'run')",
        "spans",
        "no row in runs",
    ),
    "span of a run": (
        "UPDATE runs SET span_id = 'ffffffffffffffff'"
        " WHERE rowid = (SELECT min(rowid) FROM runs WHERE span_id IS NOT NULL)",
        "runs",
        "begin with spans",
    ),
    "tokens of a run": (
        "UPDATE runs SET input_tokens = input_tokens + 1 WHERE rowid ="
        " (SELECT min(rowid) FROM runs WHERE input_tokens IS NOT NULL)",
        "runs",
        "sums of llm_calls",
    ),
    "unknown tokens": (
        "UPDATE runs SET output_tokens = NULL WHERE rowid ="
        " (SELECT min(rowid) FROM runs WHERE output_tokens IS NOT NULL)",
        "runs",
        "sums of llm_calls",
    ),
    "tools of a run": (
        "UPDATE runs SET tool_calls = tool_calls + 1 WHERE rowid = (SELECT min(rowid) FROM runs)",
        "runs",
        "sums of tool_calls",
    ),
    "runs of a session": (
        "INSERT INTO sessions VALUES ('nobody', NULL, 1, 1, 1)",
        "sessions",
        "differ from runs",
    ),
    "session of a run": (
        "DELETE FROM sessions WHERE session_id = (SELECT min(session_id) FROM sessions)",
        "runs",
        "sessions that are not there",
    ),
    "label": (
        "INSERT INTO run_labels VALUES ('nobody', 'tag', '', 'x', 1)",
        "run_labels",
        "runs that are not there",
    ),
    "label of a thread": (
        "INSERT INTO thread_labels VALUES ('nobody', 'a', 'b')",
        "thread_labels",
        "thread_id refers",
    ),
    "run of a thread": (
        "INSERT INTO thread_runs VALUES"
        " ('r', 'nobody', 'a', 1, 1, 'success', '{}', '{}', NULL, NULL)",
        "thread_runs",
        "thread_id refers",
    ),
    "entry of an event": (
        "INSERT INTO run_events VALUES ('t', 1, 'r', 'c', 'e', NULL, 999999)",
        "run_events",
        "entry refers",
    ),
    "number of an event": (
        "INSERT INTO run_events VALUES ('t', 1, 'r', 'c', 'e', NULL, 1)",
        "run_events",
        "not given out",
    ),
    "table": ("DROP TABLE run_labels", "file", "tables are missing: run_labels"),
    "version": ("UPDATE schema_info SET version = 1", "schema_info", "its schema is 1"),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_each_kind_of_inconsistency_is_found(tmp_path: Path, whole: Path, kind: str) -> None:
    """
    What was planted is named with its table and with something to do.
    """
    path = Path(shutil.copy(whole, tmp_path / "runs.db"))
    statement, where, says = PLANTED[kind]
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(statement).rowcount != 0
    found = [each for each in check(path) if each.where == where and says in each.what]
    assert [each.count for each in found if each.count < 1] == []
    assert found
    assert all(str(path) in each.remedy for each in found)


def test_the_command_says_that_all_is_in_order(
    whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Exit code 0, and how much there is.
    """
    assert run_with(["check", "--db", str(whole)]) == 0
    ((sent,),) = rows(whole, "SELECT count(*) FROM spans WHERE log_hash IS NULL")
    assert capsys.readouterr().out.startswith(f"everything is in order: {sent} spans, ")


def test_the_command_lists_what_is_wrong(
    tmp_path: Path, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Exit code 1, with a line for each finding, or JSON.
    """
    path = Path(shutil.copy(whole, tmp_path / "runs.db"))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE counters SET value = 3 WHERE name = 'sequence'")
    assert run_with(["check", "--db", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all("otel-bridge export" in line for line in lines)
    assert run_with(["check", "--db", str(path), "--format", "json"]) == 1
    rows = json.loads(capsys.readouterr().out)
    assert [list(row) for row in rows] == [["where", "what", "count", "remedy"]] * 2


def test_a_missing_database_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    What cannot be checked is an error, and is not made.
    """
    path = tmp_path / "none.db"
    assert run_with(["check", "--db", str(path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not path.exists()


def test_what_lies_in_the_log_is_looked_at_and_stays_there(tmp_path: Path, whole: Path) -> None:
    """
    The write-ahead log of a program that was killed is read, and neither it nor the file
    is changed.
    """
    path = Path(shutil.copy(whole, tmp_path / "runs.db"))
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("UPDATE counters SET value = 3 WHERE name = 'sequence'")
        writer.commit()
        copy = Path(shutil.copy(path, tmp_path / "copy.db"))
        log = Path(shutil.copy(f"{path}-wal", tmp_path / "copy.db-wal"))
    before = copy.read_bytes(), log.read_bytes()
    assert before[1]
    assert len(check(copy)) == 2
    assert (copy.read_bytes(), log.read_bytes()) == before


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_is_found_and_not_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, seed: int
) -> None:
    """
    Whatever happened to the file, it is reported without a traceback and stays as it is.
    """
    path = large(tmp_path / "runs.db")
    data = bytearray(path.read_bytes())
    DAMAGES[kind](random.Random(seed), data)
    path.write_bytes(data)
    try:
        found = check(path)
    except OtelBridgeError:
        found = []
    code = run_with(["check", "--db", str(path)])
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    assert path.read_bytes() == bytes(data)
    assert code == 1 or (kind == "random bytes" and not found)
