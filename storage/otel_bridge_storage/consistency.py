"""
What the tables of a whole database say of one another, as selects that count exceptions.

They run on every backend.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    FromClause,
    Select,
    Table,
    and_,
    case,
    exists,
    func,
    or_,
    select,
)

from otel_bridge_storage.columns import metadata
from otel_bridge_storage.findings import REBUILD, SAVE
from otel_bridge_storage.migrations import COUNTERS
from otel_bridge_storage.run_totals import TOKENS
from otel_bridge_storage.schema import (
    counters,
    llm_calls,
    logs,
    messages,
    run_labels,
    run_log,
    runs,
    sessions,
    spans,
    steps,
    tool_calls,
)

_DERIVED = frozenset(
    table.name for table in (runs, run_labels, llm_calls, tool_calls, steps, sessions)
)
_TEXTS = frozenset(
    (
        runs.c.input_message,
        runs.c.answer_message,
        tool_calls.c.arguments,
        tool_calls.c.result,
        steps.c.message,
        steps.c.condensed_message,
    )
)
_GIVEN_OUT = {
    "sequence": (run_log.c.seq, run_log.c.bound_seq),
    "span": (spans.c.id,),
    "message": (messages.c.id,),
    "log": (logs.c.id,),
    "ended": (spans.c.ended_seq,),
}


@dataclass(frozen=True, slots=True)
class Rule:
    """
    Something that holds in a database that is whole.

    Attributes:
        broken: Selects one number: how many exceptions there are.
        tables: What must be there to ask.
        says: What an exception is.
        since: The schema from which on it can be asked.
    """

    where: str
    says: str
    broken: Select[Any]
    remedy: str
    tables: tuple[str, ...]
    since: int = 1


def rules() -> Iterator[Rule]:
    """
    List the rules, those of the truth first.
    """
    yield from _counters()
    for table in sorted(metadata.tables.values(), key=lambda table: table.name in _DERIVED):
        yield from _references(table)
    stands = _rule(
        spans,
        "spans stand for log records that are not there",
        _without(spans, logs, logs.c.hash == spans.c.log_hash, given=spans.c.log_hash),
        REBUILD,
        logs.name,
    )
    yield replace(stands, since=3)
    yield _is_derived(llm_calls, "llm")
    yield _is_derived(tool_calls, "tool")
    yield from _of_runs()


def _counters() -> Iterator[Rule]:
    for name, columns in _GIVEN_OUT.items():
        value = select(counters.c.value).where(counters.c.name == name).scalar_subquery()
        for column in columns:
            query = select(func.count()).select_from(column.table).where(column > value)
            says = f"{column.name} is above the counter {name!r}, so that writes will fail"
            rule = _rule(column.table, says, query, SAVE, counters.name)
            yield replace(rule, since=4 if column is spans.c.ended_seq else 1)
    known = select(func.count()).where(counters.c.name.in_(COUNTERS)).scalar_subquery()
    missing = select(len(COUNTERS) - known)
    yield Rule(counters.name, "counters are missing", missing, SAVE, (counters.name,), since=4)


def _references(table: Table) -> Iterator[Rule]:
    """
    Each reference of a table leads somewhere.
    """
    for column in table.columns:
        targets = {key.column for key in column.foreign_keys}
        # Texts are referred to without a constraint.
        targets |= {messages.c.id} if column in _TEXTS else set()
        for key in targets:
            query = _without(table, key.table, key == column, given=column)
            says = f"{column.name} refers to {key.table.name} that are not there"
            remedy = REBUILD if table.name in _DERIVED else SAVE
            yield _rule(table, says, query, remedy, key.table.name)


def _is_derived(table: Table, role: str) -> Rule:
    query = _without(spans, table, table.c.span == spans.c.id, given=None).where(
        spans.c.role == role
    )
    return _rule(spans, f"spans of role {role} have no row in {table.name}", query, REBUILD)


def _of_runs() -> Iterator[Rule]:
    own_span = and_(spans.c.trace_id == runs.c.trace_id, spans.c.span_id == runs.c.span_id)
    yield _rule(
        runs,
        "runs begin with spans that are not there",
        _without(runs, spans, own_span, given=runs.c.span_id),
        REBUILD,
    )
    yield _rule(
        spans,
        "spans of role run have no row in runs",
        _without(spans, runs, runs.c.run_id == spans.c.run_id).where(spans.c.role == "run"),
        REBUILD,
    )
    for table in (run_labels, llm_calls, tool_calls, steps):
        query = _without(table, runs, runs.c.run_id == table.c.run_id)
        if "counted" in table.c:
            query = query.where(table.c.counted == 1)
        yield _rule(table, "rows belong to runs that are not there", query, REBUILD, runs.name)
    for table, names in ((llm_calls, _LLM_SUMS), (tool_calls, _TOOL_SUMS)):
        says = f"totals differ from the sums of {table.name}"
        yield _rule(runs, says, _wrong_sums(table, names), REBUILD, table.name)
    yield _rule(
        runs,
        "runs belong to sessions that are not there",
        _without(
            runs,
            sessions,
            sessions.c.session_id == runs.c.session_id,
            given=runs.c.session_id,
        ),
        REBUILD,
        sessions.name,
    )
    yield _rule(
        sessions,
        "numbers of runs differ from runs",
        _wrong_sessions(),
        REBUILD,
        runs.name,
    )


_LLM_SUMS = ("llm_calls", "failed_llm_calls", "unpriced_calls", *TOKENS)
_TOOL_SUMS = ("tool_calls", "failed_tool_calls")


def _wrong_sums(table: Table, names: tuple[str, ...]) -> Select[Any]:
    failed = func.sum(case((table.c.status == "error", 1), else_=0))
    sums: dict[str, ColumnElement[Any]] = {
        table.name: func.count(),
        f"failed_{table.name}": failed,
    }
    if "unpriced_calls" in names:
        sums["unpriced_calls"] = func.count() - func.count(table.c.cost_picousd)
        sums |= {name: func.sum(table.c[name]) for name in TOKENS}
    made = (
        select(table.c.run_id, *(sums[name].label(name) for name in names))
        .where(table.c.counted == 1)
        .group_by(table.c.run_id)
        .subquery()
    )
    differs = or_(*(_differs(runs.c[name], made.c[name], name in TOKENS) for name in names))
    joined = runs.outerjoin(made, made.c.run_id == runs.c.run_id)
    return select(func.count()).select_from(joined).where(differs)


def _differs(
    stored: Column[Any], made: ColumnElement[Any], may_be_null: bool
) -> ColumnElement[bool]:
    return stored.is_distinct_from(made if may_be_null else func.coalesce(made, 0))


def _wrong_sessions() -> Select[Any]:
    made = (
        select(runs.c.session_id, func.count().label("runs"))
        .where(runs.c.session_id.is_not(None))
        .group_by(runs.c.session_id)
        .subquery()
    )
    joined = sessions.outerjoin(made, made.c.session_id == sessions.c.session_id)
    differs = sessions.c.runs.is_distinct_from(made.c.runs)
    return select(func.count()).select_from(joined).where(differs)


def _without(
    table: Table,
    other: FromClause,
    *conditions: ColumnElement[bool],
    given: ColumnElement[Any] | None = None,
) -> Select[Any]:
    """
    Count the rows of a table that have no counterpart in another.

    Args:
        given: A column that must hold something for a row to count.
    """
    counterpart = exists().select_from(other).where(*conditions).correlate(table)
    query = select(func.count()).select_from(table).where(~counterpart)
    return query if given is None else query.where(given.is_not(None))


def _rule(table: FromClause, says: str, query: Select[Any], remedy: str, *others: str) -> Rule:
    name = str(getattr(table, "name", table))
    return Rule(name, says, query, remedy, (name, *others))
