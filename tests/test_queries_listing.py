"""
The lists of sessions and of the largest runs are what plain sorting gives.
"""

import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otel_bridge_queries import Queries
from otel_bridge_storage.errors import QueryError
from queries_data import MS, NOON, Recorded

MEASURES = ("cost", "tokens", "duration", "llm_calls", "errors")
runs = st.lists(
    st.fixed_dictionaries(
        {
            "session_id": st.sampled_from([None, "s", "t", "u"]),
            "user_id": st.sampled_from([None, "ada"]),
            "agent_name": st.sampled_from([None, "a", "b"]),
            "status": st.sampled_from(["success", "error", "running"]),
            "started_ns": st.integers(0, 10**6).map(lambda ms: NOON + ms * MS),
            "length": st.integers(0, 10**5),
            "cost_picousd": st.none() | st.integers(0, 10**13),
            "input_tokens": st.none() | st.integers(0, 100),
            "output_tokens": st.none() | st.integers(0, 100),
            "llm_calls": st.integers(0, 5),
            "failed_llm_calls": st.integers(0, 5),
            "failed_tool_calls": st.integers(0, 5),
            "unpriced_calls": st.integers(0, 5),
        }
    ),
    max_size=10,
)


def recorded(folder: str, runs: list[dict[str, Any]]) -> Path:
    """
    Store runs; a running one has no end.
    """
    made = Recorded(Path(folder) / "runs.db")
    with made:
        for number, run in enumerate(runs):
            values = {name: value for name, value in run.items() if name != "length"}
            made.run(f"r{number}", ended_ns=ended(run), **values)
    made.close()
    return made.path


def ended(run: dict[str, Any]) -> int | None:
    """
    Give the end of a run, in nanoseconds.
    """
    return None if run["status"] == "running" else run["started_ns"] + run["length"] * MS


def added(values: list[int | None]) -> int | None:
    """
    Add up what is known; None if nothing is.
    """
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def measure(run: dict[str, Any], name: str) -> int | None:
    """
    Say what a run is ordered by.
    """
    values: dict[str, int | None] = {
        "cost": run["cost_picousd"],
        "tokens": added([run["input_tokens"], run["output_tokens"]]),
        "duration": None if run["status"] == "running" else run["length"],
        "llm_calls": run["llm_calls"],
        "errors": run["failed_llm_calls"] + run["failed_tool_calls"],
    }
    return values[name]


@settings(max_examples=15, deadline=None)
@given(runs=runs, by=st.sampled_from(MEASURES), n=st.integers(1, 5))
def test_the_largest_runs_are_those_of_plain_sorting(
    runs: list[dict[str, Any]], by: Any, n: int
) -> None:
    """
    The first are the largest, and those of which it is not known are last.
    """
    with tempfile.TemporaryDirectory() as folder, Queries(recorded(folder, runs)) as queries:
        found = [row["run_id"] for row in queries.top_runs(by, n)]

    def place(number: int) -> tuple[float, int, str]:
        value = measure(runs[number], by)
        size = float("inf") if value is None else -value
        return (size, -runs[number]["started_ns"], f"r{number}")

    assert found == [f"r{number}" for number in sorted(range(len(runs)), key=place)[:n]]


@settings(max_examples=15, deadline=None)
@given(runs=runs)
def test_sessions_have_the_sums_of_their_runs(runs: list[dict[str, Any]]) -> None:
    """
    Each session is a row with what its runs took, when they ran and how the last stands.
    """
    with tempfile.TemporaryDirectory() as folder, Queries(recorded(folder, runs)) as queries:
        rows = queries.session_views().dicts()
        pages = [queries.session_views(limit=1, offset=at).rows for at in range(len(rows))]
        failed = {row["session_id"]: row for row in queries.session_views(status="error")}
        dearest = [row["cost_usd"] for row in queries.top_sessions("cost", 9)]
    groups = defaultdict(list)
    for number, run in enumerate(runs):
        groups[run["session_id"]].append({**run, "run_id": f"r{number}"})
    groups.pop(None, None)
    assert {row["session_id"] for row in rows} == groups.keys()
    assert [page[0][0] for page in pages] == [row["session_id"] for row in rows]
    for row in rows:
        group = groups[row["session_id"]]
        last = max(group, key=lambda run: (run["started_ns"], run["run_id"]))
        cost = added([run["cost_picousd"] for run in group])
        ends = [ended(run) for run in group]
        assert (row["runs"], row["llm_calls"]) == (len(group), sum(r["llm_calls"] for r in group))
        assert row["failed_runs"] == sum(run["status"] == "error" for run in group)
        assert row["errors"] == sum(
            run["failed_llm_calls"] + run["failed_tool_calls"] for run in group
        )
        assert row["cost_usd"] == (None if cost is None else cost / 10**12)
        assert row["unpriced_calls"] == sum(run["unpriced_calls"] for run in group)
        assert (row["last_status"], row["last_run_id"]) == (last["status"], last["run_id"])
        assert row["agents"] == sorted({r["agent_name"] for r in group if r["agent_name"]})
        assert row["open_runs"] == ends.count(None)
        assert (row["ended_at"] is None) == (None in ends)
        if None not in ends:
            first = min(run["started_ns"] for run in group)
            assert row["duration_ms"] == (max(end for end in ends if end) - first) / MS
    assert failed.keys() == {
        name for name, group in groups.items() if any(r["status"] == "error" for r in group)
    }
    known = [cost for cost in dearest if cost is not None]
    assert known == sorted(known, reverse=True)
    assert dearest == known + [None] * (len(dearest) - len(known))


def test_models_of_calls_choose_sessions(tmp_path: Path) -> None:
    """
    Sessions and runs are narrowed by the models of their calls.
    """
    made = Recorded(tmp_path / "runs.db")
    with made:
        for name in "st":
            made.run(f"run-{name}", session_id=name)
            made.llm_call(f"run-{name}", request_model=f"model-{name}")
    made.close()
    with Queries(made.path) as queries:
        assert [row["session_id"] for row in queries.session_views(model="model-t")] == ["t"]
        assert [row["run_id"] for row in queries.top_runs(model="model-s")] == ["run-s"]


def test_senseless_lists_are_refused(tmp_path: Path) -> None:
    """
    The error says what can be ordered by.
    """
    with Queries(recorded(str(tmp_path), [])) as queries:
        with pytest.raises(QueryError, match="give one of cost, tokens"):
            queries.top_runs("beauty")  # type: ignore[arg-type]
        with pytest.raises(QueryError, match="'runs' is nothing to order by"):
            queries.top_runs("runs")  # type: ignore[arg-type]
        with pytest.raises(QueryError, match="n=0"):
            queries.top_sessions(n=0)
        with pytest.raises(QueryError, match="cannot filter by 'operation'"):
            queries.session_views(operation="chat")
