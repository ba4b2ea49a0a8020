"""
Metrics, read as far as is needed to acknowledge them: their data points are counted.
"""

from collections.abc import Iterator

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from otel_bridge_storage.errors import MalformedTelemetryError

from otel_bridge.otlp import json_values as js
from otel_bridge.otlp import salvage
from otel_bridge.otlp.decoded import Rejected
from otel_bridge.otlp.json_text import documents

_KINDS = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")


def count_points(data: bytes) -> tuple[int, list[Rejected]]:
    """
    Count the data points of an ExportMetricsServiceRequest.

    Returns:
        How many there are, and the metrics that could not be read.

    Raises:
        MalformedTelemetryError: The bytes are not such a message at all.
    """
    request, broken = salvage.parse(ExportMetricsServiceRequest, salvage.METRICS, data)
    if data and not request.resource_metrics:
        raise MalformedTelemetryError("not OTLP metrics: the message holds no resource_metrics")
    count = 0
    for group in request.resource_metrics:
        for scoped in group.scope_metrics:
            for metric in scoped.metrics:
                kind = metric.WhichOneof("data")
                count += len(getattr(metric, kind).data_points) if kind else 0
    return count, list(broken.values())


def count_points_json(data: bytes) -> tuple[int, list[Rejected]]:
    """
    Count the data points of OTLP JSON.

    Returns:
        How many there are, and the lines that could not be read.

    Raises:
        MalformedTelemetryError: The data is not JSON, or not an object.
    """
    found, rejected = documents(data)
    count = 0
    for document in found:
        if not isinstance(document, dict):
            raise MalformedTelemetryError("not OTLP JSON: the request is not an object")
        for group in _objects(document, "resourceMetrics"):
            for scoped in _objects(group, "scopeMetrics"):
                for metric in _objects(scoped, "metrics"):
                    count += _points(metric)
    return count, rejected


def _points(metric: js.Object) -> int:
    kinds = (js.get(metric, kind) for kind in _KINDS)
    return sum(len(list(_objects(kind, "dataPoints"))) for kind in kinds if isinstance(kind, dict))


def _objects(obj: js.Object, name: str) -> Iterator[js.Object]:
    values = js.get(obj, name)
    if isinstance(values, list):
        yield from (value for value in values if isinstance(value, dict))
