import tempfile
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st
from otel_bridge_queries import Queries
from queries_data import Recorded

PARIS = ZoneInfo("Europe/Paris")
CHANGE_NS = int(datetime(2025, 3, 30, 1, tzinfo=UTC).timestamp()) * 10**9
NAMES = st.sampled_from([None, "a", "b", "é\x00'\""])
TOKENS = st.none() | st.integers(0, 2**53)
KEYS = "agent_name model provider session_id user_id run_id service hour day week month tag"
SUMS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)

runs = st.lists(
    st.fixed_dictionaries(
        {
            "agent_name": NAMES,
            "session_id": NAMES,
            "user_id": NAMES,
            "service": NAMES,
            "tags": st.lists(st.sampled_from("xyz"), max_size=3).map(tuple),
        }
    ),
    min_size=1,
    max_size=4,
)
calls = st.lists(
    st.fixed_dictionaries(
        {
            "run": st.integers(0, 3),
            "counted": st.sampled_from([1, 1, 1, 0]),
            "request_model": NAMES,
            "response_model": NAMES,
            "provider": NAMES,
            "status": st.sampled_from(["ok", "error", "running"]),
            "start_ns": st.integers(CHANGE_NS - 3 * 86_400 * 10**9, CHANGE_NS + 86_400 * 10**9),
            "cost_picousd": st.none() | st.integers(0, 2**60),
        }
        | dict.fromkeys(SUMS, TOKENS)
    ),
    max_size=25,
)
wanted = st.lists(st.sampled_from(["a", "b", "x", "y"]), max_size=2)
filters = st.dictionaries(
    st.sampled_from(["agent_name", "model", "provider", "session_id", "service", "tag"]),
    wanted,
    max_size=2,
)
bounds = st.none() | st.integers(-80, 30).map(
    lambda hours: datetime(2025, 3, 30, 1, tzinfo=UTC) + timedelta(hours=hours)
)


@settings(max_examples=60, deadline=None)
@given(
    runs=runs,
    calls=calls,
    by=st.lists(st.sampled_from(KEYS.split()), max_size=3, unique=True),
    filters=filters,
    since=bounds,
    until=bounds,
)
def test_cost_is_what_counting_by_hand_gives(
    runs: list[dict[str, Any]],
    calls: list[dict[str, Any]],
    by: list[str],
    filters: dict[str, Any],
    since: datetime | None,
    until: datetime | None,
) -> None:
    """
    For any calls, keys and filters, the report equals a plain count with exact decimals.
    """
    with tempfile.TemporaryDirectory() as folder:
        recorded = Recorded(Path(folder) / "runs.db")
        with recorded:
            for number, run in enumerate(runs):
                recorded.run(str(number), **run)
            for call in calls:
                values = {name: value for name, value in call.items() if name != "run"}
                recorded.llm_call(str(call["run"] % len(runs)), **values)
        recorded.close()
        with Queries(recorded.path) as queries:
            result = queries.cost(by, timezone="Europe/Paris", since=since, until=until, **filters)
    seen = [_facts(call, runs) for call in calls if call["counted"]]
    chosen = [call for call in seen if _wanted(call, filters, since, until)]
    assert _by_key(result.rows, len(by)) == _by_hand(chosen, by)


def _facts(call: dict[str, Any], runs: list[dict[str, Any]]) -> dict[str, Any]:
    number = call["run"] % len(runs)
    at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=call["start_ns"] // 1000)
    local = at.astimezone(PARIS)
    day = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return {
        **call,
        **runs[number],
        "run_id": str(number),
        "model": call["request_model"]
        if call["response_model"] is None
        else call["response_model"],
        "at": at,
        "hour": at.replace(minute=0, second=0, microsecond=0),
        "day": day.astimezone(UTC),
        "week": (day - timedelta(days=day.weekday())).astimezone(UTC),
        "month": day.replace(day=1).astimezone(UTC),
    }


def _first(one: str | None, other: str | None) -> str | None:
    return other if one is None else one


def _wanted(
    call: dict[str, Any],
    filters: dict[str, list[str]],
    since: datetime | None,
    until: datetime | None,
) -> bool:
    for name, names in filters.items():
        values = set(call["tags"]) if name == "tag" else {call[name]}
        if not values & set(names):
            return False
    return (since is None or call["at"] >= since) and (until is None or call["at"] < until)


def _by_hand(calls: list[dict[str, Any]], by: list[str]) -> dict[Any, Any]:
    groups: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for call in calls:
        for tag in set(call["tags"]) or {None} if "tag" in by else {None}:
            groups[tuple(tag if key == "tag" else call[key] for key in by)].append(call)
    if not by:
        groups.setdefault((), [])
    return {key: _measures(group) for key, group in groups.items()}


def _measures(calls: list[dict[str, Any]]) -> tuple[Any, ...]:
    costs = [Decimal(c["cost_picousd"]) for c in calls if c["cost_picousd"] is not None]
    return (
        len(calls),
        *(_sum([call[name] for call in calls if call[name] is not None]) for name in SUMS),
        float(sum(costs, Decimal(0)).scaleb(-12)) if costs else None,
        len(calls) - len(costs),
        sum(call["status"] == "error" for call in calls),
    )


def _sum(numbers: list[int]) -> int | None:
    return sum(numbers) if numbers else None


def _by_key(rows: list[tuple[Any, ...]], keys: int) -> dict[Any, Any]:
    found = {tuple(map(_in_utc, row[:keys])): row[keys:] for row in rows}
    assert len(found) == len(rows)
    return found


def _in_utc(key: Any) -> Any:
    # Moments of different zones are never equal where the clock was set back.
    return key.astimezone(UTC) if isinstance(key, datetime) else key
