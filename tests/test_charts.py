"""
Charts of reports: well-formed, exact, readable, and safe whatever the rows say.
"""

import re
import struct
import sys
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otel_bridge_queries import Queries, Result
from otel_bridge_storage.errors import NotInstalledError, QueryError
from queries_data import Recorded

from otel_bridge.charts import KINDS, Chart, chart
from otel_bridge.charts.lines import stretches
from otel_bridge.charts.measures import compact, known, measure_named
from otel_bridge.charts.periods import PERIODS, Period, all_periods, time_ticks
from otel_bridge.charts.scales import scale_of
from otel_bridge.charts.svg import escaped
from otel_bridge.charts.text_width import shortened, text_width

SVG = "{http://www.w3.org/2000/svg}"
PARIS = ZoneInfo("Europe/Paris")
FIGURES = (
    st.none()
    | st.floats()
    | st.integers(-(10**400), 10**400)
    | st.sampled_from([0.0, -0.0, 5e-324, 1e308, -1e308, 0.1, 1e-9])
)
NAMES = st.none() | st.text(max_size=30) | st.sampled_from(["</script><b>", "]]>", "\x00\ud800"])


def drawn(made: Chart) -> ET.Element:
    """
    Read a chart as a browser's XML parser would.
    """
    return ET.fromstring(made.svg().encode("utf-8"))


def texts(root: ET.Element) -> list[str]:
    """
    Give the texts that a chart shows.
    """
    return [each.text or "" for each in root.iter(f"{SVG}text")]


def titles(root: ET.Element) -> list[str]:
    """
    Give what a chart says of each of its parts.
    """
    return [each.text or "" for each in root.iter(f"{SVG}title")]


def cost_rows(rows: Sequence[tuple[Any, ...]], *keys: str) -> Result:
    """
    Make a report of cost with these rows.
    """
    kinds = [("TIMESTAMP WITH TIME ZONE" if key in PERIODS else "VARCHAR") for key in keys]
    names = (*keys, "llm_calls", "cost_usd", "unpriced_calls")
    return Result(names, (*kinds, "BIGINT", "DOUBLE", "BIGINT"), list(rows))


@settings(deadline=None)
@given(
    st.lists(st.tuples(NAMES, st.integers(0, 40), FIGURES, st.integers(0, 5)), max_size=12),
    st.sampled_from(PERIODS),
    st.sampled_from(KINDS),
    st.integers(1, 9),
    st.integers(280, 1200),
    st.text(max_size=60),
)
def test_any_rows_make_a_well_formed_chart(
    rows: list[tuple[Any, ...]], period: Period, kind: Any, top: int, width: int, title: str
) -> None:
    """
    Whatever names and figures there are, the SVG is XML and every number in it is finite.
    """
    start = datetime(2026, 3, 28, tzinfo=PARIS)
    table = [
        (name, all_periods([start], period)[0] + timedelta(days=at), 1, figure, unpriced)
        for name, at, figure, unpriced in rows
    ]
    if kind == "heat":
        period = "hour"
    result = cost_rows(table, "model", period)
    if kind == "percentiles":
        with pytest.raises(QueryError):
            chart(result, kind=kind)
        return
    root = drawn(chart(result, kind=kind, title=title, top=top, width=width))
    numbers = " ".join(
        value
        for each in root.iter()
        for key, value in each.attrib.items()
        if key in ("x", "y", "width", "height", "points", "d", "cx", "cy", "x1", "x2", "y1", "y2")
    )
    assert not re.search(r"nan|inf", numbers)
    for each in root.iter(f"{SVG}rect"):
        if each.get("width") != "100%":
            assert float(each.get("width", "0")) >= 0
            assert float(each.get("height", "0")) >= 0


