"""
The page on reports: its examples run, and it names every column that there is.
"""

import re
import shlex
from pathlib import Path

import pytest
from otel_bridge_queries import Queries
from queries_data import Recorded

from otel_bridge.cli.main import run_with

PAGE = Path(__file__).parents[1] / "docs" / "queries.md"
REPORTS = (
    "cost",
    "tokens",
    "cache",
    "latency",
    "throughput",
    "tools",
    "errors",
    "retries",
    "top_runs",
    "session_views",
    "rollup",
    "forecast",
)


def blocks(language: str) -> list[str]:
    """
    Give the examples of one language.
    """
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def section(name: str) -> str:
    """
    Give what the page says about one report.
    """
    text = PAGE.read_text(encoding="utf-8")
    return text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]


@pytest.fixture(autouse=True)
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A small database where the examples look for one.
    """
    made = Recorded(tmp_path / "runs.db")
    with made:
        made.run("r", agent_name="planner", session_id="s")
        made.llm_call("r", request_model="m", cost_picousd=1)
        made.tool_call("r", "search", status="error")
    made.close()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OTEL_BRIDGE_DB", "runs.db")


@pytest.mark.parametrize("code", blocks("python"))
def test_python_examples_run(code: str) -> None:
    """
    Each example works on a recorded database.
    """
    exec(code, {"Queries": Queries})


@pytest.mark.parametrize("line", [line for block in blocks("sh") for line in block.splitlines()])
def test_commands_of_examples_run(line: str) -> None:
    """
    Each command line is one that the program takes.
    """
    program, *words = shlex.split(line)
    assert program == "otel-bridge"
    assert run_with(words) == 0


@pytest.mark.parametrize("name", REPORTS)
def test_every_column_is_explained(name: str) -> None:
    """
    What a report answers with is named where the page is about it.
    """
    with Queries("runs.db") as queries:
        columns = getattr(queries, name)().columns
    if name == "throughput":
        columns = columns[1:]
    told = set(re.findall(r"`(\w+)`", section(name) + section("Keys, filters and times")))
    assert set(columns) <= told


def test_the_columns_of_comparisons_and_budgets_are_explained() -> None:
    """
    The measures of a comparison, and all columns of a budget, are named.
    """
    with Queries("runs.db") as queries:
        compared = queries.compare({"model": "m"}, {"model": "n"}).columns
        budget = queries.budget(1).columns
    measures = {re.sub("_(a|b|difference|ratio)$", "", name) for name in compared}
    told = set(re.findall(r"`(\w+)`", section("compare")))
    assert measures - {"unpriced_calls"} <= told
    assert set(budget) <= set(re.findall(r"`(\w+)`", section("budget")))
