"""
What callers pass, brought to the types that facts have; nothing here raises.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from otel_bridge_storage.json_ready import described, json_ready


def text(value: object) -> str | None:
    """
    Take a value as text; None stays None.
    """
    if value is None or type(value) is str:
        return value
    try:
        return str.__str__(value) if isinstance(value, str) else str(value)
    except Exception:  # noqa: BLE001 - a foreign __str__ may raise anything
        return described(value)


def tags(value: object) -> tuple[str, ...]:
    """
    Take a value as tags: one text, several, or none where it is neither.
    """
    if isinstance(value, str | bytes):
        return (text(value) or "",)
    try:
        items = list(value) if isinstance(value, Iterable) else []
    except Exception:  # noqa: BLE001 - a foreign iterable may raise anything
        return ()
    return tuple(text(item) or "" for item in items)


def mapping(value: object) -> dict[str, Any]:
    """
    Take a value as a map that JSON can hold; empty where it is none.
    """
    ready = json_ready(value) if isinstance(value, Mapping) else None
    return ready if isinstance(ready, dict) else {}


def whole(value: object) -> int | None:
    """
    Take a value as a whole number; None where it is none.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else None


def real(value: object) -> float | None:
    """
    Take a value as a number; None where it is none.
    """
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
