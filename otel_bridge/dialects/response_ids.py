"""
The provider's id of a response, by which two copies of one call are known.
"""

from collections.abc import Mapping
from typing import Any

from otel_bridge.dialects import lenient

_FRAMEWORK_IDS = ("run-", "lc_run-")
"""
How LangChain's own message ids begin, which are not the provider's.
"""


def provider_id(value: Any) -> str | None:
    """
    Take a value as the provider's id, if it is one.
    """
    if isinstance(value, str) and value and not value.startswith(_FRAMEWORK_IDS):
        return value
    return None


def id_in_output(output: Any) -> str | None:
    """
    Find the id in the response object of a provider's SDK, or in LangChain's result.
    """
    if not isinstance(output, Mapping):
        return None
    return provider_id(output.get("id")) or _langchain_id(output)


def _langchain_id(output: Mapping[str, Any]) -> str | None:
    whole = output.get("llm_output")
    if isinstance(whole, Mapping) and (found := provider_id(whole.get("id"))):
        return found
    for generation in _generations(output):
        message = generation.get("message")
        inner = message.get("kwargs", message) if isinstance(message, Mapping) else None
        told = inner.get("response_metadata") if isinstance(inner, Mapping) else None
        if isinstance(told, Mapping) and (found := provider_id(told.get("id"))):
            return found
    return None


def _generations(output: Mapping[str, Any]) -> list[dict[str, Any]]:
    outer = output.get("generations")
    if not isinstance(outer, list):
        return []
    return [g for inner in outer for g in lenient.dicts(inner if isinstance(inner, list) else [])]
