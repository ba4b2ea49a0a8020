"""
What calls cost, by the published prices of their time or by the user's own.
"""

from otel_bridge.pricing.genai import GenaiPrices
from otel_bridge.pricing.price_file import PriceFile, prices_of

__all__ = ["GenaiPrices", "PriceFile", "prices_of"]
