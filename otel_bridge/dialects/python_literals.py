"""
Values that an instrumentation wrote as Python writes them, not as JSON.

    {'prompt_tokens': 9, 'prompt_tokens_details': {'cached_tokens': 3, 'audio_tokens': None}}
"""

import ast
from typing import Any

from otel_bridge.dialects import lenient

_LONGEST = 100_000
"""
Of a text that is parsed as Python, which takes long; in characters.
"""


def structure(value: Any) -> Any:
    """
    Take a value as a dict or a list: structured, as JSON text, or as Python's `repr`.

    Returns:
        None where the value is neither.
    """
    told = lenient.structure(value)
    if told is not None or not isinstance(value, str) or len(value) > _LONGEST:
        return told
    if value.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return lenient.structure(ast.literal_eval(value.strip()))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None


def mapping(value: Any) -> dict[str, Any]:
    """
    Take a value as a dict; an empty one where it is none.
    """
    told = structure(value)
    return told if isinstance(told, dict) else {}
