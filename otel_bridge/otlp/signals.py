"""
The three signals of OTLP: where they are sent, how they are read, and how they are answered.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from otel_bridge_storage.records import LogRecord, SpanRecord

from otel_bridge.otlp import decode_logs, decode_logs_json, decode_traces, decode_traces_json
from otel_bridge.otlp.decoded import Decoded, Rejected
from otel_bridge.otlp.metric_points import count_points, count_points_json

Record = SpanRecord | LogRecord


class Form(Enum):
    """
    How a request and its answer are written.
    """

    PROTO = "application/x-protobuf"
    JSON = "application/json"


@dataclass(slots=True)
class Contents:
    """
    What a request holds.

    Attributes:
        records: What is to be stored.
        points: Data points of metrics, which are not stored.
        rejected: What could not be read.
    """

    records: list[Record] = field(default_factory=list)
    points: int = 0
    rejected: list[Rejected] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """
    One signal of OTLP.

    Attributes:
        name: `traces`, `logs` or `metrics`; it is sent by HTTP to `/v1/` and this.
        service: Its gRPC service.
        things: What it carries.
    """

    name: str
    service: str
    things: str
    response: Callable[[], Any]
    rejected_field: str
    readers: dict[Form, Callable[[bytes], Contents]]

    @property
    def path(self) -> str:
        """
        Where it is sent by HTTP.
        """
        return f"/v1/{self.name}"

    def read(self, data: bytes, form: Form) -> Contents:
        """
        Read a request.

        Raises:
            MalformedTelemetryError: It is not OTLP of this signal at all.
        """
        return self.readers[form](data)

    def answer(self, rejected: int, message: str) -> Any:
        """
        Give the response message, with a partial success if something was rejected.
        """
        response = self.response()
        if rejected or message:
            partial = response.partial_success
            setattr(partial, self.rejected_field, rejected)
            partial.error_message = message
        return response

    def told(self, body: bytes) -> tuple[int, str]:
        """
        Read an answer in protobuf: how much was rejected, and why.

        Raises:
            google.protobuf.message.DecodeError: It is no such message.
        """
        response = self.response()
        response.ParseFromString(body)
        partial = response.partial_success
        return getattr(partial, self.rejected_field), partial.error_message


def _records(decode: Callable[[bytes], Decoded[Any]]) -> Callable[[bytes], Contents]:
    def read(data: bytes) -> Contents:
        decoded = decode(data)
        return Contents(records=decoded.records, rejected=decoded.rejected)

    return read


def _points(
    count: Callable[[bytes], tuple[int, list[Rejected]]],
) -> Callable[[bytes], Contents]:
    def read(data: bytes) -> Contents:
        points, rejected = count(data)
        return Contents(points=points, rejected=rejected)

    return read


TRACES = Signal(
    name="traces",
    service="opentelemetry.proto.collector.trace.v1.TraceService",
    things="spans",
    response=ExportTraceServiceResponse,
    rejected_field="rejected_spans",
    readers={Form.PROTO: _records(decode_traces), Form.JSON: _records(decode_traces_json)},
)
LOGS = Signal(
    name="logs",
    service="opentelemetry.proto.collector.logs.v1.LogsService",
    things="log records",
    response=ExportLogsServiceResponse,
    rejected_field="rejected_log_records",
    readers={Form.PROTO: _records(decode_logs), Form.JSON: _records(decode_logs_json)},
)
METRICS = Signal(
    name="metrics",
    service="opentelemetry.proto.collector.metrics.v1.MetricsService",
    things="data points",
    response=ExportMetricsServiceResponse,
    rejected_field="rejected_data_points",
    readers={Form.PROTO: _points(count_points), Form.JSON: _points(count_points_json)},
)
SIGNALS: Sequence[Signal] = (TRACES, LOGS, METRICS)
BY_NAME = {signal.name: signal for signal in SIGNALS}
