"""
What calls cost, told to Prometheus as gauges: they are sums over what the database holds,
which grow as calls arrive and shrink when runs are erased or prices change.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from otel_bridge_storage.call_sums import call_sums
from otel_bridge_storage.rare_warnings import RareWarnings, in_short
from otel_bridge_storage.tolerant_reading import tolerant_reading
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from otel_bridge.server.asking import Asking

_KEYS = ("agent_name", "provider", "model")
_LABELS = ("agent", "provider", "model")
_OTHER = ("other", "other", "other")
_MOST_GROUPS = 100
_FRESH_S = 15.0
_SHARE = 0.05
_TOKENS = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "reasoning": "reasoning_tokens",
}
_SUMMED = ("llm_calls", "unpriced_calls", "error_calls", "cost_usd", *_TOKENS.values())

Group = tuple[str, str, str]
Sums = dict[str, float | None]


class CostMetrics(Collector):
    """
    Calls, tokens and cost by agent, provider and model.

    The database is asked in a thread, for a scrape, every 15 seconds at most and for a
    twentieth of the time at most. An answer that takes longer than a scrape should wait is
    told by a later one. It is asked without DuckDB, which would double the server's memory.

    Args:
        target: The database, a path or URL.
        complain: Told when it cannot be asked.
        clock: Gives seconds that only grow.
    """

    def __init__(
        self,
        target: str,
        *,
        complain: RareWarnings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._target = target
        self._clock = clock
        self._complain = complain
        self._asking = Asking(self._ask)
        self._fresh_until = float("-inf")
        self._groups: dict[Group, Sums] = {}

    async def refresh(self) -> None:
        """
        Ask the database, unless that was just done, and wait for the answer a while.
        """
        await self._asking.refresh(begin=self._clock() >= self._fresh_until)

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
        for name, text, column in (
            ("calls", "Calls to models that the database holds.", "llm_calls"),
            ("unpriced_calls", "Those whose price is not known.", "unpriced_calls"),
            ("error_calls", "Those that failed.", "error_calls"),
            ("cost_usd", "What those with a price cost, in USD.", "cost_usd"),
        ):
            family = GaugeMetricFamily(f"otel_bridge_llm_{name}", text, labels=_LABELS)
            for group, sums in self._groups.items():
                if (value := sums[column]) is not None:
                    family.add_metric(group, value)
            yield family
        yield self._tokens()

    def _tokens(self) -> Metric:
        family = GaugeMetricFamily(
            "otel_bridge_llm_tokens",
            "Their tokens; input includes cached ones, output includes reasoning.",
            labels=(*_LABELS, "type"),
        )
        for group, sums in self._groups.items():
            for kind, column in _TOKENS.items():
                if (value := sums[column]) is not None:
                    family.add_metric((*group, kind), value)
        return family

    async def _ask(self) -> None:
        began = self._clock()
        try:
            self._groups = await asyncio.to_thread(self._answer)
        except Exception as error:  # noqa: BLE001 - the other metrics are told all the same
            reason = in_short(error)
            self._complain.warn("costs", "otel-bridge cannot tell what calls cost: %s", reason)
        finally:
            ended = self._clock()
            self._fresh_until = ended + max(_FRESH_S, (ended - began) / _SHARE)

    def _answer(self) -> dict[Group, Sums]:
        with tolerant_reading(self._target) as connection:
            return bounded(call_sums(connection))


def bounded(rows: Iterable[Mapping[str, Any]], most: int = _MOST_GROUPS) -> dict[Group, Sums]:
    """
    Keep the groups that cost most, or are called most, and sum the rest.
    """
    ranked = sorted(rows, key=lambda row: (row["cost_usd"] or 0, row["llm_calls"]), reverse=True)
    groups: dict[Group, Sums] = {}
    for rank, row in enumerate(ranked):
        group = _named(row) if rank < most else _OTHER
        sums = groups.setdefault(group, dict.fromkeys(_SUMMED))
        for column in _SUMMED:
            sums[column] = _plus(sums[column], row[column])
    return groups


def _named(row: Mapping[str, Any]) -> Group:
    agent, provider, model = (str(row[key] or "") for key in _KEYS)
    return agent, provider, model


def _plus(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other
