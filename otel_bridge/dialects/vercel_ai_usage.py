"""
Tokens of the Vercel AI SDK, in which each provider counts in its own way up to version 5.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from otel_bridge_storage.readings import Usage

from otel_bridge.dialects import lenient
from otel_bridge.dialects.lenient import Names
from otel_bridge.dialects.tokens import TokenNames, normal
from otel_bridge.dialects.usage_spellings import usage_in

TOKENS = TokenNames(
    input=("ai.usage.inputTokens", "ai.usage.promptTokens", "ai.usage.tokens"),
    output=("ai.usage.outputTokens", "ai.usage.completionTokens"),
    cache_read=("ai.usage.inputTokenDetails.cacheReadTokens", "ai.usage.cachedInputTokens"),
    cache_write=("ai.usage.inputTokenDetails.cacheWriteTokens",),
    reasoning=("ai.usage.outputTokenDetails.reasoningTokens", "ai.usage.reasoningTokens"),
)

_PROVIDER_METADATA: Names = ("ai.response.providerMetadata", "ai.result.providerMetadata")
_INCLUSIVE = "ai.usage.inputTokenDetails.noCacheTokens"
"""
Told since version 6, which makes the counts of all providers include their parts.
"""
_TOTAL: Names = ("ai.usage.totalTokens",)
_CACHE_APART = ("anthropic", "bedrock")
"""
The providers whose input count leaves out the cache in versions 4 and 5.
"""
_CACHE_READ: Names = ("cacheReadInputTokens", "cachedPromptTokens")
_CACHE_WRITE: Names = ("cacheCreationInputTokens", "cacheWriteInputTokens")
_RAW: Names = ("usage", "usageMetadata")
_GATEWAYS = ("gateway", "openrouter")


def provider_metadata(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """
    Read what providers said beyond the SDK's own fields, by the provider's name.
    """
    told = lenient.json_map(attributes, _PROVIDER_METADATA)
    return {name: value for name, value in told.items() if isinstance(value, dict)}


def full_usage(usage: Usage, attributes: Mapping[str, Any], names: TokenNames) -> Usage:
    """
    Complete the usage that the attributes tell with what the provider said beside it.

    Args:
        usage: As the attributes tell it, which is unknown if they tell nothing true.
        names: Where the counts are, to be read again as they were told.
    """
    if usage.input_tokens is None and usage.output_tokens is None:
        return usage
    whole = replace(
        usage,
        input_tokens=lenient.count(attributes, names.input),
        output_tokens=lenient.count(attributes, names.output),
    )
    inclusive = _INCLUSIVE in attributes
    for name, told in provider_metadata(attributes).items():
        raw = lenient.json_map(told, _RAW)
        said = usage_in(raw)
        whole = _with_parts(whole, told, said)
        if name in _CACHE_APART and not inclusive:
            whole = _with_cache(whole, said)
        whole = _with_reasoning(whole, raw)
    return _by_total(whole, lenient.count(attributes, _TOTAL))


def gateway_cost(attributes: Mapping[str, Any]) -> float | None:
    """
    Read the cost in USD that a gateway put beside the answer.
    """
    for name, told in provider_metadata(attributes).items():
        if name in _GATEWAYS:
            usage = told.get("usage")
            places = (told, usage if isinstance(usage, dict) else {})
            return next((cost for place in places if (cost := _dollars(place.get("cost")))), None)
    return None


def _with_parts(usage: Usage, told: Mapping[str, Any], said: Usage) -> Usage:
    """
    Take the parts that the provider named, or that its own usage object has.
    """
    read, written, reasoning = (
        lenient.count(told, names) for names in (_CACHE_READ, _CACHE_WRITE, ("reasoningTokens",))
    )
    return replace(
        usage,
        cache_read_tokens=_first(usage.cache_read_tokens, read, said.cache_read_tokens),
        cache_write_tokens=_first(usage.cache_write_tokens, written, said.cache_write_tokens),
        cache_write_1h_tokens=_first(usage.cache_write_1h_tokens, said.cache_write_1h_tokens),
        reasoning_tokens=_first(usage.reasoning_tokens, reasoning, said.reasoning_tokens),
    )


def _with_cache(usage: Usage, said: Usage) -> Usage:
    """
    Add the cache to an input count, unless it is the provider's own with the cache already.
    """
    told = usage.input_tokens
    parts = (usage.cache_read_tokens or 0) + (usage.cache_write_tokens or 0)
    if told is None or told == said.input_tokens:
        return usage
    return replace(usage, input_tokens=told + parts)


def _with_reasoning(usage: Usage, raw: Mapping[str, Any]) -> Usage:
    """
    Add Gemini's thoughts to an output count that is that of its candidates alone.
    """
    candidates = lenient.count(raw, ("candidatesTokenCount",))
    if candidates is None or usage.output_tokens != candidates or not usage.reasoning_tokens:
        return usage
    return replace(usage, output_tokens=candidates + usage.reasoning_tokens)


def _by_total(usage: Usage, total: int | None) -> Usage:
    """
    Add reasoning to an output count which the total shows to be without it.
    """
    sent, received, reasoning = usage.input_tokens, usage.output_tokens, usage.reasoning_tokens
    told = total and sent and received is not None and reasoning
    if told and (sent or 0) + (received or 0) + (reasoning or 0) == total:
        usage = replace(usage, output_tokens=(received or 0) + (reasoning or 0))
    return normal(usage, zeros_count=True)


def _first(*counts: int | None) -> int | None:
    return next((count for count in counts if count is not None), None)


def _dollars(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return lenient.number({"cost": value}, ("cost",))
