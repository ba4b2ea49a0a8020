"""
All figures of the page, asked for at one moment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from otel_bridge_queries import Queries, Result

from otel_bridge.charts.periods import Period

ROWS = 15
_HOURS_UP_TO = timedelta(days=2)
_DAYS_UP_TO = timedelta(days=120)
_WEEKS_UP_TO = timedelta(days=800)
_HEAT_FROM = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Asked:
    """
    What the page is about.

    Attributes:
        filters: Those of the reports, `timezone` among them; None is left out.
        title: Its title.
        made_at: When it is made.
    """

    filters: Mapping[str, Any]
    title: str
    made_at: datetime

    @property
    def timezone(self) -> str:
        """
        Name the time zone of its days.
        """
        return str(self.filters.get("timezone") or "UTC")


@dataclass(frozen=True, slots=True)
class Figures:
    """
    What the page shows.

    Attributes:
        period: The periods of `cost_over_time` and `latency_over_time`.
        days: The days with calls.
        hours: Calls by hour; None where they are too few days for a pattern.
    """

    total: Mapping[str, Any]
    tokens: Mapping[str, Any]
    latency: Mapping[str, Any]
    tool_total: Mapping[str, Any]
    period: Period
    days: tuple[datetime, ...]
    cost_over_time: Result
    latency_over_time: Result
    hours: Result | None
    by_agent: Result
    by_model: Result
    by_user: Result
    by_session: Result
    by_run: Result
    latency_by_model: Result
    tools: Result
    errors: Result
    unpriced: Result


def collect(queries: Queries, asked: Asked) -> Figures:
    """
    Ask for everything, as of one moment.

    Raises:
        QueryError: A filter or time makes no sense.
    """
    filters = {name: value for name, value in asked.filters.items() if value is not None}
    with queries.at_one_moment():
        return _all(queries, filters)


def _all(queries: Queries, filters: Mapping[str, Any]) -> Figures:
    calls, tools = _for_calls(filters), _for_tools(filters)
    days = tuple(row["day"] for row in queries.cost(by="day", **calls) if row["day"])
    long = days[-1] - days[0] + timedelta(days=1) if days else timedelta()
    period = _period(long)
    most = ROWS + 1
    return Figures(
        total=queries.cost(by=[], **calls).dicts()[0],
        tokens=queries.tokens(by=[], **calls).dicts()[0],
        latency=queries.latency(by=[], **calls).dicts()[0],
        tool_total=queries.tools(by=[], **tools).dicts()[0],
        period=period,
        days=days,
        cost_over_time=queries.cost(by=["model", period], **calls),
        latency_over_time=queries.latency(by=period, **calls),
        hours=queries.cost(by="hour", **calls) if long >= _HEAT_FROM else None,
        by_agent=queries.cost(by="agent_name", limit=most, **calls),
        by_model=queries.cost(by=["model", "provider"], limit=most, **calls),
        by_user=queries.cost(by="user_id", limit=most, **calls),
        by_session=queries.cost(by="session_id", limit=most, **calls),
        by_run=queries.cost(by=["run_id", "agent_name"], limit=most, **calls),
        latency_by_model=queries.latency(by="model", limit=most, **calls),
        tools=queries.tools(by="tool_name", limit=most, **tools),
        errors=queries.errors(by=[], limit=most, **filters),
        unpriced=queries.unpriced(limit=most, **calls),
    )


def _period(long: timedelta) -> Period:
    if long <= _HOURS_UP_TO:
        return "hour"
    if long <= _DAYS_UP_TO:
        return "day"
    return "week" if long <= _WEEKS_UP_TO else "month"


def _for_calls(filters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in filters.items() if name != "tool_name"}


def _for_tools(filters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: v for name, v in filters.items() if name not in ("model", "provider")}
