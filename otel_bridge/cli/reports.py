"""
Reports of the query layer, printed.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, TypeVar

import typer
from otel_bridge_queries import Queries, Result
from otel_bridge_storage.errors import QueryError

from otel_bridge.cli.calendar import PERIODS, with_periods
from otel_bridge.cli.destination import write_binary
from otel_bridge.cli.drawings import drawing_columns, with_drawings
from otel_bridge.cli.formats import BINARY, Format
from otel_bridge.cli.layout import Column
from otel_bridge.cli.output import write_rows
from otel_bridge.cli.progress import share_of
from otel_bridge.cli.sparks import Sparks
from otel_bridge.cli.tables import Row
from otel_bridge.cli.texts import UNKNOWN, cost, count, duration, share, text

T = TypeVar("T")

GROUP_KEYS = {
    "agent": "agent_name",
    "session": "session_id",
    "user": "user_id",
    "run": "run_id",
}


_FIGURES = (
    Column(key="llm_calls", header="calls", show=count, right=True, rank=6),
    Column(key="calls", header="calls", show=count, right=True, rank=6),
    Column(key="input_tokens", header="in", show=count, right=True, rank=5),
    Column(key="cache_read_tokens", header="cached", show=count, right=True, rank=11),
    Column(key="cache_write_tokens", header="cache write", show=count, right=True, rank=13),
    Column(key="output_tokens", header="out", show=count, right=True, rank=5),
    Column(key="reasoning_tokens", header="reasoning", show=count, right=True, rank=12),
    Column(key="calls_without_usage", header="no usage", show=count, right=True, rank=9),
    Column(key="total_tokens", header="total", show=count, right=True, rank=8),
    Column(key="_cost", header="cost", right=True, rank=1),
    Column(key="unpriced_calls", header="unpriced", show=count, right=True, rank=2),
    Column(key="error_calls", header="errors", show=count, right=True, rank=2),
    Column(key="errors", header="errors", show=count, right=True, rank=2),
    Column(key="running_calls", header="running", show=count, right=True, rank=12),
    Column(key="retries", header="retried", show=count, right=True, rank=8),
    Column(key="recovered", header="recovered", show=count, right=True, rank=11),
    Column(key="error_rate", header="failing", show=share, right=True, rank=7),
    Column(key="cache_hit_ratio", header="from cache", show=share, right=True, rank=10),
    Column(key="p50_ms", header="p50", show=duration, right=True, rank=3),
    Column(key="p90_ms", header="p90", show=duration, right=True, rank=10),
    Column(key="p95_ms", header="p95", show=duration, right=True, rank=4),
    Column(key="p99_ms", header="p99", show=duration, right=True, rank=9),
    Column(key="mean_ms", header="mean", show=duration, right=True, rank=10),
    Column(key="max_ms", header="max", show=duration, right=True, rank=10),
)
_KNOWN = {column.key: column for column in _FIGURES}
_LEAST_TEXT = 8
_NUMBERS = (int, float, Decimal, date, timedelta)
_ID_KEYS = frozenset({"run_id", "session_id", "trace_id", "span_id"})


def answer(db: str, question: Callable[[Queries], T]) -> T:
    """
    Open the database for reports, ask one question and close it.

    All that the question asks for is counted back from the same now.
    """
    now = time.time_ns()
    with (
        share_of("into the cache of reports") as show,
        Queries(db, clock=lambda: now, progress=show) as queries,
    ):
        return question(queries)


def report(db: str, question: Callable[[Queries], T]) -> T:
    """
    Open the database and ask for a report with what was typed on the command line.

    Raises:
        typer.BadParameter: A group key, filter or time makes no sense.
    """
    try:
        return answer(db, question)
    except QueryError as exc:
        raise typer.BadParameter(str(exc)) from exc


def with_whole_run(db: str, filters: Mapping[str, Any]) -> dict[str, Any]:
    """
    Complete the beginning of a run's id in the filters of a report.
    """
    typed = filters.get("run_id")
    if typed is None:
        return dict(filters)
    # Reports need nothing else of what reads single runs, which takes long to import.
    from otel_bridge.cli.stories import ask, find_run

    return {**filters, "run_id": ask(db, lambda store: find_run(store, typed))}


def group_keys(typed: Sequence[str]) -> list[str]:
    """
    Read what people type after `--by`: names apart by commas, or the option again.

    The short forms `agent`, `session`, `user` and `run` are taken too.
    """
    names = [name.strip() for part in typed for name in part.split(",") if name.strip()]
    return list(dict.fromkeys(GROUP_KEYS.get(name, name) for name in names))


def print_result(
    result: Result,
    form: Format,
    *,
    empty: str,
    total: Row | None = None,
    figures: bool = False,
    bar: str | None = None,
    whole: float | None = None,
    sparks: Sparks | None = None,
) -> None:
    """
    Print a result.

    Args:
        result: The result.
        form: The form.
        empty: What to say where there is no row.
        total: A last line for people.
        figures: Fields with the names of a report's figures are shown as such: cost as
            money, milliseconds as durations; and calendar keys by their names.
        bar: The figure that a table shows as a bar as well.
        whole: That figure of all groups; None for that of the last line, or of the rows.
        sparks: The sparklines of a table.
    """
    if form in BINARY:
        write_binary(result, form)
        return
    rows: list[dict[str, Any]] = result.dicts()
    if form is Format.TABLE:
        rows = with_drawings(rows, bar, whole or (total or {}).get(bar or ""), sparks)
    if figures:
        rows = [with_periods(row) for row in rows]
    keys = list(result.columns)
    if figures and "cost_usd" in keys and form in (Format.TABLE, Format.MD):
        rows = [_with_cost(row) for row in rows]
        total = _with_cost(total) if total else None
        keys[keys.index("cost_usd")] = "_cost"
    numbers = set() if figures else _numbers(result)
    columns = [_column(key, at, numbers, figures=figures) for at, key in enumerate(keys)]
    if form is Format.TABLE:
        columns += drawing_columns(rows, sparks)
    write_rows(rows, columns, form, empty=empty, keys=keys, total=total)


def total_row(by: Sequence[str], totals: Sequence[Row]) -> dict[str, Any]:
    """
    Turn the one row of a report without groups into a table's last line.
    """
    row: dict[str, Any] = dict(totals[0]) if totals else {}
    labels = dict.fromkeys(by, "") | ({by[0]: "total"} if by else {})
    return row | labels


def _column(key: str, at: int, numbers: Collection[str], *, figures: bool) -> Column:
    if figures and key in _KNOWN:
        return _KNOWN[key]
    return Column(
        key=key,
        header=key,
        show=_group,
        rank=0 if figures else at,
        least=None if key in numbers or (figures and key in PERIODS) else _LEAST_TEXT,
        prefix=key in _ID_KEYS,
    )


def _numbers(result: Result) -> set[str]:
    """
    Name the columns whose values would be wrong ones if they were shortened.
    """
    return {
        name
        for at, name in enumerate(result.columns)
        if all(row[at] is None or isinstance(row[at], _NUMBERS) for row in result.rows)
    }


def _with_cost(row: Row) -> dict[str, Any]:
    return {**row, "_cost": cost(row["cost_usd"], row["unpriced_calls"])}


def _group(value: Any) -> str:
    return "" if value == "" else UNKNOWN if value is None else text(value)
