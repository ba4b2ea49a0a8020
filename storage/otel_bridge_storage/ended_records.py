"""
Spans and log records in the order in which they were stored whole, after some place.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from otel_bridge_storage.log_content import log_records, logs_after
from otel_bridge_storage.records import LogRecord, SpanRecord
from otel_bridge_storage.schema import logs, spans
from otel_bridge_storage.span_rows import records_of, records_texts, with_origins

_FULL = with_origins(spans)


class Ended(NamedTuple):
    """
    A span that ended, or a log record.

    Attributes:
        place: Its place in the order: `spans.ended_seq` or `logs.id`.
        row: `spans.id` or `logs.id`.
    """

    place: int
    row: int
    record: SpanRecord | LogRecord


def spans_ended_after(connection: Connection, place: int, limit: int) -> list[Ended]:
    """
    Give the spans that follow a place, in full; those that stand for log records and those
    that are open are in no order.
    """
    query = _FULL.where(spans.c.ended_seq > place).order_by(spans.c.ended_seq).limit(limit)
    return _spans(connection, [row._asdict() for row in connection.execute(query)])


def logs_stored_after(connection: Connection, place: int, limit: int) -> list[Ended]:
    """
    Give the log records that follow a place, in full.
    """
    return _logs(connection, logs_after(connection, place, limit))


def spans_by_row(connection: Connection, rows: Sequence[int]) -> list[Ended]:
    """
    Give spans by their row ids, in full; those that are not there are left out.
    """
    query = _FULL.where(spans.c.id.in_(rows)).order_by(spans.c.ended_seq)
    return _spans(connection, [row._asdict() for row in connection.execute(query)])


def logs_by_row(connection: Connection, rows: Sequence[int]) -> list[Ended]:
    """
    Give log records by their row ids, in full; those that are not there are left out.
    """
    query = with_origins(logs).where(logs.c.id.in_(rows)).order_by(logs.c.id)
    return _logs(connection, [row._asdict() for row in connection.execute(query)])


def last_places(connection: Connection) -> tuple[int, int]:
    """
    Give the places of the last span that ended and of the last log record; 0 for none.
    """
    last = (func.max(spans.c.ended_seq), func.max(logs.c.id))
    span, log = (connection.execute(select(func.coalesce(each, 0))).scalar_one() for each in last)
    return span, log


def places_before(connection: Connection, since_ns: int) -> tuple[int, int]:
    """
    Give the places after which everything is found that ended, or was said, at some time
    or later, in nanoseconds since the epoch. Reads both tables to their end.
    """
    first_span = select(func.min(spans.c.ended_seq)).where(spans.c.end_ns >= since_ns)
    said_ns = func.coalesce(func.nullif(logs.c.time_ns, 0), logs.c.observed_ns)
    first_log = select(func.min(logs.c.id)).where(said_ns >= since_ns)
    firsts = [connection.execute(query).scalar_one() for query in (first_span, first_log)]
    after_span, after_log = (
        last if first is None else first - 1
        for first, last in zip(firsts, last_places(connection), strict=True)
    )
    return after_span, after_log


def _spans(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[Ended]:
    records = records_of(rows, lambda wanted: records_texts(connection, wanted))
    return [
        Ended(row["ended_seq"], row["id"], record)
        for row, record in zip(rows, records, strict=True)
    ]


def _logs(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[Ended]:
    records = log_records(connection, rows)
    return [Ended(row["id"], row["id"], record) for row, record in zip(rows, records, strict=True)]
