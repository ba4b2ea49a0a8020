"""
The commands, run as they are typed: forms, exit codes, hostile text.
"""

import csv
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest
import run_store_data
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.liveness import Writer
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.records import ResourceRecord, SpanRecord
from otel_bridge_storage.rows import RunSummary
from rich.cells import cell_len

from otel_bridge.cli.failures import guard
from otel_bridge.cli.main import run_with
from otel_bridge.demo.fresh import SAMPLES
from otel_bridge.dialects import Dialects
from otel_bridge.pricing import GenaiPrices

HOSTILE = '\x1b[31mréd\x1b]0;title\x07\r\n|<b>\u202e,"=cmd()'
TRACE = "5af7183fb1d4cf5f2a7f9d1e0c3b4a69"
TRACE_RUN = f"{1:016x}{TRACE[:16]}"
T0 = 1_775_000_000 * 10**9
COST_FIELDS = [
    "llm_calls",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_usd",
    "unpriced_calls",
    "error_calls",
]


@dataclass(frozen=True)
class Ended:
    """
    How a command line ended.
    """

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """
        What was printed, read as JSON.
        """
        return json.loads(self.out)


Cli = Callable[..., Ended]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """
    Runs a command line in this process.
    """
    monkeypatch.delenv("OTEL_BRIDGE_DB", raising=False)

    def run(*words: str | Path, columns: int = 200) -> Ended:
        monkeypatch.setenv("COLUMNS", str(columns))
        capsys.readouterr()
        code = run_with([str(word) for word in words])
        return Ended(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A database of the demo's samples.
    """
    path = tmp_path_factory.mktemp("samples") / "samples.db"
    assert run_with(["import", str(SAMPLES), "--db", str(path)]) == 0
    return path


def _span(number: int, parent: int | None, name: str, **attributes: Any) -> SpanRecord:
    return SpanRecord(
        trace_id=TRACE,
        span_id=f"{number:016x}",
        parent_span_id=None if parent is None else f"{parent:016x}",
        name=name,
        start_ns=T0 + number * 10**6,
        end_ns=T0 + (20 - number) * 10**6,
        attributes={key.replace("__", "."): value for key, value in attributes.items()},
        resource=ResourceRecord({"service.name": HOSTILE}),
    )


def _agent(number: int, parent: int | None, agent: str, **more: Any) -> SpanRecord:
    return _span(
        number,
        parent,
        f"invoke_agent {agent}",
        gen_ai__operation__name="invoke_agent",
        gen_ai__agent__name=agent,
        **more,
    )


def _chat(number: int, parent: int, model: str, **more: Any) -> SpanRecord:
    return _span(
        number,
        parent,
        f"chat {model}",
        gen_ai__operation__name="chat",
        gen_ai__request__model=model,
        gen_ai__usage__input_tokens=1000,
        gen_ai__usage__output_tokens=10,
        **more,
    )


def _tool(number: int, parent: int, name: str, **more: Any) -> SpanRecord:
    return _span(
        number,
        parent,
        f"execute_tool {name}",
        gen_ai__operation__name="execute_tool",
        gen_ai__tool__name=name,
        **more,
    )


def _store(path: Path, spans: Sequence[SpanRecord]) -> Path:
    with open_database(path) as database:
        Ingestor(database, reader=Dialects(), pricer=GenaiPrices()).apply(list(spans))
    return path


@pytest.fixture
def nested(tmp_path: Path) -> Path:
    """
    A run whose tool starts another run, which makes a call that has no price.
    """
    spans = [
        _agent(1, None, "planner", gen_ai__conversation__id="s-1", user__id="ada"),
        _chat(2, 1, "gpt-4o", gen_ai__provider__name="openai"),
        _tool(3, 1, "delegate"),
        _agent(4, 3, "researcher"),
        _chat(5, 4, "house-llama", gen_ai__provider__name="house"),
    ]
    return _store(tmp_path / "nested.db", spans)


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """
    A run whose every name tries to take over the terminal or the document.
    """
    spans = [
        _agent(1, None, HOSTILE, gen_ai__conversation__id=HOSTILE, user__id=HOSTILE),
        _chat(2, 1, HOSTILE, gen_ai__provider__name=HOSTILE),
        _tool(3, 1, HOSTILE, error__type=HOSTILE),
    ]
    return _store(tmp_path / "hostile.db", spans)


def _only_run(cli: Cli, db: Path, **wanted: str) -> str:
    runs = cli("runs", "--db", db, "--format", "json").json
    (found,) = [run for run in runs if wanted.items() <= run.items()]
    return str(found["run_id"])


def test_import_says_on_one_line_what_it_stored(cli: Cli, tmp_path: Path) -> None:
    """
    Stored spans, logs, duplicates and rejects are counted, and a second import adds nothing.
    """
    first = cli("import", SAMPLES, "--db", tmp_path / "a.db")
    again = cli("import", SAMPLES, "--db", tmp_path / "a.db")
    assert (first.code, again.code) == (0, 0)
    assert first.out == (
        "stored 17 spans and 20 log records from 6 files: 0 duplicates, 0 rejected\n"
    )
    assert again.out == (
        "stored 0 spans and 0 log records from 6 files: 37 duplicates, 0 rejected\n"
    )
    assert first.err == again.err == ""


def test_import_of_an_unusable_file_fails_and_stores_the_others(cli: Cli, tmp_path: Path) -> None:
    """
    A named file that is no telemetry gets one line and exit code 1; the rest is stored.
    """
    bad = tmp_path / "notes.txt"
    bad.write_text("these are notes\n")
    good = SAMPLES / "otel_genai_langchain-traces.pb"
    ended = cli("import", bad, good, tmp_path / "missing.pb", "--db", tmp_path / "a.db")
    assert ended.code == 1
    assert ended.out.startswith("stored 5 spans")
    assert [line.startswith(str(tmp_path)) for line in ended.err.splitlines()] == [True, True]


def test_import_of_nothing_makes_no_database(cli: Cli, tmp_path: Path) -> None:
    """
    Where nothing can be read the exit code is 1 and no empty database is left.
    """
    (tmp_path / "empty").mkdir()
    ended = cli("import", tmp_path / "empty", "--db", tmp_path / "a.db")
    assert ended.code == 1
    assert ended.out == ""
    assert "nothing was imported" in ended.err
    assert not (tmp_path / "a.db").exists()


def test_import_names_at_most_twenty_rejected_records(cli: Cli, tmp_path: Path) -> None:
    """
    Malformed spans cost their neighbours nothing, and a flood of them is counted.
    """
    good = {"traceId": TRACE, "spanId": "00f067aa0ba902b7", "startTimeUnixNano": "1"}
    spans = [{"traceId": "xyz", "spanId": "1"}] * 30 + [good]
    request = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
    (tmp_path / "spans.json").write_text(json.dumps(request))
    ended = cli("import", tmp_path / "spans.json", "--db", tmp_path / "a.db")
    assert ended.code == 0
    assert ended.out.startswith("stored 1 spans")
    assert "30 rejected and not stored" in ended.out
    assert len(ended.err.splitlines()) == 21
    assert ended.err.splitlines()[-1] == "and 10 more of this kind"


def test_runs_in_json_have_the_fields_of_a_summary(cli: Cli, samples: Path) -> None:
    """
    Each run is an object with every field of `RunSummary`, times with `Z`.
    """
    runs = cli("runs", "--db", samples, "--format", "json").json
    assert [list(run) for run in runs] == [[f.name for f in fields(RunSummary)]] * len(runs)
    assert [run["agent_name"] for run in runs].count("travel_agent") == 2
    assert all(
        re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", run["started_at"]) for run in runs
    )


def test_runs_can_be_narrowed(cli: Cli, samples: Path) -> None:
    """
    Filters by agent, session and time leave only what matches, and a limit cuts.
    """
    everything = cli("runs", "--db", samples, "-f", "json").json
    by_agent = cli("runs", "--db", samples, "-f", "json", "--agent", "weather_agent").json
    by_session = cli("runs", "--db", samples, "-f", "json", "--session", "session-7f3a").json
    late = cli("runs", "--db", samples, "-f", "json", "--since", "2100-01-01")
    some = cli("runs", "--db", samples, "--limit", "1")
    assert [run["agent_name"] for run in by_agent] == ["weather_agent"]
    assert [run["agent_name"] for run in by_session] == ["travel_agent"]
    assert (late.code, late.out, late.err) == (0, "[]\n", "no runs match\n")
    assert len(some.out.splitlines()) == 2
    assert f"1 of {len(everything)} runs" in some.err
    assert cli("runs", "--db", samples, "-f", "json", "--tag", "none").json == []


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
@pytest.mark.parametrize("command", ["runs", "cost", "tokens", "tools", "run", "trace"])
def test_tables_fit_the_terminal(cli: Cli, samples: Path, command: str, columns: int) -> None:
    """
    No line of a table is wider than the terminal, and none is coloured outside of one.
    """
    words: list[str | Path] = [command, "--db", samples]
    if command in ("run", "trace"):
        words.append(_only_run(cli, samples, agent_name="weather_agent"))
    ended = cli(*words, columns=columns)
    lines = ended.out.splitlines()
    table = lines if command != "run" else lines[lines.index("") :]
    assert ended.code == 0
    assert table
    assert max(map(cell_len, table)) <= columns
    assert "\x1b" not in ended.out


def test_the_shortened_id_in_a_narrow_table_can_be_pasted(cli: Cli, samples: Path) -> None:
    """
    What a narrow list shows of an id is enough for `run`.
    """
    shown = cli("runs", "--db", samples, columns=80).out.splitlines()[1].split()[0]
    assert len(shown) < 32
    assert cli("run", shown, "--db", samples).code == 0


def test_cost_in_json_has_the_promised_fields(cli: Cli, samples: Path) -> None:
    """
    An array of objects with the group keys and every figure, unknown ones null.
    """
    rows = cli("cost", "--by", "model", "--format", "json", "--db", samples).json
    assert [list(row) for row in rows] == [["model", *COST_FIELDS]] * 2
    by_model = {row["model"]: row for row in rows}
    assert by_model["claude-sonnet-4-5-20250929"]["cost_usd"] == pytest.approx(0.0014331)
    assert by_model["gpt-4o-mini-2024-07-18"]["cost_usd"] == pytest.approx(0.0002178)
    assert by_model["gpt-4o-mini-2024-07-18"]["cache_write_tokens"] is None


def test_cost_table_ends_with_a_total_and_names_what_is_unpriced(cli: Cli, nested: Path) -> None:
    """
    A model without a price is `unpriced`, never $0, and the total is a lower bound.
    """
    ended = cli("cost", "--by", "model", "--db", nested)
    lines = {line.split()[0]: line for line in ended.out.splitlines()}
    assert "unpriced" in lines["house-llama"]
    assert "$" not in lines["house-llama"]
    assert lines["total"] == ended.out.splitlines()[-1]
    assert "≥ $0.002600" in lines["total"]
    assert "1 of 2 calls has no known price" in ended.err


def test_group_keys_may_be_listed_or_repeated(cli: Cli, nested: Path) -> None:
    """
    `--by a,b`, `--by a --by b` and the short forms mean the same.
    """
    one = cli("cost", "--by", "agent_name,model", "--db", nested, "-f", "json")
    two = cli("cost", "--by", "agent", "--by", "model", "--db", nested, "-f", "json")
    assert one.code == 0
    assert one.json == two.json
    assert {(row["agent_name"], row["model"]) for row in one.json} == {
        ("planner", "gpt-4o"),
        ("researcher", "house-llama"),
    }


def test_reports_of_one_run_take_the_beginning_of_its_id(cli: Cli, nested: Path) -> None:
    """
    `--run` narrows a report by what `runs` shows of an id.
    """
    run = _only_run(cli, nested, agent_name="planner")
    rows = cli("cost", "--run", run[:16], "--db", nested, "-f", "json").json
    assert [row["model"] for row in rows] == ["gpt-4o"]


def test_tools_in_json_have_the_promised_fields(cli: Cli, samples: Path) -> None:
    """
    Each tool with its calls, errors and percentiles.
    """
    rows = cli("tools", "--format", "json", "--db", samples).json
    wanted = {"tool_name", "calls", "errors", "p50_ms", "p95_ms"}
    assert all(wanted <= set(row) for row in rows)
    assert {(row["tool_name"], row["calls"], row["errors"]) for row in rows} == {
        ("get_stock_price", 2, 2),
        ("get_weather", 2, 0),
    }


def test_run_shows_the_tree_of_what_happened(cli: Cli, nested: Path) -> None:
    """
    A child run hangs below the tool call that started it, with the calls it made.
    """
    ended = cli("run", _only_run(cli, nested, agent_name="planner"), "--db", nested)
    tree = ended.out[ended.out.index("what") :]
    assert re.search(
        r"run planner.*\n.*├─ chat gpt-4o .*1,000 +10 .*\n.*└─ tool delegate .*\n"
        r".*   └─ run researcher .*\n.*      └─ chat house-llama .*unpriced",
        tree,
    )
    assert "session  s-1" in ended.out
    assert "in all" in ended.out


def test_run_in_json_holds_all_that_belongs_to_it(cli: Cli, nested: Path) -> None:
    """
    Calls, tools, steps, events, pauses and child runs are lists in the run's object.
    """
    run = cli(
        "run", _only_run(cli, nested, agent_name="planner"), "--db", nested, "-f", "json"
    ).json
    assert [call["model"] for call in run["llm_calls"]] == ["gpt-4o"]
    assert [tool["tool_name"] for tool in run["tool_calls"]] == ["delegate"]
    assert {"steps", "events", "pauses"} <= set(run)
    assert [child["agent_name"] for child in run["children"]] == ["researcher"]
    assert run["children"][0]["llm_calls"][0]["cost_usd"] is None
    assert run["session_id"] == "s-1"


@pytest.mark.parametrize("form", ["csv", "md"])
def test_run_in_rows_is_one_line_for_each_thing(cli: Cli, nested: Path, form: str) -> None:
    """
    CSV and Markdown hold the tree's lines with their depth.
    """
    ended = cli("run", _only_run(cli, nested, agent_name="planner"), "--db", nested, "-f", form)
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(ended.out)))
        assert [(row["depth"], row["kind"]) for row in rows] == [
            ("0", "run"),
            ("1", "llm_call"),
            ("1", "tool_call"),
            ("2", "run"),
            ("3", "llm_call"),
        ]
    else:
        assert len(ended.out.splitlines()) == 2 + 5


def test_run_shows_every_fact(cli: Cli, tmp_path: Path) -> None:
    """
    What people, hooks and the runtime did is in the tree in time order, and a step says
    what the model no longer sees of it.
    """
    facts = [
        run_store_data.fact("step.user", 1, step_id="u", content="hello"),
        run_store_data.fact("step.user", 2, step_id="w", content="gone"),
        run_store_data.fact("approval.requested", 3, tool_name="pay", reason="dear"),
        run_store_data.fact(
            "approval.decided", 4, tool_name="pay", decision="approved", decided_by="ada"
        ),
        run_store_data.fact("compaction.applied", 5, before_tokens=9000, after_tokens=800),
        run_store_data.fact("compaction.failed", 6, attempt=1, error_type="Full"),
        run_store_data.fact("retrospect.applied", 7, feedback="be brief"),
        run_store_data.fact("hook.failed", 8, phase="end", handler="h", error_message="oops"),
        run_store_data.fact("acme.blocked", 9, rule="r1"),
        run_store_data.fact("pii.mapped", 10, mapping={"<N1>": "Ada"}),
        run_store_data.fact("steps.hidden", 11, step_ids=["u"], reason="old"),
        run_store_data.fact("run.rolled_back", 12, step_ids=["w"]),
        run_store_data.fact("step.condensed", 13, step_id="u", content="hi"),
        run_store_data.fact("termination.decided", 14, reason="max_steps", source="guard"),
    ]
    db = run_store_data.write(
        tmp_path / "facts.db", run_store_data.run("01", "r-1", 0, 20, facts=facts)
    )
    tree = cli("run", "r-1", "--db", db).out
    expected = [
        "user [hidden, condensed]: hello",
        "user [rolled back]: gone",
        "approval requested: pay, dear",
        "approval decided: approved, pay, by ada",
        "compaction applied: from 9,000 tokens, to 800 tokens",
        "compaction failed: attempt 1",
        "! Full",
        "retrospect applied: be brief",
        "hook failed: end, h",
        "! oops",
        "acme.blocked: rule=r1",
        "personal data replaced: 1 placeholder",
        "steps hidden: 1 step, old",
        "rolled back: 1 step",
        "step condensed: u, hi",
        "termination decided: max_steps, by guard",
    ]
    places = [tree.find(line) for line in expected]
    assert -1 not in places, [expected[at] for at, place in enumerate(places) if place == -1]
    assert places == sorted(places)
    assert "Ada" not in tree
    rows = cli("run", "r-1", "--db", db, "-f", "csv").out
    assert "event,approval.requested" in rows


def test_an_interrupted_run_says_so(cli: Cli, tmp_path: Path) -> None:
    """
    The header and the open calls of a run whose program died say interrupted.
    """
    db = tmp_path / "open.db"
    with run_store_data.writing(db, Writer.here()) as ingestor:
        ingestor.apply(
            [
                run_store_data.run("01", "r-1", 0, None),
                run_store_data.call("02", 1, None, parent="01", model="m", provider="p"),
            ]
        )
        ingestor.leave()
    tree = cli("run", "r-1", "--db", db).out
    assert re.search(r"UTC, interrupted, last heard of \d{4}", tree)
    assert "took interrupted" not in tree
    assert re.search(r"chat m +interrupted", tree)


def test_what_still_runs_is_marked(cli: Cli, tmp_path: Path) -> None:
    """
    A run and a call without an end are shown with the word that says so.
    """
    spans = [_agent(1, None, "planner"), _chat(2, 1, "gpt-4o")]
    db = _store(tmp_path / "open.db", [replace(span, end_ns=None) for span in spans])
    (run,) = cli("runs", "--db", db, "-f", "json").json
    tree = cli("run", run["run_id"], "--db", db).out
    assert run["status"] == "running"
    assert run["duration_ms"] is None
    assert re.search(r"chat gpt-4o +running", tree)
    assert "planner – running" in tree
    assert re.search(r"chat gpt-4o .* running +–? *█", cli("trace", TRACE, "--db", db).out)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--since", "0001-01-01"], 1),
        (["--until", "9999-12-31"], 1),
        (["--since", "2500-01-01"], 0),
    ],
)
def test_far_times_are_times(cli: Cli, tmp_path: Path, words: list[str], found: int) -> None:
    """
    A time that no database could hold bounds the list like any other.
    """
    db = _store(tmp_path / "one.db", [_agent(1, None, "planner")])
    ended = cli("runs", "--db", db, "-f", "json", *words)
    assert (ended.code, len(ended.json)) == (0, found)
    assert cli("cost", "--db", db, *words).code == 0


def test_a_wrong_cursor_is_told_in_words_of_the_command_line(cli: Cli, samples: Path) -> None:
    """
    The error names no function of the library.
    """
    said = cli("runs", "--cursor", "x", "--db", samples).err
    assert "is not a cursor" in said
    assert "cursor_after" not in said


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("hour", "2026-04-01T05:00+05:45"),
        ("day", "2026-04-01"),
        ("week", "2026-W14"),
        ("month", "2026-04"),
    ],
)
def test_calendar_keys_name_the_local_period(
    cli: Cli, tmp_path: Path, key: str, name: str
) -> None:
    """
    A period is that of the time zone asked for, in the same words in every form.
    """
    spans = [_agent(1, None, "planner"), _chat(2, 1, "gpt-4o")]
    db = _store(tmp_path / "one.db", spans)
    words = ["cost", "--by", key, "--timezone", "Asia/Kathmandu", "--db", db]
    assert cli(*words, "-f", "json").json[0][key] == name
    assert cli(*words, "-f", "csv").out.splitlines()[1].startswith(f"{name},")
    assert cli(*words).out.splitlines()[1].startswith(f"{name} ")
    local = cli("cost", "--by", "day", "--db", db, "-f", "json").json
    assert local[0]["day"] == "2026-03-31"


@pytest.mark.parametrize("columns", [40, 50, 60, 80, 100, 120])
@pytest.mark.parametrize(
    "words",
    [
        ["cost", "--by", "agent_name,model,session_id,day"],
        ["cost", "--by", "run,hour"],
        ["tokens", "--by", "agent,month"],
        ["tools"],
        ["runs"],
        ["sql", "SELECT name, 123456789012 AS n, started_at FROM spans"],
    ],
)
def test_figures_are_whole_or_left_out_by_name(
    cli: Cli, samples: Path, words: list[str], columns: int
) -> None:
    """
    In a narrow terminal each figure is the one of a wide terminal or its column is named.
    """
    wide = cli(*words, "--db", samples, columns=400)
    narrow = cli(*words, "--db", samples, columns=columns)
    assert "not shown" not in wide.err
    assert max(map(cell_len, narrow.out.splitlines())) <= columns
    figures = r"\$[\d.,]+|\d{4}-\d\d(?:-\d\d)?|(?<=\s)[\d,]+(?=\s|$)"
    whole = set(re.findall(figures, wide.out))
    assert set(re.findall(figures, narrow.out)) <= whole
    headers = wide.out.splitlines()[0].split()
    if set(headers) - set(narrow.out.splitlines()[0].split()):
        assert re.search(r"\d+ of \d+ columns are not shown \(.+\)", narrow.err)


def test_unpriced_and_failed_calls_are_the_last_to_go(cli: Cli, nested: Path) -> None:
    """
    Where cost is grouped by much, what makes the cost uncertain is still shown.
    """
    keys = "agent_name,model,session_id,day"
    header = cli("cost", "--by", keys, "--db", nested, columns=80).out.splitlines()[0].split()
    assert header == [*keys.split(","), "cost", "unpriced", "errors"]


def test_runs_can_be_paged(cli: Cli, samples: Path) -> None:
    """
    The cursor that a cut list names gives the rest, each run once.
    """
    everything = [run["run_id"] for run in cli("runs", "--db", samples, "-f", "json").json]
    words = ["runs", "--db", samples, "--limit", "2", "-f", "json"]
    ended = cli(*words)
    seen = [run["run_id"] for run in ended.json]
    while match := re.search(r"--cursor (\S+)", ended.err):
        ended = cli(*words, "--cursor", match[1])
        seen += [run["run_id"] for run in ended.json]
    assert seen == everything


def test_run_events_are_the_run_log_in_order(cli: Cli, nested: Path) -> None:
    """
    `--events` prints the facts by rising sequence index.
    """
    run = _only_run(cli, nested, agent_name="planner")
    events = cli("run", run, "--events", "--db", nested, "-f", "json").json
    indexes = [event["sequence_index"] for event in events]
    assert indexes == sorted(indexes)
    assert {"run.started", "run.finished", "llm_call.started"} <= {
        event["event_type"] for event in events
    }
    assert "llm_call.started" in cli("run", run, "--events", "--db", nested).out


def test_an_unknown_or_ambiguous_run_is_one_clear_line(cli: Cli, tmp_path: Path) -> None:
    """
    No run of that beginning, or several, is exit code 1 with the candidates named.
    """
    db = _store(
        tmp_path / "two.db",
        [
            _agent(1, None, "a", otel_bridge__run__id="run-1"),
            _agent(2, None, "b", otel_bridge__run__id="run-2"),
        ],
    )
    unknown = cli("run", "nope", "--db", db)
    ambiguous = cli("run", "run-", "--db", db)
    assert (unknown.code, ambiguous.code) == (1, 1)
    assert unknown.out == ambiguous.out == ""
    assert "'nope'" in unknown.err
    assert "run-1, run-2" in ambiguous.err
    assert len(unknown.err.splitlines()) == len(ambiguous.err.splitlines()) == 1
    assert cli("run", "run-1", "--db", db).code == 0


def test_trace_draws_the_spans_of_a_trace_or_a_run(cli: Cli, nested: Path) -> None:
    """
    The id of the trace and that of a run in it show the same tree.
    """
    by_trace = cli("trace", TRACE.upper(), "--db", nested)
    run = _only_run(cli, nested, agent_name="planner")
    by_run = cli("trace", run[:-4], "--db", nested)
    assert by_trace.code == 0
    assert by_trace.out == by_run.out
    assert len(by_trace.out.splitlines()) == 2 + 5
    assert all("█" in line for line in by_trace.out.splitlines()[2:])


def test_trace_in_json_has_every_field_of_the_spans(cli: Cli, nested: Path) -> None:
    """
    Each span is an object with all that was recorded, resource and attributes included.
    """
    spans = cli("trace", TRACE, "--db", nested, "-f", "json").json
    assert [list(span) for span in spans] == [[f.name for f in fields(SpanRecord)]] * 5
    assert spans[0]["resource"]["attributes"] == {"service.name": HOSTILE}
    assert spans[0]["attributes"]["gen_ai.agent.name"] == "planner"


@pytest.mark.parametrize("form", ["table", "json", "csv", "md"])
@pytest.mark.parametrize(
    "command", ["runs", "run", "events", "trace", "cost", "tokens", "tools", "sql"]
)
def test_hostile_text_never_reaches_the_terminal(
    cli: Cli, hostile: Path, command: str, form: str
) -> None:
    """
    Whatever is stored, what is printed has no control character and no reordering.
    """
    words = {
        "runs": ["runs"],
        "run": ["run", _only_run(cli, hostile)],
        "events": ["run", _only_run(cli, hostile), "--events"],
        "trace": ["trace", TRACE],
        "cost": ["cost", "--by", "agent_name,model,session_id"],
        "tokens": ["tokens", "--by", "provider"],
        "tools": ["tools"],
        "sql": ["sql", "SELECT * FROM spans"],
    }[command]
    ended = cli(*words, "--db", hostile, "--format", form)
    assert ended.code == 0
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", ended.out + ended.err)
    if form == "json":
        assert json.loads(ended.out)
    if form == "md":
        assert {len(re.findall(r"(?<!\\)\|", line)) for line in ended.out.splitlines()} == {
            len(re.findall(r"(?<!\\)\|", ended.out.splitlines()[0]))
        }


def test_hostile_arguments_are_escaped_in_errors(cli: Cli, nested: Path) -> None:
    """
    What was typed comes back in an error without its control characters.
    """
    ended = cli("run", HOSTILE, "--db", nested)
    assert ended.code == 1
    assert "\x1b" not in ended.err
    assert len(ended.err.splitlines()) == 1


def test_sql_answers_and_refuses_to_write(cli: Cli, nested: Path) -> None:
    """
    A query prints its rows, an unwise one fails with one line and changes nothing.
    """
    rows = cli("sql", "SELECT count(*) AS n FROM llm_calls", "--db", nested, "-f", "json").json
    refused = cli("sql", "DELETE FROM runs", "--db", nested)
    wrong = cli("sql", "SELEC 1", "--db", nested)
    empty = cli("sql", "SELECT 1 AS x WHERE false", "--db", nested, "-f", "csv")
    assert rows == [{"n": 2}]
    assert (refused.code, wrong.code) == (1, 1)
    assert len(refused.err.splitlines()) == len(wrong.err.splitlines()) == 1
    assert (empty.code, empty.out, empty.err) == (0, "x\n", "the query gave no rows\n")


def test_sql_reads_standard_input(cli: Cli, nested: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    `-` takes the query from standard input.
    """
    monkeypatch.setattr(sys, "stdin", io.StringIO("SELECT 7 AS seven"))
    assert cli("sql", "-", "--db", nested, "-f", "json").json == [{"seven": 7}]


def test_a_wide_query_says_how_much_of_it_is_shown(cli: Cli, nested: Path) -> None:
    """
    Columns that a terminal has no room for are counted on standard error.
    """
    ended = cli("sql", "SELECT * FROM spans", "--db", nested, columns=80)
    assert re.search(r"\d+ of \d+ columns are not shown", ended.err)
    assert max(map(cell_len, ended.out.splitlines())) <= 80


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["runs", "--limit", "0"],
        ["runs", "--since", "yesterday"],
        ["runs", "--cursor", "x"],
        ["cost", "--limit", "0"],
        ["runs", "--format", "xml"],
        ["runs", "--status", "happy"],
        ["cost", "--by", "colour"],
        ["cost", "--since", "yesterday"],
        ["cost", "--timezone", "Mars/Olympus"],
        ["run"],
        ["import"],
    ],
)
def test_wrong_usage_is_exit_code_two(cli: Cli, samples: Path, words: list[str]) -> None:
    """
    What was typed wrongly is told apart from what failed.
    """
    ended = cli(*words, *(["--db", samples] if words[0] != "nonsense" else []))
    assert ended.code == 2
    assert ended.out == ""
    assert "Error" in ended.err


