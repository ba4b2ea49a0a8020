"""
Log records as rows, and the messages that some instrumentations put into them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from otel_bridge_storage.readings import LogReading, Message, Role
from otel_bridge_storage.records import LogRecord, SpanRecord
from otel_bridge_storage.schema import logs, spans
from otel_bridge_storage.span_rows import records_texts, resource_of, scope_of, with_origins
from otel_bridge_storage.statements import KEYS, Lookup, Rows
from otel_bridge_storage.unit import Unit
from otel_bridge_storage.values import (
    clean,
    load,
    map_references,
    prepare,
    prepare_value,
    references,
    resolve,
    resolve_map,
)

Logged = tuple[tuple[Message, ...], tuple[Message, ...]]

_FIND = Lookup(select(logs.c.hash).where(KEYS), logs.c.hash)
_INSERT = Rows(insert(logs))
_ALL = with_origins(logs)
_FULL = _ALL.order_by(logs.c.time_ns, logs.c.hash)
_LOGS_BY_SPAN = Lookup(_FULL.where(KEYS), logs.c.trace_id, logs.c.span_id)
LOGS_BY_TRACE = _FULL.where(logs.c.trace_id == bindparam("trace_id"))
_TELLING = Lookup(
    select(spans.c.id, spans.c.role, spans.c.run_id).where(
        KEYS, spans.c.role.in_((Role.LLM.value, Role.RUN.value))
    ),
    spans.c.trace_id,
    spans.c.span_id,
)


def store_logs(unit: Unit, records: Mapping[bytes, LogRecord]) -> int:
    """
    Store log records, each once; what they say is given to the calls and the runs they
    belong to.

    Args:
        records: By `log_hash`.

    Returns:
        How many were not there before.
    """
    by_hash = dict(records)
    for row in unit.select(_FIND, list(by_hash)):
        by_hash.pop(row.hash, None)
    prepared = [
        (
            digest,
            record,
            prepare_value(record.body, unit.texts.announce),
            prepare(record.attributes, unit.texts.announce),
        )
        for digest, record in by_hash.items()
    ]
    unit.texts.store()
    unit.write(_INSERT, [_row(unit, *item) for item in prepared])
    _mark(unit, by_hash.values())
    return len(by_hash)


def logged_messages(unit: Unit, wanted: Mapping[int, SpanRecord]) -> dict[int, Logged]:
    """
    Give input and output messages that log records carry for some spans.
    """
    keys = {record.key: span for span, record in wanted.items()}
    readings: defaultdict[int, list[LogReading]] = defaultdict(list)
    rows = [row._asdict() for row in unit.select(_LOGS_BY_SPAN, sorted(keys))]
    for record in log_records(unit.connection, rows):
        reading = unit.reader.read_log(record)
        if reading is not None:
            readings[keys[record.trace_id, record.span_id]].append(reading)
    return {span: _join(found) for span, found in readings.items()}


def logs_after(connection: Connection, after: int, limit: int) -> list[Mapping[str, Any]]:
    """
    Give the rows that follow a row, in full and in the order in which they were stored.
    """
    query = _ALL.where(logs.c.id > after).order_by(logs.c.id).limit(limit)
    return [row._asdict() for row in connection.execute(query)]


def log_records(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> list[LogRecord]:
    """
    Turn rows of the full select into log records.
    """
    loaded = [(load(row["body"]), load(row["attributes"])) for row in rows]
    wanted = {
        ref
        for body, attributes in loaded
        for ref in (*references(body), *map_references(attributes))
    }
    texts = records_texts(connection, wanted)
    return [
        LogRecord(
            trace_id=row["trace_id"],
            span_id=row["span_id"],
            time_ns=row["time_ns"],
            observed_ns=row["observed_ns"],
            severity_number=row["severity_number"],
            severity_text=row["severity_text"],
            event_name=row["event_name"],
            body=resolve(body, texts),
            attributes=resolve_map(attributes, texts),
            dropped_attributes=row["dropped_attributes"],
            flags=row["flags"],
            resource=resource_of(row),
            scope=scope_of(row),
        )
        for row, (body, attributes) in zip(rows, loaded, strict=True)
    ]


def _join(readings: Sequence[LogReading]) -> Logged:
    whole = [reading for reading in readings if reading.complete] or readings
    given = dict.fromkeys(message for reading in whole for message in reading.input)
    answered = dict.fromkeys(message for reading in whole for message in reading.output)
    return (tuple(given), tuple(answered))


def _mark(unit: Unit, records: Iterable[LogRecord]) -> None:
    keys = {(record.trace_id, record.span_id) for record in records if record.span_id}
    keys = {key for key in keys if key[0]}
    for row in unit.select(_TELLING, sorted(keys)):
        if row.role == Role.LLM.value:
            unit.dirty_calls.add(row.id)
        else:
            unit.fresh_runs.add(row.run_id)
            unit.reshaped_runs.add(row.run_id)


def _row(
    unit: Unit, digest: bytes, record: LogRecord, body: Any, attributes: dict[str, Any]
) -> dict[str, Any]:
    return {
        "id": unit.numbers.next("log"),
        "hash": digest,
        "trace_id": record.trace_id,
        "span_id": record.span_id,
        "time_ns": record.time_ns,
        "observed_ns": record.observed_ns,
        "severity_number": record.severity_number,
        "severity_text": clean(record.severity_text),
        "event_name": clean(record.event_name),
        "body": unit.texts.dump(body),
        "attributes": unit.texts.dump(attributes),
        "dropped_attributes": record.dropped_attributes,
        "flags": record.flags,
        "resource_id": unit.origins.resource_id(record.resource),
        "scope_id": unit.origins.scope_id(record.scope),
    }
