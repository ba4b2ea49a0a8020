"""
Errors, retries and tools are what plain counting over the same calls gives.
"""

import tempfile
from collections import Counter, defaultdict
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otel_bridge_queries import Queries
from otel_bridge_storage.errors import QueryError
from queries_data import MS, NOON, Recorded

MONEY = st.none() | st.integers(0, 10**13)
attempts = st.lists(
    st.fixed_dictionaries(
        {
            "run": st.sampled_from("rs"),
            "request_model": st.sampled_from(["m", "n", None]),
            "status": st.sampled_from(["ok", "error", "error"]),
            "cost_picousd": MONEY,
            "input_tokens": st.none() | st.integers(0, 1000),
            "gap": st.sampled_from([-50, 0, 10]),
        }
    ),
    max_size=20,
)


def placed(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """
    Give each call a start and an end: 100 ms, after a gap that may be an overlap.
    """
    at = NOON
    found = []
    for call in calls:
        start = at + call["gap"] * MS
        at = start + 100 * MS
        found.append({**call, "start_ns": start, "end_ns": at})
    return found


def rows_of_attempts(calls: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """
    Find the rows of attempts by walking over each run's calls to each model.
    """
    ordered = sorted(calls, key=lambda call: (call["run"], str(call["request_model"])))
    found = []
    for _, group in groupby(ordered, key=lambda call: (call["run"], call["request_model"])):
        row: list[dict[str, Any]] = []
        for call in sorted(group, key=lambda call: call["start_ns"]):
            last = row[-1] if row else None
            if last and last["status"] == "error" and last["end_ns"] <= call["start_ns"]:
                row.append(call)
            else:
                row = [call]
                found.append(row)
    return [row for row in found if len(row) > 1]


@settings(max_examples=15, deadline=None)
@given(calls=attempts.map(placed))
def test_retries_are_what_walking_by_hand_gives(calls: list[dict[str, Any]]) -> None:
    """
    Rows of attempts, how they ended and what their failures wasted are counted exactly.
    """
    with tempfile.TemporaryDirectory() as folder:
        made = Recorded(Path(folder) / "runs.db")
        with made:
            made.run("r", tags=("x", "y"))
            made.run("s")
            for call in calls:
                values = {name: v for name, v in call.items() if name not in ("run", "gap")}
                made.llm_call(call["run"], **values)
        made.close()
        with Queries(made.path) as queries:
            found = {row["model"]: row for row in queries.retries("model")}
            tagged = {row["tag"]: row["retried"] for row in queries.retries("tag")}
            (total,) = queries.retries().dicts()
    by_model = defaultdict(list)
    for row in rows_of_attempts(calls):
        by_model[row[0]["request_model"]].append(row)
    for model, told in found.items():
        rows = by_model[model]
        failures = [call for row in rows for call in row if call["status"] == "error"]
        recovered = sum(row[-1]["status"] == "ok" for row in rows)
        prices = [c["cost_picousd"] for c in failures if c["cost_picousd"] is not None]
        tokens = [c["input_tokens"] for c in failures if c["input_tokens"] is not None]
        assert told["llm_calls"] == sum(call["request_model"] == model for call in calls)
        assert told["retried"] == len(rows)
        assert told["attempts"] == sum(map(len, rows))
        assert told["most_attempts"] == max(map(len, rows), default=None)
        assert (told["recovered"], told["gave_up"]) == (recovered, len(rows) - recovered)
        assert told["recovered_share"] == (recovered / len(rows) if rows else None)
        assert told["wasted_cost_usd"] == (sum(prices) / 10**12 if prices else None)
        assert told["wasted_unpriced_calls"] == len(failures) - len(prices)
        assert told["wasted_input_tokens"] == (sum(tokens) if tokens else None)
        assert told["lost_ms"] == pytest.approx(_lost(rows))
    assert total["retried"] == sum(map(len, by_model.values()))
    of_r = sum(row[0]["run"] == "r" for rows in by_model.values() for row in rows)
    assert tagged.get("x", 0) == tagged.get("y", 0) == of_r


def _lost(rows: list[list[dict[str, Any]]]) -> float | None:
    ends = [
        (row[-1]["start_ns"] if row[-1]["status"] == "ok" else row[-1]["end_ns"], row)
        for row in rows
    ]
    return sum(end - row[0]["start_ns"] for end, row in ends) / MS if rows else None


def test_a_retry_that_still_runs_is_pending(tmp_path: Path) -> None:
    """
    An attempt without an end counts neither as recovered nor as given up.
    """
    made = Recorded(tmp_path / "runs.db")
    with made:
        made.run("r")
        made.llm_call("r", status="error", cost_picousd=5)
        made.llm_call("r", start_ns=NOON + 200 * MS, end_ns=None, status="running")
        made.llm_call("r", operation="embeddings", start_ns=NOON + 300 * MS)
    made.close()
    with Queries(made.path) as queries:
        (row,) = queries.retries().dicts()
        with pytest.raises(QueryError, match="status"):
            queries.retries(status="error")
    assert (row["retried"], row["pending"], row["recovered"], row["gave_up"]) == (1, 1, 0, 0)
    assert row["recovered_share"] is None
    assert row["lost_ms"] == 200.0


def test_retries_of_nothing_are_zeros(tmp_path: Path) -> None:
    """
    Without calls, counts are 0 and sums are unknown.
    """
    made = Recorded(tmp_path / "runs.db")
    made.close()
    with Queries(made.path) as queries:
        (row,) = queries.retries().dicts()
    assert (row["llm_calls"], row["attempts"], row["wasted_cost_usd"]) == (0, 0, None)


def test_tools_tell_retries_with_the_same_arguments(tmp_path: Path) -> None:
    """
    A retry has the same tool, arguments and run, and begins after the failure's end.
    """
    made = Recorded(tmp_path / "runs.db")
    with made:
        made.run("r")
        made.run("s")
        one, other = made.said("one"), made.said("other")

        def called(at: int, arguments: int | None, status: str, run: str = "r") -> None:
            start = NOON + at * MS
            made.tool_call(
                run,
                "search",
                start_ns=start,
                end_ns=start + 10 * MS,
                status=status,
                arguments=arguments,
            )

        called(0, one, "error")
        called(5, one, "error")  # beside the first, not after it
        called(12, other, "ok")
        called(30, one, "ok")  # the retry
        called(40, one, "ok")
        called(50, None, "error")
        called(70, None, "ok")
        called(90, one, "ok", "s")
    made.close()
    with Queries(made.path) as queries:
        (row,) = queries.tools().dicts()
    assert (row["calls"], row["errors"], row["retries"], row["recovered"]) == (8, 3, 1, 1)


failures = st.lists(
    st.fixed_dictionaries(
        {
            "run": st.sampled_from("rst"),
            "status": st.sampled_from(["ok", "error"]),
            "error_type": st.sampled_from(["A", "B", None]),
            "provider": st.sampled_from(["p", "q"]),
            "start_ns": st.integers(NOON, NOON + 1000),
        }
    ),
    max_size=20,
)


@settings(max_examples=15, deadline=None)
@given(calls=failures)
def test_errors_are_what_counting_by_hand_gives(calls: list[dict[str, Any]]) -> None:
    """
    Counts, shares of all calls, runs and the first moment of each type are exact.
    """
    with tempfile.TemporaryDirectory() as folder:
        made = Recorded(Path(folder) / "runs.db")
        with made:
            for run in "rst":
                made.run(run)
            for call in calls:
                made.llm_call(
                    call["run"], **{name: v for name, v in call.items() if name != "run"}
                )
        made.close()
        with Queries(made.path) as queries:
            rows = queries.errors("provider").dicts()
            shares = {row["error_type"]: row["share"] for row in queries.errors()}
    groups = defaultdict(list)
    for call in calls:
        if call["status"] == "error":
            groups[call["provider"], call["error_type"]].append(call)
    every = Counter(call["provider"] for call in calls)
    assert len(rows) == len(groups)
    for row in rows:
        group = groups[row["provider"], row["error_type"]]
        assert row["count"] == len(group)
        assert row["share"] == pytest.approx(len(group) / every[row["provider"]])
        assert row["runs"] == len({call["run"] for call in group})
        first = min(call["start_ns"] for call in group)
        assert row["first_at"].microsecond == first // 1000 % 10**6
    types = Counter(call["error_type"] for call in calls if call["status"] == "error")
    # Of all calls to models: the runs, which went well, are counted for themselves.
    assert shares == {name: pytest.approx(number / len(calls)) for name, number in types.items()}
