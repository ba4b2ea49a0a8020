"""
How the command line shows values: escaping, widths, trees and the forms of rows.
"""

import csv
import io
import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from otel_bridge_storage.records import SpanRecord
from rich.cells import cell_len

from otel_bridge.cli import documents, texts
from otel_bridge.cli.escape import json_escaped, one_line, visible, visible_lines
from otel_bridge.cli.layout import Column, cut, fit
from otel_bridge.cli.moments import parse_moment
from otel_bridge.cli.span_tree import bar, build_span_trees, window_of
from otel_bridge.cli.tree import ASCII, LINES, Node, draw
from otel_bridge.cli.values import plain

NOW = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
TRACE = "0123456789abcdef0123456789abcdef"
DANGEROUS = [chr(code) for code in (*range(32), *range(127, 160), 0x202E, 0x2066, 0x2028)]


@given(st.text(st.characters(exclude_categories=[])))
def test_visible_text_has_no_character_that_a_terminal_obeys(text: str) -> None:
    """
    Nothing that moves the cursor, colours or reorders text is left, and all can be encoded.
    """
    shown = visible(text)
    assert not set(shown) & set(DANGEROUS)
    shown.encode()


@given(st.text(st.characters(exclude_categories=[])))
def test_visible_lines_keep_line_feeds_and_tabs_alone(text: str) -> None:
    """
    In text of several lines only line feeds and tabs stay as they are.
    """
    assert not set(visible_lines(text)) & (set(DANGEROUS) - {"\n", "\t"})


def test_plain_text_is_left_as_it_is() -> None:
    """
    Letters of every script and emoji are shown, not escaped.
    """
    assert visible("Zoë 世界 🌍 a\\b") == "Zoë 世界 🌍 a\\b"
    assert one_line("a \n\t b\x1b[31m") == "a b\\x1b[31m"


