"""
Prices from a file of the user's own, before those of the price list.
"""

import os
from decimal import Decimal
from pathlib import Path

from otel_bridge_storage.readings import Price, Usage

from otel_bridge.pricing.genai import GenaiPrices
from otel_bridge.pricing.price_entries import Entry
from otel_bridge.pricing.price_toml import in_order, read_entries
from otel_bridge.pricing.rates import Rates
from otel_bridge.pricing.service_tiers import tier_of

VARIABLE = "OTEL_BRIDGE_PRICES"
_MOST_REMEMBERED = 10_000


class PriceFile:
    """
    Prices calls by a file, and those of models it does not name by the price list.

    Implements `otel_bridge_storage.readings.Pricer`. The file is read once. Of the entries
    that are about a call, the most specific one with prices is believed.

    Args:
        path: The file; `docs/pricing.md` says how it is written.

    Raises:
        PriceFileError: It cannot be read, or says something that makes no sense.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._entries = in_order(read_entries(self.path))
        self._list = GenaiPrices()
        self._about: dict[tuple[str | None, str], list[Entry]] = {}

    def warm(self) -> None:
        """
        Make the first price as quick as the others.
        """
        self._list.warm()

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
        return Price(unpriced_reason=rates) if isinstance(rates, str) else rates.price(usage)

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

        def listed(tier: str | None) -> Rates | str:
            return self._list.rates(
                provider=provider, model=model, time_ns=time_ns, service_tier=tier
            )

        tier = tier_of(service_tier)
        entries = self._told(provider, model, time_ns)
        own = next((entry.rates for entry in entries if entry.rates is not None), None)
        terms = None if tier is None else _terms(entries, tier)
        if isinstance(terms, Rates):
            return terms
        if terms is not None:
            base = own or listed(None)
            return base if isinstance(base, str) else base.times(terms)
        if own is None:
            return listed(tier)
        if tier is None or own.free:
            return own
        return f"{self.path.name} has no price for the service tier {tier} of the model {model}"

    def _told(self, provider: str | None, model: str | None, time_ns: int) -> list[Entry]:
        """
        List the entries that count for a call: the first with prices, and all without.
        """
        if not model:
            return []
        key = (provider, model)
        about = self._about.get(key)
        if about is None:
            if len(self._about) >= _MOST_REMEMBERED:
                self._about.clear()
            about = [entry for entry in self._entries if entry.fits(provider, model)]
            self._about[key] = about
        held = [entry for entry in about if entry.holds(time_ns)]
        first = next((entry for entry in held if entry.rates is not None), None)
        return [entry for entry in held if entry is first or entry.rates is None]


def _terms(entries: list[Entry], tier: str) -> Rates | Decimal | None:
    return next((entry.tiers[tier] for entry in entries if tier in entry.tiers), None)


def prices_of(path: str | Path | None = None) -> "PriceFile | GenaiPrices":
    """
    Give the prices of a file, or of the price list alone where there is no file.

    Args:
        path: The file; by default `$OTEL_BRIDGE_PRICES`, if that is set.

    Raises:
        PriceFileError: The file cannot be read, or says something that makes no sense.
    """
    chosen = path or os.environ.get(VARIABLE)
    return PriceFile(chosen) if chosen else GenaiPrices()
