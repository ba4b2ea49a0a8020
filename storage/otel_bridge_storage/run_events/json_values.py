"""
Values that JSON can hold, checked and copied in one go.
"""

import json
import math
from typing import Any

from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.values import clean

DEEPEST = 200
# Python reads no number of more than 4,300 digits.
_MOST_BITS = 14_000
_LONGEST_PATH = 10
_LONGEST_KEY = 40


def json_copy(value: object, name: str) -> Any:
    """
    Copy a value deeply, as it will be after a round trip through JSON.

    Tuples become lists, members of enumerations and other subclasses of the basic types
    their basic value, and lone surrogates in texts question marks.

    Args:
        name: What to call the value in the error.

    Raises:
        QueryError: It holds something that JSON cannot hold; the error says where.
    """
    try:
        return _copy(value, 0)
    except _RefusedError as refused:
        raise QueryError(f"{name}{refused.path()} {refused.reason}") from None


def json_duplicate(value: Any) -> Any:
    """
    Copy deeply what `json_copy` returned, without checking it again.
    """
    if type(value) is dict:
        return {key: json_duplicate(item) for key, item in value.items()}
    if type(value) is list:
        return [json_duplicate(item) for item in value]
    return value


def json_line(value: object) -> bytes:
    """
    Write what `json_copy` returned as one line of UTF-8, ended by a line feed.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8") + b"\n"


class _RefusedError(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.inside: list[str | int] = []

    def path(self) -> str:
        outermost = self.inside[: -_LONGEST_PATH - 1 : -1]
        shown = "".join(f"[{key!r:.{_LONGEST_KEY}}]" for key in outermost)
        return shown if len(outermost) == len(self.inside) else f"{shown}…"


def _copy(value: object, depth: int) -> Any:
    if isinstance(value, str):
        return clean(str.__str__(value))
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _whole(int(value))
    if isinstance(value, float):
        return _finite(float(value))
    if depth >= DEEPEST and isinstance(value, dict | list | tuple):
        raise _RefusedError(f"is nested more than {DEEPEST} deep, or contains itself")
    if isinstance(value, dict):
        return _object(value, depth)
    if isinstance(value, list | tuple):
        return _array(value, depth)
    raise _RefusedError(
        f"is a {type(value).__qualname__}, which JSON cannot hold: convert it first, "
        "for instance with otel_bridge_storage.json_ready.json_ready"
    )


def _object(value: dict[Any, Any], depth: int) -> dict[str, Any]:
    copied = {}
    for key, item in value.items():
        if not isinstance(key, str) or clean(key) != key:
            raise _RefusedError(
                f"has the key {key!r:.{_LONGEST_KEY}}: use texts as keys, of valid characters"
            )
        try:
            copied[str.__str__(key)] = _copy(item, depth + 1)
        except _RefusedError as refused:
            refused.inside.append(key)
            raise
    return copied


def _array(value: list[Any] | tuple[Any, ...], depth: int) -> list[Any]:
    copied = []
    for place, item in enumerate(value):
        try:
            copied.append(_copy(item, depth + 1))
        except _RefusedError as refused:
            refused.inside.append(place)
            raise
    return copied


def _whole(number: int) -> int:
    if number.bit_length() > _MOST_BITS:
        raise _RefusedError("is a whole number of more than 4,200 digits: give it as a text")
    return number


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise _RefusedError(f"is {number}, which JSON cannot hold: give None or a text")
    return number
