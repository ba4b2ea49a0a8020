"""
The commands on times, failures, delegation, comparison and budgets, as they are typed.
"""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from queries_data import MS, NOON, Recorded

from otel_bridge.cli.main import run_with
from otel_bridge.cli.texts import rate, unit_of_time

USD = 10**12
COMMANDS = (
    ["latency"],
    ["throughput", "--every", "day", "--by", "model"],
    ["cache", "--by", "agent,metadata.plan"],
    ["errors", "--by", "model"],
    ["retries"],
    ["top", "runs", "--by", "duration"],
    ["top", "sessions"],
    ["sessions"],
    ["rollup"],
    ["rollup", "--by", "root_agent_name"],
    ["compare", "--models", "m,n", "--by", "agent"],
    ["forecast", "--month", "2025-06"],
    ["budget", "--limit", "100"],
)


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Print for a terminal that is wide enough for all columns.
    """
    monkeypatch.setenv("COLUMNS", "220")


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    Two runs, one below the other, with a failure that was tried again and a hostile name.
    """
    made = Recorded(tmp_path / "runs.db")
    with made:
        made.run(
            "a1",
            agent_name="planner\x1b[31m",
            session_id="s",
            metadata='{"plan": "pro"}',
            llm_calls=1,
            cost_picousd=USD,
            ended_ns=NOON + 1000 * MS,
        )
        made.run("b2", ("new",), agent_name="writer", parent_run_id="a1", started_ns=NOON + MS)
        made.llm_call("a1", request_model="m", cost_picousd=USD, output_tokens=50)
        failed = {"status": "error", "error_type": "RateLimit", "error_message": "slow down"}
        made.llm_call("b2", request_model="n", cost_picousd=2 * USD, **failed)
        made.llm_call("b2", request_model="n", start_ns=NOON + 200 * MS)
        made.tool_call("b2", "search")
    made.close()
    monkeypatch.setenv("OTEL_BRIDGE_DB", str(made.path))
    return made.path


