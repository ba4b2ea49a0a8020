"""
Spans and logs as they were stored, from a database that is whole or damaged.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, select
from sqlalchemy.exc import DBAPIError

from otel_bridge_storage.live_facts import LiveFacts, with_facts
from otel_bridge_storage.readings import FactReading, Reader
from otel_bridge_storage.records import LogRecord, SpanRecord
from otel_bridge_storage.salvage import Row, SalvagedRows, in_batches
from otel_bridge_storage.schema import logs, messages, resources, run_log, scopes, spans
from otel_bridge_storage.selection import Selection
from otel_bridge_storage.span_rows import records_of, resource_of, scope_of
from otel_bridge_storage.values import load, map_references, references, resolve, resolve_map

LOST_TEXT = '"[lost: the database that held this text is damaged]"'
"""
Stands for a text that cannot be read; it is JSON, since it may stand in a list.
"""

T = TypeVar("T")
_BATCH = 100
_NO_RESOURCE = {
    "resource_attributes": "{}",
    "resource_dropped": 0,
    "resource_schema_url": "",
    "entities": "[]",
}
_NO_SCOPE = {
    "scope_name": "",
    "scope_version": "",
    "scope_attributes": "{}",
    "scope_dropped": 0,
    "scope_schema_url": "",
}


# What came later than schema 1 is not there in an older file.
_LATER = ("log_hash", "ended_seq", "link_trace_id", "link_span_id")
_SPAN_COLUMNS = tuple(c.name for c in spans.columns if c.name not in _LATER)


class StoredTelemetry:
    """
    Reads wanted spans and logs, a batch at a time.

    Args:
        connection: One of `tolerant_reading`.
        reader: Says which facts a span tells by itself.
        wanted: Which spans and logs.
    """

    def __init__(self, connection: Connection, reader: Reader, wanted: Selection) -> None:
        self._rows = SalvagedRows(connection)
        self._reader = reader
        self._wanted = wanted
        self._keys: set[bytes] = set()
        self._stood_for: set[bytes] = set()

    @property
    def lost(self) -> Counter[str]:
        """
        By table, how many rows could not be read.
        """
        return self._rows.lost

    def spans(self) -> Iterator[list[SpanRecord]]:
        """
        Read the spans; facts that only the run log has are among their events.
        """
        facts = LiveFacts()
        try:
            names = ("span", "fact_key", "kind", "time_ns", "iteration", "data")
            facts.add(self._rows.walk(run_log, *names))
            for rows in in_batches(self._rows.walk(spans, *self._span_columns()), _BATCH):
                live = facts.take([row["id"] for row in rows])
                kept = [row for row in rows if self._takes_span(row)]
                if kept:
                    yield self._spans(kept, live)
            if facts.left():
                self.lost[run_log.name] += facts.left()
        finally:
            facts.close()

    def _span_columns(self) -> tuple[str, ...]:
        """
        Name the columns to read; an older file has no spans that stand for log records.
        """
        try:
            self._rows.connection.execute(select(spans.c.log_hash).limit(1)).all()
        except DBAPIError:
            return _SPAN_COLUMNS
        return (*_SPAN_COLUMNS, "log_hash")

    def _takes_span(self, row: Mapping[str, Any]) -> bool:
        if not self._wanted.takes_span(row):
            return False
        if (digest := row.get("log_hash")) is not None:
            # The log record is what was sent; its span was made here.
            self._stood_for.add(bytes(digest))
            return False
        return True

    def logs(self) -> Iterator[list[LogRecord]]:
        """
        Read the log records; of chosen runs or sessions only after their spans.
        """
        for rows in in_batches(
            (row for row in self._rows.walk(logs) if self._takes_log(row)), _BATCH
        ):
            yield self._records(logs, rows, self._logs_of)

    def _takes_log(self, row: Mapping[str, Any]) -> bool:
        if self._wanted.by_span:
            named = row["trace_id"] and _key(row["trace_id"], row["span_id"]) in self._keys
            return bool(named) or bytes(row["hash"]) in self._stood_for
        return self._wanted.takes_time(row["time_ns"] or row["observed_ns"])

    def _spans(
        self, rows: Sequence[Row], live: Mapping[int, Sequence[Mapping[str, Any]]]
    ) -> list[SpanRecord]:
        if self._wanted.by_span:
            self._keys.update(_key(row["trace_id"], row["span_id"]) for row in rows)
        kept: dict[tuple[str, str], int] = {
            (row["trace_id"], row["span_id"]): row["id"] for row in rows
        }
        records = self._records(spans, rows, self._spans_of)
        return [self._completed(record, live.get(kept[record.key], ())) for record in records]

    def _spans_of(self, rows: Sequence[Row]) -> list[SpanRecord]:
        return records_of(rows, self._texts)

    def _logs_of(self, rows: Sequence[Row]) -> list[LogRecord]:
        loaded = [(load(row["body"]), load(row["attributes"])) for row in rows]
        texts = self._texts(
            {ref for b, a in loaded for ref in (*references(b), *map_references(a))}
        )
        return [
            _log(row, resolve(body, texts), resolve_map(attributes, texts))
            for row, (body, attributes) in zip(rows, loaded, strict=True)
        ]

    def _records(
        self, table: Table, rows: Sequence[Row], make: Callable[[Sequence[Row]], list[T]]
    ) -> list[T]:
        """
        Make records of rows; a row of which none can be made costs the others nothing.
        """
        whole = self._with_origins(rows)
        try:
            return make(whole)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            if len(rows) == 1:
                self._rows.lose(table, rows[0]["id"])
                return []
        half = len(rows) // 2
        return self._records(table, rows[:half], make) + self._records(table, rows[half:], make)

    def _with_origins(self, rows: Sequence[Row]) -> list[Row]:
        resource = self._rows.fetch(resources, {row["resource_id"] for row in rows})
        scope = self._rows.fetch(scopes, {row["scope_id"] for row in rows})
        return [
            {
                **row,
                **_as_resource(resource.get(row["resource_id"])),
                **_as_scope(scope.get(row["scope_id"])),
            }
            for row in rows
        ]

    def _texts(self, ids: set[int]) -> Mapping[int, str]:
        found = self._rows.fetch(messages, ids)
        return {number: found[number]["body"] if number in found else LOST_TEXT for number in ids}

    def _completed(self, span: SpanRecord, entries: Iterable[Mapping[str, Any]]) -> SpanRecord:
        facts = [fact for entry in entries if (fact := self._fact(entry)) is not None]
        return with_facts(span, facts, self._reader) if facts else span

    def _fact(self, entry: Mapping[str, Any]) -> FactReading | None:
        try:
            data = load(entry["data"])
            data = resolve_map(data, self._texts({*map_references(data)}))
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            self.lost[run_log.name] += 1
            return None
        return FactReading(
            key=entry["fact_key"],
            kind=entry["kind"],
            time_ns=entry["time_ns"],
            iteration=entry["iteration"],
            data=data,
        )


def _log(row: Row, body: Any, attributes: dict[str, Any]) -> LogRecord:
    return LogRecord(
        trace_id=row["trace_id"],
        span_id=row["span_id"],
        time_ns=row["time_ns"],
        observed_ns=row["observed_ns"],
        severity_number=row["severity_number"],
        severity_text=row["severity_text"],
        event_name=row["event_name"],
        body=body,
        attributes=attributes,
        dropped_attributes=row["dropped_attributes"],
        flags=row["flags"],
        resource=resource_of(row),
        scope=scope_of(row),
    )


def _as_resource(row: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if row is None:
        return _NO_RESOURCE
    return {
        "resource_attributes": row["attributes"],
        "resource_dropped": row["dropped_attributes"],
        "resource_schema_url": row["schema_url"],
        "entities": row["entities"],
    }


def _as_scope(row: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if row is None:
        return _NO_SCOPE
    return {
        "scope_name": row["name"],
        "scope_version": row["version"],
        "scope_attributes": row["attributes"],
        "scope_dropped": row["dropped_attributes"],
        "scope_schema_url": row["schema_url"],
    }


def _key(trace_id: str, span_id: str) -> bytes:
    return bytes.fromhex(trace_id + span_id)
