"""
Sums through delegation count each call once, whatever the runs say of each other.
"""

import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otel_bridge_queries import Queries
from otel_bridge_storage.errors import QueryError
from queries_data import NOON, Recorded

RUNS = "abcdefg"
families = st.dictionaries(
    st.sampled_from(RUNS),
    st.fixed_dictionaries(
        {
            "parent_run_id": st.none() | st.sampled_from([*RUNS, "gone"]),
            "agent_name": st.sampled_from([None, "planner", "writer"]),
            "started_ns": st.integers(NOON, NOON + 3),
        }
    ),
    min_size=1,
)
calls = st.lists(
    st.fixed_dictionaries(
        {
            "run": st.integers(0, 6),
            "cost_picousd": st.none() | st.integers(0, 10**13),
            "input_tokens": st.none() | st.integers(0, 1000),
            "request_model": st.sampled_from("mn"),
        }
    ),
    max_size=12,
)

Family = Mapping[str, dict[str, Any]]


def recorded(folder: str, family: Family, calls: list[dict[str, Any]]) -> Path:
    """
    Store runs and calls.
    """
    made = Recorded(Path(folder) / "runs.db")
    with made:
        for run_id, values in family.items():
            made.run(run_id, **values)
        for call in calls:
            values = {name: value for name, value in call.items() if name != "run"}
            made.llm_call(of_run(call, family), **values)
    made.close()
    return made.path


def of_run(call: Mapping[str, Any], family: Family) -> str:
    """
    Give the run of a call.
    """
    number: int = call["run"]
    return list(family)[number % len(family)]


def parents(family: Family) -> dict[str, str | None]:
    """
    Give the parents, without those that are not there and with circles cut at the run of
    each that began first.
    """
    found = {
        run_id: values["parent_run_id"] if values["parent_run_id"] in family else None
        for run_id, values in family.items()
    }
    for run_id in family:
        circle, at = [run_id], found[run_id]
        while at is not None and at not in circle:
            circle.append(at)
            at = found[at]
        if at == run_id:
            first = min(circle, key=lambda each: (family[each]["started_ns"], each))
            found[first] = None
    return found


def above(run_id: str, parent_of: Mapping[str, str | None]) -> list[str]:
    """
    Give a run and those above it, the top one last.
    """
    found = [run_id]
    while (at := parent_of[found[-1]]) is not None:
        found.append(at)
    return found


def sums(calls: list[dict[str, Any]]) -> tuple[Any, ...]:
    """
    Add calls up: how many, input tokens, cost in USD, how many without a price.
    """
    tokens = [call["input_tokens"] for call in calls if call["input_tokens"] is not None]
    prices = [call["cost_picousd"] for call in calls if call["cost_picousd"] is not None]
    return (
        len(calls),
        sum(tokens) if tokens else None,
        sum(prices) / 10**12 if prices else None,
        len(calls) - len(prices),
    )


def told(row: Mapping[str, Any], which: str) -> tuple[Any, ...]:
    """
    Pick the same from a row.
    """
    names = ("calls", "input_tokens", "cost_usd", "unpriced_calls")
    return tuple(row[f"{which}_{name}"] for name in names)


