"""
Spans that stand for log records, which tell of whole calls, tools or runs.

They are derived rows of `spans`: bound and counted like the rest, and not sent on, since
the log records are. A record and its span are found by the record's digest.
"""

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, select

from otel_bridge_storage.log_content import log_records, logs_after
from otel_bridge_storage.log_identity import log_hash
from otel_bridge_storage.readings import Reader
from otel_bridge_storage.records import LogRecord, SpanRecord
from otel_bridge_storage.schema import logs, spans
from otel_bridge_storage.span_rows import Key, load_by_id, richness
from otel_bridge_storage.statements import KEYS, Lookup
from otel_bridge_storage.unit import Unit

StandIns = Mapping[Key, tuple[bytes, SpanRecord]]
"""
By key, the digest of the log record and the span that stands for it.
"""

_STORED = Lookup(select(spans.c.id, spans.c.log_hash).where(KEYS), spans.c.log_hash)


def stand_ins_of(reader: Reader, records: Mapping[bytes, LogRecord]) -> StandIns:
    """
    Make the spans that stand for some log records, which are given by their digests.
    """
    found: dict[Key, tuple[bytes, SpanRecord]] = {}
    for digest, record in records.items():
        reading = reader.read_log(record)
        span = None if reading is None else reading.span
        if span is None:
            continue
        other = found.get(span.key)
        # Several records may tell of one run: the fullest is believed, whatever came first.
        if other is None or richness(span) > richness(other[1]):
            found[span.key] = (digest, span)
    return found


def next_logs(connection: Connection, after: int, limit: int) -> tuple[int, list[LogRecord]]:
    """
    Read the log records that come next, and say after which row to go on.
    """
    rows = logs_after(connection, after, limit)
    last = int(rows[-1]["id"]) if rows else after
    return last, log_records(connection, rows)


def differing(unit: Unit, records: Iterable[LogRecord]) -> tuple[set[int], StandIns]:
    """
    Compare what stands for some log records with what would stand for them now.

    Returns:
        The row ids of spans that no longer do, and the spans that are missing.
    """
    by_hash = {log_hash(record): record for record in records}
    wanted = dict(stand_ins_of(unit.reader, by_hash))
    stored = {row.id: row for row in unit.select(_STORED, sorted(by_hash))}
    there = load_by_id(unit.connection, sorted(stored))
    stale = set()
    for row_id, span in there.items():
        if wanted.get(span.key) == (stored[row_id].log_hash, span):
            del wanted[span.key]
        else:
            stale.add(row_id)
    return stale, wanted


def without_record(connection: Connection) -> set[int]:
    """
    Give the row ids of spans whose log record is gone.
    """
    record = select(logs.c.id).where(logs.c.hash == spans.c.log_hash).exists()
    query = select(spans.c.id).where(spans.c.log_hash.is_not(None), ~record)
    return set(connection.execute(query).scalars())
