"""
What an entry of a price file charges: prices, longer inputs, service tiers.

A mistake is told with the entry it is in and what to write instead.
"""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, NoReturn

from otel_bridge_storage.errors import PriceFileError

from otel_bridge.pricing.rates import Rate, Rates
from otel_bridge.pricing.service_tiers import tier_of

_TOKEN_PRICES = ("input", "output", "cache_read", "cache_write", "cache_write_1h", "reasoning")
_PRICES = (*_TOKEN_PRICES, "per_thousand_requests", "long_input", "free")
_TIER_TERMS = (*_PRICES, "discount")
_DEAREST = 10**9

TERMS = (*_PRICES, "batch_discount", "service_tier")


class Place:
    """
    Where in a price file something stands.

    Args:
        where: For errors.
        file: The file's name, for the reason of a call that it does not price.
    """

    def __init__(self, where: str, file: str) -> None:
        self.where = where
        self.file = file

    def within(self, name: str) -> "Place":
        """
        Give the place of a table inside.
        """
        return Place(f"{self.where}, {name}", self.file)

    def refuse(self, problem: str) -> NoReturn:
        """
        Say what is wrong here and what to write.

        Raises:
            PriceFileError: Always.
        """
        raise PriceFileError(f"{self.where} {problem}")

    def only(self, table: Mapping[str, Any], known: Collection[str]) -> None:
        """
        Refuse fields that mean nothing here.
        """
        for name in table:
            if name not in known:
                self.refuse(f"has an unknown field {name!r}: the fields are {', '.join(known)}")


def read_rates(place: Place, table: Mapping[str, Any]) -> Rates | None:
    """
    Read the prices of an entry or of a service tier; None if there are none.
    """
    given = [name for name in _PRICES if name in table]
    if not given:
        return None
    if "free" in table:
        if table["free"] is not True or given != ["free"]:
            place.refuse("mixes `free` with prices: write free = true alone, or prices without it")
        return Rates(free=True, source=place.file)
    prices = {name: _price(place, table, name) for name in _TOKEN_PRICES if name in table}
    if "input" not in prices:
        place.refuse("has no price of input tokens: write input = 2.50, in USD for a million")
    longer = _long_inputs(place, table, prices)
    rates = {
        name: Rate(
            base=price,
            tiers=tuple((start, above[name]) for start, above in longer if name in above),
        )
        for name, price in prices.items()
    }
    requests = Decimal(0)
    if "per_thousand_requests" in table:
        requests = _price(place, table, "per_thousand_requests")
    return Rates(**rates, per_thousand_requests=requests, source=place.file)  # type: ignore[arg-type]


def _long_inputs(
    place: Place, table: Mapping[str, Any], prices: Mapping[str, Decimal]
) -> list[tuple[int, dict[str, Decimal]]]:
    tiers = table.get("long_input", [])
    example = "long_input = [{ above = 200_000, input = 5.00, output = 15.00 }]"
    if not isinstance(tiers, list) or not all(isinstance(tier, dict) for tier in tiers):
        place.refuse(f"has a long_input that is no list of tables: write {example}")
    found: dict[int, dict[str, Decimal]] = {}
    for tier in tiers:
        inner = place.within("long_input")
        inner.only(tier, ("above", *_TOKEN_PRICES))
        above = tier.get("above")
        if not isinstance(above, int) or isinstance(above, bool) or above < 0 or above in found:
            inner.refuse(f"needs `above`, a number of tokens of its own: write {example}")
        found[above] = {n: _price(inner, tier, n) for n in _TOKEN_PRICES if n in tier}
        for name in found[above].keys() - prices.keys():
            inner.refuse(f"gives {name}, which the entry itself does not: write {name} there too")
    return sorted(found.items())


def read_tiers(place: Place, table: Mapping[str, Any]) -> dict[str, Rates | Decimal]:
    """
    Read what service tiers cost: prices, or the share that a discount leaves.
    """
    found: dict[str, Rates | Decimal] = {}
    if "batch_discount" in table:
        found["batch"] = _left_over(place, table, "batch_discount")
    given = table.get("service_tier", {})
    if not isinstance(given, dict):
        place.refuse("has a service_tier that is no table: write service_tier.flex.discount = 0.5")
    for word, terms in given.items():
        inner, tier = place.within(f"service_tier.{word}"), tier_of(word)
        if tier is None:
            inner.refuse("is what the entry's own prices are for: write them there")
        if tier in found:
            inner.refuse("is given twice: remove one")
        if not isinstance(terms, dict):
            inner.refuse("is no table: write discount = 0.5, or input and output, in it")
        inner.only(terms, _TIER_TERMS)
        rates = read_rates(inner, terms)
        if (rates is None) == ("discount" not in terms):
            inner.refuse("needs either a discount or prices: write discount = 0.5, or input")
        found[tier] = rates or _left_over(inner, terms, "discount")
    return found


def _left_over(place: Place, table: Mapping[str, Any], name: str) -> Decimal:
    discount = _number(place, table, name, "a share from 0 to 1: 0.5 is half the price")
    if discount > 1:
        place.refuse(f"has {name} = {discount}, which is more than all: 0.5 is half the price")
    return 1 - discount


def _price(place: Place, table: Mapping[str, Any], name: str) -> Decimal:
    unit = "thousand requests" if name == "per_thousand_requests" else "million tokens"
    price = _number(place, table, name, f"USD for a {unit}, such as {name} = 2.50")
    if price > _DEAREST:
        place.refuse(f"has {name} = {price}, which is no price: write USD for a {unit}")
    return price


def _number(place: Place, table: Mapping[str, Any], name: str, wanted: str) -> Decimal:
    value = table[name]
    number = Decimal(value) if isinstance(value, int | Decimal) else None
    if number is None or isinstance(value, bool) or not number.is_finite() or number < 0:
        place.refuse(f"has {name} = {value!s}: write {wanted}")
    return number
