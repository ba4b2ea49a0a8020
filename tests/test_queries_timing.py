"""
Latency and throughput are what plain counting over the same calls gives.
"""

import tempfile
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otel_bridge_queries import Queries
from otel_bridge_storage.errors import QueryError
from queries_data import MS, NOON, Recorded

HOUR = 3600 * 10**9
START = NOON // HOUR * HOUR
NAMES = st.sampled_from([None, "a", "b"])
TOKENS = st.none() | st.integers(0, 10**6)

calls = st.lists(
    st.fixed_dictionaries(
        {
            "request_model": NAMES,
            "start": st.integers(0, 5 * HOUR // MS),
            "length": st.none() | st.sampled_from([0, 1, 1800_000]) | st.integers(0, 7200_000),
            "output_tokens": TOKENS,
            "input_tokens": TOKENS,
            "time_to_first_chunk_ns": st.none() | st.integers(0, HOUR),
        }
    ),
    min_size=1,
    max_size=15,
)


def recorded(folder: str, calls: list[dict[str, Any]]) -> Path:
    """
    Store calls; `start` and `length` are milliseconds.
    """
    made = Recorded(Path(folder) / "runs.db")
    with made:
        made.run("r")
        for call in calls:
            values = {name: v for name, v in call.items() if name not in ("start", "length")}
            start, end = span_of(call)
            made.llm_call("r", start_ns=start, end_ns=end, **values)
    made.close()
    return made.path


def span_of(call: dict[str, Any]) -> tuple[int, int | None]:
    """
    Give the start and the end of a call in nanoseconds.
    """
    start = START + call["start"] * MS
    return start, None if call["length"] is None else start + call["length"] * MS


def percentile(values: list[float], share: float) -> float | None:
    """
    Interpolate between the two nearest values.
    """
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = ordered[int(place)]
    return low + (ordered[min(int(place) + 1, len(ordered) - 1)] - low) * (place - int(place))


@settings(max_examples=15, deadline=None)
@given(calls=calls)
def test_latency_is_what_sorting_by_hand_gives(calls: list[dict[str, Any]]) -> None:
    """
    Means, percentiles, times to the first part and speeds are those of ended calls.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = recorded(folder, calls)
        with Queries(path) as queries:
            rows = {row["model"]: row for row in queries.latency("model")}
    groups = defaultdict(list)
    for call in calls:
        if call["length"] is not None:
            groups[call["request_model"]].append(call)
    assert rows.keys() == groups.keys()
    for model, group in groups.items():
        lengths = [float(call["length"]) for call in group]
        firsts = [
            call["time_to_first_chunk_ns"] / MS
            for call in group
            if call["time_to_first_chunk_ns"] is not None
        ]
        row = rows[model]
        assert row["calls"] == len(group)
        assert row["streamed_calls"] == len(firsts)
        assert row["mean_ms"] == pytest.approx(sum(lengths) / len(lengths))
        assert row["max_ms"] == pytest.approx(max(lengths))
        for name in (50, 90, 95, 99):
            expected = percentile(lengths, name / 100)
            assert row[f"p{name}_ms"] == pytest.approx(expected, abs=1e-3)
            first = percentile(firsts, name / 100)
            assert row[f"ttft_p{name}_ms"] == pytest.approx(first, abs=1e-3)
        assert row["output_tokens_per_s"] == pytest.approx(_speed(group))


def _speed(group: list[dict[str, Any]]) -> float | None:
    writing = [
        (call["output_tokens"], call["length"] * MS - (call["time_to_first_chunk_ns"] or 0))
        for call in group
        if call["output_tokens"] is not None
    ]
    known = [(tokens, ns) for tokens, ns in writing if ns > 0]
    return sum(t for t, _ in known) / (sum(ns for _, ns in known) / 1e9) if known else None


@settings(max_examples=15, deadline=None)
@given(calls=calls, by=st.sampled_from([[], ["model"]]))
def test_throughput_is_what_counting_by_hand_gives(
    calls: list[dict[str, Any]], by: list[str]
) -> None:
    """
    Each group has every hour, with its calls, tokens and the most calls at one moment.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = recorded(folder, calls)
        with Queries(path, clock=lambda: START + 1000 * HOUR) as queries:
            rows = queries.throughput(by, every="hour").dicts()
    groups = defaultdict(list)
    for call in calls:
        groups[call["request_model"] if by else None].append(call)
    hours = [call["start"] * MS // HOUR for call in calls]
    expected = {}
    for model, group in groups.items():
        for hour in range(min(hours), max(hours) + 1):
            begun = START + hour * HOUR
            expected[model, datetime.fromtimestamp(begun // 10**9, UTC)] = _hour(group, begun)
    found = {
        (row.get("model"), row["hour"]): (
            row["calls"],
            row["input_tokens"],
            row["peak_calls"],
            row["calls_per_s"],
        )
        for row in rows
    }
    assert len(found) == len(rows)
    assert found == expected


def _hour(group: list[dict[str, Any]], begun: int) -> tuple[Any, ...]:
    inside = [call for call in group if begun <= span_of(call)[0] < begun + HOUR]
    told = [call["input_tokens"] for call in inside if call["input_tokens"] is not None]
    moments = [begun, *(span_of(call)[0] for call in inside)]
    return (
        len(inside),
        sum(told) if told or not inside else None,
        max(sum(_runs_at(call, moment) for call in group) for moment in moments),
        pytest.approx(len(inside) / 3600),
    )


def _runs_at(call: dict[str, Any], moment: int) -> bool:
    start, end = span_of(call)
    # One that took no time ran at its moment.
    return start <= moment and (end is None or moment < max(end, start + 1))


def test_rates_are_over_what_can_have_been_seen(tmp_path: Path) -> None:
    """
    Of a period that the bounds cut or that still runs, only that part counts.
    """
    path = recorded(
        str(tmp_path), [{"start": 1800_000, "length": 1}, {"start": 5400_000, "length": 1}]
    )
    now = START + HOUR + HOUR // 2 + 10 * MS
    with Queries(path, clock=lambda: now) as queries:
        since = datetime.fromtimestamp(START / 10**9 + 900, UTC)
        first, second = queries.throughput(since=since).dicts()
    assert first["calls_per_s"] == pytest.approx(1 / 2700)
    assert second["calls_per_s"] == pytest.approx(1 / 1800.01)
    assert first["tokens_per_s"] is None


def test_a_series_covers_its_bounds_with_zeros(tmp_path: Path) -> None:
    """
    Days before the first call and after the last are there, as zeros.
    """
    path = recorded(str(tmp_path), [{"start": 0, "length": 1}])
    with Queries(path) as queries:
        rows = queries.throughput(every="day", since="2025-06-13", until="2025-06-18").dicts()
        assert queries.throughput(model="none").rows == []
    assert [row["day"].day for row in rows] == [13, 14, 15, 16, 17]
    assert [row["calls"] for row in rows] == [0, 0, 1, 0, 0]
    assert [row["output_tokens"] for row in rows] == [0, 0, None, 0, 0]


def test_senseless_series_are_refused(tmp_path: Path) -> None:
    """
    Lengths that are none, calendar keys beside periods, and endless series are errors.
    """
    path = recorded(str(tmp_path), [{"start": 0, "length": 1}])
    with Queries(path) as queries:
        with pytest.raises(QueryError, match="every='fortnight'"):
            queries.throughput(every="fortnight")  # type: ignore[arg-type]
        with pytest.raises(QueryError, match="cannot group by 'day'"):
            queries.throughput("day")
        with pytest.raises(QueryError, match="too many periods"):
            queries.throughput(every="minute", since="0001-01-01")
        assert len(queries.throughput(every="year", since="1900-01-01")) == 126
