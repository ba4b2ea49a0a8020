"""
Prices from the genai-prices package, whose list comes with it and needs no network.
"""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from otel_bridge_storage.readings import Price, Usage

from otel_bridge.pricing.providers import is_host, is_local, price_list_id
from otel_bridge.pricing.rates import Rates
from otel_bridge.pricing.service_tiers import tier_of

_MOST_REMEMBERED = 10_000
_LAST_SECOND = 253_402_300_799
_MODEL_PREFIXES = ("models/", "publishers/google/models/")
# What the list calls that by which the price of one request differs from another's.
_TIER_KEYS = ("processing", "service_tier", "speed")


class GenaiPrices:
    """
    Prices calls; implements `otel_bridge_storage.readings.Pricer`.

    A provider that is not known, or that does not offer the model, is passed over and
    the model is looked up by its name alone, except where it serves the models of others
    at prices of its own. What a provider on one's own machine serves is never priced: it
    may bear the name of a model that others sell. A service tier that the list has no
    prices for leaves the call unpriced.
    """

    def __init__(self) -> None:
        self._snapshot: Any = None
        self._models: dict[tuple[str | None, str], Any] = {}
        self._rates: dict[tuple[int, ...], tuple[Any, Rates]] = {}

    def warm(self) -> None:
        """
        Import and build what the first price needs, which takes a tenth of a second.

        Touches nothing of this object's own, so that any thread may call it while
        another prices calls.
        """
        usage = Usage(input_tokens=1, output_tokens=1)
        GenaiPrices().price(provider="openai", model="gpt-4o", usage=usage, time_ns=0)

    def price(
        self,
        *,
        provider: str | None,
        model: str | None,
        usage: Usage,
        time_ns: int,
        service_tier: str | None = None,
    ) -> Price:
        """
        Price one call at the prices of its time.
        """
        rates = self.rates(
            provider=provider, model=model, time_ns=time_ns, service_tier=service_tier
        )
        if isinstance(rates, str):
            return Price(unpriced_reason=rates)
        return rates.price(usage)

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
        if not model:
            return "the model is not known"
        if is_local(provider):
            return f"{provider} runs models locally"
        found = self._model(provider, model)
        if found is None:
            return f"no price for the model {model} of {provider or 'any provider'}"
        tier = tier_of(service_tier)
        rates = self._rates_of(*found, time_ns, tier)
        return rates or f"no price for the service tier {tier} of the model {model} at that time"

    def _model(self, provider: str | None, model: str) -> tuple[Any, bool] | None:
        """
        Find a model, and whether it is the provider's own rather than another's for it.
        """
        snapshot = _snapshots().get_snapshot()
        if snapshot is not self._snapshot or len(self._models) > _MOST_REMEMBERED:
            self._models, self._rates, self._snapshot = {}, {}, snapshot
        key = (provider, model)
        if key not in self._models:
            self._models[key] = _look_up(snapshot, provider, model)
        found: tuple[Any, bool] | None = self._models[key]
        return found

    def _rates_of(self, model: Any, own: bool, time_ns: int, tier: str | None) -> Rates | None:
        """
        Read the rates at a time; those of a model change by the day, and of some by the hour.
        """
        seconds = min(max(time_ns // 10**9, 0), _LAST_SECOND)
        moment = datetime.fromtimestamp(seconds, UTC)
        prices = model.get_prices(moment)
        key: tuple[int, ...] = (id(prices),)
        if tier is not None:
            variants = _variants(model, moment, tier) if own else []
            if not variants:
                return None
            key += tuple(map(id, variants))
        known = self._rates.get(key)
        if known is None:
            kept = prices
            if tier is not None:
                prices = model.get_prices(moment, dict.fromkeys(_TIER_KEYS, tier))
            known = (kept, Rates.of(prices, free=_is_free(model, prices)))
            self._rates[key] = known
        return known[1]


def _look_up(snapshot: Any, provider: str | None, model: str) -> tuple[Any, bool] | None:
    for prefix in _MODEL_PREFIXES:
        model = model.removeprefix(prefix)
    listed = price_list_id(provider)
    attempts = [(listed, model)]
    if not is_host(provider):
        attempts.append((None, model))
        if "/" in model:
            maker, _, name = model.partition("/")
            attempts += [(price_list_id(maker), name), (None, name)]
    for seller, name in attempts:
        try:
            found, entry = snapshot.find_provider_model(name, None, seller, None)
        except LookupError:
            continue
        return entry, any(entry is each for each in found.models)
    return None


def _variants(model: Any, moment: datetime, tier: str) -> list[Any]:
    """
    List what the list has for a service tier at a time.
    """
    told = dict.fromkeys(_TIER_KEYS, tier)
    return [
        variant
        for variant in getattr(model, "price_variants", None) or ()
        if variant.constraint is None or variant.constraint.active(moment)
        if all(told.get(key) == value for key, value in variant.when.items())
    ]


def _is_free(model: Any, prices: Any) -> bool:
    """
    A model is free if its prices are zero or its name says so; no prices are not zero prices.
    """
    told = [price for price in vars(prices).values() if price is not None]
    if not told:
        return str(model.id).endswith(":free")
    return all(price == 0 for price in told)


@cache
def _snapshots() -> Any:
    """
    Import the price list, which takes a while, when the first call is priced.
    """
    from genai_prices import data_snapshot

    return data_snapshot
