"""
How the groups of a report went over time, for a column of its table.
"""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from otel_bridge_queries import Result

from otel_bridge.charts.measures import known
from otel_bridge.charts.periods import Period, all_periods
from otel_bridge.cli.bars import merged
from otel_bridge.cli.formats import Format, Spark

_MOST = 24
_SHORT = re.compile(r"\s*(?:\d+\s*m|[1-4]?\d\s*h)\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sparks:
    """
    The sparklines of a table.

    Attributes:
        header: What one character stands for.
        keys: The keys of the groups.
        values: The figures of each group over time.
    """

    header: str
    keys: Sequence[str]
    values: Mapping[tuple[Any, ...], list[float | None]]


def sparks(
    ask: Callable[[Sequence[str]], Result],
    keys: Sequence[str],
    measure: str,
    *,
    asked: Spark | None,
    form: Format,
    since: str | None,
) -> Sparks | None:
    """
    Ask for the groups over time, if that is wanted.

    Args:
        ask: Gives the report by other keys.
        keys: The keys of the table.
        measure: The figure.
        asked: What was asked for; None where that is open: a report that begins
            somewhere shows its days on a terminal, or its hours if it began hours ago.
        form: How the rows are printed; only a table has sparklines.
        since: Where the report begins.
    """
    if form is not Format.TABLE or asked is Spark.NONE or not keys:
        return None
    if asked is None:
        if since is None or not sys.stdout.isatty() or {*Spark}.intersection(keys):
            return None
        asked = Spark.HOUR if _SHORT.fullmatch(since) else Spark.DAY
    period = _as_period(asked)
    if period in keys:
        return None
    rows = ask([*keys, period]).dicts()
    starts = all_periods((row[period] for row in rows if row[period]), period)
    return _along(rows, keys, measure, period, starts) if len(starts) > 1 else None


def _along(
    rows: Sequence[Mapping[str, Any]],
    keys: Sequence[str],
    measure: str,
    period: Period,
    starts: Sequence[datetime],
) -> Sparks:
    places = {start.astimezone(UTC): place for place, start in enumerate(starts)}
    values: dict[tuple[Any, ...], list[float | None]] = {}
    for row in rows:
        if row[period]:
            group = tuple(row[key] for key in keys)
            along = values.setdefault(group, [None] * len(starts))
            along[places[row[period].astimezone(UTC)]] = known(row[measure])
    each = -(-len(starts) // _MOST)
    header = f"by {period}" if each == 1 else f"by {each} {period}s"
    return Sparks(header, keys, {group: merged(along, _MOST) for group, along in values.items()})


def _as_period(asked: Spark) -> Period:
    periods: dict[Spark, Period] = {
        Spark.HOUR: "hour",
        Spark.DAY: "day",
        Spark.WEEK: "week",
        Spark.MONTH: "month",
    }
    return periods[asked]
