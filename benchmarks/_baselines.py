"""
What the figures are compared with: the SDK's own batch processor, and plain sqlite3.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from otel_bridge_storage.records import SpanRecord

BATCH_NO_OP = "SDK batch, no-op exporter"
BATCH_OTLP = "SDK batch, OTLP encoding"
_QUEUE = 1 << 16


class NoOpExporter(SpanExporter):
    """
    Takes spans and does nothing.
    """

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """
        Do nothing.
        """
        return SpanExportResult.SUCCESS


class EncodingExporter(SpanExporter):
    """
    Encodes spans as OTLP, as an exporter does, and sends them nowhere.
    """

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """
        Encode.
        """
        encode_spans(spans).SerializeToString()
        return SpanExportResult.SUCCESS


class SqliteExporter(SpanExporter):
    """
    Puts each batch into a plain table, in one durable transaction.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        plain_database(path).close()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """
        Write one row for each span.
        """
        connection = plain_database(self._path)
        rows = [(span.name, span.to_json(indent=None)) for span in spans]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO rows (name, body) VALUES (?, ?)", rows)
        connection.execute("COMMIT")
        connection.close()
        return SpanExportResult.SUCCESS


def batching(exporter: SpanExporter) -> BatchSpanProcessor:
    """
    Make the SDK's batch processor with a queue that holds all of a benchmark's spans.
    """
    return BatchSpanProcessor(exporter, max_queue_size=_QUEUE)


def plain_database(path: Path) -> sqlite3.Connection:
    """
    Open a database with one table, as durable as ours: WAL, synchronous FULL.
    """
    connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, name TEXT, body TEXT)"
    )
    return connection


def write_plainly(
    connection: sqlite3.Connection, records: Iterable[SpanRecord], batch: int
) -> None:
    """
    Write spans into the one table as JSON, one commit for each batch.
    """
    waiting = list(records)
    for start in range(0, len(waiting), batch):
        rows = [(r.name, json.dumps(asdict(r))) for r in waiting[start : start + batch]]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO rows (name, body) VALUES (?, ?)", rows)
        connection.execute("COMMIT")
