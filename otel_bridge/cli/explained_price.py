"""
How an LLM call was priced: the prices, what they were multiplied with, what came out.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Protocol

from otel_bridge_storage.call_prices import price_columns
from otel_bridge_storage.readings import Pricer
from otel_bridge_storage.same_calls import CallMember

from otel_bridge.pricing.rates import Rate, Rates

_PICO = 10**12
_MILLION = Decimal(10**6)


class Prices(Pricer, Protocol):
    """
    A pricer that shows its prices.
    """

    def rates(
        self,
        *,
        provider: str | None,
        model: str | None,
        time_ns: int,
        service_tier: str | None = None,
    ) -> Rates | str:
        """
        Give the prices of a model at a time, or the reason why there are none.
        """


def priced(call: CallMember, prices: Prices) -> dict[str, Any] | None:
    """
    Tell how a call was priced; None for one that is not counted.
    """
    row = call.columns
    if not call.counted:
        return None
    now = price_columns(prices, row)
    model = row["response_model"] or row["request_model"]
    rates = prices.rates(
        provider=row["provider"],
        model=model,
        time_ns=row["start_ns"],
        service_tier=row["service_tier"],
    )
    cost, claimed = _usd(row["cost_picousd"]), _usd(row["emitted_cost_picousd"])
    known = isinstance(rates, Rates) and now["cost_picousd"] is not None
    return {
        "provider": row["provider"],
        "model": model,
        "service_tier": row["service_tier"],
        "cost_usd": cost,
        "unpriced_reason": row["unpriced_reason"],
        "prices": rates.source if isinstance(rates, Rates) else None,
        "parts": list(_parts(row, rates)) if isinstance(rates, Rates) and known else [],
        "cost_now_usd": _usd(now["cost_picousd"]),
        "unpriced_now_reason": now["unpriced_reason"],
        "emitted_cost_usd": claimed,
        "difference_usd": None if cost is None or claimed is None else claimed - cost,
    }


def _parts(row: Mapping[str, Any], rates: Rates) -> Iterator[dict[str, Any]]:
    if rates.free:
        yield {"part": "free", "tokens": None, "usd_per_million": None, "cost_usd": Decimal(0)}
        return
    whole = row["input_tokens"] or 0
    for part, tokens, rate in _split(row, rates):
        if rate is not None and tokens:
            each = rate.at(whole)
            yield {
                "part": part,
                "tokens": tokens,
                "usd_per_million": each,
                "cost_usd": each * tokens / _MILLION,
            }
    if rates.per_thousand_requests:
        yield {
            "part": "request",
            "tokens": None,
            "usd_per_million": None,
            "cost_usd": rates.per_thousand_requests / 1000,
        }


def _split(row: Mapping[str, Any], rates: Rates) -> tuple[tuple[str, int, Rate | None], ...]:
    read, write = row["cache_read_tokens"] or 0, row["cache_write_tokens"] or 0
    hour, reasoning = row["cache_write_1h_tokens"] or 0, row["reasoning_tokens"] or 0
    whole, output = row["input_tokens"] or 0, row["output_tokens"] or 0
    return (
        ("input, not cached", whole - read - write, rates.input),
        ("cache read", read, rates.cache_read or rates.input),
        ("cache write", write - hour, rates.cache_write or rates.input),
        ("cache write, 1 h", hour, rates.cache_write_1h or rates.cache_write or rates.input),
        ("output", output - reasoning, rates.output),
        ("reasoning", reasoning, rates.reasoning or rates.output),
    )


def _usd(picousd: int | None) -> Decimal | None:
    return None if picousd is None else Decimal(picousd) / _PICO
