"""
HTML written as text: tables whose every value is escaped.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from otel_bridge.charts.measures import known
from otel_bridge.charts.svg import element, escaped, number

Row = Mapping[str, Any]

_LONGEST = 300


@dataclass(frozen=True, slots=True)
class HtmlColumn:
    """
    A column of a table on the page.

    Attributes:
        header: What stands above it.
        show: Turns a row into the text of its cell.
        sort: Turns a row into what it is sorted by: a number, or None for the text.
        wide: It holds long texts, which may be broken anywhere.
        bar: How much of the cell a bar fills, from 0 to 1; None for no bar.
        an_id: It holds ids, whose characters are all of one width.
    """

    header: str
    show: Callable[[Row], str]
    sort: Callable[[Row], float | None] | None = None
    wide: bool = False
    bar: Callable[[Row], float | None] | None = None
    an_id: bool = False


def table(columns: Sequence[HtmlColumn], rows: Sequence[Row], last: Sequence[Row] = ()) -> str:
    """
    Write a table; `last` are the rows at its end, which sorting leaves there.
    """
    head = "".join(
        _tag("th", escaped(column.header), scope="col", class_=_kind(column)) for column in columns
    )
    body = "".join(_row(columns, row) for row in rows)
    foot = "".join(_row(columns, row) for row in last)
    return _tag(
        "div",
        _tag(
            "table",
            _tag("thead", _tag("tr", head)),
            _tag("tbody", body),
            _tag("tfoot", foot) if foot else "",
        ),
        class_="scroll",
    )


def section(heading: str, *inner: str, note: str = "") -> str:
    """
    Write a section with a heading and, below it, a line that says what it shows.
    """
    said = _tag("p", escaped(note), class_="note") if note else ""
    return _tag("section", _tag("h2", escaped(heading)), said, *inner)


def card(name: str, value: str, more: str = "", kind: str = "") -> str:
    """
    Write a headline figure.
    """
    return _tag(
        "div",
        _tag("dt", escaped(name)),
        _tag("dd", escaped(value), class_="figure"),
        _tag("dd", escaped(more), class_="more") if more else "",
        class_=f"card {kind}".strip(),
    )


def paragraph(text: str, kind: str = "") -> str:
    """
    Write a line of text.
    """
    return _tag("p", escaped(text), class_=kind or None)


def moment_in(value: datetime | None, like: datetime) -> str:
    """
    Write a moment to the minute, in the time zone of another.
    """
    return "–" if value is None else f"{value.astimezone(like.tzinfo):%Y-%m-%d %H:%M}"


def _row(columns: Sequence[HtmlColumn], row: Row) -> str:
    return _tag("tr", *(_cell(column, row) for column in columns))


def _cell(column: HtmlColumn, row: Row) -> str:
    text = column.show(row)
    whole = text if len(text) > _LONGEST else None
    shown = text if whole is None else f"{text[:_LONGEST]}…"
    by = column.sort(row) if column.sort else None
    share = column.bar(row) if column.bar else None
    drawn = "" if share is None else _bar(share)
    return _tag(
        "td",
        escaped(shown),
        drawn,
        class_=_kind(column),
        title=whole,
        data_by=None if by is None else repr(known(by) or 0.0),
    )


def _bar(share: float) -> str:
    long = min(max(share, 0.0), 1.0) * 100
    drawn = element("rect", width=f"{number(long)}%", height="100%", rx=1.5, class_="ob-f0")
    return element("svg", drawn, class_="bar", aria_hidden="true", focusable="false")


def _kind(column: HtmlColumn) -> str | None:
    kinds = (
        "number" if column.sort else "",
        "wide" if column.wide else "",
        "drawn" if column.bar else "",
        "id" if column.an_id else "",
    )
    return " ".join(filter(None, kinds)) or None


def _tag(name: str, *inner: str, **attributes: str | None) -> str:
    # Unlike XML, HTML has no empty `<td/>`.
    return element(name, *(inner or ("",)), **attributes)
