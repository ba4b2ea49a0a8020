"""
What calls cost, by the published prices of their time.
"""

from otel_bridge.pricing.genai import GenaiPrices

__all__ = ["GenaiPrices"]
