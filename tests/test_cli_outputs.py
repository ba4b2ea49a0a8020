"""
Where rows go and what is drawn beside them: files, bytes, bars, sparklines, pictures.
"""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import duckdb
import pyarrow  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from otel_bridge_queries import Queries
from report_data import recorded_weeks
from rich.cells import cell_len

from otel_bridge.cli.bars import bar, merged, spark
from otel_bridge.cli.main import run_with

BLOCKS = set("▏▎▍▌▋▊▉█")
LEVELS = "▁▂▃▄▅▆▇█"
ROWS = (
    ["cost", "--by", "agent,day"],
    ["cost", "--unpriced"],
    ["cost", "--emitted"],
    ["tokens"],
    ["tools"],
    ["runs", "--limit", "1000"],
    ["sql", "SELECT run_id, tags, metadata, started_at FROM runs"],
)
Said = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    A database of twenty days.
    """
    return recorded_weeks(tmp_path_factory.mktemp("weeks") / "weeks.db")


@pytest.fixture
def say(weeks: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Said:
    """
    Runs a command line over that database in this process.
    """

    def run(*words: Any, columns: int = 200) -> tuple[int, str, str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        capsys.readouterr()
        code = run_with([*map(str, words), "--db", str(weeks)])
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize("words", ROWS, ids=" ".join)
def test_parquet_and_arrow_have_the_rows_of_json(
    say: Said, words: list[str], tmp_path: Path
) -> None:
    """
    What a command prints as JSON it writes as Parquet and Arrow, with the same figures.
    """
    rows = json.loads(say(*words, "-f", "json")[1])
    assert say(*words, "-f", "parquet", "-o", tmp_path / "rows")[0] == 0
    assert say(*words, "-f", "arrow", "-o", tmp_path / "stream")[0] == 0
    parquet = pyarrow.parquet.read_table(tmp_path / "rows")
    arrow = pyarrow.ipc.open_stream(tmp_path / "stream").read_all()
    assert len(rows) == parquet.num_rows == arrow.num_rows > 0
    assert list(rows[0]) == parquet.column_names == arrow.column_names
    for name in ("llm_calls", "cost_usd", "calls", "run_id", "tags"):
        if name in rows[0]:
            wanted = [row[name] for row in rows]
            assert parquet[name].to_pylist() == arrow[name].to_pylist() == wanted


@pytest.mark.parametrize("form", ["json", "csv", "md", "table"])
@pytest.mark.parametrize("words", ROWS, ids=" ".join)
def test_a_file_holds_what_would_be_printed(
    say: Said, words: list[str], form: str, tmp_path: Path
) -> None:
    """
    `--output` writes what standard output would have got, and nothing to it.
    """
    printed = say(*words, "-f", form)[1]
    code, out, _ = say(*words, "-f", form, "-o", tmp_path / "file")
    assert (code, out) == (0, "")
    assert (tmp_path / "file").read_bytes().decode("utf-8") == printed
    assert os.listdir(tmp_path) == ["file"]


def test_bytes_go_through_a_pipe(weeks: Path) -> None:
    """
    Parquet on standard output is the whole file.
    """
    words = ["runs", "--limit", "1000", "--db", str(weeks), "-f", "parquet"]
    ended = subprocess.run(
        [sys.executable, "-c", "from otel_bridge.cli.main import main; main()", *words],
        capture_output=True,
        check=True,
        timeout=60,
    )
    table = pyarrow.parquet.read_table(io.BytesIO(ended.stdout))
    assert table.num_rows == 80
    with Queries(weeks) as queries:
        assert sorted(table["run_id"].to_pylist()) == sorted(
            row["run_id"] for row in queries.run_views()
        )


def test_a_failed_command_leaves_the_file_as_it_was(say: Said, tmp_path: Path) -> None:
    """
    Where a command fails, a file that was there is whole and no other is left.
    """
    path = tmp_path / "rows.csv"
    path.write_text("before", encoding="utf-8")
    assert say("cost", "--by", "nothing", "-f", "csv", "-o", path)[0] == 2
    assert path.read_text(encoding="utf-8") == "before"
    code, _, err = say("cost", "-o", tmp_path / "no" / "file")
    assert (code, err.count("\n")) == (1, 1)
    assert os.listdir(tmp_path) == ["rows.csv"]


@pytest.mark.skipif(sys.platform == "win32", reason="not run: Windows has no such devices")
def test_a_device_is_written_and_not_replaced(say: Said) -> None:
    """
    Output to a device goes there, and the device stays what it is.
    """
    assert say("cost", "-f", "json", "-o", "/dev/null")[0] == 0
    assert not Path("/dev/null").is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="not run: Windows has no pty")
@pytest.mark.parametrize("words", [["cost", "-f", "parquet"], ["chart", "cost"]], ids=" ".join)
def test_bytes_are_kept_from_a_terminal(weeks: Path, words: list[str]) -> None:
    """
    On a terminal what people cannot read is refused in one line that says what to do.
    """
    shown, said, code = on_a_terminal([*words, "--db", str(weeks)])
    assert (code, shown) == (1, "")
    assert said.count("\n") == 1
    assert "--output" in said


@pytest.mark.skipif(sys.platform == "win32", reason="not run: Windows has no pty")
def test_a_report_of_a_time_shows_its_days_on_a_terminal(weeks: Path) -> None:
    """
    With `--since` a terminal gets sparklines unasked, and none with `--spark none`.
    """
    words = ["cost", "--by", "agent", "--since", "2026-11-05", "--db", str(weeks)]
    shown = on_a_terminal(words)[0]
    assert "by day" in shown
    assert set(LEVELS) & set(shown.splitlines()[1])
    assert "by day" not in on_a_terminal([*words, "--spark", "none"])[0]


def on_a_terminal(words: list[str]) -> tuple[str, str, int]:
    """
    Run a command with a terminal as its standard output.
    """
    import pty

    master, slave = pty.openpty()
    with (
        open(master, "rb", buffering=0) as terminal,
        subprocess.Popen(
            [sys.executable, "-c", "from otel_bridge.cli.main import main; main()", *words],
            stdout=slave,
            stderr=subprocess.PIPE,
            env={**os.environ, "COLUMNS": "150", "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"},
        ) as process,
    ):
        os.close(slave)
        shown = b""
        try:
            while part := terminal.read(4096):
                shown += part
        except OSError:  # how Linux says that the other side is closed
            pass
        said = process.stderr.read() if process.stderr else b""
        code = process.wait(60)
    return shown.decode("utf-8").replace("\r\n", "\n"), said.decode("utf-8"), code


def test_shares_are_drawn_beside_the_cost(say: Said) -> None:
    """
    The largest group has a whole bar, shares are of the total, and the total has none.
    """
    _, out, _ = say("cost", "--by", "agent")
    header, *lines, total = out.splitlines()
    assert header.rstrip().endswith("share")
    assert "████████ " in lines[0]
    shares = [int(line.split()[-1].rstrip("%")) for line in lines]
    assert sum(shares) == pytest.approx(100, abs=2)
    assert not BLOCKS & set(total)
    limited = say("cost", "--by", "agent", "--limit", 2)[1].splitlines()[1]
    assert limited.split()[-1] == lines[0].split()[-1]


def test_one_group_has_no_share(say: Said) -> None:
    """
    Where there is nothing to compare no bar is drawn.
    """
    assert "share" not in say("cost", "--agent", "writer", "--by", "agent")[1]


@pytest.mark.parametrize("columns", [40, 60, 80, 120])
def test_drawn_columns_give_way_in_narrow_terminals(say: Said, columns: int) -> None:
    """
    With sparklines and bars a table still fits, and what costs what is always there.
    """
    out = say("cost", "--by", "agent", "--spark", "day", columns=columns)[1]
    assert max(map(cell_len, out.splitlines())) <= columns
    assert "$" in out


def test_drawings_are_plain_where_blocks_cannot_be_shown(weeks: Path) -> None:
    """
    A terminal of ASCII gets bars and sparklines of ASCII.
    """
    words = ["cost", "--by", "agent", "--spark", "day", "--db", str(weeks)]
    ended = subprocess.run(
        [sys.executable, "-c", "from otel_bridge.cli.main import main; main()", *words],
        capture_output=True,
        encoding="ascii",
        env={**os.environ, "PYTHONIOENCODING": "ascii", "COLUMNS": "160"},
        check=True,
        timeout=60,
    )
    assert "########" in ended.stdout.splitlines()[1]
    assert "@" in ended.stdout.splitlines()[1]
    # Signs give way to what is as wide as it seems, so that columns stay under each other.
    assert ">= $" in ended.stdout
    assert "\\u" not in ended.stdout
    assert len({len(line) for line in ended.stdout.splitlines()}) == 1


def test_json_csv_and_markdown_have_no_drawings(say: Said) -> None:
    """
    What other programs read is the same with and without `--spark`.
    """
    for form in ("json", "csv", "md"):
        drawn = say("cost", "--by", "agent", "--spark", "day", "-f", form)[1]
        assert drawn == say("cost", "--by", "agent", "-f", form)[1]
        assert "share" not in drawn
    header = next(csv.reader(io.StringIO(say("cost", "-f", "csv")[1])))
    assert header[0] == "model"


@given(st.floats(0, 1), st.integers(1, 20), st.booleans())
def test_bars_are_as_long_as_the_share(share: float, width: int, blocks: bool) -> None:
    """
    A bar is never longer than its room, never missing for a share, and exact to a step.
    """
    drawn = bar(share, width, blocks=blocks)
    assert len(drawn) <= width
    assert bool(drawn) == (share > 0)
    if not blocks:
        assert abs(len(drawn) - share * width) <= 1


@given(st.lists(st.none() | st.floats(0, 1e6), max_size=40), st.booleans())
def test_sparklines_have_a_mark_for_each_figure(values: list[float | None], blocks: bool) -> None:
    """
    Each figure is one character, larger ones are never drawn lower, nothing is blank.
    """
    drawn = spark(values, blocks=blocks)
    levels = " " + (LEVELS if blocks else "_.-=+*#@")
    heights = [levels.index(character) for character in drawn]
    assert len(drawn) == len(values)
    pairs = sorted(zip((value or 0.0 for value in values), heights, strict=True))
    assert [height for _, height in pairs] == sorted(heights)
    assert all((height == 0) == (not value) for value, height in pairs)


@given(st.lists(st.none() | st.integers(0, 9).map(float), max_size=200), st.integers(1, 30))
def test_merging_figures_keeps_their_sum(values: list[float | None], most: int) -> None:
    """
    Neighbours are added up, so that there are no more than wanted and none is lost.
    """
    short = merged(values, most)
    assert len(short) <= most
    assert sum(each or 0.0 for each in short) == sum(each or 0.0 for each in values)


@pytest.mark.parametrize(
    "words",
    [
        ["cost", "--over", "day"],
        ["cost", "--by", "agent,model"],
        ["tokens", "--over", "week", "--by", "agent", "--kind", "lines"],
        ["latency", "--over", "day"],
        ["latency", "--measure", "p99_ms"],
        ["tools"],
        ["tools", "--over", "day", "--measure", "p95_ms"],
        ["errors"],
        ["errors", "--over", "week"],
        ["unpriced"],
        ["cost", "--kind", "heat", "--timezone", "Asia/Tokyo"],
    ],
    ids=" ".join,
)
def test_every_report_can_be_drawn(say: Said, words: list[str], tmp_path: Path) -> None:
    """
    Each report makes an SVG, over time or by group, with something in it.
    """
    path = tmp_path / "chart.svg"
    assert say("chart", *words, "-o", path) == (0, "", "")
    root = ET.parse(path).getroot()
    assert len(list(root.iter("{http://www.w3.org/2000/svg}title"))) > 0
    assert path.read_text(encoding="utf-8").strip() == say("chart", *words)[1].strip()


def test_a_chart_adds_up_to_the_report(say: Said) -> None:
    """
    What the bars of a chart say of each group is what the report says.
    """
    rows = json.loads(say("cost", "--by", "agent", "-f", "json")[1])
    svg = ET.fromstring(say("chart", "cost", "--by", "agent", "--measure", "llm_calls")[1])
    said = [each.text for each in svg.iter("{http://www.w3.org/2000/svg}title")]
    assert sorted(filter(None, said)) == sorted(
        f"{row['agent_name']}: {row['llm_calls']}" for row in rows
    )


@pytest.mark.parametrize(
    "words",
    [
        ["cost", "--measure", "nope"],
        ["cost", "--kind", "lines"],
        ["latency", "--kind", "heat"],
        ["cost", "--over", "year"],
        ["cost", "--by", "nothing"],
        ["nothing"],
    ],
    ids=" ".join,
)
def test_a_chart_that_makes_no_sense_is_wrong_usage(
    say: Said, words: list[str], tmp_path: Path
) -> None:
    """
    A figure, form or period that does not exist is exit code 2, and leaves no file.
    """
    assert say("chart", *words, "-o", tmp_path / "chart.svg")[0] == 2
    assert say("chart", "cost", "-o", tmp_path / "chart.gif")[0] == 2
    assert os.listdir(tmp_path) == []


def test_stories_are_not_rows(say: Said) -> None:
    """
    `run`, `trace`, `check` and `explain` have no Parquet, and say which forms they have.
    """
    for words in (["run", "0"], ["trace", "0"], ["check"], ["explain", "0"]):
        code, _, err = say(*words, "-f", "parquet")
        assert code == 2
        assert "table, json, csv, md" in err
    assert say("check", "-f", "JSON")[1].startswith("[")


def test_duckdb_reads_the_file_of_a_report(say: Said, tmp_path: Path) -> None:
    """
    The Parquet of a report can be summed again, to the total of the report.
    """
    say("cost", "--by", "agent,model,day", "-f", "parquet", "-o", tmp_path / "cost.parquet")
    with duckdb.connect() as connection:
        relation = connection.read_parquet(str(tmp_path / "cost.parquet"))
        (summed,) = relation.aggregate("sum(llm_calls), sum(cost_usd)").fetchall()
    (total,) = json.loads(say("sql", "SELECT count(*) AS n FROM llm_calls", "-f", "json")[1])
    assert summed[0] == total["n"]
    rows = json.loads(say("cost", "-f", "json")[1])
    assert summed[1] == pytest.approx(sum(row["cost_usd"] or 0 for row in rows))
