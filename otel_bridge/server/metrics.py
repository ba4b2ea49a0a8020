"""
What the server tells Prometheus of its own work.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from itertools import accumulate

from otel_bridge_storage.forward_states import ForwardState
from prometheus_client import CONTENT_TYPE_LATEST, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector, CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from otel_bridge.receiver.access import Access
from otel_bridge.receiver.stream import IngestStream
from otel_bridge.receiver.tally import COMMIT_BOUNDS_S
from otel_bridge.server.cost_metrics import CostMetrics
from otel_bridge.server.forward_metrics import ForwardMetrics

Statuses = Callable[[], Sequence[ForwardState]]


class Metrics:
    """
    Answers Prometheus.

    Args:
        statuses: How far each destination of a forwarder has come.
    """

    def __init__(
        self, stream: IngestStream, costs: CostMetrics, access: Access, statuses: Statuses
    ) -> None:
        self._costs = costs
        self._forwards = ForwardMetrics(statuses)
        self._access = access
        self._registry = CollectorRegistry()
        for collector in (_About(), ReceiverMetrics(stream), self._forwards, costs):
            self._registry.register(collector)
        ProcessCollector(registry=self._registry)

    def route(self) -> Route:
        """
        Give the route.
        """
        return Route("/metrics", self._answer, methods=["GET"])

    async def close(self) -> None:
        """
        Let go of the database.
        """
        await asyncio.gather(self._costs.close(), self._forwards.close())

    async def _answer(self, request: Request) -> Response:
        headers = request.headers
        self._access.check_read(headers.get("authorization"), headers.get("host"))
        await asyncio.gather(self._costs.refresh(), self._forwards.refresh())
        return Response(
            generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )


class ReceiverMetrics(Collector):
    """
    Requests, records, the room for them, and transactions.
    """

    def __init__(self, stream: IngestStream) -> None:
        self._stream = stream

    def collect(self) -> Iterator[Metric]:
        """
        Give the figures of now.
        """
        yield from self._requests()
        yield from self._records()
        yield from self._room()
        yield self._commits()

    def describe(self) -> list[Metric]:
        """
        Name nothing in advance, so that nothing is collected at the start.
        """
        return []

    def _requests(self) -> Iterator[Metric]:
        tally = self._stream.tally
        requests = CounterMetricFamily(
            "otel_bridge_requests",
            "Requests: ok, partial, or why they were refused.",
            labels=("signal", "transport", "result"),
        )
        for labels, count in tally.requests.items():
            requests.add_metric(labels, count)
        yield requests
        yield GaugeMetricFamily(
            "otel_bridge_http_connections", "Open HTTP connections.", tally.connections
        )
        yield CounterMetricFamily(
            "otel_bridge_http_connections_refused",
            "HTTP connections that found no room.",
            tally.refused_connections,
        )
        yield CounterMetricFamily(
            "otel_bridge_http_connections_slow",
            "HTTP connections that were closed for being slow.",
            tally.slow_connections,
        )

    def _records(self) -> Iterator[Metric]:
        tally = self._stream.tally
        for name, text, counts in (
            ("accepted", "Records that are on disk, data points acknowledged.", tally.accepted),
            ("stored", "Records that were new to the database.", tally.stored),
        ):
            family = CounterMetricFamily(f"otel_bridge_{name}", text, labels=("signal",))
            for signal, count in counts.items():
                family.add_metric((signal,), count)
            yield family
        yield CounterMetricFamily(
            "otel_bridge_duplicates", "Records that the database had already.", tally.duplicates
        )
        rejected = CounterMetricFamily(
            "otel_bridge_rejected",
            "Records that are not stored: malformed, or unstorable.",
            labels=("signal", "reason"),
        )
        for labels, count in tally.rejected.items():
            rejected.add_metric(labels, count)
        yield rejected

    def _room(self) -> Iterator[Metric]:
        budget = self._stream.budget
        yield GaugeMetricFamily(
            "otel_bridge_queue_requests", "Requests that are not answered yet.", budget.requests
        )
        yield GaugeMetricFamily(
            "otel_bridge_queue_bytes", "The size of their bodies.", budget.size
        )
        yield GaugeMetricFamily(
            "otel_bridge_database_writable",
            "Whether the database could be written when that was last tried.",
            int(self._stream.works),
        )

    def _commits(self) -> Metric:
        tally = self._stream.tally
        bounds = [*map(str, COMMIT_BOUNDS_S), "+Inf"]
        return HistogramMetricFamily(
            "otel_bridge_commit_seconds",
            "How long transactions took.",
            buckets=list(zip(bounds, accumulate(tally.commits), strict=True)),
            sum_value=tally.commit_s,
        )


class _About(Collector):
    """
    Which version this is.
    """

    def collect(self) -> Iterator[Metric]:
        """
        Give it.
        """
        info = {"version": version("otel-bridge")}
        yield InfoMetricFamily("otel_bridge", "The server.", info)
