"""
Usage objects in the spelling of any provider, framework or backend.

    {"prompt_tokens": 123, "prompt_tokens_details": {"cached_tokens": 64}}      OpenAI
    {"input_tokens": 59, "cache_read_input_tokens": 64}                         Anthropic
    {"input": 59, "input_cache_read": 64, "output": 20, "output_reasoning": 11} Langfuse
"""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from otel_bridge_storage.readings import Usage

from otel_bridge.dialects import lenient
from otel_bridge.dialects.lenient import Names
from otel_bridge.dialects.tokens import normal

_ITEM_INPUT, _ITEM_OUTPUT = "input", "output"
"""
Langfuse's own names of the two main counts.
"""
_INPUT: Names = (
    "input_tokens",
    "prompt_tokens",
    "inputTokens",
    "promptTokens",
    "prompt_token_count",
    "promptTokenCount",
    "inputTokenCount",
    "input_token_count",
    "prompt_eval_count",
)
_OUTPUT: Names = (
    "output_tokens",
    "completion_tokens",
    "outputTokens",
    "completionTokens",
    "candidates_token_count",
    "candidatesTokenCount",
    "outputTokenCount",
    "generated_token_count",
    "eval_count",
)
_TOTAL: Names = ("total_tokens", "totalTokens", "total_token_count", "totalTokenCount", "total")
_DETAILS: Names = (
    "prompt_tokens_details",
    "input_tokens_details",
    "input_token_details",
    "inputTokenDetails",
    "cache_creation",
    "completion_tokens_details",
    "output_tokens_details",
    "output_token_details",
    "outputTokenDetails",
)
"""
The maps of parts inside a usage object; the names of their parts do not clash.
"""
_CACHE_READ: Names = (
    "cached_tokens",
    "cache_read",
    "cacheReadTokens",
    "cache_read_input_tokens",
    "cacheReadInputTokens",
    "cacheReadInputTokenCount",
    "cachedInputTokens",
    "cached_content_token_count",
    "cachedContentTokenCount",
    "prompt_cache_hit_tokens",
    "cache_read_tokens",
    "input_cached_tokens",
    "input_cache_read",
    "input_cache_read_input_tokens",
    "input_cache_read_tokens",
    "input_cached",
)
_CACHE_WRITE: Names = (
    "cache_write_tokens",
    "cache_creation",
    "cacheWriteTokens",
    "cache_creation_input_tokens",
    "cacheCreationInputTokens",
    "cacheWriteInputTokens",
    "cacheWriteInputTokenCount",
    "cache_write_input_tokens",
    "cache_creation_tokens",
    "input_cache_creation",
    "input_cache_write_tokens",
    "input_cache_creation_input_tokens",
    "input_cache_creation_tokens",
)
_WRITE_5M: Names = (
    "ephemeral_5m_input_tokens",
    "input_ephemeral_5m_input_tokens",
    "cache_creation_ephemeral_5m_input_tokens",
)
_WRITE_1H: Names = (
    "ephemeral_1h_input_tokens",
    "cache_creation_input_tokens_above_1hr",
    "input_ephemeral_1h_input_tokens",
    "cache_creation_ephemeral_1h_input_tokens",
)
_REASONING: Names = (
    "reasoning_tokens",
    "reasoning",
    "reasoningTokens",
    "thinking_tokens",
    "thoughts_token_count",
    "thoughtsTokenCount",
    "output_reasoning_tokens",
    "output_reasoning",
)
_CACHE_APART: Names = (
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cacheReadInputTokens",
    "cacheWriteInputTokens",
    "cacheCreationInputTokens",
)
"""
The names that Anthropic and Bedrock use beside an input count which leaves these out.
"""
_REASONING_APART: Names = ("thoughts_token_count", "thoughtsTokenCount")
"""
Gemini's, beside an output count which leaves its thoughts out.
"""
Counts = tuple[int | None, int]
"""
The count of one side, and that of its parts.
"""


