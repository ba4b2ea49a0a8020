"""
Chat completions, text completions and embeddings of the `openai` client.

Many other providers answer in this shape; where they count differently, the counts
themselves show it.
"""

from typing import Any

from otel_bridge_storage.readings import Usage

from otel_bridge.messages import Message, messages_of
from otel_bridge.responses.access import count, get, items, number, text
from otel_bridge.responses.response import Response


def is_completion(response: object) -> bool:
    """
    Tell the shape by its choices.
    """
    choices = items(response, "choices")
    return any(
        get(choice, "message") is not None or text(choice, "text") is not None
        for choice in choices
    ) or get(response, "object") in ("chat.completion", "text_completion")


def read_completion(response: object) -> Response:
    """
    Read a chat completion or a text completion.
    """
    choices = items(response, "choices")
    return Response(
        model=text(response, "model"),
        response_id=text(response, "id"),
        output=[message for choice in choices for message in _output(choice)],
        finish_reasons=tuple(
            reason for choice in choices if (reason := text(choice, "finish_reason"))
        ),
        usage=completion_usage(get(response, "usage")),
        cost_usd=number(response, "usage", "cost"),
    )


def is_embeddings(response: object) -> bool:
    """
    Tell the shape by its first vector.
    """
    data = items(response, "data")
    return bool(data) and get(data[0], "embedding") is not None


def read_embeddings(response: object) -> Response:
    """
    Read the answer to an embeddings request; the vectors are not kept.
    """
    return Response(
        model=text(response, "model"),
        usage=completion_usage(get(response, "usage")),
        cost_usd=number(response, "usage", "cost"),
    )


def completion_usage(usage: object) -> Usage:
    """
    Read the usage of a completion.

    Some providers leave reasoning out of `completion_tokens`; it is added where the
    total, or a reasoning count above the output, shows that.
    """
    prompt, output = count(usage, "prompt_tokens"), count(usage, "completion_tokens")
    reasoning = count(usage, "completion_tokens_details", "reasoning_tokens")
    if output is not None and reasoning:
        apart = (prompt or 0) + output + reasoning == count(usage, "total_tokens")
        output += reasoning if apart or reasoning > output else 0
    cached = count(usage, "prompt_tokens_details", "cached_tokens")
    return Usage(
        input_tokens=prompt,
        output_tokens=output,
        cache_read_tokens=count(usage, "prompt_cache_hit_tokens") if cached is None else cached,
        cache_write_tokens=count(usage, "prompt_tokens_details", "cache_write_tokens"),
        reasoning_tokens=reasoning,
    )


def _output(choice: Any) -> list[Message]:
    said = get(choice, "message")
    told = messages_of(text(choice, "text") if said is None else said, "assistant")
    reason = text(choice, "finish_reason")
    return [{**message, "finish_reason": reason} if reason else message for message in told]
