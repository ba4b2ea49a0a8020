"""
Comparisons, forecasts and budgets are what plain arithmetic over the same calls gives.
"""

import tempfile
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otel_bridge_queries import Queries
from otel_bridge_storage.errors import QueryError
from queries_data import MS, NOON, Recorded

USD = 10**12
PARIS = ZoneInfo("Europe/Paris")
calls = st.lists(
    st.fixed_dictionaries(
        {
            "request_model": st.sampled_from("mn"),
            "provider": st.sampled_from("pq"),
            "status": st.sampled_from(["ok", "error"]),
            "cost_picousd": st.none() | st.integers(0, 10**13),
            "input_tokens": st.none() | st.integers(0, 100),
        }
    ),
    max_size=12,
)


def recorded(folder: str | Path, calls: list[dict[str, Any]]) -> Path:
    """
    Store calls of one run.
    """
    made = Recorded(Path(folder) / "runs.db")
    with made:
        made.run("r", agent_name="a")
        for call in calls:
            made.llm_call("r", **call)
    made.close()
    return made.path


def at(*parts: int, zone: ZoneInfo = PARIS) -> int:
    """
    Give a moment of a zone's clock in nanoseconds since the epoch.
    """
    return int(datetime(*parts, tzinfo=zone).timestamp()) * 10**9  # type: ignore[arg-type, misc]


