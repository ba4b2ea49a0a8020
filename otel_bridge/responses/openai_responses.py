"""
The Responses API of the `openai` client.
"""

from otel_bridge_storage.readings import Usage

from otel_bridge.message_parts import Part
from otel_bridge.messages import Message, messages_of
from otel_bridge.responses.access import count, get, items, number, text
from otel_bridge.responses.response import Response


def is_response(response: object) -> bool:
    """
    Tell the shape by the name the API gives it.
    """
    return text(response, "object") == "response"


def read_openai_response(response: object) -> Response:
    """
    Read a response, whole or as far as it got.
    """
    output = items(response, "output")
    reason = finish_reason(response, output)
    return Response(
        model=text(response, "model"),
        response_id=text(response, "id"),
        output=output_messages(output, reason),
        finish_reasons=(reason,) if reason else (),
        usage=responses_usage(get(response, "usage")),
        cost_usd=number(response, "usage", "cost"),
    )


def responses_usage(usage: object) -> Usage:
    """
    Read the usage of a response.
    """
    return Usage(
        input_tokens=count(usage, "input_tokens"),
        output_tokens=count(usage, "output_tokens"),
        cache_read_tokens=count(usage, "input_tokens_details", "cached_tokens"),
        cache_write_tokens=count(usage, "input_tokens_details", "cache_write_tokens"),
        reasoning_tokens=count(usage, "output_tokens_details", "reasoning_tokens"),
    )


def finish_reason(response: object, output: list[object]) -> str | None:
    """
    Say why the model stopped, in the words of chat completions.
    """
    status = text(response, "status")
    if status == "completed":
        asks = any(get(item, "type") in ("function_call", "custom_tool_call") for item in output)
        return "tool_calls" if asks else "stop"
    if status == "incomplete":
        reason = text(response, "incomplete_details", "reason")
        return "length" if reason == "max_output_tokens" else reason or status
    return "error" if status == "failed" else status


def output_messages(output: list[object], reason: str | None) -> list[Message]:
    """
    Join the items of an output to the one message that the model gave.
    """
    parts: list[Part] = [
        part for item in output for message in messages_of(item) for part in message["parts"]
    ]
    if not parts:
        return []
    message: Message = {"role": "assistant", "parts": parts}
    return [{**message, "finish_reason": reason} if reason else message]
