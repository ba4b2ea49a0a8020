"""
One entry of a price file: which calls it is about, and what they cost.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from otel_bridge.pricing.providers import price_list_id
from otel_bridge.pricing.rates import Rates

_EARLIEST, _LATEST = -(2**63), 2**63


@dataclass(frozen=True, slots=True)
class Pattern:
    """
    A name, or a pattern in which `*` stands for any text and `?` for one character.

    Upper and lower case are the same.
    """

    text: str

    @property
    def exact(self) -> bool:
        """
        Whether it is one name.
        """
        return not {"*", "?"} & set(self.text)

    @property
    def rank(self) -> tuple[bool, int]:
        """
        How specific it is: a name above all patterns, and a longer pattern above a shorter.
        """
        return self.exact, len(self.text.replace("*", ""))

    def fits(self, name: str) -> bool:
        """
        Tell whether a name is meant.
        """
        pattern = re.escape(self.text.lower()).replace(r"\*", ".*").replace(r"\?", ".")
        return re.fullmatch(pattern, name.lower(), re.DOTALL) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """
    What a price file says of some models for some time.

    Attributes:
        provider: None for any.
        from_ns: From when on, in nanoseconds since the epoch; None for ever.
        until_ns: Until when, that moment excluded; None for ever.
        rates: The prices; None where those of another entry, or of the price list, hold.
        tiers: What a service tier costs: prices, or the share of `rates` that is left.
    """

    model: Pattern
    provider: Pattern | None = None
    from_ns: int | None = None
    until_ns: int | None = None
    rates: Rates | None = None
    tiers: Mapping[str, Rates | Decimal]

    @property
    def subject(self) -> tuple[object, ...]:
        """
        What two entries must not both say something of.
        """
        provider = self.provider and self.provider.text.lower()
        return self.model.text.lower(), provider, self.from_ns, self.until_ns

    @property
    def rank(self) -> tuple[object, ...]:
        """
        How specific it is: the entry of the highest rank is believed.
        """
        provider = (False, -1) if self.provider is None else self.provider.rank
        since = _EARLIEST if self.from_ns is None else self.from_ns
        until = _LATEST if self.until_ns is None else self.until_ns
        return self.model.rank, self.provider is not None, provider, since, -until

    def fits(self, provider: str | None, model: str) -> bool:
        """
        Tell whether it is about a model of a provider.

        A provider is meant by its name in the telemetry and by that in the price list.
        """
        if not self.model.fits(model):
            return False
        if self.provider is None:
            return True
        names = (provider, price_list_id(provider))
        return any(self.provider.fits(name) for name in names if name)

    def holds(self, time_ns: int) -> bool:
        """
        Tell whether it is about a time.
        """
        after = self.from_ns is None or self.from_ns <= time_ns
        return after and (self.until_ns is None or time_ns < self.until_ns)
