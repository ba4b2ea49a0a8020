"""
The sections of the page, from the headline to what is unpriced.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from otel_bridge_queries import Result

from otel_bridge.charts import Chart, Kind, chart
from otel_bridge.cli.page.figures import ROWS, Asked, Figures
from otel_bridge.cli.page.html import card, paragraph, section
from otel_bridge.cli.page.tables import (
    cost_table,
    error_table,
    latency_table,
    tool_table,
    unpriced_table,
)
from otel_bridge.cli.texts import UNKNOWN, cost, count, counted, duration

_WIDE, _NARROW = 960, 360
_TOP = 8
_CALLS = ("llm_calls", "Model calls")


def headline(figures: Figures) -> str:
    """
    Write the figures that are looked at first.
    """
    total, tokens, latency, tools = (
        figures.total, figures.tokens, figures.latency, figures.tool_total,
    )  # fmt: skip
    calls, unpriced = total["llm_calls"], total["unpriced_calls"]
    left_out = f"{count(unpriced)} of {counted(calls, 'call')} unpriced" if unpriced else ""
    cards = [
        card("Cost", cost(total["cost_usd"], unpriced), left_out or _priced(calls), "main"),
        card("Model calls", count(calls), _without_usage(tokens["calls_without_usage"])),
        card(
            "Tokens", count(tokens["total_tokens"]),
            f"{count(total['input_tokens'])} in, {count(total['output_tokens'])} out"
            if tokens["total_tokens"] is not None
            else "",
        ),
        card("Input from cache", _share(tokens["cache_hit_ratio"])),
        card(
            "Failed calls", _share(_ratio(total["error_calls"], calls)),
            f"{count(total['error_calls'])} of {counted(calls, 'call')}",
        ),
        card(
            "Latency, median", duration(latency["p50_ms"]),
            f"p95 {duration(latency['p95_ms'])}",
        ),
        card(
            "Tool calls", count(tools["calls"]), f"{count(tools['errors'])} failed",
        ),
    ]  # fmt: skip
    return f'<dl class="cards">{"".join(cards)}</dl>'


def sections(figures: Figures, asked: Asked) -> Iterator[str]:
    """
    Write the sections that have something to show.
    """
    if figures.days:
        yield from _cost(figures)
        yield from _time(figures)
    if figures.tools.rows:
        yield section("Tools", tool_table(figures.tools), _cut(figures.tools, "tools"))
    if figures.errors.rows:
        like = _like(figures, asked)
        note = "A run that failed is counted beside the failed call that brought it down."
        yield section(
            "Errors", error_table(figures.errors, like), _cut(figures.errors, "errors"), note=note
        )
    if figures.unpriced.rows:
        note = "These calls are counted above, and are not in any cost."
        yield section(
            "Without a price",
            unpriced_table(figures.unpriced, _like(figures, asked)),
            _cut(figures.unpriced, "unpriced"),
            note=note,
        )


def _cost(figures: Figures) -> Iterator[str]:
    total = figures.total
    # Without any price there is no cost to draw, and the calls are there all the same.
    measure, what = ("cost_usd", "Cost") if total["cost_usd"] is not None else _CALLS
    yield section(
        f"{what} by {figures.period}",
        _both(lambda width: _drawn(figures.cost_over_time, width, measure=measure)),
    )
    tables = (
        ("Agents", figures.by_agent, [("agent_name", "agent")]),
        ("Models", figures.by_model, [("model", "model"), ("provider", "provider")]),
        ("Users", figures.by_user, [("user_id", "user")]),
        ("Sessions that cost most", figures.by_session, [("session_id", "session")]),
        ("Runs that cost most", figures.by_run, [("run_id", "run"), ("agent_name", "agent")]),
    )
    for name, result, keys in tables:
        if any(row[0] is not None for row in result.rows):
            yield section(name, cost_table(result, keys, total))


def _time(figures: Figures) -> Iterator[str]:
    if figures.latency_by_model.rows:
        yield section(
            "Latency of model calls",
            _both(lambda width: _drawn(figures.latency_over_time, width, kind="percentiles")),
            latency_table(figures.latency_by_model),
            _cut(figures.latency_by_model, "models"),
        )
    hours = figures.hours
    if hours is not None:
        yield section(
            "When models are called",
            _both(lambda width: _drawn(hours, width, kind="heat", measure="llm_calls")),
        )


def _drawn(
    result: Result, width: int, *, kind: Kind | None = None, measure: str | None = None
) -> Chart:
    return chart(result, kind=kind, measure=measure, top=_TOP, width=width)


def _both(draw: Callable[[int], Chart]) -> str:
    """
    Draw for wide screens and paper, and for narrow ones; the style sheet shows one.
    """
    return "".join(
        f'<div class="chart {kind}">{draw(width).drawing.svg(alone=False)}</div>'
        for kind, width in (("broad", _WIDE), ("narrow", _NARROW))
    )


def _cut(result: Result, what: str) -> str:
    return (
        paragraph(f"The {ROWS} first; there are more {what}.", "note")
        if len(result) > ROWS
        else ""
    )


def _like(figures: Figures, asked: Asked) -> datetime:
    return figures.days[0] if figures.days else asked.made_at


def _priced(calls: int) -> str:
    return "every call priced" if calls else ""


def _without_usage(calls: int) -> str:
    return f"{count(calls)} without token counts" if calls else ""


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _share(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.1%}"
