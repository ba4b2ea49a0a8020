"""
The tables beside the cost report: calls without a price, and costs that telemetry claims.
"""

from collections.abc import Sequence
from typing import Any

from otel_bridge_queries import Result

from otel_bridge.cli.calendar import with_periods
from otel_bridge.cli.destination import write_binary
from otel_bridge.cli.formats import BINARY, Format
from otel_bridge.cli.layout import Column
from otel_bridge.cli.output import write_rows
from otel_bridge.cli.tables import Row
from otel_bridge.cli.texts import UNKNOWN, count, money, text

_LEAST_TEXT = 8
_IDS = frozenset({"run_id", "session_id"})


def _usd(value: float | None) -> str:
    return UNKNOWN if value is None else money(value)


def _difference(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{'-' if value < 0 else '+'}{money(abs(value))}" if value else money(value)


_UNPRICED = (
    Column(key="unpriced_calls", header="unpriced", show=count, right=True),
    Column(key="input_tokens", header="in", show=count, right=True, rank=5),
    Column(key="output_tokens", header="out", show=count, right=True, rank=5),
    Column(key="last_at", header="last", rank=6),
    Column(key="reason", header="because", least=20),
)
# The sums stand between the number of calls they are over and the calls they leave out.
_CHECK = (
    Column(key="llm_calls", header="calls", show=count, right=True, rank=6),
    Column(key="compared_calls", header="compared", show=count, right=True),
    Column(key="compared_cost_usd", header="ours", show=_usd, right=True, rank=1),
    Column(key="compared_emitted_usd", header="emitted", show=_usd, right=True, rank=1),
    Column(key="difference_usd", header="difference", show=_difference, right=True, rank=1),
    Column(key="only_ours_calls", header="only ours", show=count, right=True, rank=3),
    Column(key="only_emitted_calls", header="only emitted", show=count, right=True, rank=3),
    Column(key="neither_calls", header="neither", show=count, right=True, rank=4),
)


def print_unpriced(result: Result, keys: Sequence[str], form: Format, *, empty: str) -> None:
    """
    Print which calls have no price, by reason.
    """
    _print(result, keys, _UNPRICED, form, empty=empty)


def print_check(result: Result, keys: Sequence[str], form: Format, *, total: Row | None) -> None:
    """
    Print what telemetry claims beside what we reckon.
    """
    _print(result, keys, _CHECK, form, empty="no model calls match", total=total)


def _print(
    result: Result,
    keys: Sequence[str],
    figures: Sequence[Column],
    form: Format,
    *,
    empty: str,
    total: Row | None = None,
) -> None:
    if form in BINARY:
        write_binary(result, form)
        return
    columns = [
        Column(key=key, header=key, show=_group, least=_LEAST_TEXT, prefix=key in _IDS)
        for key in keys
    ]
    write_rows(
        [with_periods(row) for row in result],
        [*columns, *figures],
        form,
        empty=empty,
        keys=result.columns,
        total=total,
    )


def _group(value: Any) -> str:
    return "" if value == "" else UNKNOWN if value is None else text(value)
