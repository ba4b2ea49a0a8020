"""
Token counts of one call, made comparable.

Input includes what was read from or written to a cache, output includes reasoning, and
what is not known is None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from otel_bridge_storage.readings import Usage

from otel_bridge.dialects import lenient
from otel_bridge.dialects.lenient import Names


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenNames:
    """
    The attribute names of a dialect, best first.
    """

    input: Names = ()
    output: Names = ()
    cache_read: Names = ()
    cache_write: Names = ()
    cache_write_1h: Names = ()
    reasoning: Names = ()

    def after(self, first: "TokenNames") -> "TokenNames":
        """
        Put the names of another dialect before these, for spans that speak both.
        """
        return TokenNames(
            input=first.input + self.input,
            output=first.output + self.output,
            cache_read=first.cache_read + self.cache_read,
            cache_write=first.cache_write + self.cache_write,
            cache_write_1h=first.cache_write_1h + self.cache_write_1h,
            reasoning=first.reasoning + self.reasoning,
        )


def read_usage(attributes: Mapping[str, Any], names: TokenNames, *, zeros_count: bool) -> Usage:
    """
    Read the usage of a call.

    Args:
        zeros_count: Counts which are all zero are true; else they mean unknown, as many
            instrumentations say it.
    """
    usage = Usage(
        input_tokens=lenient.count(attributes, names.input),
        output_tokens=lenient.count(attributes, names.output),
        cache_read_tokens=lenient.count(attributes, names.cache_read),
        cache_write_tokens=lenient.count(attributes, names.cache_write),
        cache_write_1h_tokens=lenient.count(attributes, names.cache_write_1h),
        reasoning_tokens=lenient.count(attributes, names.reasoning),
    )
    return normal(usage, zeros_count=zeros_count)


def normal(usage: Usage, *, zeros_count: bool) -> Usage:
    """
    Make counts include their parts, and drop counts that cannot be true.
    """
    read, write = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
    reasoning = usage.reasoning_tokens or 0
    if not (
        zeros_count or usage.input_tokens or usage.output_tokens or read or write or reasoning
    ):
        return Usage()
    whole = _including(usage.input_tokens, read + write)
    output = _including(usage.output_tokens, reasoning)
    if (whole, output) == (usage.input_tokens, usage.output_tokens):
        return usage
    return Usage(
        input_tokens=whole,
        output_tokens=output,
        cache_read_tokens=usage.cache_read_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        reasoning_tokens=usage.reasoning_tokens,
    )


def _including(total: int | None, parts: int) -> int | None:
    """
    A total that is less than its parts was told without them.
    """
    if total is None or parts <= total:
        return total
    return total + parts
