import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow  # type: ignore[import-untyped]
import pytest
from otel_bridge_queries import Queries, Result
from otel_bridge_storage.errors import NotInstalledError
from queries_data import NOON, Recorded

MOMENT = datetime(2025, 1, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """
    A database with two runs and a call.
    """
    recorded = Recorded(tmp_path / "runs.db")
    with recorded:
        recorded.run("one", ("red",), metadata='{"a":1}')
        recorded.run("two", metadata='{"a":["x"]}')
        recorded.llm_call("one", cost_picousd=1, input_tokens=3, request_model="m")
    recorded.close()
    return recorded.path


def test_a_result_is_rows_and_dicts() -> None:
    """
    Rows are tuples, iteration gives dicts, and the length is the number of rows.
    """
    result = Result(("a", "b"), ("BIGINT", "VARCHAR"), [(1, "x"), (2, None)])
    assert list(result) == result.dicts() == [{"a": 1, "b": "x"}, {"a": 2, "b": None}]
    assert len(result) == 2
    assert result.only(["b"]) == Result(("b",), ("VARCHAR",), [("x",), (None,)])


def test_arrow_keeps_types_also_without_rows() -> None:
    """
    Columns have the same Arrow types whether or not there are rows.
    """
    names = ("at", "cost", "count", "tags", "more", "text")
    kinds = ("TIMESTAMP WITH TIME ZONE", "DOUBLE", "HUGEINT", "VARCHAR[]", "JSON", "VARCHAR")
    full = Result(names, kinds, [(MOMENT, 1.5, 3, ["a"], {"k": [1]}, "é"), (None,) * 6])
    table = full.arrow()
    assert table.schema == Result(names, kinds, []).arrow().schema
    assert table.schema.field("at").type == pyarrow.timestamp("us", tz="UTC")
    assert table.to_pylist()[0] == full.dicts()[0] | {"more": '{"k": [1]}'}


def test_arrow_holds_sums_beyond_64_bits() -> None:
    """
    A number too large for 64 bits stays exact.
    """
    table = Result(("n",), ("HUGEINT",), [(2**70,), (None,)]).arrow()
    assert table.to_pylist() == [{"n": Decimal(2**70)}, {"n": None}]


def test_reports_turn_into_data_frames(path: Path) -> None:
    """
    Every row of a report is in its data frame, moments with their zone.
    """
    with Queries(path) as queries:
        cost = queries.cost(["model", "day"]).df()
        runs = queries.run_views().df()
        custom = queries.sql(
            "SELECT started_at, metadata, uuid() AS u, 1.5::DECIMAL(4,2) FROM runs"
        )
    assert cost["model"].tolist() == ["m"]
    assert str(cost["day"].dt.tz) == "UTC"
    assert runs["started_at"].tolist() == [datetime.fromtimestamp(NOON // 10**9, UTC)] * 2
    assert len(custom.df()) == 2


@pytest.mark.parametrize(("library", "method"), [("pyarrow", "arrow"), ("pandas", "df")])
def test_a_missing_library_is_named(
    monkeypatch: pytest.MonkeyPatch, library: str, method: str
) -> None:
    """
    Without an optional library the error says how to install it.
    """
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(NotInstalledError, match=r"pip install 'otel-bridge\["):
        getattr(Result(("a",), ("BIGINT",), [(1,)]), method)()