def told(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> tuple[str, str]:
    """
    Run a command line and give both of its outputs.
    """
    capsys.readouterr()
    assert run_with(list(words)) == code
    return capsys.readouterr()


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_prints_every_form(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Tables, Markdown, JSON and CSV have the same rows, without a raw control character.
    """
    rows = json.loads(told(capsys, *words, "-f", "json")[0])
    listed = list(csv.DictReader(io.StringIO(told(capsys, *words, "-f", "csv")[0])))
    table = told(capsys, *words)[0]
    markdown = told(capsys, *words, "-f", "md")[0]
    assert rows
    assert [list(row) for row in listed] == [list(row) for row in rows]
    assert len(table.splitlines()) == len(rows) + 1
    assert len(markdown.splitlines()) == len(rows) + 2
    assert "\x1b" not in table + markdown


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("words", [words for words in COMMANDS if "2025-06" not in words])
def test_every_command_says_that_nothing_matches(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A filter that nothing passes is no failure, whichever filter it is.
    """
    for option in ("--agent", "--tenant", "--session", "--metadata"):
        value = "plan=none" if option == "--metadata" else "none"
        told(capsys, *words, option, value)


@pytest.mark.usefixtures("recorded")
def test_filters_narrow(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Options reach the filters of the report, a run's id from its beginning.
    """

    def calls(*words: str) -> int:
        rows = json.loads(told(capsys, "latency", "-f", "json", *words)[0])
        return sum(row["calls"] for row in rows)

    assert calls() == 3
    assert calls("--metadata", "plan=pro") == 1
    assert calls("--metadata", "plan=free", "--metadata", "plan=pro") == 1
    assert calls("--run", "b") == 2
    assert calls("--tag", "new") == 2
    assert calls("--operation", "embeddings") == 0
    assert "KEY=VALUE" in told(capsys, "latency", "--metadata", "plan", code=2)[1]


@pytest.mark.usefixtures("recorded")
def test_a_rollup_is_drawn_as_a_tree(capsys: pytest.CaptureFixture[str]) -> None:
    """
    A run stands below the one that started it, with what both took in all.
    """
    lines = told(capsys, "rollup")[0].splitlines()
    assert lines[1].startswith("planner\\x1b[31m a1")
    assert lines[1].rstrip().endswith("≥ $3.0000")
    assert lines[2].startswith("└─ writer b2")
    assert told(capsys, "rollup", "--run", "b2")[0].splitlines()[1].startswith("writer b2")


@pytest.mark.usefixtures("recorded")
def test_comparisons_are_told_in_four_ways(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Models, tags, periods and any filters can be compared, one way at a time.
    """

    def sides(*words: str) -> tuple[int, int]:
        (row,) = json.loads(told(capsys, "compare", "-f", "json", *words)[0])
        return row["calls_a"], row["calls_b"]

    assert sides("--models", "m,n") == (1, 2)
    assert sides("--tags", "new,old") == (2, 0)
    assert sides("--periods", "7d") == (0, 0)
    assert sides("--a", "until=2025-06-16", "--b", "agent=writer,model=n") == (3, 2)
    assert sides("--a", "metadata.plan=pro", "--b", "run=b") == (1, 2)
    assert told(capsys, "compare", "--models", "m,n")[1] == "a is model m; b is model n\n"
    for words in (
        [],
        ["--models", "m"],
        ["--periods", "0d"],
        ["--periods", "soon"],
        ["--a", "model=m"],
        ["--a", "model", "--b", "model=n"],
        ["--a", "colour=red", "--b", "model=n"],
        ["--models", "m,n", "--tags", "x,y"],
    ):
        told(capsys, "compare", *words, code=2)


@pytest.mark.usefixtures("recorded")
def test_a_budget_decides_the_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Over the limit is 1 with one line that names the worst; an uncertain answer is 1 only
    where it is asked to be.
    """
    out, err = told(capsys, "budget", "--limit", "2.5", "--by", "model")
    assert err.startswith("uncertain: 1 call without a known price in model n")
    assert "██" in out
    _, err = told(capsys, "budget", "--limit", "1.5", "--by", "model", code=1)
    assert err == "over budget: model n spent ≥ $2.0000 of $1.5000, 133%\n"
    _, err = told(capsys, "budget", "--limit", "0.5", "--by", "model", code=1)
    assert err.count("\n") == 1
    assert "and 1 other limit exceeded" in err
    told(capsys, "budget", "--limit", "50", "--strict", code=1)
    told(capsys, "budget", "--limit", "50", "--strict", "--model", "m")
    told(capsys, "budget", "--limit", "0", code=2)
    told(capsys, "budget", code=2)


@pytest.mark.usefixtures("recorded")
def test_a_forecast_says_what_it_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Calls without a price, and too little data, are told below the table.
    """
    out, err = told(capsys, "forecast", "--month", "2025-06")
    assert out.splitlines()[1].split()[:3] == ["2025-06", "≥", "$3.0000"]
    assert err == "1 call without a known price left out: the costs are more\n"


@pytest.mark.usefixtures("recorded")
def test_sessions_are_paged(recorded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Where there are more, it is said how to go on.
    """
    with (made := Recorded(recorded.parent / "two.db")):
        for name in "abc":
            made.run(name, session_id=name)
    made.close()
    out, err = told(capsys, "sessions", "--limit", "2", "--db", str(made.path), "-f", "json")
    assert len(json.loads(out)) == 2
    assert err == "2 sessions; go on with --offset 2\n"
    out, err = told(capsys, "sessions", "--offset", "2", "--db", str(made.path), "-f", "json")
    assert [row["session_id"] for row in json.loads(out)] == ["c"]
    assert err == ""


@pytest.mark.usefixtures("recorded")
def test_weekdays_and_minutes_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Calendar keys read as people write them.
    """
    words = ("cost", "--by", "weekday,hour_of_day,minute,year", "-f", "json")
    (row,) = json.loads(told(capsys, *words)[0])
    assert (row["weekday"], row["hour_of_day"], row["year"]) == ("Sun", 15, "2025")
    assert row["minute"] == "2025-06-15T15:06+00:00"


@pytest.mark.usefixtures("recorded")
def test_rates_of_one_table_have_one_unit(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Rates are per the unit of time that fits the largest, which the header names.
    """
    words = ("throughput", "--every", "day", "--until", "2025-06-17")
    busy, quiet = told(capsys, *words, "--since", "2025-06-15")[0].splitlines()[1:]
    header = told(capsys, *words, "--since", "2025-06-15")[0].splitlines()[0]
    assert "calls per day" in header
    assert busy.split()[:2] == ["2025-06-15", "3"]
    assert "3" in busy.split()[2:]
    assert quiet.split()[:2] == ["2025-06-16", "0"]


def test_rates_name_the_unit_that_fits_the_largest() -> None:
    """
    The largest rate is 1 or more in its unit, if there is one; small ones are not 0.
    """
    assert unit_of_time([2.0, None, 0.001]) == ("s", 1)
    assert unit_of_time([0.02]) == ("min", 60)
    assert unit_of_time([1 / 3600]) == ("h", 3600)
    assert unit_of_time([0.0, None]) == unit_of_time([]) == ("day", 86_400)
    shown = [rate(each, 60) for each in (None, 0.0, 0.0001, 0.02, 1.5, 1000.0)]
    assert shown == ["–", "0", "<0.01", "1.2", "90", "60,000"]


@pytest.mark.usefixtures("recorded")
def test_what_was_wasted_is_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Each column of wasted tokens and money says what it is of.
    """
    header = told(capsys, "retries")[0].splitlines()[0]
    assert "wasted in  wasted out  wasted cost" in header


def test_a_report_loads_nothing_that_reads_single_runs(recorded: Path) -> None:
    """
    A report starts without the asynchronous reader of runs, which takes long to import.
    """
    program = (
        "import sys\nfrom otel_bridge.cli.main import run_with\n"
        f"assert run_with(['cost', '--db', {str(recorded)!r}]) == 0\n"
        "assert 'otel_bridge_queries' in sys.modules\n"
        "assert 'sqlalchemy.ext.asyncio' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