@given(st.dictionaries(st.text(st.characters(exclude_categories=[])), st.text()))
def test_json_escapes_keep_the_value(value: dict[str, str]) -> None:
    """
    What is escaped inside JSON reads back as the same value and is safe to show.
    """
    shown = json_escaped(json.dumps(value, ensure_ascii=False))
    assert json.loads(shown) == value
    assert not set(shown) & set(DANGEROUS)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("7d", NOW - timedelta(days=7)),
        ("36h", NOW - timedelta(hours=36)),
        (" 90M ", NOW - timedelta(minutes=90)),
        ("2w", NOW - timedelta(weeks=2)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T09:00", datetime(2026, 1, 31, 9, tzinfo=UTC)),
        ("2026-01-31T09:00:00+02:00", datetime(2026, 1, 31, 7, tzinfo=UTC)),
        ("2026-01-31T09:00:00Z", datetime(2026, 1, 31, 9, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_people_type_them(typed: str, meant: datetime) -> None:
    """
    So long ago, dates and ISO times are understood; without an offset they are UTC.
    """
    assert parse_moment(typed, NOW) == meant


@pytest.mark.parametrize("typed", ["", "yesterday", "7", "7y", "-7d", "999999w", "2026-13-01"])
def test_what_is_no_time_is_wrong_usage(typed: str) -> None:
    """
    A text that is no time is refused as a bad parameter that names it.
    """
    with pytest.raises(typer.BadParameter, match="is not a time"):
        parse_moment(typed, NOW)


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (None, "–"),
        (0.0, "0.0 ms"),
        (9.9, "9.9 ms"),
        (12.4, "12 ms"),
        (999.4, "999 ms"),
        (999.6, "1.00 s"),
        (59_990, "59.99 s"),
        (59_999, "1 min 00 s"),
        (3_599_900, "1 h 00 min"),
        (7_380_000, "2 h 03 min"),
    ],
)
def test_durations_are_shown_in_the_unit_that_fits(milliseconds: float, shown: str) -> None:
    """
    A duration never shows 60 of a unit that the next one would count as 1.
    """
    assert texts.duration(milliseconds) == shown


def test_unknown_cost_is_never_zero() -> None:
    """
    No price is `unpriced`, a part without a price makes a lower bound, no call is a dash.
    """
    assert texts.money(None) == "unpriced"
    assert texts.money(0.0) == "$0.000000"
    assert texts.money(0.0000001) == "<$0.000001"
    assert texts.money(1234.5) == "$1,234.5000"
    assert texts.cost(None, 3) == "unpriced"
    assert texts.cost(0.5, 1) == "≥ $0.500000"
    assert texts.cost(0.5, 0) == "$0.500000"
    assert texts.cost(None, 0) == "–"


COLUMNS = (
    Column(key="id", header="run", least=8, prefix=True),
    Column(key="name", header="agent", least=6),
    Column(key="model", header="model", rank=2),
    Column(key="cost", header="cost", right=True),
    Column(key="user", header="user", rank=3),
)


@given(
    st.lists(
        st.tuples(*(st.text(st.characters(codec="utf-8", categories=["L", "N"])),) * 5), max_size=6
    ),
    st.integers(40, 250),
)
def test_columns_fit_once_the_least_needed_are_dropped(
    rows: list[tuple[str, ...]], width: int
) -> None:
    """
    What is shown fits the width unless one column is left, and no figure is cut.
    """
    fitted = fit(COLUMNS, rows, width)
    total = sum(item.width for item in fitted) + 2 * (len(fitted) - 1)
    kept = {item.column.key: item for item in fitted}
    assert total <= width or len(fitted) == 1
    assert fitted[0].column is COLUMNS[0]
    if "cost" in kept:
        assert kept["cost"].width >= max(map(cell_len, ("cost", *(row[3] for row in rows))))
    if not {column.key for column in COLUMNS if not column.rank} <= set(kept):
        assert not any(item.column.rank for item in fitted)


def test_the_least_needed_column_is_dropped_first() -> None:
    """
    Columns of the highest rank go first, and shortening comes before dropping.
    """
    rows = [("0" * 32, "researcher", "gpt-4o-mini", "$0.000001", "somebody")]
    wide = [item.column.key for item in fit(COLUMNS, rows, 100)]
    middle = [item.column.key for item in fit(COLUMNS, rows, 48)]
    narrow = [item.column.key for item in fit(COLUMNS, rows, 39)]
    assert wide == ["id", "name", "model", "cost", "user"]
    assert middle == ["id", "name", "model", "cost"]
    assert narrow == ["id", "name", "cost"]


def test_shortened_ids_still_tell_rows_apart() -> None:
    """
    An id is shortened to a prefix, and never so far that two rows share it.
    """
    ids = ["run-2026-01-31-0001", "run-2026-01-31-0002", "other"]
    rows = [(run, "a" * 40, "m" * 40, "c", "u" * 40) for run in ids]
    width = fit(COLUMNS, rows, 20)[0].width
    assert len({run[:width] for run in ids}) == 3


@given(st.text(st.characters(categories=["L", "So"]), max_size=30), st.integers(0, 40))
def test_cut_text_is_never_wider_than_its_room(text: str, width: int) -> None:
    """
    Shortening counts terminal cells, so wide characters do not break a line.
    """
    assert cell_len(cut(text, width, "…")) <= width


def test_json_values_are_what_other_programs_expect() -> None:
    """
    Times are RFC 3339 with microseconds and Z, unknown and NaN are null, bytes base64.
    """
    east = timezone(timedelta(hours=2))
    row = {
        "time": datetime(2026, 1, 31, 9, tzinfo=east),
        "day": date(2026, 1, 31),
        "none": None,
        "nan": math.nan,
        "cost": Decimal("0.5"),
        "bytes": b"\x00\xff",
        "list": (1, True, "x"),
    }
    assert plain(row) == {
        "time": "2026-01-31T07:00:00.000000Z",
        "day": "2026-01-31",
        "none": None,
        "nan": None,
        "cost": 0.5,
        "bytes": "AP8=",
        "list": [1, True, "x"],
    }


@given(
    st.lists(
        st.fixed_dictionaries({"a": st.text(), "b": st.none() | st.integers() | st.floats()}),
        max_size=5,
    )
)
def test_json_rows_are_an_array_of_objects(rows: list[dict[str, Any]]) -> None:
    """
    Any rows come back from the printed JSON as they went in.
    """
    assert json.loads("".join(documents.json_rows(rows))) == plain(rows)


def test_csv_quotes_what_needs_it_and_changes_no_value() -> None:
    """
    Separators, quotes and line breaks survive, a leading `=` stays, escapes are shown.
    """
    values = ['a,b"c', "two\nlines", "=1+1", "-5", "\x1b[31mred"]
    rows: list[dict[str, Any]] = [{"x": value, "y": None} for value in values]
    printed = "".join(documents.csv_rows(rows, ["x", "y"]))
    back = list(csv.reader(io.StringIO(printed)))
    assert back[0] == ["x", "y"]
    assert [row[0] for row in back[1:]] == [*values[:4], "\\x1b[31mred"]
    assert {row[1] for row in back[1:]} == {""}


def test_markdown_escapes_pipes_and_tags() -> None:
    """
    A value cannot end its cell or start a tag.
    """
    columns = [Column(key="x", header="x"), Column(key="n", header="n", right=True)]
    printed = "".join(documents.markdown_rows([{"x": "a|b\n<b>", "n": 1}], columns))
    assert printed == "| x | n |\n| --- | ---: |\n| a\\|b\\\\n&lt;b> | 1 |\n"


def test_trees_are_drawn_in_order_with_their_branches() -> None:
    """
    Children come below their parent in their order, the last one with the end piece.
    """
    root = Node("a", children=[Node("b", children=[Node("c")]), Node("d", children=[Node("e")])])
    drawn = [f"{prefix}{node.label}" for _, prefix, node in draw(root, LINES)]
    assert drawn == ["a", "├─ b", "│  └─ c", "└─ d", "   └─ e"]
    assert [prefix for _, prefix, _ in draw(root, ASCII)] == ["", "|- ", "|  `- ", "`- ", "   `- "]


def test_trees_of_any_depth_can_be_drawn() -> None:
    """
    Ten thousand levels neither overflow the stack nor grow a line without end.
    """
    root = last = Node("0")
    for depth in range(10_000):
        last.children.append(Node(str(depth + 1)))
        last = last.children[0]
    drawn = list(draw(root, LINES))
    assert len(drawn) == 10_001
    assert max(len(prefix) for _, prefix, _ in drawn) < 45


def _span(span_id: str, parent: str | None, start: int, end: int | None = None) -> SpanRecord:
    return SpanRecord(
        trace_id=TRACE, span_id=span_id, parent_span_id=parent, start_ns=start, end_ns=end
    )


def _shape(node: Node) -> tuple[str, list[Any]]:
    return node.row["span_id"], [_shape(child) for child in node.children]


def test_spans_hang_below_their_parents_in_time_order() -> None:
    """
    Spans without their parent are tops, and siblings come by start.
    """
    spans = [_span("c", "a", 30), _span("b", "a", 20), _span("a", None, 10), _span("x", "?", 5)]
    assert [_shape(top) for top in build_span_trees(spans)] == [
        ("x", []),
        ("a", [("b", []), ("c", [])]),
    ]


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 12)), unique_by=lambda pair: pair[0]
    ).filter(bool)
)
def test_every_span_is_drawn_once_whatever_the_parents_say(pairs: list[tuple[int, int]]) -> None:
    """
    Parents that form circles, or are missing, lose no span and repeat none.
    """
    spans = [_span(str(own), str(parent), own, own + 1) for own, parent in pairs]
    drawn = [
        node.row["span_id"] for top in build_span_trees(spans) for _, _, node in draw(top, LINES)
    ]
    assert sorted(drawn) == sorted(span.span_id for span in spans)


@given(st.integers(0, 10**18), st.none() | st.integers(0, 10**18), st.integers(10, 60))
def test_bars_stay_on_the_axis(start: int, end: int | None, width: int) -> None:
    """
    A bar has at least one mark and never leaves the axis, also where times are odd.
    """
    window = window_of([_span("a", None, start, end), _span("b", None, 500, 10**9)])
    drawn = bar(start, end, window, width, "#")
    assert "#" in drawn
    assert len(drawn) <= width
