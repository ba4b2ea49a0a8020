"""
`otel-bridge run` with --as-of, --replay and --decisions.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from otel_bridge_storage import facts
from test_facts_stored import Told, story

from otel_bridge.bridge import install
from otel_bridge.cli.main import run_with

HOSTILE = "\x1b[31mred\x07\u202e"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """
    A database that holds the story of a run.
    """
    return _record(tmp_path / "runs.db", story())


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """
    Runs a command line; gives exit code, output and errors.
    """

    def run(*words: str | Path) -> tuple[int, str, str]:
        monkeypatch.setenv("COLUMNS", "160")
        capsys.readouterr()
        code = run_with(["run", *map(str, words)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def _record(path: Path, told: list[facts.Fact]) -> Path:
    provider = TracerProvider(shutdown_on_exit=False)
    with install(path, tracer_provider=provider, threads=False) as bridge:
        for each in told:
            bridge.emit(each)
            assert bridge.force_flush()
    return path


def _json(typed: Run, *words: str | Path) -> Any:
    code, out, _ = typed(*words, "-f", "json")
    assert code == 0
    return json.loads(out)


def _index_of(typed: Run, db: Path, kind: str) -> str:
    found = _json(typed, "run-1", "--db", db, "--events")
    return next(str(e["sequence_index"]) for e in found if e["event_type"] == kind)


def test_a_run_is_shown_as_it_stood(typed: Run, db: Path) -> None:
    """
    At a pause the run waits, and knows nothing of the call that came later.
    """
    paused = _index_of(typed, db, "run.paused")
    state = _json(typed, "run-1", "--db", db, "--as-of", paused)
    assert (state["status"], state["llm_calls"], state["open_calls"]) == ("paused", 1, [])
    assert [step["role"] for step in state["steps"]] == ["user", "assistant", "tool", "tool"]
    assert state["sequence_index"] == int(paused)
    assert state["created_at"].endswith("Z")
    _, out, _ = typed("run-1", "--db", db, "--as-of", paused)
    assert f"  as of    entry {paused}, " in out
    assert out.startswith("run-1 – paused\n")
    assert "  waits    for waiting_approval\n" in out
    assert "assistant: search for it" in out
    began = _index_of(typed, db, "llm_call.started")
    _, out, _ = typed("run-1", "--db", db, "--as-of", began)
    assert "  open     call to gpt-4o since " in out
    hidden = _index_of(typed, db, "steps.hidden")
    _, out, _ = typed("run-1", "--db", db, "--as-of", hidden)
    assert "user [hidden, condensed]: plan" in out
    _, out, _ = typed("run-1", "--db", db, "--as-of", hidden, "-f", "csv")
    assert len(out.splitlines()) == 1 + 4


def test_a_run_that_was_not_there_yet_is_one_clear_line(typed: Run, db: Path) -> None:
    """
    Before its first entry there is no run to show.
    """
    code, out, err = typed("run-1", "--db", db, "--as-of", "0")
    assert (code, out) == (1, "")
    assert err == "otel-bridge: the run run-1 was not there yet at 0: its log begins at 1\n"


def test_the_id_of_a_trace_is_told_from_that_of_a_run(typed: Run, db: Path) -> None:
    """
    Who pastes a trace id, as other systems show it, is told what shows the trace.
    """
    trace_id = _json(typed, "run-1", "--db", db)["trace_id"]
    code, _, err = typed(trace_id, "--db", db)
    assert code == 1
    assert f"`otel-bridge trace {trace_id}` shows it" in err
    assert "lists the runs" in typed("f" * 32, "--db", db)[2]


def test_the_stream_is_one_line_per_item(typed: Run, db: Path) -> None:
    """
    --replay lists the items of the stream, up to --as-of where that is given.
    """
    items = _json(typed, "run-1", "--db", db, "--replay")
    code, out, _ = typed("run-1", "--db", db, "--replay")
    assert code == 0
    assert len(out.splitlines()) == 1 + len(items)
    assert "assistant: search for it" in out
    answered = _index_of(typed, db, "llm_call.completed")
    before = _json(typed, "run-1", "--db", db, "--replay", "--as-of", answered)
    assert before == items[: len(before)]
    assert before[-1]["type"] == "llm_call_completed"
    assert before[-1]["steps"][0]["content"] == "search for it"
    _, out, _ = typed("run-1", "--db", db, "--replay", "-f", "json")
    assert len(out.splitlines()) == 2 + len(items)


def test_decisions_are_listed_with_all_compactions(typed: Run, tmp_path: Path) -> None:
    """
    --decisions shows the latest of each kind, and compactions that are not the latest.
    """
    told = Told()
    db = _record(
        tmp_path / "runs.db",
        [
            told(facts.RunStarted, run_id="run-1"),
            told(facts.CompactionApplied, before_tokens=900, after_tokens=90),
            told(facts.CompactionApplied, before_tokens=800, after_tokens=80),
            told(facts.RetrospectApplied, feedback="too long"),
        ],
    )
    found = _json(typed, "run-1", "--db", db, "--decisions")
    assert [each["before_tokens"] for each in found["compactions"]] == [900, 800]
    assert found["decisions"]["latest_compaction"]["data"]["before_tokens"] == 800
    assert found["decisions"]["latest_step_back"]["data"] == {"feedback": "too long"}
    assert found["decisions"]["latest_rollback"] is None
    _, out, _ = typed("run-1", "--db", db, "--decisions")
    shown = [line.split() for line in out.splitlines()[1:]]
    assert [(line[2], "yes" in line) for line in shown] == [
        ("compaction.applied", False),
        ("compaction.applied", True),
        ("retrospect.applied", True),
    ]
    assert "from 900 tokens, to 90 tokens" in out
    _, out, _ = typed("run-1", "--db", db, "--decisions", "-f", "csv")
    assert out.splitlines()[0] == "sequence_index,created_at,event_type,latest,data"
    first = _json(typed, "run-1", "--db", db, "--decisions", "--as-of", "2")
    assert len(first["compactions"]) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["--events", "--replay"],
        ["--replay", "--decisions"],
        ["--events", "--as-of", "3"],
        ["--as-of", "now"],
    ],
)
def test_options_that_exclude_each_other_are_wrong_usage(
    typed: Run, db: Path, words: list[str]
) -> None:
    """
    What makes no sense together is exit code 2.
    """
    code, out, _ = typed("run-1", "--db", db, *words)
    assert (code, out) == (2, "")


def test_hostile_text_is_escaped_in_all_three(typed: Run, tmp_path: Path) -> None:
    """
    Nothing that was recorded reaches the terminal as a control character.
    """
    told = Told()
    db = _record(
        tmp_path / "runs.db",
        [
            told(facts.RunStarted, run_id="run-1", input=HOSTILE, agent_name=HOSTILE),
            told(facts.UserStepCommitted, content=HOSTILE),
            told(facts.LLMCallStarted, call_id="c", model=HOSTILE),
            told(facts.RunPaused, reason=HOSTILE),
            told(facts.CompactionApplied, summary=HOSTILE),
            told(facts.CustomFact, name=f"x{HOSTILE}", data={HOSTILE: HOSTILE}),
        ],
    )
    last = str(_json(typed, "run-1", "--db", db, "--events")[-1]["sequence_index"])
    for words in (["--as-of", last], ["--replay"], ["--decisions"]):
        for form in ("table", "json", "csv", "md"):
            code, out, err = typed("run-1", "--db", db, *words, "-f", form)
            assert code == 0
            assert not set(HOSTILE[:1] + HOSTILE[-2:]) & set(out + err)