@pytest.mark.parametrize(
    "words",
    [["runs"], ["run", "x"], ["trace", "x"], ["cost"], ["tokens"], ["tools"], ["sql", "SELECT 1"]],
)
def test_a_missing_or_foreign_database_is_one_line(
    cli: Cli, tmp_path: Path, words: list[str]
) -> None:
    """
    No database, or a file that is none, is exit code 1, one line, and no new file.
    """
    (tmp_path / "notes.txt").write_text("not a database " * 100)
    missing = cli(*words, "--db", tmp_path / "missing.db")
    foreign = cli(*words, "--db", tmp_path / "notes.txt")
    assert (missing.code, foreign.code) == (1, 1)
    assert len(missing.err.splitlines()) == len(foreign.err.splitlines()) == 1
    assert "missing.db" in missing.err
    assert not (tmp_path / "missing.db").exists()


def test_an_interrupt_ends_quietly(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Ctrl-C is exit code 130, without a word.
    """

    def interrupted() -> int:
        raise KeyboardInterrupt

    assert guard(interrupted) == 130
    assert capsys.readouterr() == ("", "")


def test_a_failing_system_call_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """
    A full disk or a forbidden file is a failure with its path, not a traceback.
    """

    def forbidden() -> int:
        raise PermissionError(13, "Permission denied", "runs.db")

    assert guard(forbidden) == 1
    assert capsys.readouterr() == ("", "otel-bridge: runs.db: Permission denied\n")


def _program(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {key: value for key, value in os.environ.items() if key != "OTEL_BRIDGE_DB"}
    return subprocess.run(
        [sys.executable, "-c", "from otel_bridge.cli.main import main; main()", *map(str, words)],
        capture_output=True,
        encoding="utf-8",
        env={**known, "PYTHONIOENCODING": "utf-8", **environment},
        check=False,
        timeout=60,
    )


def test_the_program_takes_its_database_from_the_environment(samples: Path) -> None:
    """
    As a process of its own it finds `$OTEL_BRIDGE_DB` and prints JSON alone.
    """
    ended = _program("runs", "--format", "json", OTEL_BRIDGE_DB=str(samples))
    assert ended.returncode == 0
    assert ended.stderr == ""
    assert len(json.loads(ended.stdout)) == 5


def test_output_that_cannot_be_encoded_is_still_valid(nested: Path) -> None:
    """
    A terminal that knows only ASCII gets a tree of ASCII, and JSON with escapes.
    """
    table = _program("trace", TRACE, "--db", nested, PYTHONIOENCODING="ascii")
    document = _program("trace", TRACE, "--db", nested, "-f", "json", PYTHONIOENCODING="ascii")
    tree = _program("run", TRACE_RUN, "--db", nested, PYTHONIOENCODING="ascii")
    assert (table.returncode, document.returncode, tree.returncode) == (0, 0, 0)
    assert "`- chat" in table.stdout or "|- chat" in table.stdout
    assert json.loads(document.stdout)[0]["resource"]["attributes"]["service.name"] == HOSTILE


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize("no_color", ["", "1"])
def test_colours_are_for_terminals_that_want_them(nested: Path, no_color: str) -> None:
    """
    On a terminal a status has its colour, unless `NO_COLOR` is set.
    """
    shown = _on_a_terminal("runs", "--db", str(nested), NO_COLOR=no_color)
    assert "planner" in shown
    assert bool(re.search(r"\x1b\[[\d;]*[34]\dm", shown)) == (not no_color)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_import_shows_a_bar_on_a_terminal(tmp_path: Path) -> None:
    """
    A person sees how far it is, and at the end the one line.
    """
    shown = _on_a_terminal("import", str(SAMPLES), "--db", str(tmp_path / "a.db"))
    assert "files" in shown
    assert "stored 17 spans" in shown
    assert "\x1b[" in shown


def _on_a_terminal(*words: str, **environment: str) -> str:
    import pty

    known = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "CI")}
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", "from otel_bridge.cli.main import main; main()", *words],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**known, "TERM": "xterm-256color", "COLUMNS": "120", **environment},
    ):
        os.close(slave)
        shown = b""
        while piece := _read(master):
            shown += piece
    os.close(master)
    return shown.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # the last process that held the terminal is gone
        return b""


def test_a_reader_that_goes_away_causes_no_noise(samples: Path) -> None:
    """
    `otel-bridge sql … | head` ends without a traceback.
    """
    query = "SELECT repeat('x', 100) AS x FROM range(200000)"
    words = ["sql", query, "--db", str(samples), "--format", "json"]
    with subprocess.Popen(
        [sys.executable, "-c", "from otel_bridge.cli.main import main; main()", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(10)
        running.stdout.close()
        said = running.stderr.read()
    assert said == b""
    assert running.returncode == 141


def test_help_is_complete_and_loads_little() -> None:
    """
    Help names every command, and the command line itself imports no database library.
    """
    program = (
        "import sys, otel_bridge\nbefore = set(sys.modules)\n"
        "from otel_bridge.cli.main import run_with\nrun_with(['--help'])\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(sorted(new & {'duckdb', 'sqlalchemy', 'aiosqlite', 'openai', 'genai_prices'}))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True
    )
    for command in ("demo", "import", "runs", "run", "trace", "cost", "tokens", "tools", "sql"):
        assert f"\n  {command} " in ended.stdout
    assert ended.stdout.endswith("[]\n")


def test_version_is_printed(cli: Cli) -> None:
    """
    `--version` prints the program's name and version.
    """
    assert re.fullmatch(r"otel-bridge \d+\.\d+\.\d+\S*\n", cli("--version").out)


def test_runs_that_name_each_other_as_parents_are_shown_once(cli: Cli, tmp_path: Path) -> None:
    """
    A circle of parents, which only broken telemetry has, does not hang the tree.
    """
    runs = [
        _agent(n, None, f"a{n}", otel_bridge__run__id=f"r{n}", otel_bridge__run__parent_id=f"r{p}")
        for n, p in ((1, 2), (2, 1))
    ]
    db = _store(tmp_path / "circle.db", runs)
    shown = cli("run", "r1", "--db", db)
    assert shown.code == 0
    assert shown.out.count("run a2") == 1
    assert cli("run", "r1", "--db", db, "-f", "json").json["children"][0]["children"] == []


def test_children_of_a_run_are_listed_by_the_beginning_of_its_id(cli: Cli, nested: Path) -> None:
    """
    `--parent` takes what `runs` shows of an id.
    """
    parent = _only_run(cli, nested, agent_name="planner")
    rows = cli("runs", "--parent", parent[:17], "--db", nested, "-f", "json").json
    assert [row["agent_name"] for row in rows] == ["researcher"]