@given(st.lists(st.none() | st.floats(-1e9, 1e9), max_size=6), st.sampled_from(["x_usd", "x_ms"]))
def test_axes_hold_all_values_between_round_ticks(values: list[float | None], name: str) -> None:
    """
    An axis holds 0 and every value, and its marks differ as they are written.
    """
    figures = [known(value) for value in values]
    scale = scale_of(figures, measure_named(name))
    assert scale.low <= 0 < scale.high or scale.low < 0 <= scale.high
    hair = 1e-8 * (scale.high - scale.low)
    for figure in figures:
        if figure is not None:
            assert scale.low - hair <= figure <= scale.high + hair
    assert 2 <= len(scale.ticks) <= 12
    written = [tick.text for tick in scale.ticks]
    if all(figure is None or figure == 0 or abs(figure) > 1e-9 for figure in figures):
        assert len(set(written)) == len(written)


@pytest.mark.parametrize(
    ("largest", "name", "wanted"),
    [
        (0.0093, "cost_usd", ["$0", "$0.002", "$0.004", "$0.006", "$0.008", "$0.010"]),
        (4.2, "cost_usd", ["$0", "$1", "$2", "$3", "$4", "$5"]),
        (1_234_567, "input_tokens", ["0", "250k", "500k", "750k", "1M", "1.25M"]),
        (3, "calls", ["0", "1", "2", "3"]),
        (900, "p95_ms", ["0", "200 ms", "400 ms", "600 ms", "800 ms", "1,000 ms"]),
        (7_300, "p95_ms", ["0", "2 s", "4 s", "6 s", "8 s"]),
        (0.4, "error_rate", ["0%", "10%", "20%", "30%", "40%"]),
    ],
)
def test_ticks_are_at_round_numbers(largest: float, name: str, wanted: list[str]) -> None:
    """
    Money, tokens, durations and shares have marks that people would choose.
    """
    assert [tick.text for tick in scale_of([largest], measure_named(name)).ticks] == wanted


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (999, "999"), (9_999, "9,999"), (10_000, "10k"), (999_999, "1M"), (2e12, "2T")],
)
def test_large_numbers_are_short(value: float, shown: str) -> None:
    """
    Numbers from ten thousand on are written with a letter, none with a thousand of it.
    """
    assert compact(value) == shown


@pytest.mark.parametrize("clocks", [datetime(2026, 3, 29), datetime(2026, 10, 25)])  # noqa: DTZ001
def test_days_begin_at_local_midnight_when_clocks_change(clocks: datetime) -> None:
    """
    Every day around a change of clocks is there once and begins at midnight on the wall.
    """
    first = (clocks - timedelta(days=2)).replace(tzinfo=PARIS)
    last = (clocks + timedelta(days=2)).replace(tzinfo=PARIS)
    days = all_periods([first, last], "day")
    assert [day.hour for day in days] == [0] * 5
    assert len({day.date() for day in days}) == 5


