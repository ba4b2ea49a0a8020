"""
The prices of one model at one time, and exact sums with them.
"""

from dataclasses import dataclass, fields, replace
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

from otel_bridge_storage.readings import Price, Usage

_PICOUSD_PER_USD = 10**12
_PER_MILLION = Decimal(10**6)
_PER_THOUSAND = Decimal(10**3)
_DIGITS = 60
# Sums of calls must fit into 64 bits; no call costs ten thousand dollars.
_DEAREST = 10_000 * _PICOUSD_PER_USD


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """
    USD for a million tokens, which may depend on how long the whole input is.

    Attributes:
        tiers: Inputs longer than the first number cost the second, for all tokens;
            in ascending order.
    """

    base: Decimal
    tiers: tuple[tuple[int, Decimal], ...] = ()

    def at(self, input_tokens: int) -> Decimal:
        """
        Give the price for an input of a length.
        """
        price = self.base
        for start, above in self.tiers:
            if input_tokens > start:
                price = above
        return price

    def times(self, factor: Decimal) -> "Rate":
        """
        Give the same rate, multiplied.
        """
        with localcontext(prec=_DIGITS):
            tiers = tuple((start, price * factor) for start, price in self.tiers)
            return Rate(base=self.base * factor, tiers=tiers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """
    The prices of one model at one time; None where there is none.

    Attributes:
        source: Where they are from, for the reason of a call that they do not price.
        per_thousand_requests: USD for a thousand requests beside the tokens.
        free: The model costs nothing, whatever its usage.
    """

    input: Rate | None = None
    output: Rate | None = None
    cache_read: Rate | None = None
    cache_write: Rate | None = None
    cache_write_1h: Rate | None = None
    reasoning: Rate | None = None
    per_thousand_requests: Decimal = Decimal(0)
    free: bool = False
    source: str = "the price list"

    @classmethod
    def of(cls, prices: Any, *, free: bool) -> "Rates":
        """
        Take the rates out of a `ModelPrice` of genai-prices.
        """
        requests = prices.requests_kcount
        return cls(
            input=_rate(prices.input_mtok),
            output=_rate(prices.output_mtok),
            cache_read=_rate(prices.cache_read_mtok),
            cache_write=_rate(prices.cache_write_mtok),
            cache_write_1h=_rate(prices.cache_write_1h_mtok),
            reasoning=_rate(prices.output_reasoning_mtok),
            per_thousand_requests=requests if isinstance(requests, Decimal) else Decimal(0),
            free=free,
        )

    def times(self, factor: Decimal) -> "Rates":
        """
        Give the prices after a discount: those of tokens, multiplied.
        """
        changed: dict[str, Any] = {
            field.name: rate.times(factor)
            for field in fields(self)
            if isinstance(rate := getattr(self, field.name), Rate)
        }
        return replace(self, **changed)

    def price(self, usage: Usage) -> Price:
        """
        Price a call; what the list prices and the call does not tell leaves it unpriced.
        """
        if self.free:
            return Price(picousd=0)
        problem = self._problem(usage)
        if problem is not None:
            return Price(unpriced_reason=problem)
        with localcontext(prec=_DIGITS):
            usd = self._usd(usage) * _PICOUSD_PER_USD
            picousd = int(usd.to_integral_value(ROUND_HALF_EVEN))
        if picousd > _DEAREST:
            return Price(unpriced_reason="so many tokens in one call are not believed")
        return Price(picousd=picousd)

    def _problem(self, usage: Usage) -> str | None:
        if self.input is None:
            return f"{self.source} has no price for input tokens of this model"
        if usage.input_tokens is None:
            return "the number of input tokens is not known"
        if usage.output_tokens is None and self.output is not None:
            return "the number of output tokens is not known"
        if usage.output_tokens and self.output is None:
            return f"{self.source} has no price for output tokens of this model"
        cached = (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
        if cached > usage.input_tokens:
            return "more cached tokens than input tokens"
        if (usage.cache_write_1h_tokens or 0) > (usage.cache_write_tokens or 0):
            return "more tokens cached for an hour than tokens cached"
        if (usage.reasoning_tokens or 0) > (usage.output_tokens or 0):
            return "more reasoning tokens than output tokens"
        return None

    def parts(self, usage: Usage) -> tuple[tuple[str, int, Rate | None], ...]:
        """
        Split a call into what is paid for: the part, how many tokens, at which rate.
        """
        read, write = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
        whole, hour = usage.input_tokens or 0, usage.cache_write_1h_tokens or 0
        output, reasoning = usage.output_tokens or 0, usage.reasoning_tokens or 0
        return (
            ("input, not cached", whole - read - write, self.input),
            ("cache read", read, self.cache_read or self.input),
            ("cache write", write - hour, self.cache_write or self.input),
            ("cache write, 1 h", hour, self.cache_write_1h or self.cache_write or self.input),
            ("output", output - reasoning, self.output),
            ("reasoning", reasoning, self.reasoning or self.output),
        )

    def _usd(self, usage: Usage) -> Decimal:
        whole = usage.input_tokens or 0
        parts = ((rate, n) for _, n, rate in self.parts(usage))
        total = sum((rate.at(whole) * n for rate, n in parts if rate and n), Decimal(0))
        return total / _PER_MILLION + self.per_thousand_requests / _PER_THOUSAND


def _rate(price: Any) -> Rate | None:
    if price is None:
        return None
    if isinstance(price, Decimal):
        return Rate(base=price)
    tiers = sorted((tier.start, tier.price) for tier in price.tiers)
    return Rate(base=price.base, tiers=tuple(tiers))
