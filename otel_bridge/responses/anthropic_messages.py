"""
Messages of the `anthropic` client.
"""

from otel_bridge_storage.readings import Usage

from otel_bridge.messages import Message, messages_of
from otel_bridge.responses.access import count, get, items, text
from otel_bridge.responses.response import Response


def is_message(response: object) -> bool:
    """
    Tell the shape by its type and its content blocks.
    """
    return get(response, "type") == "message" and isinstance(
        get(response, "content"), list | tuple
    )


def read_message(response: object) -> Response:
    """
    Read a message.
    """
    reason = text(response, "stop_reason")
    return Response(
        model=text(response, "model"),
        response_id=text(response, "id"),
        output=block_messages(items(response, "content"), reason),
        finish_reasons=(reason,) if reason else (),
        usage=message_usage(get(response, "usage")),
    )


def block_messages(blocks: list[object], reason: str | None) -> list[Message]:
    """
    Make the one message that content blocks are.
    """
    if not blocks:
        return []
    told = messages_of({"role": "assistant", "content": blocks})
    return [{**message, "finish_reason": reason} if reason else message for message in told]


def message_usage(usage: object) -> Usage:
    """
    Read the usage of a message, whose input count leaves out what the cache took part in.
    """
    told, read = count(usage, "input_tokens"), count(usage, "cache_read_input_tokens")
    hour = count(usage, "cache_creation", "ephemeral_1h_input_tokens")
    written = count(usage, "cache_creation_input_tokens")
    if written is None and hour is not None:
        written = hour + (count(usage, "cache_creation", "ephemeral_5m_input_tokens") or 0)
    return Usage(
        input_tokens=None if told is None else told + (read or 0) + (written or 0),
        output_tokens=count(usage, "output_tokens"),
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=hour,
        reasoning_tokens=count(usage, "output_tokens_details", "thinking_tokens"),
    )
