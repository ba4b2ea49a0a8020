"""
Single fields of OTLP JSON: numbers, texts, bytes, enums, times, ids and attributes.

A field may have its lowerCamelCase or its snake_case name; null is the same as absent.
Every reader raises `InvalidRecordError` for a value of a wrong kind.
"""

import base64
import binascii
import math
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from otel_bridge_storage.values import clean

from otel_bridge.otlp.decoded import MAX_TIME_NS, InvalidRecordError

MAX_NESTING = 30
"""
Levels of lists and maps in a value that protobuf, with its limit of 100 messages, can carry.
"""

Object = Mapping[str, Any]

_INTEGER = re.compile(r"[+-]?[0-9]{1,25}\Z")
_UPPER = re.compile(r"(?=[A-Z])")


def get(obj: Object, name: str) -> Any:
    """
    Get a field by its lowerCamelCase or snake_case name.
    """
    value = obj.get(name)
    return obj.get(_snake_case(name)) if value is None else value


@cache
def _snake_case(name: str) -> str:
    return _UPPER.sub("_", name).lower()


def objects(obj: Object, name: str) -> list[Any]:
    """
    Get a list.
    """
    value = get(obj, name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidRecordError(f"{name} is not a list")
    return value


def sub_object(obj: Object, name: str) -> Object:
    """
    Get an object.
    """
    value = get(obj, name)
    return {} if value is None else as_object(value, name)


def as_object(value: Any, name: str) -> Object:
    """
    Take a value that must be an object.
    """
    if not isinstance(value, dict):
        raise InvalidRecordError(f"{name} is not an object")
    return value


def text(obj: Object, name: str) -> str:
    """
    Get a text.
    """
    value = get(obj, name)
    if value is None:
        return ""
    return as_text(value, name)


def as_text(value: Any, name: str) -> str:
    """
    Take a value that must be a text.
    """
    if not isinstance(value, str):
        raise InvalidRecordError(f"{name} is not a text")
    return clean(value)


def integer(obj: Object, name: str, low: int = 0, high: int = 2**32 - 1) -> int:
    """
    Get an integer, which 64-bit ones may be written as a text.
    """
    value = get(obj, name)
    return 0 if value is None else as_integer(value, name, low, high)


def as_integer(value: Any, name: str, low: int, high: int) -> int:
    """
    Take a value that must be an integer of a range.
    """
    if (isinstance(value, str) and _INTEGER.match(value)) or (
        isinstance(value, float) and value.is_integer()
    ):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidRecordError(f"{name} is not an integer")
    if not low <= value <= high:
        raise InvalidRecordError(f"{name} {value} is out of range")
    return value


def time_ns(obj: Object, name: str) -> int:
    """
    Get a time in nanoseconds since the epoch.
    """
    return integer(obj, name, 0, MAX_TIME_NS)


def enum(obj: Object, name: str, names: Mapping[str, int]) -> int:
    """
    Get an enum, written as its number or its name.
    """
    value = get(obj, name)
    if isinstance(value, str) and not _INTEGER.match(value):
        if value not in names:
            raise InvalidRecordError(f"{name} {value!r:.60} is not known")
        return names[value]
    return 0 if value is None else as_integer(value, name, -(2**31), 2**31 - 1)


def raw_id(obj: Object, name: str) -> bytes:
    """
    Get an id, which OTLP JSON writes in hex digits.
    """
    digits = text(obj, name)
    try:
        return binascii.unhexlify(digits)
    except ValueError as error:
        raise InvalidRecordError(f"{name} is not hex digits") from error


def attributes(obj: Object, name: str = "attributes", level: int = 0) -> dict[str, Any]:
    """
    Get a list of pairs as a map.
    """
    found: dict[str, Any] = {}
    for item in objects(obj, name):
        pair = as_object(item, f"an item of {name}")
        found[text(pair, "key")] = any_value(pair.get("value"), level)
    return found


def any_value(value: Any, level: int = 0) -> Any:
    """
    Read an AnyValue object.
    """
    if value is None:
        return None
    obj = as_object(value, "an attribute's value")
    if level > MAX_NESTING:
        raise InvalidRecordError(f"a value is nested deeper than {MAX_NESTING} levels")
    for name, read in _READERS.items():
        found = get(obj, name)
        if found is not None:
            return read(found, level)
    return None


def _string(value: Any, _level: int) -> str:
    return as_text(value, "stringValue")


def _bool(value: Any, _level: int) -> bool:
    if isinstance(value, bool):
        return value
    raise InvalidRecordError("boolValue is not true or false")


def _int(value: Any, _level: int) -> int:
    return as_integer(value, "intValue", -(2**63), 2**63 - 1)


def _double(value: Any, _level: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InvalidRecordError("doubleValue is not a number")
    try:
        number = float(value)
    except (ValueError, OverflowError) as error:
        raise InvalidRecordError("doubleValue is not a number") from error
    return math.nan if math.isnan(number) else number


def _list(value: Any, level: int) -> list[Any]:
    values = objects(as_object(value, "arrayValue"), "values")
    return [any_value(item, level + 1) for item in values]


def _map(value: Any, level: int) -> dict[str, Any]:
    return attributes(as_object(value, "kvlistValue"), "values", level + 1)


def _bytes(value: Any, _level: int) -> bytes:
    plain = as_text(value, "bytesValue").rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError as error:
        raise InvalidRecordError("bytesValue is not base64") from error


_READERS = {
    "stringValue": _string,
    "intValue": _int,
    "boolValue": _bool,
    "doubleValue": _double,
    "arrayValue": _list,
    "kvlistValue": _map,
    "bytesValue": _bytes,
}
