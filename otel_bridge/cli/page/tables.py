"""
The tables of the page.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from otel_bridge_queries import Result

from otel_bridge.charts.measures import known
from otel_bridge.cli.page.figures import ROWS
from otel_bridge.cli.page.html import HtmlColumn, Row, moment_in, table
from otel_bridge.cli.texts import UNKNOWN, cost, count, duration

_SUMS = ("llm_calls", "input_tokens", "output_tokens", "unpriced_calls", "error_calls")


def cost_table(result: Result, names: Sequence[tuple[str, str]], total: Row) -> str:
    """
    Write calls, tokens and cost by group, with the groups left out as one, and the total.

    Args:
        result: The groups, one more than are shown if there are more.
        names: The keys and what stands above them.
        total: The figures of all groups.
    """
    rows = result.dicts()[:ROWS]
    largest = max((row["cost_usd"] or 0.0 for row in rows), default=0.0)

    def share(row: Row) -> float | None:
        return (row["cost_usd"] or 0.0) / largest if largest and "_last" not in row else None

    columns = [
        *(_name(key, header) for key, header in names),
        HtmlColumn(
            "cost",
            lambda row: cost(row["cost_usd"], row["unpriced_calls"]),
            sort=lambda row: row["cost_usd"] or -1.0,
            bar=share,
        ),
        _figure("llm_calls", "calls"),
        _figure("input_tokens", "tokens in"),
        _figure("output_tokens", "out"),
        _figure("error_calls", "failed"),
        _figure("unpriced_calls", "unpriced"),
    ]
    last = [{**total, names[0][0]: "all", "_last": True}]
    if len(result) > ROWS:
        last.insert(0, {**_others(rows, total), names[0][0]: "others", "_last": True})
    return table(columns, rows, last)


def latency_table(result: Result) -> str:
    """
    Write how long calls took, by model.
    """
    times = [
        HtmlColumn(header, _duration(key), sort=_number(key))
        for key, header in (
            ("p50_ms", "p50"), ("p90_ms", "p90"), ("p95_ms", "p95"), ("p99_ms", "p99"),
            ("max_ms", "longest"), ("ttft_p50_ms", "first token p50"),
            ("ttft_p95_ms", "first token p95"),
        )
    ]  # fmt: skip
    columns = [_name("model", "model"), _figure("calls", "calls"), *times]
    return table(columns, result.dicts()[:ROWS])


def tool_table(result: Result) -> str:
    """
    Write how often tools ran and failed.
    """
    columns = [
        _name("tool_name", "tool"),
        _figure("calls", "calls"),
        _figure("errors", "failed"),
        HtmlColumn(
            "failing", lambda row: _share(row["error_rate"]), sort=_number("error_rate"),
            bar=lambda row: row["error_rate"],
        ),
        HtmlColumn("p50", _duration("p50_ms"), sort=_number("p50_ms")),
        HtmlColumn("p95", _duration("p95_ms"), sort=_number("p95_ms")),
    ]  # fmt: skip
    return table(columns, result.dicts()[:ROWS])


def error_table(result: Result, like: datetime) -> str:
    """
    Write failures by type; times are in the zone of `like`.
    """
    where = {"llm": "model call", "tool": "tool call", "run": "run"}
    columns = [
        _name("error_type", "type"),
        HtmlColumn("where", lambda row: where.get(row["where"], str(row["where"]))),
        _figure("count", "times"),
        HtmlColumn("last", lambda row: moment_in(row["last_at"], like)),
        _name("example_message", "for example"),
    ]
    return table(columns, result.dicts()[:ROWS])


def unpriced_table(result: Result, like: datetime) -> str:
    """
    Write which calls have no price, and why; times are in the zone of `like`.
    """
    columns = [
        _name("provider", "provider"),
        _name("model", "model"),
        _figure("unpriced_calls", "calls"),
        _figure("input_tokens", "tokens in"),
        _figure("output_tokens", "out"),
        HtmlColumn("last", lambda row: moment_in(row["last_at"], like)),
        _name("reason", "because"),
    ]
    return table(columns, result.dicts()[:ROWS])


def _others(rows: Sequence[Row], total: Row) -> dict[str, Any]:
    others: dict[str, Any] = {name: _less(total, rows, name) for name in _SUMS}
    priced = others["llm_calls"] > others["unpriced_calls"]
    others["cost_usd"] = _less(total, rows, "cost_usd") if priced else None
    return others


def _less(total: Row, rows: Sequence[Row], name: str) -> Any:
    if total[name] is None:
        return None
    return max(total[name] - sum(row[name] or 0 for row in rows), 0)


def _name(key: str, header: str) -> HtmlColumn:
    def show(row: Row) -> str:
        if "_last" in row and key not in row:
            return ""
        return str(row[key]) if row[key] not in (None, "") else UNKNOWN

    return HtmlColumn(header, show, wide=True, an_id=key == "run_id")


def _figure(key: str, header: str) -> HtmlColumn:
    return HtmlColumn(header, lambda row: count(row[key]), sort=_number(key))


def _duration(key: str) -> Any:
    return lambda row: duration(row[key])


def _number(key: str) -> Any:
    def number(row: Row) -> float:
        figure = known(row[key])
        return -1.0 if figure is None else figure

    return number


def _share(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.1%}"