@settings(max_examples=20, deadline=None)
@given(family=families, calls=calls)
def test_own_and_total_are_what_climbing_by_hand_gives(
    family: Family, calls: list[dict[str, Any]]
) -> None:
    """
    For any parents, circles and missing ones included, each run has its own calls and
    those of all runs below, and the tops add up to the plain totals.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = recorded(folder, family, calls)
        with Queries(path) as queries:
            rows = queries.rollup().dicts()
            (plain,) = queries.cost().dicts()
            by_root = queries.cost("root_run_id").dicts()
            agents = {row["agent_name"]: row for row in queries.rollup("agent_name")}
            tops = {row["root_run_id"]: row for row in queries.rollup("root_run_id")}
    parent_of = parents(family)
    lines = {run_id: above(run_id, parent_of) for run_id in family}
    assert sorted(row["run_id"] for row in rows) == sorted(family)
    for row in rows:
        run_id = row["run_id"]
        below = [each for each, line in lines.items() if run_id in line]
        assert row["parent_run_id"] == parent_of[run_id]
        assert row["root_run_id"] == lines[run_id][-1]
        assert row["depth"] == len(lines[run_id]) - 1
        assert row["runs_below"] == len(below) - 1
        assert told(row, "own") == sums([c for c in calls if of_run(c, family) == run_id])
        assert told(row, "total") == sums([c for c in calls if of_run(c, family) in below])
    top_rows = [row for row in rows if row["depth"] == 0]
    assert sum(row["total_calls"] for row in top_rows) == plain["llm_calls"]
    assert sum(row["total_cost_usd"] or 0 for row in top_rows) == pytest.approx(
        plain["cost_usd"] or 0
    )
    for row in top_rows:
        assert told(tops[row["run_id"]], "total") == told(row, "total")
        assert told(tops[row["run_id"]], "own") == told(row, "own")
    assert {row["root_run_id"]: row["llm_calls"] for row in by_root} == {
        row["run_id"]: row["total_calls"] for row in top_rows if row["total_calls"]
    }
    for agent, row in agents.items():
        members = {each for each, values in family.items() if values["agent_name"] == agent}
        reached = {each for each, line in lines.items() if members & set(line)}
        assert (row["runs"], row["runs_below"]) == (len(members), len(reached - members))
        assert told(row, "own") == sums([c for c in calls if of_run(c, family) in members])
        assert told(row, "total") == sums([c for c in calls if of_run(c, family) in reached])


def test_trees_come_latest_first_from_the_top_down(tmp_path: Path) -> None:
    """
    A run comes right after what is above it, its sisters in time order.
    """
    family: dict[str, dict[str, Any]] = {
        "old": {"started_ns": NOON},
        "new": {"started_ns": NOON + 10},
        "second": {"started_ns": NOON + 12, "parent_run_id": "new"},
        "first": {"started_ns": NOON + 11, "parent_run_id": "new"},
        "deep": {"started_ns": NOON + 20, "parent_run_id": "first"},
    }
    with Queries(recorded(str(tmp_path), family, [])) as queries:
        order = [row["run_id"] for row in queries.rollup()]
        assert [row["run_id"] for row in queries.rollup(limit=1)] == order[:4]
        assert [row["run_id"] for row in queries.rollup(run_id="first")] == ["first", "deep"]
    assert order == ["new", "first", "deep", "second", "old"]


def test_filters_choose_calls_and_keep_what_is_above_them(tmp_path: Path) -> None:
    """
    A run without a matching call is listed for the sake of one below it, and not else.
    """
    family = {
        "top": {"agent_name": "planner"},
        "sub": {"agent_name": "writer", "parent_run_id": "top"},
        "other": {"agent_name": "planner"},
    }
    calls = [{"run": 0, "request_model": "m"}, {"run": 1, "request_model": "n"}]
    with Queries(recorded(str(tmp_path), family, calls)) as queries:
        rows = {row["run_id"]: row for row in queries.rollup(model="n")}
        below = queries.rollup("agent_name", run_id="sub").dicts()
        with pytest.raises(QueryError, match="cannot group by 'model'"):
            queries.rollup("model")
    assert rows.keys() == {"top", "sub"}
    assert (rows["top"]["own_calls"], rows["top"]["total_calls"]) == (0, 1)
    assert [(row["agent_name"], row["total_calls"]) for row in below] == [("writer", 1)]


def test_the_agent_at_the_top_is_a_key_of_any_report(tmp_path: Path) -> None:
    """
    Calls of runs below are grouped under the agent that the work began with.
    """
    family = {
        "top": {"agent_name": "planner"},
        "sub": {"agent_name": "writer", "parent_run_id": "top"},
    }
    calls = [{"run": 0}, {"run": 1}, {"run": 1}]
    with Queries(recorded(str(tmp_path), family, calls)) as queries:
        assert queries.cost("root_agent_name").rows[0][:2] == ("planner", 3)
        both = queries.latency(["root_agent_name", "agent_name"]).rows
    assert [row[:3] for row in both] == [("planner", "writer", 2), ("planner", "planner", 1)]


def test_a_long_chain_of_runs_is_climbed(tmp_path: Path) -> None:
    """
    Hundreds of runs below each other are one tree.
    """
    family: dict[str, dict[str, Any]] = {
        f"r{number:03}": {"parent_run_id": f"r{number - 1:03}" if number else None}
        for number in range(300)
    }
    calls = [{"run": number} for number in range(300)]
    with Queries(recorded(str(tmp_path), family, calls)) as queries:
        rows = queries.rollup().dicts()
    assert (rows[0]["total_calls"], rows[-1]["depth"]) == (300, 299)
    groups = defaultdict(list)
    for row in rows:
        groups[row["root_run_id"]].append(row)
    assert len(groups) == 1
