"""
Results as Arrow, Parquet, pandas, polars and HTML: what goes in comes out.
"""

import math
import sys
from datetime import UTC, date, datetime, time
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otel_bridge_queries import Queries, Result
from otel_bridge_storage.errors import NotInstalledError, QueryError
from queries_data import Recorded

PARIS = ZoneInfo("Europe/Paris")
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
AWARE = st.datetimes(datetime(1900, 1, 2), datetime(2200, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(tzinfo=UTC).astimezone(PARIS)
)
KINDS: dict[str, st.SearchStrategy[Any]] = {
    "BOOLEAN": st.booleans(),
    "INTEGER": st.integers(-(2**31), 2**31 - 1),
    "BIGINT": st.integers(-(2**63), 2**63 - 1),
    "HUGEINT": st.integers(-(2**127), 2**127 - 1),
    "DOUBLE": st.floats(),
    "DECIMAL(18,3)": st.decimals(-(10**14), 10**14, places=3),
    "VARCHAR": TEXTS,
    "BLOB": st.binary(max_size=6),
    "DATE": st.dates(date(1, 1, 1), date(9999, 12, 31)),
    "TIME": st.times(),
    "TIMESTAMP": st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),  # noqa: DTZ001
    "TIMESTAMP WITH TIME ZONE": AWARE,
    "VARCHAR[]": st.lists(st.none() | TEXTS, max_size=3),
    "BIGINT[]": st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3),
    "JSON": st.dictionaries(TEXTS, st.integers(0, 9), max_size=2),
}


@st.composite
def results(draw: st.DrawFn) -> Result:
    """
    Make a result of any plain columns, names that clash among them.
    """
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=5))
    names = draw(st.lists(TEXTS.filter(bool), min_size=len(kinds), max_size=len(kinds)))
    names = [name.replace("\0", "0") for name in names]
    row = st.tuples(*(st.none() | KINDS[kind] for kind in kinds))
    return Result(tuple(names), tuple(kinds), draw(st.lists(row, max_size=5)))


def comparable(value: Any) -> Any:
    """
    Give what two equal values have in common, a NaN, a moment in a zone and a Decimal too.
    """
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC)
    if isinstance(value, list | tuple):
        return [comparable(item) for item in value]
    return value


def same_rows(first: list[tuple[Any, ...]], second: list[tuple[Any, ...]]) -> bool:
    """
    Tell whether rows are equal, value by value.
    """
    return bool(comparable(first) == comparable(second))


def rows_of(table: Any) -> list[tuple[Any, ...]]:
    """
    Give the rows of an Arrow table.
    """
    columns = [table.column(place).to_pylist() for place in range(table.num_columns)]
    return list(zip(*columns, strict=True))


@settings(deadline=None)
@given(result=results())
def test_parquet_and_arrow_hold_the_same(result: Result, tmp_path_factory: Any) -> None:
    """
    A Parquet file read by pyarrow has the names, values and types of the Arrow table,
    with moments in UTC.
    """
    path = tmp_path_factory.mktemp("parquet") / "rows.parquet"
    result.parquet(path)
    back, table = pyarrow.parquet.read_table(path), result.arrow()
    assert back.column_names == table.column_names
    assert same_rows(rows_of(back), rows_of(table))
    for field, other in zip(back.schema, table.schema, strict=True):
        if not pyarrow.types.is_timestamp(other.type):
            assert str(field.type).replace("element", "item") == str(other.type)


@settings(deadline=None)
@given(result=results())
def test_arrow_changes_no_value(result: Result) -> None:
    """
    Every value of an Arrow table is the result's own, but for JSON and for numbers that
    no decimal of 38 digits holds, which are text.
    """
    for place, values in enumerate(result.arrow().columns):
        own = [row[place] for row in result.rows]
        back = values.to_pylist()
        if result.types[place] == "JSON" or any(isinstance(v, str) for v in back):
            assert [v is None for v in back] == [v is None for v in own]
        if result.types[place] == "HUGEINT":
            assert [v if v is None else int(v) for v in back] == own
        elif result.types[place] != "JSON":
            assert comparable(back) == comparable(own)


@settings(deadline=None)
@given(result=results())
def test_duckdb_reads_what_was_written(result: Result, tmp_path_factory: Any) -> None:
    """
    DuckDB finds every row of the file, and each number exactly as it was.
    """
    path = tmp_path_factory.mktemp("parquet") / "rows.parquet"
    result.parquet(path)
    with duckdb.connect() as connection:
        relation = connection.read_parquet(str(path))
        kinds = dict(enumerate(map(str, relation.types)))
        plain = [p for p, kind in kinds.items() if "TIME ZONE" not in kind]
        back = relation.project(", ".join(f"#{place + 1}" for place in plain) or "1").fetchall()
    assert len(back) == len(result)
    for at, place in enumerate(plain):
        own = [row[place] for row in result.rows]
        if result.types[place] == "HUGEINT":
            assert [v[at] if v[at] is None else int(v[at]) for v in back] == own
        elif result.types[place] != "JSON":
            assert comparable([row[at] for row in back]) == comparable(own)