@pytest.mark.parametrize(
    ("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 6, 1), 24)]
)
def test_a_day_has_as_many_hours_as_it_has(day: tuple[int, int, int], hours: int) -> None:
    """
    The hour that is left out is no column, and the one that comes twice is two.
    """
    first = datetime(*day, tzinfo=PARIS)
    next_day = (first + timedelta(days=1)).replace(tzinfo=PARIS)
    assert len(all_periods([first, next_day], "hour")) == hours + 1


def test_both_hours_of_the_night_are_drawn() -> None:
    """
    When clocks go back, what cost in each of the two equal hours has its own column.
    """
    before = datetime(2026, 10, 25, 0, 0, tzinfo=UTC).astimezone(PARIS)
    after = datetime(2026, 10, 25, 1, 0, tzinfo=UTC).astimezone(PARIS)
    assert before.hour == after.hour == 2
    root = drawn(chart(cost_rows([(before, 1, 1.0, 0), (after, 1, 2.0, 0)], "hour")))
    said = [text for text in titles(root) if "02:00" in text]
    assert [("CEST" in text, "CET" in text.split()[-1] or " CET" in text) for text in said] == [
        (True, False),
        (False, True),
    ]


@given(
    st.integers(1, 800), st.sampled_from(PERIODS), st.integers(200, 1500), st.integers(0, 10_000)
)
def test_names_of_periods_never_meet(count: int, period: Period, room: int, offset: int) -> None:
    """
    The texts below a time axis stay apart, at whatever width.
    """
    first = datetime(2020, 1, 6, tzinfo=UTC) + timedelta(hours=offset)
    step = {"hour": 1 / 24, "day": 1, "week": 7, "month": 31}[period]
    last = first + timedelta(days=step * (count - 1))
    starts = all_periods([first.replace(day=1) if period == "month" else first, last], period)
    ticks = time_ticks(starts, period, room, 11)
    band = room / len(starts)
    for (one, tick, _), (two, other, _) in pairwise(ticks):
        taken = (text_width(tick.text, 11) + text_width(other.text, 11)) / 2
        assert (two - one) * band >= taken


def test_too_many_periods_are_refused() -> None:
    """
    A chart of a million hours is an error that says what to do.
    """
    moments = [datetime(1900, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)]
    with pytest.raises(QueryError, match="choose a longer period"):
        chart(cost_rows([(moment, 1, 1.0, 0) for moment in moments], "hour"))


@given(st.lists(st.none() | st.integers(0, 9).map(float), max_size=12))
def test_lines_break_where_nothing_is_known(values: list[float | None]) -> None:
    """
    Every known figure is on a line, at its place, and no line crosses a gap.
    """
    pieces = list(stretches(values))
    points = [point for piece in pieces for point in piece]
    assert points == [(at, value) for at, value in enumerate(values) if value is not None]
    assert all(b[0] - a[0] == 1 for piece in pieces for a, b in pairwise(piece))


def test_heights_are_the_figures() -> None:
    """
    Parts of a column are as high as they are beside each other, and say what they are.
    """
    days = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2)]
    rows = [("a", days[0], 1, 3.0, 0), ("b", days[0], 1, 1.0, 2), ("a", days[1], 1, 2.0, 0)]
    root = drawn(chart(cost_rows(rows, "model", "day")))
    parts = {
        rect[0].text: float(rect.get("height", "0"))
        for rect in root.iter(f"{SVG}rect")
        if len(rect)
    }
    assert list(parts) == [
        "Thu 1 Jan 2026 a: $3.00",
        "Thu 1 Jan 2026 b: ≥ $1.00",
        "Fri 2 Jan 2026 a: $2.00",
    ]
    high = list(parts.values())
    assert high[0] == pytest.approx(3 * high[1], rel=0.01)
    assert high[2] == pytest.approx(2 * high[1], rel=0.01)
    assert "Thu 1 Jan 2026: at least; 2 without a price" in titles(root)
    assert "at least: calls without a price" in texts(root)


def test_groups_beyond_the_top_are_drawn_as_one() -> None:
    """
    A thousand groups are a few bars and their rest, and nothing is lost of the sum.
    """
    rows = [(f"agent-{n:04}", 1, float(n), 0) for n in range(1_000)]
    root = drawn(chart(cost_rows(rows, "agent_name"), top=3))
    shown = titles(root)
    assert shown[:3] == ["agent-0999: $999.00", "agent-0998: $998.00", "agent-0997: $997.00"]
    assert shown[3] == f"997 others: ${sum(range(997)):,.2f}"
    assert len(shown) == 4


def test_what_is_unknown_is_said_and_not_drawn_as_nothing() -> None:
    """
    A group without a price is `unpriced`, no rows are `nothing to show`.
    """
    root = drawn(chart(cost_rows([("a", 1, 1.0, 0), ("b", 1, None, 1)], "model")))
    assert "b: unpriced" in titles(root)
    day = datetime(2026, 1, 1, tzinfo=UTC)
    assert "nothing to show" in texts(drawn(chart(cost_rows([], "model", "day"))))
    unpriced = chart(cost_rows([("a", day, 1, None, 1)], "model", "day"))
    assert "no call has a price" in texts(drawn(unpriced))


@given(st.text(max_size=40), st.floats(0, 300))
def test_shortened_names_fit(name: str, room: float) -> None:
    """
    A name is cut to its room, and one that fits is left alone.
    """
    cut = shortened(name, room, 12)
    assert cut == name or text_width(cut, 12) <= max(room, text_width("…", 12))


