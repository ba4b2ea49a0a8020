"""
The tokens of a call, from whatever place LangChain keeps them in.
"""

from collections.abc import Iterable, Mapping

from otel_bridge_storage.readings import Usage

from otel_bridge.responses import read_usage
from otel_bridge.responses.access import count, get

_TIERS = ("", "priority_", "flex_")
"""
What OpenAI's integration puts before the names of a detail, by the tier of service.
"""
_NOTHING = Usage(input_tokens=0, output_tokens=0)


def usage_of(messages: Iterable[object], whole: object) -> Usage:
    """
    Read the usage of a call.

    Several answers to one request each repeat the usage of the request, so the first
    that has it is taken. Zeros that come with an answer are unknown, except where the
    answer came from a cache of LangChain's and used nothing.

    Args:
        messages: What the model answered.
        whole: What the model says of all answers, `llm_output`.
    """
    for message in messages:
        told = get(message, "usage_metadata")
        if isinstance(told, Mapping):
            if is_cached(told):
                return _NOTHING
            found = _standard(told)
            if _says(found):
                return found
    for name in ("token_usage", "usage", "usage_metadata"):
        told = get(whole, name)
        if told is not None and _says(found := read_usage(told)):
            return found
    return Usage()


def is_cached(usage: object) -> bool:
    """
    Tell an answer that came from a cache of LangChain's, which marks it with no cost.
    """
    cost = get(usage, "total_cost")
    return cost == 0 and isinstance(cost, int | float)


def _standard(usage: Mapping[str, object]) -> Usage:
    """
    Read LangChain's own form, in which input includes the cache and output reasoning.

    A provider that tells how long a cache write is kept gives it under other names, in
    place of the general one.
    """
    hour = count(usage, "input_token_details", "ephemeral_1h_input_tokens")
    written = _sum(
        [
            *_tiered(usage, "input_token_details", "cache_creation"),
            count(usage, "input_token_details", "ephemeral_5m_input_tokens"),
            hour,
        ]
    )
    return Usage(
        input_tokens=count(usage, "input_tokens"),
        output_tokens=count(usage, "output_tokens"),
        cache_read_tokens=_sum(_tiered(usage, "input_token_details", "cache_read")),
        cache_write_tokens=written,
        cache_write_1h_tokens=hour,
        reasoning_tokens=_sum(_tiered(usage, "output_token_details", "reasoning")),
    )


def _tiered(usage: object, details: str, name: str) -> list[int | None]:
    return [count(usage, details, f"{tier}{name}") for tier in _TIERS]


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [each for each in counts if each is not None]
    return sum(known) if known else None


def _says(usage: Usage) -> bool:
    return bool(usage.input_tokens or usage.output_tokens)