@settings(deadline=None)
@given(result=results())
def test_polars_holds_the_arrow_table(result: Result) -> None:
    """
    A polars frame has the names and values of the Arrow table.
    """
    frame, table = result.pl(), result.arrow()
    assert frame.columns == table.column_names
    assert same_rows(frame.rows(), rows_of(table))


@settings(deadline=None)
@given(result=results())
def test_pandas_holds_every_row(result: Result) -> None:
    """
    A pandas frame has a row for each of the result's, and nothing where nothing is known.
    """
    frame = result.df()
    assert frame.shape == (len(result), len(result.columns))
    for place, kind in enumerate(result.types):
        if kind in ("VARCHAR", "BIGINT", "DATE"):
            own = [row[place] is None for row in result.rows]
            assert frame.iloc[:, place].isna().tolist() == own


def test_names_that_are_there_twice_get_numbers(tmp_path: Path) -> None:
    """
    Columns stay apart in files that allow a name once, whatever its letters.
    """
    result = Result(("n", "N", "n_1", 'a"; DROP'), ("BIGINT",) * 4, [(1, 2, 3, 4)])
    result.parquet(tmp_path / "n.parquet")
    back = pyarrow.parquet.read_table(tmp_path / "n.parquet")
    assert back.to_pylist() == [{"n": 1, "N_1": 2, "n_1_1": 3, 'a"; DROP': 4}]
    assert result.arrow().column_names == back.column_names


def test_anything_sql_can_say_is_written(tmp_path: Path) -> None:
    """
    Types that Arrow and Parquet do not share are text, and nothing is refused.
    """
    recorded = Recorded(tmp_path / "runs.db")
    recorded.close()
    query = """
        SELECT {'a': [1]} AS s, MAP {'k': 1} AS m, INTERVAL 3 DAY AS i, uuid() AS u,
            170141183460469231731687303715884105727::HUGEINT AS h,
            1180591620717411303425::HUGEINT AS w, 12345678901234567.89::DECIMAL(19,2) AS d,
            1::UTINYINT AS t,
            'x'::ENUM('x', 'y') AS e, [[1]] AS l, TIME '01:02:03' AS c, '101'::BIT AS b,
            DATE '0044-03-15 (BC)' AS bc, TIMESTAMPTZ '2026-01-01 00:00:00+01' AS z
    """
    with Queries(tmp_path / "runs.db") as queries:
        result = queries.sql(query)
    result.parquet(tmp_path / "all.parquet")
    (row,) = pyarrow.parquet.read_table(tmp_path / "all.parquet").to_pylist()
    assert (row["s"], row["m"]) == ('{"a": [1]}', '{"k": 1}')
    assert row["h"] == str(2**127 - 1)
    assert (row["w"], row["d"]) == (Decimal(2**70 + 1), Decimal("12345678901234567.89"))
    assert (row["t"], row["e"], row["l"]) == (1, "x", "[[1]]")
    assert row["c"] == time(1, 2, 3)
    assert row["z"] == datetime(2025, 12, 31, 23, tzinfo=UTC)
    assert result.arrow().num_rows == len(result.pl()) == 1


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    """
    A file that is there stays as it was where writing fails, and nothing is left beside it.
    """
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"before")
    with pytest.raises(QueryError, match="needs a column"):
        Result((), (), []).parquet(path)
    with pytest.raises(FileNotFoundError):
        Result(("a",), ("BIGINT",), [(1,)]).parquet(tmp_path / "no" / "rows.parquet")
    assert path.read_bytes() == b"before"
    Result(("a",), ("BIGINT",), [(1,)]).parquet(path)
    assert [each.name for each in tmp_path.iterdir()] == ["rows.parquet"]
    assert pyarrow.parquet.read_table(path).to_pylist() == [{"a": 1}]


def test_parquet_needs_no_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """
    A Parquet file is written where neither pyarrow nor a frame library is installed.
    """
    for library in ("pyarrow", "pandas", "polars"):
        monkeypatch.setitem(sys.modules, library, None)
    result = Result(("a", "b"), ("DECIMAL(9,2)", "VARCHAR[]"), [(Decimal("1.50"), ["x"])])
    result.parquet(tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").read_bytes()[:4] == b"PAR1"
    with pytest.raises(NotInstalledError, match=r"otel-bridge\[polars\]"):
        result.pl()


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(TEXTS, st.none() | TEXTS | st.floats() | st.integers() | AWARE)
def test_a_notebook_shows_values_and_obeys_none(name: str, value: Any) -> None:
    """
    No name or value can add a tag to the table that notebooks show.
    """
    shown = _Tags()
    shown.feed(Result((name, "<script>"), ("VARCHAR",) * 2, [(value, "<b>")])._repr_html_())
    assert shown.tags <= {"table", "thead", "tbody", "tr", "th", "td", "p"}
    assert "<script>" in shown.text


def test_a_notebook_shows_the_first_rows_of_many() -> None:
    """
    A long result shows how many rows there are, and a hundred of them.
    """
    shown = Result(("n",), ("BIGINT",), [(n,) for n in range(2_000)])._repr_html_()
    assert shown.count("<tr>") == 101
    assert "2,000 rows, the first 100 shown" in shown
