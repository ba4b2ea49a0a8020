"""
Why a span was counted as it was: what is stored of it, of its copies and of what it is in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, and_, or_, select

from otel_bridge_storage.arguments import given_text
from otel_bridge_storage.bound_through import COPY, BoundThrough, bound_through, has_lost_parent
from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.log_content import log_records
from otel_bridge_storage.records import LogRecord, SpanRecord
from otel_bridge_storage.same_calls import CallMember, SameCalls, same_calls
from otel_bridge_storage.schema import logs, runs, spans
from otel_bridge_storage.span_rows import Key, load_by_id, with_origins

TOTALS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
_CANDIDATES = 5
_SHOWN = 4
_CHUNK = 1000
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTotals:
    """
    What the counted calls of a run add up to.

    Attributes:
        own: The sums over the run's own calls, by the names of `TOTALS`; None where no
            call told.
        family: The same with all runs below it.
        calls: How many calls there are in the run itself.
        family_calls: How many there are with all runs below it.
        runs_below: How many runs are below it.
    """

    run_id: str
    own: Mapping[str, int | None]
    family: Mapping[str, int | None]
    calls: int
    family_calls: int
    runs_below: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanExplained:
    """
    One span and what became of it.

    Attributes:
        span: The span as it arrived.
        role: `run`, `llm`, `tool` or `other`, as it was stored.
        from_log: No instrumentation sent the span: it stands for a log record.
        logs: The log records that belong to the span, or for which it stands.
        call: The row of the call that it is; None for a span that is none.
        counted: Where it was not counted: the spans that are, one for a copy and several
            for a sum.
        copies: Where it was counted: the spans that show the same call.
        sums: The spans whose sums this call is in.
        bound: What it is in, and through which span.
        parent_lost: It names a parent, or a link that stands for one, which is not there.
        totals: Of a run's span, what its calls add up to.
    """

    span: SpanRecord
    role: str
    from_log: bool
    logs: Sequence[LogRecord]
    call: CallMember | None
    counted: Sequence[CallMember]
    copies: Sequence[CallMember]
    sums: Sequence[CallMember]
    bound: Sequence[BoundThrough]
    parent_lost: bool
    totals: RunTotals | None


def explain(connection: Connection, span_id: str, trace_id: str | None) -> SpanExplained | None:
    """
    Tell what became of the one span whose id begins so; None where there is none.

    Raises:
        QueryError: An id is no text, or several spans' ids begin so.
    """
    found = _find(connection, span_id, trace_id)
    if found is None:
        return None
    row = connection.execute(select(spans).where(spans.c.id == found)).mappings().one()
    record = load_by_id(connection, [found])[found]
    told_by_log = row["log_hash"]
    same = same_calls(connection, found, row["role"]) or SameCalls()
    return SpanExplained(
        span=record,
        role=row["role"] or "other",
        from_log=told_by_log is not None,
        logs=tuple(_logs(connection, record.key, told_by_log)),
        call=same.itself,
        counted=same.counted,
        copies=same.copies,
        sums=same.sums,
        bound=tuple(_bound(connection, record.key, same)),
        parent_lost=has_lost_parent(connection, row),
        totals=_totals(connection, row["run_id"]) if row["role"] == "run" else None,
    )


def _find(connection: Connection, span_id: str, trace_id: str | None) -> int | None:
    start = given_text(span_id, "span_id").strip().lower()
    conditions = [spans.c.span_id >= start, spans.c.span_id < start + _LAST]
    if trace_id is not None:
        of_trace = given_text(trace_id, "trace_id").strip().lower()
        conditions += [spans.c.trace_id >= of_trace, spans.c.trace_id < of_trace + _LAST]
    if not start:
        return None
    query = (
        select(spans.c.id, spans.c.trace_id, spans.c.span_id)
        .where(*conditions)
        .order_by(spans.c.span_id, spans.c.trace_id)
        .limit(_CANDIDATES)
    )
    rows = connection.execute(query).all()
    if len(rows) > 1:
        some = ", ".join(f"{row.span_id} of trace {row.trace_id}" for row in rows[:_SHOWN])
        more = " and others" if len(rows) > _SHOWN else ""
        raise QueryError(
            f"{span_id!r} could be any of several spans: {some}{more}; "
            "give more of the id, or the trace too"
        )
    return rows[0].id if rows else None


def _bound(connection: Connection, key: Key, same: SameCalls) -> list[BoundThrough]:
    """
    Tell what a span is in; a call that is counted is where any of its copies is.
    """
    found = bound_through(connection, key)
    for copy in same.copies if same.itself is not None and same.itself.counted else ():
        home = same.itself.columns["run_id"] if same.itself is not None else None
        if found[0].value != home and copy.columns["run_id"] == home:
            found[0] = BoundThrough(
                what="run",
                value=home,
                how=COPY,
                trace_id=copy.trace_id,
                span_id=copy.span_id,
                span_name=copy.name,
            )
    return found


def _logs(connection: Connection, key: Key, told_by_log: bytes | None) -> list[LogRecord]:
    of_span = and_(logs.c.trace_id == key[0], logs.c.span_id == key[1])
    if told_by_log is not None:
        of_span = or_(of_span, logs.c.hash == told_by_log)
    query = with_origins(logs).where(of_span).order_by(logs.c.time_ns, logs.c.hash)
    return log_records(connection, connection.execute(query).mappings().all())  # type: ignore[arg-type]


def _totals(connection: Connection, run_id: str) -> RunTotals | None:
    columns = [runs.c[name] for name in ("run_id", "llm_calls", *TOTALS)]
    rows = connection.execute(select(*columns).where(runs.c.run_id == run_id)).mappings().all()
    if not rows:
        return None
    family, seen, above = list(rows), {run_id}, [run_id]
    while above:
        query = select(*columns).where(runs.c.parent_run_id.in_(above[:_CHUNK]))
        below = [r for r in connection.execute(query).mappings() if r["run_id"] not in seen]
        above = [*above[_CHUNK:], *(row["run_id"] for row in below)]
        seen.update(row["run_id"] for row in below)
        family += below
    return RunTotals(
        run_id=run_id,
        own={name: rows[0][name] for name in TOTALS},
        family={name: _sum([row[name] for row in family]) for name in TOTALS},
        calls=rows[0]["llm_calls"],
        family_calls=sum(row["llm_calls"] for row in family),
        runs_below=len(family) - 1,
    )


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
