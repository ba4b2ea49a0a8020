import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from otel_bridge_queries import Queries
from otel_bridge_queries.columnar.loader import ColumnarLoader
from otel_bridge_queries.relations import Relation
from otel_bridge_queries.sqlite_source import SqliteSnapshot
from otel_bridge_storage.errors import (
    DatabaseError,
    DatabaseNotFoundError,
    NotADatabaseError,
    QueryError,
    SchemaVersionError,
)
from queries_data import MS, NOON, Recorded

AT_NOON = datetime.fromtimestamp(NOON // 10**9, UTC)
GROUPED = ("cost", "tokens", "latency", "tools", "errors")


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recorded]:
    """
    An empty database with an awkward name.
    """
    written = Recorded(tmp_path / "a #1?é.db")
    yield written
    written.close()


def ns(*parts: int, zone: str = "UTC", fold: int = 0) -> int:
    """
    Give a moment of some zone's clock in nanoseconds since the epoch.
    """
    moment = datetime(*parts, tzinfo=ZoneInfo(zone), fold=fold)  # type: ignore[arg-type, misc]
    return int(moment.timestamp()) * 10**9


@pytest.mark.parametrize("name", GROUPED)
def test_an_empty_database_has_no_groups(recorded: Recorded, name: str) -> None:
    """
    No group comes out where there is nothing to group.
    """
    with Queries(recorded.path) as queries:
        assert getattr(queries, name)(by="agent_name").rows == []


def test_totals_of_nothing_are_one_row(recorded: Recorded) -> None:
    """
    Without keys there is one row: counts are zero, sums are unknown.
    """
    with Queries(recorded.path) as queries:
        (row,) = queries.cost()
        assert queries.run_views().rows == queries.errors().rows == []
    assert row == {
        "llm_calls": 0,
        "input_tokens": None,
        "output_tokens": None,
        "cache_read_tokens": None,
        "cache_write_tokens": None,
        "reasoning_tokens": None,
        "cost_usd": None,
        "unpriced_calls": 0,
        "error_calls": 0,
    }


def test_the_dearest_group_comes_first_and_unpriced_ones_last(recorded: Recorded) -> None:
    """
    Rows are ordered by cost, then by key, and `limit` keeps the first of them.
    """
    with recorded:
        recorded.run("r")
        for model, cost in (("c", 5), ("b", 5), ("a", None), ("d", 7 * 10**12)):
            recorded.llm_call("r", request_model=model, cost_picousd=cost)
    with Queries(recorded.path) as queries:
        rows = queries.cost("model").dicts()
        assert [row["model"] for row in queries.cost("model", limit=2)] == ["d", "b"]
    assert [row["model"] for row in rows] == ["d", "b", "c", "a"]
    assert [row["cost_usd"] for row in rows] == [7.0, 5e-12, 5e-12, None]


def test_sums_beyond_64_bits_stay_exact(recorded: Recorded) -> None:
    """
    Money and tokens are added up as whole numbers of any size.
    """
    with recorded:
        recorded.run("r")
        for _ in range(3):
            recorded.llm_call("r", cost_picousd=2**63 - 1, input_tokens=2**63 - 1)
    with Queries(recorded.path) as queries:
        (row,) = queries.cost()
    assert row["input_tokens"] == 3 * (2**63 - 1)
    assert row["cost_usd"] == 3 * (2**63 - 1) / 10**12


def test_money_is_rounded_once(recorded: Recorded) -> None:
    """
    A cost is the double nearest to the sum, also where dividing doubles would miss it.
    """
    with recorded:
        recorded.run("r")
        recorded.llm_call("r", cost_picousd=5_349_979_066_121_302_517)
    with Queries(recorded.path) as queries:
        assert queries.cost().dicts()[0]["cost_usd"] == 5_349_979_066_121_302_517 / 10**12


def test_a_call_counts_once_under_each_tag_of_its_run(recorded: Recorded) -> None:
    """
    A tag that a run carries twice counts once; untagged calls are under None.
    """
    with recorded:
        recorded.run("r", ("x", "y", "x"))
        recorded.run("s")
        for run_id in ("r", "r", "s"):
            recorded.llm_call(run_id)
    with Queries(recorded.path) as queries:
        assert [row[:2] for row in queries.cost("tag").rows] == [("x", 2), ("y", 2), (None, 1)]
        assert queries.cost(tag=["x", "y"]).rows[0][0] == 2


