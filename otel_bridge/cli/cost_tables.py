"""
The tables beside the cost report: calls without a price, and costs that telemetry claims.
"""

from collections.abc import Sequence

from otel_bridge_queries import Result

from otel_bridge.cli.formats import Format
from otel_bridge.cli.grouped import print_grouped
from otel_bridge.cli.layout import Column
from otel_bridge.cli.tables import Row
from otel_bridge.cli.texts import UNKNOWN, count, money, usd


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
    Column(key="compared_cost_usd", header="ours", show=usd, right=True, rank=1),
    Column(key="compared_emitted_usd", header="emitted", show=usd, right=True, rank=1),
    Column(key="difference_usd", header="difference", show=_difference, right=True, rank=1),
    Column(key="only_ours_calls", header="only ours", show=count, right=True, rank=3),
    Column(key="only_emitted_calls", header="only emitted", show=count, right=True, rank=3),
    Column(key="neither_calls", header="neither", show=count, right=True, rank=4),
)


def print_unpriced(result: Result, keys: Sequence[str], form: Format, *, empty: str) -> None:
    """
    Print which calls have no price, by reason.
    """
    print_grouped(result, keys, _UNPRICED, form, empty=empty)


def print_check(result: Result, keys: Sequence[str], form: Format, *, total: Row | None) -> None:
    """
    Print what telemetry claims beside what we reckon.
    """
    print_grouped(result, keys, _CHECK, form, empty="no model calls match", total=total)
