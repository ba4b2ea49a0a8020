"""
Telemetry into a file: OTLP requests as lines of JSON, or as protobuf with their lengths.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import BinaryIO

from otel_bridge_storage.records import LogRecord, SpanRecord

from otel_bridge.otlp.encode import encode_logs, encode_traces
from otel_bridge.otlp.json_encode import encode_logs_json, encode_traces_json

_LENGTH_BYTES = 4


class FileFormat(StrEnum):
    """
    How telemetry is written into a file.
    """

    JSON = "otlp-json"
    PROTO = "otlp-proto"


class TelemetryWriter:
    """
    Writes requests one after another, in the forms of the collector's file exporter.

    Args:
        file: Where to.
        form: JSON, a request on each line; or protobuf, each request after its length in
            4 bytes, the highest first.

    Attributes:
        size: How many bytes were written.
    """

    def __init__(self, file: BinaryIO, form: FileFormat) -> None:
        self._file = file
        self._form = form
        self.size = 0

    def write_spans(self, spans: Sequence[SpanRecord]) -> None:
        """
        Write a request of spans.
        """
        if self._form is FileFormat.JSON:
            self._line(encode_traces_json(spans))
        else:
            self._frame(encode_traces(spans))

    def write_logs(self, logs: Sequence[LogRecord]) -> None:
        """
        Write a request of log records.
        """
        if self._form is FileFormat.JSON:
            self._line(encode_logs_json(logs))
        else:
            self._frame(encode_logs(logs))

    def _line(self, text: str) -> None:
        self._put(text.encode("utf-8") + b"\n")

    def _frame(self, message: bytes) -> None:
        self._put(len(message).to_bytes(_LENGTH_BYTES, "big") + message)

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self.size += len(data)