@given(st.text())
def test_escaped_text_is_xml_and_one_line(text: str) -> None:
    """
    Any text becomes XML that holds no tag, no line break and no character that turns text.
    """
    root = ET.fromstring(f'<a b="{escaped(text)}">{escaped(text)}</a>'.encode())
    assert len(root) == 0
    assert not re.search("[\n\r\t\u2028\u202e\u2066]", root.text or "")


def test_a_chart_is_accessible_and_self_contained() -> None:
    """
    A chart has a role and a sentence, colours for dark, and refers to nothing outside.
    """
    svg = chart(cost_rows([("a", 1, 2.5, 0)], "model"), title="Cost").svg()
    root = ET.fromstring(svg)
    assert (root.get("role"), root.get("aria-label")) == ("img", "Cost: a $2.50")
    assert "prefers-color-scheme:dark" in svg
    assert re.findall(r"https?://[^\"' ]+", svg) == ["http://www.w3.org/2000/svg"]
    assert "url(" not in svg


def test_reports_draw_themselves(tmp_path: Path) -> None:
    """
    Each report has a chart without a word about how, over time as well.
    """
    recorded = Recorded(tmp_path / "runs.db")
    with recorded:
        recorded.run("one", agent_name="planner")
        recorded.llm_call("one", request_model="m", cost_picousd=10**12, input_tokens=5)
        recorded.llm_call("one", request_model="n", status="error", error_type="Timeout")
        recorded.tool_call("one", "search")
    recorded.close()
    with Queries(tmp_path / "runs.db") as queries:
        for report in (queries.cost, queries.tokens, queries.latency, queries.errors):
            assert drawn(chart(report(by="agent_name"))).tag == f"{SVG}svg"
            assert drawn(chart(report(by=["agent_name", "day"]))).tag == f"{SVG}svg"
        band = drawn(chart(queries.latency(by="hour")))
        assert {"p50", "p90", "p95", "p99"} <= set(texts(band))
        assert "planner: ≥ $1.00" in titles(drawn(chart(queries.cost("agent_name"))))
        assert chart(queries.tools())._repr_svg_().startswith("<svg")


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"measure": "nope"}, "there is no figure 'nope'"),
        ({"kind": "lines"}, "are over time"),
        ({"top": 0}, "top=0"),
        ({"width": 10}, "width=10"),
    ],
)
def test_what_cannot_be_drawn_is_refused(wanted: dict[str, Any], said: str) -> None:
    """
    A figure or form that makes no sense is an error that says why.
    """
    with pytest.raises(QueryError, match=said):
        chart(cost_rows([("a", 1, 1.0, 0)], "model"), **wanted)


def pixels(png: bytes) -> tuple[int, int, bytes]:
    """
    Decode a PNG as far as its size and the bytes of its lines.
    """
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, data, size = 8, b"", (0, 0)
    while at < len(png):
        long, kind = struct.unpack(">I4s", png[at : at + 8])
        body = png[at + 8 : at + 8 + long]
        assert struct.unpack(">I", png[at + 8 + long : at + 12 + long])[0] == zlib.crc32(
            kind + body
        )
        if kind == b"IHDR":
            size = struct.unpack(">II", body[:8])
        elif kind == b"IDAT":
            data += body
        at += 12 + long
    return *size, zlib.decompress(data)


def test_a_png_decodes_and_shows_the_chart(tmp_path: Path) -> None:
    """
    The picture has twice the chart's size, and is not blank.
    """
    pytest.importorskip("resvg_py")
    made = chart(cost_rows([("a", 1, 2.5, 0), ("</b>&", 1, 1.5, 1)], "model"), title="Cost")
    made.save(tmp_path / "cost.png")
    wide, high, lines = pixels((tmp_path / "cost.png").read_bytes())
    assert (wide, high) == (1600, 2 * made.drawing.height)
    assert len(set(lines)) > 10
    made.save(tmp_path / "cost.svg")
    assert (tmp_path / "cost.svg").read_text(encoding="utf-8") == made.svg()
    with pytest.raises(QueryError, match="neither"):
        made.save(tmp_path / "cost.gif")


def test_png_without_its_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without the library the error says how to install it.
    """
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(NotInstalledError, match=r"otel-bridge\[charts\]"):
        chart(cost_rows([("a", 1, 1.0, 0)], "model")).png()
