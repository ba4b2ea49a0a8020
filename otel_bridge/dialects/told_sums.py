"""
Sums of tokens that the spans of agents and workflows tell of the calls inside them.

Nothing is counted by them: they are a check on what is.
"""

from dataclasses import dataclass

from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import lenient
from otel_bridge.dialects.tokens import TokenNames, read_usage
from otel_bridge.dialects.vocabulary import GENAI

NAMES = GENAI.tokens.after(
    TokenNames(
        input=(
            "llm.token_count.prompt",
            "gen_ai.aggregated_usage.input_tokens",
            "ai.usage.inputTokens",
            "ai.usage.promptTokens",
        ),
        output=(
            "llm.token_count.completion",
            "gen_ai.aggregated_usage.output_tokens",
            "ai.usage.outputTokens",
            "ai.usage.completionTokens",
        ),
        cache_read=(
            "llm.token_count.prompt_details.cache_read",
            "gen_ai.aggregated_usage.cache_read.input_tokens",
            "gen_ai.aggregated_usage.details.cache_read_tokens",
            "ai.usage.cachedInputTokens",
            "ai.usage.inputTokenDetails.cacheReadTokens",
        ),
        cache_write=(
            "llm.token_count.prompt_details.cache_write",
            "gen_ai.aggregated_usage.cache_creation.input_tokens",
            "gen_ai.aggregated_usage.details.cache_write_tokens",
            "ai.usage.inputTokenDetails.cacheWriteTokens",
        ),
        reasoning=(
            "llm.token_count.completion_details.reasoning",
            "gen_ai.aggregated_usage.details.reasoning_tokens",
            "ai.usage.reasoningTokens",
            "ai.usage.outputTokenDetails.reasoningTokens",
        ),
    )
)
_FIELDS = ("input", "output", "cache_read", "cache_write", "reasoning")


@dataclass(frozen=True, slots=True)
class ToldSum:
    """
    One sum, by the name of the field of `Usage`.

    Attributes:
        attribute: The name of the attribute that tells it.
    """

    field: str
    tokens: int
    attribute: str


def told_sums(span: SpanRecord) -> list[ToldSum]:
    """
    List the sums that a span tells, made comparable as those of calls are.
    """
    usage = read_usage(span.attributes, NAMES, zeros_count=False)
    found = []
    for kind in _FIELDS:
        field = f"{kind}_tokens"
        tokens = getattr(usage, field)
        names = (
            n for n in getattr(NAMES, kind) if lenient.count(span.attributes, (n,)) is not None
        )
        name = next(names, None)
        if tokens is not None and name is not None:
            found.append(ToldSum(field, tokens, name))
    return found
