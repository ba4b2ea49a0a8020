"""
Inputs that were told without what a cache holds of them.
"""

from dataclasses import replace

from otel_bridge_storage.readings import Usage


def including_cache(usage: Usage, total: int | None) -> Usage:
    """
    Add the cache's tokens to an input that was told without them, as the total shows.

    Args:
        total: The told sum of all tokens.
    """
    told, output = usage.input_tokens, usage.output_tokens
    cached = (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
    if told is None or output is None or not cached or total != told + output + cached:
        return usage
    return replace(usage, input_tokens=told + cached)
