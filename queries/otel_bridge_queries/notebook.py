"""
Rows as a small HTML table, for notebooks.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from html import escape
from typing import Any

_MOST_ROWS = 100
_LONGEST_TEXT = 200
_NUMBERS = (int, float, Decimal, timedelta)


def html_table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """
    Show the first rows as an HTML table, everything in it escaped.
    """
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows[:_MOST_ROWS])
    count = f"{len(rows):,} row{'' if len(rows) == 1 else 's'}"
    left_out = f", the first {_MOST_ROWS} shown" if len(rows) > _MOST_ROWS else ""
    return (
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        f"<p>{count}{left_out}</p>"
    )


def _cell(value: Any) -> str:
    if value is None:
        return "<td>–</td>"
    if isinstance(value, bool) or not isinstance(value, _NUMBERS):
        return f"<td>{escape(_shown(value))}</td>"
    return f'<td style="text-align:right">{escape(_shown(value))}</td>'


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:,.0f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    text = value.isoformat(" ") if isinstance(value, datetime) else str(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
