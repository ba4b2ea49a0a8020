"""
What the server tells Prometheus of what it sends on.
"""

from collections.abc import Callable, Iterator, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from otel_bridge.server.forwarding import ForwardStatus

_BY_DESTINATION = ("destination",)
_BY_SIGNAL = ("destination", "signal")


class ForwardMetrics(Collector):
    """
    How far each destination has come.

    Args:
        statuses: Says that, now.
    """

    def __init__(self, statuses: Callable[[], Sequence[ForwardStatus]]) -> None:
        self._statuses = statuses

    def describe(self) -> list[Metric]:
        """
        Name nothing in advance, so that nothing is collected at the start.
        """
        return []

    def collect(self) -> Iterator[Metric]:
        """
        Give the figures of now.
        """
        state = GaugeMetricFamily(
            "otel_bridge_forward_state",
            "1 for the state that a destination is in.",
            labels=("destination", "state"),
        )
        waiting = GaugeMetricFamily(
            "otel_bridge_forward_waiting", "Records that are not sent yet.", labels=_BY_SIGNAL
        )
        lag = GaugeMetricFamily(
            "otel_bridge_forward_lag_seconds",
            "Since the oldest record that is not sent was stored.",
            labels=_BY_DESTINATION,
        )
        sent = CounterMetricFamily(
            "otel_bridge_forward_sent", "Records sent since the start.", labels=_BY_SIGNAL
        )
        rejected = CounterMetricFamily(
            "otel_bridge_forward_rejected",
            "Records that the destination refused for good.",
            labels=_BY_DESTINATION,
        )
        aside = CounterMetricFamily(
            "otel_bridge_forward_set_aside",
            "Records that are not sent again.",
            labels=_BY_DESTINATION,
        )
        for each in self._statuses():
            state.add_metric((each.name, each.state), 1)
            waiting.add_metric((each.name, "traces"), each.waiting_spans)
            waiting.add_metric((each.name, "logs"), each.waiting_logs)
            lag.add_metric((each.name,), each.lag_s)
            sent.add_metric((each.name, "traces"), each.sent_spans)
            sent.add_metric((each.name, "logs"), each.sent_logs)
            rejected.add_metric((each.name,), each.rejected)
            aside.add_metric((each.name,), each.set_aside)
        yield from (state, waiting, lag, sent, rejected, aside)
