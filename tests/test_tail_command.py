"""
`otel-bridge tail` as people and programs use it.
"""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from otel_bridge_storage.ingest import Ingestor
from recording_data import environment
from run_store_data import call, fact, run, tool, when, write, writing

from otel_bridge.cli.main import run_with

HOSTILE = "\x1b[31mred\r\n\u202eTEXT"
PROGRAM = "from otel_bridge.cli.main import main; main()"

Tail = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tail(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Tail:
    """
    Runs the command in this process, on a clock two hours ahead of UTC.
    """
    monkeypatch.setenv("COLUMNS", "120")
    if sys.platform != "win32":
        monkeypatch.setenv("TZ", "Etc/GMT-2")
        time.tzset()

    def run_command(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run_with(["tail", *map(str, words)])
        return code, *capsys.readouterr()

    return run_command


@pytest.fixture(autouse=True, scope="module")
def _own_clock() -> Iterator[None]:
    yield
    if sys.platform != "win32":
        time.tzset()


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """
    A database with one run of every sort of entry, which failed.
    """
    facts = (
        fact("run.paused", 5, reason="waiting", message=HOSTILE),
        fact("run.resumed", 6, user_input="yes"),
        fact("hook.failed", 6.5, phase="start", handler="h", error_type="E", error_message="no"),
        fact("my.own", 7, a=1, b="two: 2"),
        fact("step.user", 7.1, content=[{"type": "text", "content": "why?"}]),
        fact("step.assistant", 7.2, content=[{"type": "tool_call", "name": "search"}]),
    )
    return write(
        tmp_path / "runs.db",
        run("01", "run-1", 0, 9, agent_name="planner", input="why?", failed=True,
            error_type="Oops", error_message="it broke", facts=facts),
        call("02", 1, 2, parent="01", model="m", provider="p", input_tokens=1200,
             output_tokens=5),
        call("03", 2, 3, parent="01", model="m", failed=True, error_type="Timeout"),
        tool("04", 3, 4, parent="01", tool_name="search", arguments='{"q": [1]}',
             result="x" * 500),
        run("09", "other", 10, 11, agent_name="writer", trace="b"),
    )  # fmt: skip


def lines_of(out: str) -> list[str]:
    """
    Give lines without the time that they begin with.
    """
    return [re.sub(r"^\d\d:\d\d:\d\d\.\d{3}  ", "", line) for line in out.splitlines()]


def test_people_read_one_line_for_each_fact(tail: Tail, whole: Path) -> None:
    """
    A line has the local time, the kind and what it is about; the last one says how the run
    ended, and nothing in them moves a terminal's cursor.
    """
    code, out, err = tail("run", "--db", whole)
    shown = lines_of(out)
    assert (code, err) == (0, "")
    assert [line.split("  ")[0] for line in shown[1:-1]] == [
        "run.started", "llm_call.started", "llm_call.completed", "llm_call.started",
        "llm_call.failed", "tool.started", "tool.committed", "run.paused", "run.resumed",
        "hook.failed", "my.own", "step.user", "step.assistant", "run.failed",
    ]  # fmt: skip
    said = {line.split("  ")[0]: line[21:] for line in shown[1:-1]}
    assert said["run.started"] == "planner, why?"
    assert said["llm_call.completed"] == "m, 1,200 in, 5 out, $0.001205, 1.00 s"
    assert said["llm_call.failed"] == "m, 1.00 s, Timeout"
    assert said["tool.started"] == 'search, {"q": [1]}'
    assert said["tool.committed"].startswith("search, 1.00 s, xxx")
    assert said["run.paused"] == r"waiting, \x1b[31mred \u202eTEXT"
    assert said["run.resumed"] == "yes"
    assert said["hook.failed"] == "start, h, E: no"
    assert said["my.own"] == "a=1, b=two: 2"
    assert said["step.user"] == "why?"
    assert said["step.assistant"] == "asks for search"
    assert said["run.failed"] == "Oops: it broke"
    assert shown[-1] == (
        "error; took 9.00 s; calls: 2 to models, 1 to tools; tokens: 1,200 in, 5 out; ≥ $0.001205"
    )
    assert max(map(len, out.splitlines())) == 120
    assert "\x1b" not in out


@pytest.mark.skipif(sys.platform == "win32", reason="the clock's zone cannot be set there")
def test_times_are_local_under_their_date(tail: Tail, whole: Path) -> None:
    """
    Noon in UTC is two o'clock two hours east of it; the day is told where it changes.
    """
    _, out, _ = tail("other", "--db", whole)
    first, second, *_ = out.splitlines()
    assert first == when(10).date().isoformat()
    assert second.startswith("14:00:10.000  run.started")


def test_programs_read_one_object_on_each_line(tail: Tail, whole: Path) -> None:
    """
    JSON lines go on after the `sequence_index` of any of them, and end without a word.
    """
    _, out, _ = tail("run-1", "--db", whole, "--format", "json")
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["event_type"] for event in events][::13] == ["run.started", "run.failed"]
    for at in (0, 5, len(events) - 1):
        after = events[at]["sequence_index"]
        code, rest, err = tail("run-1", "--db", whole, "-f", "json", "--after", after)
        assert [json.loads(line) for line in rest.splitlines()] == events[at + 1 :]
        assert (code, err) == (0, "")


def test_only_wanted_kinds_are_printed(tail: Tail, whole: Path) -> None:
    """
    `--kind` narrows, and may be repeated.
    """
    words = ("--db", whole, "-f", "json", "--kind", "my.own", "--kind", "run.started")
    _, out, _ = tail("run-1", *words)
    found = [json.loads(line)["event_type"] for line in out.splitlines()]
    assert found == ["run.started", "my.own"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("nope",), 1, "no run's id is or begins with 'nope'"),
        (("",), 1, "no run's id is or begins with ''"),
        (("--format", "csv"), 2, "'csv' is not one of"),
        (("--after", "x"), 2, "Invalid value for '--after'"),
    ],
)
def test_what_cannot_be_followed_is_refused(
    tail: Tail, whole: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    """
    A run that is not there, and a form that lines cannot have, are errors at once.
    """
    ended, out, err = tail(*words, "--db", whole)
    assert (ended, out) == (code, "")
    assert said in err


def test_a_database_that_is_not_there_is_refused(tail: Tail, tmp_path: Path) -> None:
    """
    Nothing is made by looking.
    """
    code, _, err = tail("--db", tmp_path / "none.db")
    assert code == 1
    assert "there is no database at" in err
    assert list(tmp_path.iterdir()) == []


@contextmanager
def tailing(path: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """
    Run the command in a process of its own, and read what it prints.
    """
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "tail", *words, "--db", str(path)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line_of(process: subprocess.Popen[str]) -> str:
    """
    Read the next line, which must have been handed on at once.
    """
    assert process.stdout is not None
    return process.stdout.readline()


@contextmanager
def open_run(path: Path) -> Iterator[Ingestor]:
    """
    Give a writer with an open run.
    """
    with writing(path) as ingestor:
        ingestor.apply([run("01", "run-1", 0, None, agent_name="planner")])
        yield ingestor


def test_a_pipe_gets_each_line_while_the_run_goes_on(tmp_path: Path) -> None:
    """
    Lines are not held back, and the command ends with the run.
    """
    path = tmp_path / "runs.db"
    with open_run(path) as ingestor, tailing(path, "run-1", "-f", "json") as process:
        assert json.loads(line_of(process))["event_type"] == "run.started"
        ingestor.apply([tool("02", 1, None, parent="01", tool_name="t")])
        assert json.loads(line_of(process))["event_type"] == "tool.started"
        ingestor.apply([run("01", "run-1", 0, 5, agent_name="planner")])
        assert json.loads(line_of(process))["event_type"] == "run.finished"
        assert line_of(process) == ""
        assert process.wait() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT for one process")
def test_all_runs_are_followed_until_they_are_interrupted(tmp_path: Path) -> None:
    """
    Without a run all are followed, each line beginning with its run, until Ctrl-C.
    """
    path = tmp_path / "runs.db"
    with open_run(path) as ingestor, tailing(path, "--after", "0") as process:
        assert re.fullmatch(r"\d{4}-\d\d-\d\d\n", line_of(process))
        assert "  run-1         run.started          planner\n" in line_of(process)
        long = "0123456789abcdef"
        ingestor.apply([run("02", long, 1, 2, agent_name="writer", trace="b")])
        assert f"  {long[:12]}  run.started          writer\n" in line_of(process)
        assert f"  {long[:12]}  run.finished\n" in line_of(process)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_all_runs_are_followed_from_now_on(tmp_path: Path) -> None:
    """
    What is long past is shown only on request.
    """
    path = tmp_path / "runs.db"
    with open_run(path) as ingestor, tailing(path, "-f", "json") as process:
        number = 0
        reader = _Reader(process)
        while not reader.line:
            number += 1
            ingestor.apply([tool(f"f{number:04}", 1, None, parent="01", tool_name="t")])
            reader.join(0.05)
        seen = json.loads(reader.line)
        assert seen["event_type"] == "tool.started"
        assert seen["sequence_index"] > 1


class _Reader:
    """
    Reads one line in a thread.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.line = ""
        self._process = process
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def join(self, timeout_s: float) -> None:
        """
        Wait for the line.
        """
        self._thread.join(timeout_s)

    def _read(self) -> None:
        self.line = line_of(self._process)


def test_a_reader_that_goes_away_ends_it_quietly(tmp_path: Path) -> None:
    """
    `otel-bridge tail | head -1` ends with the next fact, without a traceback.
    """
    path = tmp_path / "runs.db"
    with open_run(path) as ingestor, tailing(path, "run-1") as process:
        assert line_of(process)
        assert process.stdout is not None
        process.stdout.close()
        ingestor.apply([tool("02", 1, None, parent="01", tool_name="t")])
        assert process.wait() == 141
        assert process.stderr is not None
        assert process.stderr.read() == ""
