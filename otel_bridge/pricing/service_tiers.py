"""
Service tiers: how a provider served a call, where that changes the price.
"""

_STANDARD = frozenset({"", "auto", "default", "on_demand", "standard", "standard_only"})


def tier_of(word: str | None) -> str | None:
    """
    Name a tier as price lists do; None for the one that list prices are for.

    Args:
        word: The provider's own word, such as `default`, `flex`, `ON_DEMAND` or `batch`.
    """
    plain = (word or "").strip().lower().replace("-", "_")
    return None if plain in _STANDARD else plain
