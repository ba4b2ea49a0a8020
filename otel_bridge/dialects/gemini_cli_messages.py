"""
What Gemini CLI says was sent and answered: contents of Google's API as JSON text.

A text of more than 10,000 characters is cut, and is no JSON any more.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import lenient
from otel_bridge.dialects.gemini_messages import content_message, contents
from otel_bridge.dialects.genai_messages import INPUT, OUTPUT, SYSTEM, Messages
from otel_bridge.dialects.span_reading import Exchange


def of_call(span: SpanRecord) -> Exchange:
    """
    Read the contents in the attributes of a request's span.
    """
    attributes = span.attributes
    system = contents(_parsed(attributes.get(SYSTEM)), "system")
    return (*system, *contents(_parsed(attributes.get(INPUT)), "user")), _answer(
        _listed(_parsed(attributes.get(OUTPUT)))
    )


def of_prompt(span: SpanRecord) -> Exchange:
    """
    Read what the user or an agent asked of an agent.
    """
    asked = _parsed(span.attributes.get(INPUT))
    if isinstance(asked, Mapping) and "parts" not in asked:
        asked = lenient.text(asked, ("prompt", "query", "objective"))
    return contents(asked, "user"), ()


def asked_in(text: Any) -> Messages:
    """
    Read the contents of a request.
    """
    return contents(lenient.structure(text), "user")


def answered_in(text: Any) -> tuple[Messages, str | None]:
    """
    Read a whole response, or the chunks of a streamed one.

    Returns:
        The answer, and the provider's id of it.
    """
    chunks = _listed(lenient.structure(text))
    first = [one for chunk in chunks for one in _listed(chunk.get("candidates"))[:1]]
    answer = _answer(lenient.dicts(one.get("content") for one in first))
    ids = (lenient.text(chunk, ("responseId",)) for chunk in chunks)
    return answer, next((one for one in ids if one), None)


def _answer(streamed: Iterable[Mapping[str, Any]]) -> Messages:
    """
    Join the contents of which a streamed answer is made to one message.
    """
    joined: list[Any] = []
    for content in streamed:
        parts = content.get("parts")
        for part in parts if isinstance(parts, list) else []:
            if joined and _continues(part, joined[-1]):
                joined[-1] = {**part, "text": joined[-1]["text"] + part["text"]}
            else:
                joined.append(part)
    return (content_message({"parts": joined}, "assistant"),) if joined else ()


def _continues(part: Any, last: Any) -> bool:
    both = isinstance(part, Mapping) and isinstance(last, Mapping)
    if not (both and isinstance(part.get("text"), str) and isinstance(last.get("text"), str)):
        return False
    return (part.get("thought") is True) == (last.get("thought") is True)


def _parsed(value: Any) -> Any:
    """
    Take JSON text as what it says, and other text as itself unless it is cut JSON.
    """
    if not isinstance(value, str):
        return value
    parsed = lenient.parse_json(value)
    cut = value.lstrip()[:1] in ("{", "[", '"')
    return value if parsed is None and not cut else parsed


def _listed(value: Any) -> list[dict[str, Any]]:
    return lenient.dicts(value if isinstance(value, list) else [value])
