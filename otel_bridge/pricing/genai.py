"""
Prices from the genai-prices package, whose list comes with it and needs no network.
"""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from otel_bridge_storage.readings import Price, Usage

from otel_bridge.pricing.providers import is_local, price_list_id
from otel_bridge.pricing.rates import Rates

_MOST_REMEMBERED = 10_000
_LAST_SECOND = 253_402_300_799
_MODEL_PREFIXES = ("models/", "publishers/google/models/")


class GenaiPrices:
    """
    Prices calls; implements `otel_bridge_storage.readings.Pricer`.

    A provider that is not known, or that does not offer the model, is passed over and
    the model is looked up by its name alone. What a provider on one's own machine
    serves is never priced: it may bear the name of a model that others sell.
    """

    def __init__(self) -> None:
        self._snapshot: Any = None
        self._models: dict[tuple[str | None, str], Any] = {}
        self._rates: dict[int, tuple[Any, Rates]] = {}

    def warm(self) -> None:
        """
        Import and build what the first price needs, which takes a tenth of a second.

        Touches nothing of this object's own, so that any thread may call it while
        another prices calls.
        """
        usage = Usage(input_tokens=1, output_tokens=1)
        GenaiPrices().price(provider="openai", model="gpt-4o", usage=usage, time_ns=0)

    def price(
        self, *, provider: str | None, model: str | None, usage: Usage, time_ns: int
    ) -> Price:
        """
        Price one call at the prices of its time.
        """
        if not model:
            return Price(unpriced_reason="the model is not known")
        if is_local(provider):
            return Price(unpriced_reason=f"{provider} runs models locally")
        found = self._model(provider, model)
        if found is None:
            return Price(unpriced_reason=f"no price for the model {model} of {provider or 'any'}")
        return self._rates_of(found, time_ns).price(usage)

    def _model(self, provider: str | None, model: str) -> Any:
        snapshot = _snapshots().get_snapshot()
        if snapshot is not self._snapshot or len(self._models) > _MOST_REMEMBERED:
            self._models, self._rates, self._snapshot = {}, {}, snapshot
        key = (provider, model)
        if key not in self._models:
            self._models[key] = _look_up(snapshot, price_list_id(provider), model)
        return self._models[key]

    def _rates_of(self, model: Any, time_ns: int) -> Rates:
        """
        Read the rates at a time; those of a model change by the day, and of some by the hour.
        """
        seconds = min(max(time_ns // 10**9, 0), _LAST_SECOND)
        prices = model.get_prices(datetime.fromtimestamp(seconds, UTC))
        known = self._rates.get(id(prices))
        if known is None:
            known = (prices, Rates.of(prices, free=_is_free(model, prices)))
            self._rates[id(prices)] = known
        return known[1]


def _look_up(snapshot: Any, provider: str | None, model: str) -> Any:
    for prefix in _MODEL_PREFIXES:
        model = model.removeprefix(prefix)
    attempts = [(provider, model), (None, model)]
    if "/" in model:
        maker, _, name = model.partition("/")
        attempts += [(price_list_id(maker), name), (None, name)]
    for attempt in attempts:
        try:
            return snapshot.find_provider_model(attempt[1], None, attempt[0], None)[1]
        except LookupError:
            continue
    return None


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