def usage_in(told: Any) -> Usage:
    """
    Read a usage object; what is none is unknown usage.

    Where the input leaves out its cached parts, or the output its reasoning, they are
    added: the total tells, or else the spelling does.
    """
    if not isinstance(told, Mapping):
        return Usage()
    flat = _flat(told)
    read, written = lenient.count(flat, _CACHE_READ), _written(flat)
    reasoning = lenient.count(flat, _REASONING)
    sent, received = lenient.count(flat, _INPUT), lenient.count(flat, _OUTPUT)
    if sent is None and (_ITEM_INPUT in flat or _ITEM_OUTPUT in flat):
        sides = (
            (lenient.count(flat, (_ITEM_INPUT,)), _itemised(flat, _ITEM_INPUT)),
            (lenient.count(flat, (_ITEM_OUTPUT,)), _itemised(flat, _ITEM_OUTPUT)),
        )
        adds = (True, True)
    else:
        sides = ((sent, (read or 0) + (written or 0)), (received, reasoning or 0))
        adds = (_says(flat, _CACHE_APART), _says(flat, _REASONING_APART))
    input_tokens, output_tokens = _totals(*sides, lenient.count(flat, _TOTAL) or None, adds)
    usage = Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=lenient.count(flat, _WRITE_1H),
        reasoning_tokens=reasoning,
    )
    return normal(usage, zeros_count=True)


def completed(usage: Usage, beside: Usage) -> Usage:
    """
    Take from another account of the same call what one account leaves unknown.
    """
    told = {field.name: getattr(beside, field.name) for field in fields(usage)}
    unknown = {name: count for name, count in told.items() if getattr(usage, name) is None}
    return normal(replace(usage, **unknown), zeros_count=True)


def _flat(told: Mapping[str, Any]) -> dict[str, Any]:
    """
    Lift the parts beside the counts; a part of one name is not told twice.
    """
    flat = {name: value for name, value in told.items() if not isinstance(value, (Mapping, list))}
    for name in _DETAILS:
        if isinstance(details := told.get(name), Mapping):
            for part, value in details.items():
                flat.setdefault(part, value)
    return flat


def _written(flat: Mapping[str, Any]) -> int | None:
    """
    Read what was written to the cache, in sum or by how long it is kept.
    """
    whole = lenient.count(flat, _CACHE_WRITE)
    terms = [lenient.count(flat, names) for names in (_WRITE_5M, _WRITE_1H)]
    told = [term for term in terms if term is not None]
    return sum(told) if told and not whole else whole


def _itemised(flat: Mapping[str, Any], side: str) -> int:
    """
    Add up the units of one side that Langfuse counts beside its main one.

    What is written to the cache may be there in sum and by how long it is kept.
    """
    prefixes = (f"{side}_", "cache") if side == _ITEM_INPUT else (f"{side}_",)
    not_units: tuple[str, ...] = (f"{side}_priority", "cache_creation_ephemeral")
    if lenient.count(flat, ("input_cache_creation",)):
        not_units = (*not_units, "input_ephemeral")
    return sum(
        lenient.whole(value) or 0
        for name, value in flat.items()
        if name.startswith(prefixes) and not name.startswith(not_units)
    )


def _totals(
    sent: Counts, received: Counts, total: int | None, adds: tuple[bool, bool]
) -> tuple[int | None, int | None]:
    """
    Decide whether the parts are in the counts of the two sides already.

    Args:
        adds: Whether the spelling leaves the parts out of the input and of the output,
            which decides where the total does not.
    """
    if total is not None and sent[0] is not None and received[0] is not None:
        for choice in ((False, False), adds, (True, True), (True, False), (False, True)):
            if _side(sent, choice[0]) + _side(received, choice[1]) == total:
                return _side(sent, choice[0]), _side(received, choice[1])
        output = _side(received, adds[1])
        if adds[0] and total - output >= sent[0]:
            # Parts that overlap were taken off more than once: only the total is right.
            return total - output, output
    return (
        None if sent[0] is None else _side(sent, adds[0]),
        None if received[0] is None else _side(received, adds[1]),
    )


def _side(counts: Counts, add: bool) -> int:
    return (counts[0] or 0) + (counts[1] if add else 0)


def _says(flat: Mapping[str, Any], names: Names) -> bool:
    return any(name in flat for name in names)
