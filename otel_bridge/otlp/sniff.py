"""
Bytes of an unknown kind: JSON or protobuf; traces, logs or metrics.

The three kinds of OTLP requests share their outer field numbers, so bytes alone do not
name theirs. It is tried in the order that the file's name suggests, and believed when
the ids and times of what it holds make sense.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from otel_bridge_storage.errors import MalformedTelemetryError
from otel_bridge_storage.records import LogRecord, SpanRecord

from otel_bridge.otlp import json_values as js
from otel_bridge.otlp import salvage
from otel_bridge.otlp.decode import decode_logs, decode_traces
from otel_bridge.otlp.decoded import Decoded, Rejected
from otel_bridge.otlp.json_decode import read_logs, read_traces
from otel_bridge.otlp.json_text import documents

_JSON_SUFFIXES = (".json", ".jsonl")
_JSON_START = (b"{", b"[", b"\xef\xbb\xbf")


class NotTelemetryError(MalformedTelemetryError):
    """
    The data is well formed, and it is not OTLP.
    """


@dataclass(slots=True)
class Telemetry:
    """
    What some bytes held.
    """

    spans: list[SpanRecord] = field(default_factory=list)
    logs: list[LogRecord] = field(default_factory=list)
    metrics: int = 0
    rejected: list[Rejected] = field(default_factory=list)

    def add(self, other: "Telemetry") -> None:
        """
        Take in what other bytes held.
        """
        self.spans += other.spans
        self.logs += other.logs
        self.metrics += other.metrics
        self.rejected += other.rejected

    @property
    def empty(self) -> bool:
        """
        Whether nothing at all was read.
        """
        return not (self.spans or self.logs or self.metrics)


def read_bytes(data: bytes, name: str = "") -> Telemetry:
    """
    Read OTLP of any kind.

    Args:
        name: The file's name, as a hint.

    Raises:
        NotTelemetryError: It is JSON, and not OTLP.
        MalformedTelemetryError: It is neither JSON nor OTLP protobuf.
    """
    if not data.strip():
        raise MalformedTelemetryError("it is empty")
    if data.startswith(_JSON_START):
        return _read_json(data)
    if _is_named_json(name):
        return _read_by_name(data, name)
    if data.lstrip().startswith(_JSON_START):
        # A newline is also the first byte of every OTLP protobuf request.
        try:
            return _read_json(data)
        except MalformedTelemetryError:
            return _read_protobuf(data, name)
    return _read_protobuf(data, name)


def _is_named_json(name: str) -> bool:
    return name.lower().removesuffix(".gz").endswith(_JSON_SUFFIXES)


def _read_by_name(data: bytes, name: str) -> Telemetry:
    """
    Read what is called JSON and does not begin so: it may still be protobuf.

    Raises:
        MalformedTelemetryError: It is neither, told as what its name says it is.
    """
    try:
        return _read_json(data)
    except MalformedTelemetryError as error:
        with suppress(MalformedTelemetryError):
            found = _read_protobuf(data, name)
            if not found.empty:
                return found
        if isinstance(error, NotTelemetryError):
            raise
        raise MalformedTelemetryError(f"it is not OTLP JSON: {error}") from error


def _read_json(data: bytes) -> Telemetry:
    parsed, rejected = documents(data)
    spans: Decoded[SpanRecord] = Decoded(rejected=rejected)
    logs: Decoded[LogRecord] = Decoded()
    metrics = known = 0
    for document in _flat(parsed):
        if not isinstance(document, dict):
            continue
        if js.get(document, "resourceSpans") is not None:
            known += 1
            read_traces(document, spans)
        if js.get(document, "resourceLogs") is not None:
            known += 1
            read_logs(document, logs)
        if js.get(document, "resourceMetrics") is not None:
            known += 1
            metrics += _count_metrics(document)
    if not known:
        raise NotTelemetryError("it is JSON without resourceSpans or resourceLogs, so not OTLP")
    return Telemetry(spans.records, logs.records, metrics, spans.rejected + logs.rejected)


def _flat(parsed: list[Any]) -> list[Any]:
    return [item for found in parsed for item in (found if isinstance(found, list) else [found])]


def _count_metrics(document: dict[str, Any]) -> int:
    return sum(
        len(_list(scoped, "metrics"))
        for group in _list(document, "resourceMetrics")
        for scoped in _list(group, "scopeMetrics")
    )


def _list(obj: Any, name: str) -> list[Any]:
    found = js.get(obj, name) if isinstance(obj, dict) else None
    return found if isinstance(found, list) else []


def _read_protobuf(data: bytes, name: str) -> Telemetry:
    frames = _frames(data)
    if frames is None:
        return _read_message(data, name)
    total = Telemetry()
    for frame in frames:
        total.add(_read_message(frame, name))
    return total


def _frames(data: bytes) -> list[bytes] | None:
    """
    Cut a file of the collector's exporter, which puts a 4-byte length before each message.
    """
    frames: list[bytes] = []
    position = 0
    while position < len(data):
        size = int.from_bytes(data[position : position + 4], "big")
        end = position + 4 + size
        if not size or end > len(data):
            return None
        frames.append(data[position + 4 : end])
        position = end
    return frames


def _read_message(data: bytes, name: str) -> Telemetry:
    """
    Raises:
        MalformedTelemetryError: No kind of request can be read from the bytes.
    """
    first: Telemetry | None = None
    failure: MalformedTelemetryError | None = None
    for read in _order(name):
        try:
            found = read(data)
        except MalformedTelemetryError as error:
            failure = failure or error
            continue
        if not found.empty:
            return found
        first = first or found
    if first is None or (first.rejected and failure):
        raise failure or MalformedTelemetryError("not OTLP protobuf")
    return first


def _order(name: str) -> list[Callable[[bytes], Telemetry]]:
    """
    The readers, those first whose kind the file's name tells.
    """
    lower = name.lower()
    hints = {"trace": _traces, "span": _traces, "log": _logs, "metric": _metrics}
    hinted = [read for word, read in hints.items() if word in lower]
    return [*dict.fromkeys([*hinted, _traces, _logs, _metrics])]


def _traces(data: bytes) -> Telemetry:
    decoded = decode_traces(data)
    return Telemetry(spans=decoded.records, rejected=decoded.rejected)


def _logs(data: bytes) -> Telemetry:
    decoded = decode_logs(data)
    if not any(log.time_ns or log.observed_ns for log in decoded.records):
        return Telemetry()
    return Telemetry(logs=decoded.records, rejected=decoded.rejected)


def _metrics(data: bytes) -> Telemetry:
    request, _ = salvage.parse(ExportMetricsServiceRequest, salvage.METRICS, data)
    count = sum(
        bool(metric.name and metric.WhichOneof("data"))
        for group in request.resource_metrics
        for scoped in group.scope_metrics
        for metric in scoped.metrics
    )
    return Telemetry(metrics=count)
