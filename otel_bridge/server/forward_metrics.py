"""
What the server tells Prometheus of what it sends on.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence

from otel_bridge_storage.errors import DatabaseError
from otel_bridge_storage.forward_states import ForwardState
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from otel_bridge.server.asking import Asking

_BY_DESTINATION = ("destination",)
_BY_SIGNAL = ("destination", "signal")


class ForwardMetrics(Collector):
    """
    How far each destination has come.

    Args:
        statuses: Says that, now.
    """

    def __init__(self, statuses: Callable[[], Sequence[ForwardState]]) -> None:
        self._statuses = statuses
        self._known: Sequence[ForwardState] = ()
        self._asking = Asking(self._ask)

    async def refresh(self) -> None:
        """
        Ask the database, in a thread, and wait for the answer a while: what waits has to be
        counted, and the event loop has others to serve.
        """
        await self._asking.refresh()

    async def close(self) -> None:
        """
        Let go of the database.
        """
        await self._asking.close()

    def describe(self) -> list[Metric]:
        """
        Name nothing in advance, so that nothing is collected at the start.
        """
        return []

    def collect(self) -> Iterator[Metric]:
        """
        Give what was last answered.
        """
        failing = GaugeMetricFamily(
            "otel_bridge_forward_failing",
            "1 while a destination takes nothing.",
            labels=_BY_DESTINATION,
        )
        waiting = GaugeMetricFamily(
            "otel_bridge_forward_waiting", "Records that are not sent yet.", labels=_BY_SIGNAL
        )
        untaken = GaugeMetricFamily(
            "otel_bridge_forward_untaken",
            "Records that are kept until the destination has a place for their signal.",
            labels=_BY_SIGNAL,
        )
        lag = GaugeMetricFamily(
            "otel_bridge_forward_lag_seconds",
            "Since the end of the oldest record that is not sent.",
            labels=_BY_DESTINATION,
        )
        sent = CounterMetricFamily(
            "otel_bridge_forward_sent", "Records that were accepted, ever.", labels=_BY_SIGNAL
        )
        rejected = CounterMetricFamily(
            "otel_bridge_forward_rejected",
            "Of these, records that the destination rejected for good.",
            labels=_BY_DESTINATION,
        )
        aside = GaugeMetricFamily(
            "otel_bridge_forward_set_aside",
            "Records that the destination would not take and that are kept aside.",
            labels=_BY_DESTINATION,
        )
        for each in self._known:
            name = each.destination
            failing.add_metric((name,), each.trouble is not None)
            waiting.add_metric((name, "traces"), each.waiting_spans)
            waiting.add_metric((name, "logs"), each.waiting_logs)
            untaken.add_metric((name, "logs"), each.untaken_logs)
            lag.add_metric((name,), _age_s(each.oldest_ns))
            sent.add_metric((name, "traces"), each.sent_spans)
            sent.add_metric((name, "logs"), each.sent_logs)
            rejected.add_metric((name,), each.rejected)
            aside.add_metric((name,), each.set_aside)
        yield from (failing, waiting, untaken, lag, sent, rejected, aside)

    async def _ask(self) -> None:
        self._known = await asyncio.to_thread(self._now)

    def _now(self) -> Sequence[ForwardState]:
        # Readiness tells of a database that cannot be read; the other figures still stand.
        try:
            return self._statuses()
        except (DatabaseError, OSError):
            return ()


def _age_s(time_ns: int | None) -> float:
    return 0.0 if time_ns is None else max(0.0, (time.time_ns() - time_ns) / 1e9)