def test_hours_at_the_end_of_summer_time_stay_apart(recorded: Recorded) -> None:
    """
    The two hours that the clock calls two in the morning are two buckets.
    """
    with recorded:
        recorded.run("r")
        for fold in (0, 1):
            start = ns(2025, 10, 26, 2, 30, zone="Europe/Paris", fold=fold)
            recorded.llm_call("r", start_ns=start)
    with Queries(recorded.path) as queries:
        hours = [row["hour"] for row in queries.cost("hour", timezone="Europe/Paris")]
        days = [row["day"] for row in queries.cost("day", timezone="Europe/Paris")]
    assert [hour.astimezone(UTC).hour for hour in hours] == [0, 1]
    assert [(hour.hour, hour.fold) for hour in hours] == [(2, 0), (2, 1)]
    assert days == [datetime(2025, 10, 25, 22, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("zone", "call", "start"),
    [
        ("Europe/Paris", ns(2025, 3, 30, 21, 59), datetime(2025, 3, 29, 23, tzinfo=UTC)),
        ("Europe/Paris", ns(2025, 3, 30, 22, 0), datetime(2025, 3, 30, 22, tzinfo=UTC)),
        ("America/Havana", ns(2024, 11, 3, 12), datetime(2024, 11, 3, 4, tzinfo=UTC)),
        ("Asia/Beirut", ns(2024, 3, 31, 12), datetime(2024, 3, 30, 22, tzinfo=UTC)),
        ("Asia/Kolkata", ns(2025, 1, 1, 18, 29), datetime(2024, 12, 31, 18, 30, tzinfo=UTC)),
    ],
)
def test_days_begin_at_the_first_moment_of_the_local_date(
    recorded: Recorded, zone: str, call: int, start: datetime
) -> None:
    """
    Days of 23 and 25 hours, and midnights that happen twice or never, begin where they do.
    """
    with recorded:
        recorded.run("r")
        recorded.llm_call("r", start_ns=call)
    with Queries(recorded.path) as queries:
        (day,) = [row["day"] for row in queries.cost("day", timezone=zone)]
    assert day.astimezone(UTC) == start
    assert day.date() == datetime.fromtimestamp(call // 10**9, ZoneInfo(zone)).date()


def test_time_buckets_come_in_order_with_the_dearest_first_in_each(recorded: Recorded) -> None:
    """
    Calendar keys order the rows before money does.
    """
    with recorded:
        recorded.run("r")
        for day, model, cost in ((2, "a", 9), (1, "a", 1), (1, "b", 2)):
            values = {"start_ns": ns(2025, 5, day), "request_model": model}
            recorded.llm_call("r", cost_picousd=cost, **values)
    with Queries(recorded.path) as queries:
        rows = queries.cost(["model", "day"]).rows
    assert [(row[0], row[1].day) for row in rows] == [("b", 1), ("a", 1), ("a", 2)]


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [
        (None, None, 3),
        ("12h", None, 2),
        ("12h", "30m", 1),
        ("2w", None, 3),
        (datetime.fromtimestamp(NOON // 10**9, ZoneInfo("Asia/Tokyo")), None, 1),
        (None, AT_NOON, 2),
        (AT_NOON.isoformat(), None, 1),
        ("2025-06-15", None, 2),
        ("0001-01-01", "9999-12-31", 3),
        ("999999999w", None, 3),
    ],
)
def test_a_time_range_takes_in_its_start_and_leaves_out_its_end(
    recorded: Recorded, since: Any, until: Any, found: int
) -> None:
    """
    Bounds may be datetimes of any zone, ISO text or so long ago.
    """
    with recorded:
        recorded.run("r")
        for hours in (0, 2, 40):
            recorded.llm_call("r", start_ns=NOON - hours * 3600 * 10**9)
    with Queries(recorded.path, clock=lambda: NOON) as queries:
        (row,) = queries.cost(since=since, until=until)
    assert row["llm_calls"] == found


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"by": "colour"}, "agent_name, model, provider, session_id, user_id, tenant_id, run_id"),
        ({"by": ["model", 3]}, "neither a text nor a list"),
        ({"by": 3}, "neither a text nor a list"),
        ({"colour": "red"}, "cannot filter by 'colour'"),
        ({"model": 3}, "model=3"),
        ({"since": datetime(2025, 1, 1)}, "has no time zone"),  # noqa: DTZ001 - the fault
        ({"until": "yesterday"}, "not a moment"),
        ({"since": 5}, "not a moment"),
        ({"timezone": "Mars/Olympus"}, "unknown time zone"),
        ({"timezone": "../etc"}, "unknown time zone"),
        ({"timezone": ""}, "unknown time zone"),
        ({"limit": -1}, "limit=-1"),
        ({"limit": 0}, "limit=0"),
        ({"limit": "3"}, "limit='3'"),
    ],
)
def test_senseless_questions_are_refused(
    recorded: Recorded, asked: dict[str, Any], told: str
) -> None:
    """
    The error says what was wrong and what would be right.
    """
    with Queries(recorded.path) as queries, pytest.raises(QueryError) as caught:
        queries.cost(**asked)
    assert told in str(caught.value)


