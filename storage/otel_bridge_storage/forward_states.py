"""
How forwarding stands: what waits for each destination, and what it would not take.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from otel_bridge_storage.forward_cursors import SetAside
from otel_bridge_storage.forward_signals import unsent_of
from otel_bridge_storage.forward_tables import forward_cursors, set_aside
from otel_bridge_storage.schema import logs, spans


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardState:
    """
    How forwarding to one destination stands.

    Attributes:
        waiting_spans: Spans that ended and were not looked at yet; some may be filtered out.
            None are counted where its description leaves out spans.
        waiting_logs: Log records likewise. Those that it has no place for are not among them.
        untaken_logs: Log records that are kept until it has a place for log records.
        untaken: Its answer to log records, where it has no place for them.
        oldest_ns: When the first span that waits ended, or the first log record that waits
            was made, in nanoseconds since the epoch.
        sent_spans: Spans that the destination accepted, ever.
        sent_logs: Log records likewise.
        rejected: How many of these it said it rejected for good.
        set_aside: How many records it would not take and that are kept aside.
        sent_ns: When it last accepted something.
        trouble: Why nothing goes out; None when all is well, as far as is known. What has
            no place for log records, and never took a span, may be no such endpoint at all.
        held_ns: The last sign of life of the process that sends; None where none does.
    """

    destination: str
    url: str
    waiting_spans: int
    waiting_logs: int
    untaken_logs: int
    untaken: str | None
    oldest_ns: int | None
    sent_spans: int
    sent_logs: int
    rejected: int
    set_aside: int
    sent_ns: int | None
    trouble: str | None
    held_ns: int | None


def forward_states(connection: Connection) -> list[ForwardState]:
    """
    Say how forwarding to each destination stands, by name.
    """
    query = select(forward_cursors).order_by(forward_cursors.c.destination)
    return [_state(connection, row) for row in connection.execute(query).mappings()]


def is_named(connection: Connection, destination: str) -> bool:
    """
    Whether there is a cursor of a destination.
    """
    query = select(forward_cursors.c.destination).where(
        forward_cursors.c.destination == destination
    )
    return connection.execute(query).first() is not None


def is_waiting(connection: Connection, destination: str, signals: Collection[str]) -> bool:
    """
    Whether something of these signals was stored after the cursor of a destination.
    """
    named = forward_cursors.c.destination == destination
    following = {
        "traces": select(spans.c.id).where(spans.c.ended_seq > forward_cursors.c.spans_after),
        "logs": select(logs.c.id).where(logs.c.id > forward_cursors.c.logs_after),
    }
    queries = (following[signal].where(named).limit(1) for signal in signals)
    return any(connection.execute(query).first() for query in queries)


def set_aside_of(connection: Connection, destination: str) -> list[SetAside]:
    """
    List what a destination would not take, in the order in which it was stored.
    """
    query = (
        select(set_aside)
        .where(set_aside.c.destination == destination)
        .order_by(set_aside.c.signal.desc(), set_aside.c.row)
    )
    return [
        SetAside(
            signal=row["signal"],
            row=row["row"],
            trace_id=row["trace_id"],
            span_id=row["span_id"],
            reason=row["reason"],
        )
        for row in connection.execute(query).mappings()
    ]


def _state(connection: Connection, row: Any) -> ForwardState:
    unsent = unsent_of(connection, row["destination"])
    untaken = unsent.get("logs")
    spans_wait = spans.c.ended_seq > row["spans_after"]
    logs_wait = logs.c.id > row["logs_after"]
    later_logs = 0 if unsent.get("logs", "") is None else _count(connection, logs, logs_wait)
    oldest = []
    if "traces" not in unsent:
        oldest.append(select(spans.c.end_ns).where(spans_wait).order_by(spans.c.ended_seq))
    if "logs" not in unsent:
        made_ns = func.coalesce(func.nullif(logs.c.time_ns, 0), logs.c.observed_ns)
        oldest.append(select(made_ns).where(logs_wait).order_by(logs.c.id))
    firsts = [connection.execute(query.limit(1)).scalar_one_or_none() for query in oldest]
    set_aside_here = set_aside.c.destination == row["destination"]
    return ForwardState(
        destination=row["destination"],
        url=row["url"],
        waiting_spans=0 if "traces" in unsent else _count(connection, spans, spans_wait),
        waiting_logs=0 if untaken else later_logs,
        untaken_logs=later_logs if untaken else 0,
        untaken=untaken,
        oldest_ns=min((first for first in firsts if first is not None), default=None),
        sent_spans=row["sent_spans"],
        sent_logs=row["sent_logs"],
        rejected=row["rejected"],
        set_aside=_count(connection, set_aside, set_aside_here),
        sent_ns=row["sent_ns"],
        trouble=row["trouble"] or (untaken if not row["sent_spans"] else None),
        held_ns=row["held_ns"],
    )


def _count(connection: Connection, table: Any, condition: Any) -> int:
    query = select(func.count()).select_from(table).where(condition)
    return int(connection.execute(query).scalar_one())
