"""
The provider's id of a response, by which two copies of one call are known.
"""

import re
from collections.abc import Mapping
from typing import Any

from otel_bridge.dialects import lenient

_FRAMEWORK_IDS = ("run-", "lc_run-", "aitxt-", "aiobj-")
"""
How the ids begin that LangChain and the Vercel AI SDK make themselves, which are not the
provider's.
"""

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_LANGCHAIN_RUN = re.compile(rf"(?:lc_)?run--?({_UUID})(?:-\d+)?")


def provider_id(value: Any) -> str | None:
    """
    Take a value as the provider's id, if it is one.
    """
    if isinstance(value, str) and value and not value.startswith(_FRAMEWORK_IDS):
        return value
    return None


def langchain_call_id(value: Any) -> str | None:
    """
    Take LangChain's own id of a request out of the id that it gave to the answer's message.

    Whatever records through LangChain knows it, also where no provider's id is told.
    """
    found = _LANGCHAIN_RUN.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else None


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
