"""
Time buckets are those that the zone's own calendar says, as Python's `zoneinfo` reads it.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otel_bridge_queries import Queries
from otel_bridge_queries.periods import next_period, period_start
from queries_data import Recorded

ZONES = (
    "UTC",
    "Europe/Paris",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/Havana",
    "Pacific/Apia",
    "Asia/Beirut",
)
KEYS = (
    "minute",
    "quarter_hour",
    "hour",
    "day",
    "week",
    "month",
    "year",
    "weekday",
    "hour_of_day",
)
# When the clocks of these zones were set, and the ends of months and years.
CHANGES = tuple(
    datetime.fromisoformat(f"{text}+00:00")
    for text in (
        "2011-12-30T10:00",  # Apia leaves a day out
        "2024-03-10T05:00",  # Havana jumps over midnight
        "2024-03-10T07:00",
        "2024-03-30T22:00",  # Beirut jumps over midnight
        "2024-04-06T15:00",  # Lord Howe goes back by half an hour
        "2024-10-05T15:30",  # Lord Howe goes on by half an hour
        "2024-10-27T01:00",
        "2024-11-03T05:00",  # Havana has midnight twice
        "2024-11-03T06:00",
        "2024-12-31T18:15",
        "2025-01-01T00:00",
        "2025-03-30T01:00",
    )
)
moments = st.builds(
    lambda change, seconds: change + timedelta(seconds=seconds),
    st.sampled_from(CHANGES),
    st.integers(-3 * 86_400, 3 * 86_400),
)


def bucket(moment: datetime, key: str, zone: ZoneInfo) -> Any:
    """
    Say where a moment belongs, by the clock of a zone; periods as their start in UTC.
    """
    local = moment.astimezone(zone)
    if key == "weekday":
        return local.isoweekday()
    if key == "hour_of_day":
        return local.hour
    if key in ("minute", "quarter_hour"):
        minutes = 1 if key == "minute" else 15
        return moment.replace(minute=moment.minute // minutes * minutes, second=0)
    start = local.replace(minute=0, second=0)
    if key != "hour":
        start = start.replace(hour=0, fold=0)
    if key == "week":
        start -= timedelta(days=start.weekday())
    elif key in ("month", "year"):
        start = start.replace(day=1, month=1 if key == "year" else start.month)
    return start.astimezone(UTC)


def shown(value: Any) -> Any:
    """
    Give a key of a report so that it can be compared with others.
    """
    return value.astimezone(UTC) if isinstance(value, datetime) else value


@pytest.fixture(scope="module")
def around_changes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queries]:
    """
    Calls every quarter of an hour for days around every change of a clock.
    """
    made = Recorded(tmp_path_factory.mktemp("calendar") / "runs.db")
    with made:
        made.run("r")
        for moment in sorted(dense()):
            made.llm_call("r", start_ns=int(moment.timestamp()) * 10**9)
    made.close()
    with Queries(made.path) as queries:
        yield queries


def dense() -> set[datetime]:
    """
    Give moments around every change: on quarters of an hour, and a second before them.
    """
    quarters = {
        change + timedelta(minutes=15 * number) for change in CHANGES for number in range(-64, 64)
    }
    return quarters | {moment - timedelta(seconds=1) for moment in quarters}


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("zone", ZONES)
def test_every_call_is_in_the_bucket_of_its_zones_clock(
    around_changes: Queries, zone: str, key: str
) -> None:
    """
    Around each change of a clock, each bucket has exactly the calls that belong there.
    """
    expected = Counter(bucket(moment, key, ZoneInfo(zone)) for moment in dense())
    rows = around_changes.cost(key, timezone=zone).rows
    assert {shown(row[0]): row[1] for row in rows} == expected
    order = [shown(row[0]) for row in rows]
    assert order == sorted(order)


@settings(max_examples=25, deadline=None)
@given(
    calls=st.lists(moments, min_size=1, max_size=12),
    zone=st.sampled_from(ZONES),
    keys=st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True),
)
def test_buckets_of_any_calls_are_those_of_zoneinfo(
    calls: list[datetime], zone: str, keys: list[str]
) -> None:
    """
    For any moments, zones and calendar keys together, the counts are those made by hand.
    """
    with tempfile.TemporaryDirectory() as folder:
        made = Recorded(Path(folder) / "runs.db")
        with made:
            made.run("r")
            for moment in calls:
                made.llm_call("r", start_ns=int(moment.timestamp()) * 10**9)
        made.close()
        with Queries(made.path) as queries:
            rows = queries.cost(keys, timezone=zone).rows
    found = {tuple(map(shown, row[: len(keys)])): row[len(keys)] for row in rows}
    expected = Counter(tuple(bucket(at, key, ZoneInfo(zone)) for key in keys) for at in calls)
    assert found == expected


@pytest.mark.parametrize("every", ["minute", "quarter_hour", "hour", "day", "week", "month"])
@pytest.mark.parametrize("zone", ZONES)
def test_a_series_has_each_period_once(around_changes: Queries, zone: str, every: Any) -> None:
    """
    A series over a change of the clock names each period of the calendar once, in order,
    those without calls with zeros, and counts each call once.
    """
    since, until = CHANGES[6] - timedelta(days=2), CHANGES[8] + timedelta(days=2)
    rows = around_changes.throughput(every=every, since=since, until=until, timezone=zone).dicts()
    instants = (since + timedelta(minutes=number) for number in range(20 * 24 * 60))
    periods = dict.fromkeys(
        bucket(moment, every, ZoneInfo(zone)) for moment in instants if moment < until
    )
    counts = Counter(
        bucket(moment, every, ZoneInfo(zone)) for moment in dense() if since <= moment < until
    )
    assert [shown(row[every]) for row in rows] == list(periods)
    assert [row["calls"] for row in rows] == [counts[period] for period in periods]


@settings(max_examples=300, deadline=None)
@given(moment=moments, zone=st.sampled_from(ZONES), period=st.sampled_from(KEYS[3:7]))
def test_periods_of_forecasts_and_budgets_are_those_of_reports(
    moment: datetime, zone: str, period: Any
) -> None:
    """
    A period begins where the calendar says, and its moments lie before the next one.
    """
    where = ZoneInfo(zone)
    start = period_start(moment, period, where)
    assert start.astimezone(UTC) == bucket(moment, period, where)
    following = next_period(start, period, where)
    assert start.astimezone(UTC) <= moment < following.astimezone(UTC)
    assert period_start(following, period, where) == following
