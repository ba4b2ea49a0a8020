"""
Repricing: what the calls recorded cost, worked out anew with the prices there are now.

Each transaction reprices some calls and makes the totals of their runs true, so that
others go on writing and reading in between.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, func, select, update

from otel_bridge_storage.call_prices import price_columns
from otel_bridge_storage.database import Database
from otel_bridge_storage.readings import Pricer, Reader
from otel_bridge_storage.runs import settle_runs
from otel_bridge_storage.schema import llm_calls
from otel_bridge_storage.sessions import settle_sessions
from otel_bridge_storage.statements import Rows
from otel_bridge_storage.unit import Unit

_CALLS_AT_ONCE = 2000
_COST = ("cost_picousd", "unpriced_reason")
_UPDATE = Rows(
    update(llm_calls)
    .where(llm_calls.c.span == bindparam("span_"))
    .values({name: bindparam(f"{name}_") for name in _COST})
)
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Sum:
    """
    What calls cost together.

    Attributes:
        picousd: USD × 10¹², of the calls that have a price.
        unpriced: How many have none.
    """

    picousd: int = 0
    unpriced: int = 0

    def add(self, picousd: int | None) -> None:
        """
        Take one more call into account.
        """
        self.picousd += picousd or 0
        self.unpriced += picousd is None


@dataclass(slots=True)
class Repriced:
    """
    What repricing did.

    Attributes:
        calls: How many calls were looked at.
        changed: How many of them have another price, or another reason to have none.
        before: What all that were looked at cost until now.
        after: What they cost from now on.
    """

    calls: int = 0
    changed: int = 0
    before: Sum = field(default_factory=Sum)
    after: Sum = field(default_factory=Sum)


def reprice(
    database: Database,
    *,
    reader: Reader,
    pricer: Pricer,
    since_ns: int | None = None,
    model: str | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Repriced:
    """
    Work out anew what calls cost, and the totals of their runs.

    Args:
        since_ns: Only calls that started then or later.
        model: Only calls of this model: the response's, else the request's.
        dry_run: Change nothing, and say what would change.
        progress: Called with how many calls are done, and how many there are.

    Raises:
        sqlalchemy.exc.DBAPIError: The database refused; what was done so far stays, and
            all totals are true.
    """
    wanted = _wanted(since_ns, model)
    with database.transaction() as connection:
        total = connection.execute(
            select(func.count()).select_from(llm_calls).where(*wanted)
        ).scalar_one()
    done = Repriced()
    after = 0
    while True:
        with database.transaction() as connection:
            rows = _next_calls(connection, wanted, after)
            if not rows:
                return done
            changes = _changes(rows, pricer, done)
            if changes and not dry_run:
                unit = Unit.begin(connection, reader=reader, pricer=pricer)
                _write(unit, changes)
                unit.numbers.save()
        after = rows[-1]["span"]
        if progress is not None:
            progress(done.calls, total)


def _wanted(since_ns: int | None, model: str | None) -> list[ColumnElement[bool]]:
    conditions = [llm_calls.c.counted == 1]
    if since_ns is not None:
        conditions.append(llm_calls.c.start_ns >= since_ns)
    if model is not None:
        told = func.coalesce(llm_calls.c.response_model, llm_calls.c.request_model)
        conditions.append(told == model)
    return conditions


def _next_calls(
    connection: Connection, wanted: Iterable[ColumnElement[bool]], after: int
) -> list[dict[str, Any]]:
    query = (
        select(llm_calls)
        .where(llm_calls.c.span > after, *wanted)
        .order_by(llm_calls.c.span)
        .limit(_CALLS_AT_ONCE)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _changes(
    rows: Iterable[dict[str, Any]], pricer: Pricer, done: Repriced
) -> list[dict[str, Any]]:
    """
    Price some calls, add them up, and give those whose columns change, as they will be.
    """
    changes = []
    for row in rows:
        priced = price_columns(pricer, row)
        done.calls += 1
        done.before.add(row["cost_picousd"])
        done.after.add(priced["cost_picousd"])
        if any(row[name] != priced[name] for name in _COST):
            done.changed += 1
            changes.append(row | priced)
    return changes


def _write(unit: Unit, changes: Iterable[dict[str, Any]]) -> None:
    rows = [{"span_": row["span"]} | {f"{name}_": row[name] for name in _COST} for row in changes]
    unit.write(_UPDATE, rows)
    unit.dirty_runs.update(row["run_id"] for row in changes)
    settle_runs(unit)
    settle_sessions(unit)
