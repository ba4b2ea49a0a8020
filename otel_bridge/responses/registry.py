"""
Which shape a response has, and who reads it.
"""

from collections.abc import Callable

from otel_bridge_storage.readings import Usage

from otel_bridge.messages import messages_of
from otel_bridge.responses.access import count, get, items, text
from otel_bridge.responses.anthropic_messages import is_message, message_usage, read_message
from otel_bridge.responses.chat_completions import (
    completion_usage,
    is_completion,
    is_embeddings,
    read_completion,
    read_embeddings,
)
from otel_bridge.responses.openai_responses import (
    is_response,
    read_openai_response,
    responses_usage,
)
from otel_bridge.responses.raw import is_raw, raw_body
from otel_bridge.responses.response import Response

_SHAPES: tuple[tuple[Callable[[object], bool], Callable[[object], Response]], ...] = (
    (is_response, read_openai_response),
    (is_message, read_message),
    (is_completion, read_completion),
    (is_embeddings, read_embeddings),
)


def read_response(response: object) -> Response:
    """
    Read a client's response object, or a dict of the same shape.

    Of a shape that is not known, what has a familiar name is read; of a raw HTTP
    response, its body.
    """
    if is_raw(response):
        return read_response(raw_body(response))
    for has_shape, read in _SHAPES:
        if has_shape(response):
            return read(response)
    if isinstance(response, str):
        return Response(output=messages_of(response, "assistant"))
    content = get(response, "content")
    known = isinstance(content, str) or bool(items(response, "content"))
    return Response(
        model=text(response, "model"),
        response_id=text(response, "id"),
        output=messages_of(content, "assistant") if known else [],
        usage=read_usage(get(response, "usage")),
    )


def read_usage(usage: object) -> Usage:
    """
    Read a usage object by the names of its counts.
    """
    if count(usage, "prompt_tokens") is not None:
        return completion_usage(usage)
    details = (get(usage, "input_tokens_details"), get(usage, "total_tokens"))
    if any(detail is not None for detail in details):
        return responses_usage(usage)
    return message_usage(usage)
