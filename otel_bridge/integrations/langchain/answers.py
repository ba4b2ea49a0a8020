"""
What the result of a call says: model, id, reason of its end, messages, tokens.
"""

from typing import Any

from otel_bridge.integrations.langchain.content import converted, is_message
from otel_bridge.integrations.langchain.usage import usage_of
from otel_bridge.messages import Message, text_message
from otel_bridge.responses.access import get, items, text
from otel_bridge.responses.response import Response

_MODELS = ("model_name", "model", "model_id")
_REASONS = ("finish_reason", "stop_reason", "done_reason", "stopReason")
_TIERS = (("service_tier",), ("usage", "service_tier"))
_RESPONSE_IDS = ("chatcmpl-", "cmpl-", "resp_", "gen-")
_MESSAGE_IS_RESPONSE = ("anthropic",)
"""
The providers whose answer is one message with one id; elsewhere a message's id may be
that of a part of the answer.
"""


def read_result(result: object, provider: str | None) -> Response:
    """
    Read an `LLMResult`: of a batch LangChain tells each request's apart.

    Args:
        provider: Who was asked.
    """
    generations = _generations(result)
    whole = get(result, "llm_output")
    messages = [get(generation, "message") for generation in generations]
    told = _told(result)
    reasons = [_reason(generation) for generation in generations]
    return Response(
        model=next((found for each in told if (found := _first(each, _MODELS))), None),
        response_id=_response_id(told, messages, provider),
        output=[_message(g, reason) for g, reason in zip(generations, reasons, strict=True)],
        finish_reasons=tuple(dict.fromkeys(reason for reason in reasons if reason)),
        usage=usage_of(messages, whole),
    )


def service_tier(result: object) -> str | None:
    """
    Find the provider's word for how the request was served, which may change its price.
    """
    places = [(each, path) for each in _told(result) for path in _TIERS]
    return next((found for each, path in places if (found := text(each, *path))), None)


def _generations(result: object) -> list[Any]:
    return [g for inner in items(result, "generations") for g in _listed(inner)]


def _told(result: object) -> list[Any]:
    """
    List what is said of an answer beside the answer, the most general first.
    """
    generations = _generations(result)
    told = [get(result, "llm_output")]
    told += [get(generation, "message", "response_metadata") for generation in generations]
    return told + [get(generation, "generation_info") for generation in generations]


def _listed(value: object) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else []


def _message(generation: object, reason: str | None) -> Message:
    message = get(generation, "message")
    if is_message(message):
        made = converted(message)
    else:
        made = text_message(text(generation, "text") or "", "assistant")
    return {**made, "finish_reason": reason} if reason else made


def _reason(generation: object) -> str | None:
    return _first(get(generation, "generation_info"), _REASONS) or _first(
        get(generation, "message", "response_metadata"), _REASONS
    )


def _first(told: object, names: tuple[str, ...]) -> str | None:
    return next((found for name in names if (found := text(told, name))), None)


def _response_id(told: list[object], messages: list[object], provider: str | None) -> str | None:
    named = next((found for each in told if (found := text(each, "id"))), None)
    if named is not None:
        return named
    for message in messages:
        found = text(message, "id")
        if found and found.startswith(_RESPONSE_IDS):
            return found
        if found and found.startswith("msg_") and provider in _MESSAGE_IS_RESPONSE:
            return found
    return None