@settings(max_examples=20, deadline=None)
@given(calls=calls)
def test_a_comparison_is_both_sides_by_hand(calls: list[dict[str, Any]]) -> None:
    """
    Each side of each group is counted exactly; absent sides are 0 where that is known.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = recorded(folder, calls)
        with Queries(path) as queries:
            rows = queries.compare({"model": "m"}, {"model": "n"}, "provider").dicts()
    groups: dict[str, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for call in calls:
        groups[call["provider"]][call["request_model"]].append(call)
    assert {row["provider"] for row in rows} == groups.keys()
    for row in rows:
        sides = groups[row["provider"]]
        costs: list[Any] = []
        for side, model in (("a", "m"), ("b", "n")):
            group = sides[model]
            prices = [c["cost_picousd"] for c in group if c["cost_picousd"] is not None]
            costs.append(None if group and not prices else sum(prices))
            errors = sum(call["status"] == "error" for call in group)
            assert row[f"calls_{side}"] == len(group)
            assert row[f"unpriced_calls_{side}"] == len(group) - len(prices)
            assert row[f"error_rate_{side}"] == (errors / len(group) if group else None)
            assert row[f"p50_ms_{side}"] == (100.0 if group else None)
            known = None if costs[-1] is None else costs[-1] / USD
            assert row[f"cost_usd_{side}"] == known
        one, other = costs
        difference = None if None in costs else (other - one) / USD
        assert row["cost_usd_difference"] == difference
        assert row["cost_usd_ratio"] == (other / one if one and other is not None else None)
        assert row["calls_difference"] == len(sides["n"]) - len(sides["m"])


def test_two_periods_share_no_call(tmp_path: Path) -> None:
    """
    A call at the border of two periods is in the second alone, and common filters narrow
    both.
    """
    week = 7 * 86_400 * 10**9
    starts = [NOON - 2 * week, NOON - week - 1000, NOON - week, NOON - 1]
    path = recorded(tmp_path, [{"start_ns": start, "provider": "p"} for start in starts])
    with Queries(path, clock=lambda: NOON) as queries:
        sides: Any = ({"since": "14d", "until": "7d"}, {"since": "7d"})
        (row,) = queries.compare(*sides, provider="p").dicts()
        (none,) = queries.compare(*sides, provider="q").dicts()
    assert (row["calls_a"], row["calls_b"], row["calls_ratio"]) == (2, 2, 1.0)
    assert (none["calls_a"], none["cost_usd_b"], none["p95_ms_a"]) == (0, 0.0, None)


def test_groups_that_differ_most_come_first(tmp_path: Path) -> None:
    """
    Rows are ordered by how much their cost differs, and `limit` keeps the first.
    """
    values = [("m", "p", 1), ("n", "p", 2), ("m", "q", 9), ("n", "q", 1)]
    path = recorded(
        tmp_path,
        [
            {"request_model": model, "provider": provider, "cost_picousd": cost * USD}
            for model, provider, cost in values
        ],
    )
    with Queries(path) as queries:
        rows = queries.compare({"model": "m"}, {"model": "n"}, "provider", limit=1).dicts()
    assert [(row["provider"], row["cost_usd_difference"]) for row in rows] == [("q", -8.0)]


def daily(first: datetime, costs: list[float | None]) -> list[dict[str, Any]]:
    """
    Give a call at noon of each day, with a cost in USD.
    """
    return [
        {
            "start_ns": int((first + timedelta(days=number, hours=12)).timestamp()) * 10**9,
            "cost_picousd": None if cost is None else round(cost * USD),
        }
        for number, cost in enumerate(costs)
    ]


def test_a_forecast_is_the_mean_of_each_weekday(tmp_path: Path) -> None:
    """
    From 28 days on each day left counts as its weekday did, the rest of today by its share.
    """
    first = datetime(2025, 5, 1, tzinfo=PARIS)
    costs: list[float | None] = [
        1.0 if (first + timedelta(days=n)).weekday() < 5 else 0.25 for n in range(45)
    ]
    path = recorded(tmp_path, daily(first, costs))
    # Sunday, 15 June, 18:00: a quarter of the day is left.
    with Queries(path, clock=lambda: at(2025, 6, 15, 18)) as queries:
        (row,) = queries.forecast(timezone="Europe/Paris").dicts()
    spent = sum(
        cost or 0
        for number, cost in enumerate(costs)
        if (first + timedelta(days=number)).month == 6
    )
    coming = sum(1.0 if datetime(2025, 6, day).weekday() < 5 else 0.25 for day in range(16, 31))  # noqa: DTZ001
    assert row["month"] == datetime(2025, 6, 1, tzinfo=PARIS)
    assert (row["basis"], row["basis_days"], row["days_left"]) == ("weekday means", 28, 15.25)
    assert row["spent_usd"] == pytest.approx(spent)
    assert row["expected_usd"] == pytest.approx(spent + coming + 0.25 * 0.25)
    # Days that do not vary leave no doubt.
    assert row["low_usd"] == pytest.approx(row["expected_usd"])
    assert row["high_usd"] == pytest.approx(row["expected_usd"])


def test_a_forecast_from_few_days_is_one_mean_with_an_interval(tmp_path: Path) -> None:
    """
    With 7 to 27 whole days there is one mean, and an interval as wide as the days vary.
    """
    costs: list[float | None] = [5.0, *[1.0, 3.0] * 5]
    path = recorded(tmp_path, daily(datetime(2025, 6, 1, tzinfo=PARIS), costs))
    with Queries(path, clock=lambda: at(2025, 6, 12)) as queries:
        (row,) = queries.forecast(timezone="Europe/Paris").dicts()
    # The first day, on which recording may have begun, is spent and not averaged.
    assert (row["basis"], row["basis_days"], row["days_left"]) == ("daily mean", 10, 19.0)
    assert row["spent_usd"] == pytest.approx(25.0)
    assert row["expected_usd"] == pytest.approx(25.0 + 19 * fmean(c or 0 for c in costs[1:]))
    variance = 10 / 9 * (19 + 19**2 / 10)
    assert row["high_usd"] - row["expected_usd"] == pytest.approx(1.2816 * variance**0.5)
    assert row["expected_usd"] - row["low_usd"] == pytest.approx(1.2816 * variance**0.5)


def test_too_little_is_no_forecast(tmp_path: Path) -> None:
    """
    Before 7 whole days, and where no cost is known, nothing is made up.
    """
    june = datetime(2025, 6, 1, tzinfo=PARIS)
    (tmp_path / "few").mkdir()
    few = recorded(tmp_path / "few", daily(june, [1.0] * 8))
    unknown = recorded(tmp_path, daily(june, [None] * 12))
    with Queries(few, clock=lambda: at(2025, 6, 8, 23)) as queries:
        (row,) = queries.forecast(timezone="Europe/Paris").dicts()
        (over,) = queries.forecast("2025-05", timezone="Europe/Paris").dicts()
        for bad in ("june", "2025-13"):
            with pytest.raises(QueryError, match="is not a month"):
                queries.forecast(bad)
        with pytest.raises(QueryError, match="leave out since"):
            queries.forecast(since="7d")
    with Queries(unknown, clock=lambda: at(2025, 6, 13)) as queries:
        (none,) = queries.forecast(timezone="Europe/Paris").dicts()
    assert (row["spent_usd"], row["expected_usd"], row["basis"]) == (8.0, None, "too little data")
    assert (over["expected_usd"], over["basis"], over["days_left"]) == (0.0, "over", 0)
    assert (none["spent_usd"], none["expected_usd"], none["unpriced_calls"]) == (None, None, 12)


def test_a_month_that_is_over_costs_what_it_did(tmp_path: Path) -> None:
    """
    A past month is a sum in the zone's calendar, and calls without a price are told.
    """
    may: list[dict[str, Any]] = [
        {"start_ns": at(2025, 4, 30, 23, 59), "cost_picousd": USD},
        {"start_ns": at(2025, 5, 1), "cost_picousd": 2 * USD},
        {"start_ns": at(2025, 5, 31, 23, 59), "cost_picousd": 3 * USD},
        {"start_ns": at(2025, 5, 15), "cost_picousd": None},
        {"start_ns": at(2025, 6, 1), "cost_picousd": 4 * USD},
    ]
    with Queries(recorded(tmp_path, may), clock=lambda: at(2025, 6, 5)) as queries:
        (row,) = queries.forecast("2025-05", timezone="Europe/Paris").dicts()
    assert (row["spent_usd"], row["low_usd"], row["high_usd"]) == (5.0, 5.0, 5.0)
    assert (row["llm_calls"], row["unpriced_calls"]) == (3, 1)


def test_budgets_are_judged_for_each_group(tmp_path: Path) -> None:
    """
    Over, near, within and uncertain are told apart, the worst first.
    """
    prices: dict[str, list[float | None]] = {
        "over": [1.5],
        "near": [0.8],
        "within": [0.1],
        "unsure": [0.1, None],
        "none": [None],
    }
    path = recorded(
        tmp_path,
        [
            {"request_model": model, "cost_picousd": None if usd is None else round(usd * USD)}
            for model, costs in prices.items()
            for usd in costs
        ],
    )
    with Queries(path) as queries:
        rows = queries.budget(1.0, by="model").dicts()
        (exact,) = queries.budget(1.5, model="over").dicts()
        (nothing,) = queries.budget(1, model="absent").dicts()
        for bad in ({"limit_usd": 0}, {"limit_usd": float("nan")}, {"limit_usd": 1, "warn": 2}):
            with pytest.raises(QueryError):
                queries.budget(**bad)
    states = {row["model"]: row["state"] for row in rows}
    assert rows[0]["model"] == "over"
    assert states == {
        "over": "over",
        "near": "near",
        "within": "within",
        "unsure": "uncertain",
        "none": "uncertain",
    }
    assert rows[0]["left_usd"] == pytest.approx(-0.5)
    assert (exact["state"], exact["used_share"]) == ("near", 1.0)
    assert (nothing["state"], nothing["spent_usd"], nothing["left_usd"]) == ("within", 0.0, 1.0)


def test_a_budget_by_time_judges_the_running_period(tmp_path: Path) -> None:
    """
    Only today's costs count against a day's limit, unless since says from when on.
    """
    now = at(2025, 6, 15, 12)
    starts = [at(2025, 6, 14, 23, 59), at(2025, 6, 15), now - MS]
    path = recorded(tmp_path, [{"start_ns": s, "cost_picousd": USD} for s in starts])
    with Queries(path, clock=lambda: now) as queries:
        (today,) = queries.budget(5, "day", timezone="Europe/Paris").dicts()
        days = queries.budget(5, "day", timezone="Europe/Paris", since="7d").dicts()
        (month,) = queries.budget(5, "month", "agent_name", timezone="Europe/Paris").dicts()
        (run,) = queries.budget(2, "run").dicts()
    assert (today["day"].astimezone(UTC).hour, today["spent_usd"]) == (22, 2.0)
    assert [row["spent_usd"] for row in days] == [2.0, 1.0]
    assert (month["agent_name"], month["spent_usd"]) == ("a", 3.0)
    assert (run["run_id"], run["state"]) == ("r", "over")