def test_tokens_tell_what_is_not_known(recorded: Recorded) -> None:
    """
    Calls without usage are counted, and the cache share is over calls that told both.
    """
    with recorded:
        recorded.run("r")
        recorded.llm_call("r", input_tokens=100, output_tokens=5, cache_read_tokens=50)
        recorded.llm_call("r", input_tokens=900)
        recorded.llm_call("r")
    with Queries(recorded.path) as queries:
        (row,) = queries.tokens()
        (nothing,) = queries.tokens(model="none")
    assert (row["llm_calls"], row["total_tokens"], row["calls_without_usage"]) == (3, 1005, 1)
    assert row["cache_hit_ratio"] == 0.5
    assert (nothing["total_tokens"], nothing["cache_hit_ratio"]) == (None, None)


def test_latency_is_of_calls_that_ended(recorded: Recorded) -> None:
    """
    Percentiles are interpolated in milliseconds; a running call is left out.
    """
    with recorded:
        recorded.run("r")
        for length in range(101):
            values = {"end_ns": NOON + length * MS, "time_to_first_chunk_ns": length * MS // 2}
            recorded.llm_call("r", **values)
        recorded.llm_call("r", end_ns=None, status="running")
    with Queries(recorded.path) as queries:
        (row,) = queries.latency().rows
    assert row[:7] == (101, 50.0, 50.0, 90.0, 95.0, 99.0, 100.0)
    assert row[7:12] == (101, 25.0, 45.0, 47.5, 49.5)


def test_tools_count_running_calls_and_time_ended_ones(recorded: Recorded) -> None:
    """
    Each tool has its calls, errors and times, once for each call.
    """
    with recorded:
        recorded.run("r", agent_name="planner")
        recorded.tool_call("r", "search")
        recorded.tool_call("r", "search", end_ns=NOON + 30 * MS, status="error")
        recorded.tool_call("r", "search", end_ns=None, status="running")
        recorded.tool_call("r", "search", counted=0)
        recorded.tool_call("r", "fetch")
    with Queries(recorded.path) as queries:
        rows = queries.tools().rows
        assert queries.tools("agent_name", tool_name="fetch").rows[0][:2] == ("planner", 1)
        with pytest.raises(QueryError, match="tool_name"):
            queries.tools("model")
    assert [row[:5] for row in rows] == [("search", 3, 1, 1, 1 / 3), ("fetch", 1, 0, 0, 0.0)]
    assert [(row[7], row[9]) for row in rows] == [(20.0, 29.0), (10.0, 10.0)]


def test_errors_are_told_by_type_and_place(recorded: Recorded) -> None:
    """
    Failures of calls, tools and runs are told apart, with the latest message of each.
    """
    with recorded:
        recorded.run("r", status="error", error_type="RateLimit", error_message="gave up")
        for late, message in ((1, "new"), (0, "old")):
            values = {"status": "error", "error_type": "RateLimit", "error_message": message}
            recorded.llm_call("r", end_ns=NOON + late * MS, request_model="m", **values)
        recorded.tool_call("r", "search", status="error", error_type="KeyError")
        recorded.llm_call("r", status="error", counted=0)
    with Queries(recorded.path) as queries:
        rows = queries.errors().dicts()
        assert len(queries.errors(model="m")) == 1
        (failed,) = queries.errors("tool_name", tool_name="search").rows
    assert failed[:3] == ("search", "KeyError", "tool")
    assert [(r["where"], r["error_type"], r["count"], r["example_message"]) for r in rows] == [
        ("llm", "RateLimit", 2, "new"),
        ("run", "RateLimit", 1, "gave up"),
        ("tool", "KeyError", 1, None),
    ]
    assert rows[0]["last_at"] == datetime.fromtimestamp(NOON / 10**9 + 0.001, UTC)


def test_a_report_sees_what_another_connection_committed(recorded: Recorded) -> None:
    """
    A commit between two reports is in the second; what is not committed is in neither.
    """
    with Queries(recorded.path) as queries:
        with recorded:
            recorded.run("r", agent_name="a")
            recorded.llm_call("r")
            assert queries.cost().rows[0][0] == 0
        assert queries.cost("agent_name").rows[0][:2] == ("a", 1)
        with recorded:
            recorded.change("runs", agent_name="b")
            recorded.llm_call("r")
        assert queries.cost("agent_name").rows[0][:2] == ("b", 2)
        assert queries.sql("SELECT agent_name, count(*) FROM llm_calls GROUP BY ALL").rows == [
            ("b", 2)
        ]


def test_a_report_is_of_one_moment(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What is committed while a report gathers its relations is in none of them.
    """
    with recorded:
        recorded.run("r", agent_name="a", status="error")
        recorded.llm_call("r", status="error")
    load = ColumnarLoader._load

    def load_and_disturb(
        loader: ColumnarLoader, snapshot: SqliteSnapshot, relation: Relation
    ) -> None:
        load(loader, snapshot, relation)
        with recorded:
            recorded.change("runs", agent_name="b")
            recorded.llm_call("r", status="error")

    with Queries(recorded.path) as queries:
        with monkeypatch.context() as patch:
            patch.setattr(ColumnarLoader, "_load", load_and_disturb)
            rows = queries.errors("agent_name").dicts()
        assert {(row["agent_name"], row["where"], row["count"]) for row in rows} == {
            ("a", "llm", 1),
            ("a", "run", 1),
        }
        assert queries.cost("agent_name").rows[0][:2] == ("b", 5)


def test_threads_take_turns(recorded: Recorded) -> None:
    """
    One object answers several threads, each with the whole answer.
    """
    with recorded:
        recorded.run("r")
        recorded.llm_call("r")
    with Queries(recorded.path) as queries, ThreadPoolExecutor(4) as pool:

        def ask(number: int) -> object:
            if number % 2:
                return queries.cost().rows[0][0]
            return queries.sql("SELECT count(*) FROM llm_calls").rows[0][0]

        assert list(pool.map(ask, range(40))) == [1] * 40


def test_a_closed_object_says_so(recorded: Recorded) -> None:
    """
    Closing twice does no harm, and asking afterwards is a clear error.
    """
    queries = Queries(recorded.path)
    queries.close()
    queries.close()
    with pytest.raises(DatabaseError, match="closed"):
        queries.cost()
    with pytest.raises(DatabaseError, match="closed"):
        queries.sql("SELECT 1")


def test_a_file_damaged_while_open_is_a_database_error(recorded: Recorded) -> None:
    """
    What SQLite cannot read comes out as an error of ours.
    """
    recorded.close()
    with Queries(recorded.path) as queries:
        with sqlite3.connect(recorded.path) as connection:
            connection.execute("DROP TABLE llm_calls")
        connection.close()
        with pytest.raises(DatabaseError, match="llm_calls"):
            queries.cost()


def test_chunks_join_without_a_seam(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    However many rows travel at once, each arrives once.
    """
    monkeypatch.setattr("otel_bridge_queries.sources.CHUNK_ROWS", 3)
    with recorded:
        recorded.run("r")
        for number in range(10):
            recorded.llm_call("r", input_tokens=10**number)
    with Queries(recorded.path) as queries:
        assert queries.cost().rows[0][:2] == (10, 1_111_111_111)


def test_reading_leaves_the_database_alone(recorded: Recorded) -> None:
    """
    Every report together changes no byte of the file.
    """
    with recorded:
        recorded.run("r", session_id="s")
        recorded.llm_call("r")
    recorded.close()
    before = recorded.path.read_bytes()
    with Queries(recorded.path) as queries:
        for name in GROUPED:
            getattr(queries, name)()
        queries.run_views()
        queries.step_views(run_id="r")
        queries.sql("SELECT * FROM runs")
    assert recorded.path.read_bytes() == before


def test_a_missing_file_is_refused_and_not_made(tmp_path: Path) -> None:
    """
    Asking about a database that is not there leaves nothing behind.
    """
    with pytest.raises(DatabaseNotFoundError):
        Queries(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    """
    A file that is not a database of ours is told apart at once.
    """
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but longer than a header")
    with pytest.raises(NotADatabaseError):
        Queries(path)


def test_another_schema_version_is_refused(recorded: Recorded) -> None:
    """
    A database of a newer version is not guessed at.
    """
    with recorded:
        recorded.change("schema_info", version=99)
    with pytest.raises(SchemaVersionError):
        Queries(recorded.path)


def test_metadata_groups_and_narrows(recorded: Recorded) -> None:
    """
    Calls are grouped by any key of their run's metadata and narrowed by its values.
    """
    odd = "a.b/c~d e"
    with recorded:
        recorded.run("r", metadata=json.dumps({"plan": "pro", odd: 1}))
        recorded.run("s", metadata=json.dumps({"plan": "free"}))
        recorded.run("t")
        for run_id in "rrst":
            recorded.llm_call(run_id)
    with Queries(recorded.path) as queries:
        by_plan = {row["metadata.plan"]: row["llm_calls"] for row in queries.cost("metadata.plan")}
        both = queries.cost(["metadata.plan", f"metadata.{odd}"]).rows
        chosen = queries.cost(metadata={"plan": ["pro", "free"], odd: "1"}).rows[0][0]
        none = queries.cost(metadata={"plan": "none"}).rows[0][0]
    assert by_plan == {"pro": 2, "free": 1, None: 1}
    assert [row[:3] for row in both if row[1]] == [("pro", "1", 2)]
    assert (chosen, none) == (2, 0)
