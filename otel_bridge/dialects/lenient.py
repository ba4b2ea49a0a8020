"""
Reading attributes of which nothing is certain: a value of a wrong kind is as good as none.

Each reader takes the names under which a value is known, best first, and never raises.
"""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from otel_bridge_storage.values import clean, cut_array

Names = tuple[str, ...]

_MAX_INTEGER = 2**63 - 1
_SCRUBBED = "[Scrubbed due to"


def text(attributes: Mapping[str, Any], names: Names) -> str | None:
    """
    Read a text; a number is read as its digits, an empty or scrubbed text as none.
    """
    for name in names:
        value = attributes.get(name)
        if value is None:
            continue
        if type(value) is not str and isinstance(value, int) and not isinstance(value, bool):
            return str(value) if abs(value) <= _MAX_INTEGER else None
        if isinstance(value, str) and value and not value.startswith(_SCRUBBED):
            return clean(value)
    return None


def count(attributes: Mapping[str, Any], names: Names) -> int | None:
    """
    Read a number of things, zero or more.
    """
    for name in names:
        value = attributes.get(name)
        if value is not None and (found := whole(value)) is not None:
            return found
    return None


def whole(value: Any) -> int | None:
    """
    Take a value as an integer that is not negative.
    """
    if (isinstance(value, str) and value.isdecimal() and len(value) < 20) or (
        isinstance(value, float) and value.is_integer()
    ):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_INTEGER:
        return value
    return None


def number(attributes: Mapping[str, Any], names: Names) -> float | None:
    """
    Read a finite number that is not negative.
    """
    for name in names:
        value = attributes.get(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        if 0 <= value <= _MAX_INTEGER and math.isfinite(value):
            return float(value)
    return None


def nanoseconds(attributes: Mapping[str, Any], names: Names, *, per_second: int = 1) -> int | None:
    """
    Read a number of seconds, or of parts of one, as nanoseconds.
    """
    time = number(attributes, names)
    if time is None or time > _MAX_INTEGER / 1e9 - 1:
        return None
    return round(time * (10**9 // per_second))


def value(attributes: Mapping[str, Any], names: Names) -> Any:
    """
    Give the first value that says anything.
    """
    for name in names:
        found = attributes.get(name)
        if found is not None and found != "":
            return found
    return None


def texts(attributes: Mapping[str, Any], names: Names) -> tuple[str, ...]:
    """
    Read a list of texts, as a list, as the JSON text of one, or as one plain text.
    """
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str):
            parsed = parse_json(value)
            value = parsed if isinstance(parsed, list) else [value]
        if isinstance(value, (list, tuple)):
            found = tuple(clean(item) for item in value if isinstance(item, str) and item)
            if found:
                return found
    return ()


def json_map(attributes: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """
    Read a map, as a map or as JSON text.
    """
    for name in names:
        value = attributes.get(name)
        if value is None:
            continue
        value = structure(value)
        if isinstance(value, dict) and value:
            return value
    return {}


def structure(value: Any) -> Any:
    """
    Take a value that is either structured or the JSON text of something structured.

    Returns:
        A dict or a list, or None where the value is neither.
    """
    if isinstance(value, str):
        value = parse_json(value) if value.lstrip()[:1] in ("{", "[") else None
    if value is None:
        return None
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (list, tuple)):
        return list(value)
    return None


def parse_json(value: str) -> Any:
    """
    Parse JSON text; what is not JSON is None.
    """
    try:
        return _decoder.decode(value)
    except (ValueError, RecursionError):
        return None


def elements(value: str) -> list[tuple[Any, str]] | None:
    """
    Cut the text of a JSON array into its elements, each with its own exact text.

    Returns:
        None where the text is not a JSON array.
    """
    if (cut := cut_array(value)) is not None:
        return list(cut.items)
    found: list[tuple[Any, str]] = []
    try:
        position = _skip(value, 0)
        if value[position] != "[":
            return None
        position = _skip(value, position + 1)
        while value[position] != "]":
            if found:
                if value[position] != ",":
                    return None
                position = _skip(value, position + 1)
            item, end = _decoder.raw_decode(value, position)
            found.append((item, value[position:end]))
            position = _skip(value, end)
    except (ValueError, IndexError, RecursionError):
        return None
    return found if _skip(value, position + 1) == len(value) else None


def to_json(value: Any) -> str:
    """
    Write a value as compact JSON text.
    """
    try:
        return clean(_dump(value))
    except (ValueError, TypeError, RecursionError):
        pass
    try:
        return clean(_dump(_finite(value)))
    except (ValueError, TypeError, RecursionError):
        return _dump(clean(str(value)))


def _finite(value: Any) -> Any:
    """
    Write numbers that JSON has no form for as texts.
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value


def as_json(value: Any) -> str | None:
    """
    Take a value as JSON text: such a text as it is, anything else written as JSON.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str):
        value = clean(value)
        return value if parse_json(value) is not None else _dump(value)
    return to_json(value)


def as_content(value: Any) -> str | None:
    """
    Take a value as it is to be shown: a text as it is, anything else written as JSON.
    """
    if value is None or value == "":
        return None
    return clean(value) if isinstance(value, str) else to_json(value)


def dicts(values: Iterable[Any]) -> list[dict[str, Any]]:
    """
    Keep the maps of a list.
    """
    return [dict(value) for value in values if isinstance(value, Mapping)]


def _skip(value: str, position: int) -> int:
    while position < len(value) and value[position] in " \t\r\n":
        position += 1
    return position


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_decoder = json.JSONDecoder(parse_constant=_refuse)
_dump = json.JSONEncoder(
    separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=str
).encode
