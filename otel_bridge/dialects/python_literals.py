"""
Values that an instrumentation wrote as Python writes them, not as JSON.

    {'prompt_tokens': 9, 'prompt_tokens_details': {'cached_tokens': 3, 'audio_tokens': None}}
    CompletionUsage(prompt_tokens=9, prompt_tokens_details=PromptTokensDetails(cached_tokens=3))
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


def fields_of(value: Any) -> dict[str, Any]:
    """
    Take the `repr` of a model's object as a dict of its fields, objects in them likewise.

    Returns:
        An empty dict where the value is none, is cut off, or holds what is no literal.
    """
    if not isinstance(value, str) or len(value) > _LONGEST:
        return {}
    try:
        node = ast.parse(value.strip(), mode="eval").body
        return _plain(node) if isinstance(node, ast.Call) else {}
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return {}


def _plain(node: ast.expr) -> Any:
    if isinstance(node, ast.Call):
        return {word.arg: _plain(word.value) for word in node.keywords if word.arg}
    if isinstance(node, ast.List | ast.Tuple):
        return [_plain(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {str(_plain(key)): _plain(item) for key, item in pairs if key is not None}
    return ast.literal_eval(node)
