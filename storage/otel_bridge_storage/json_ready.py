"""
Any Python value as one that JSON can hold.

What an agent hands to its tools may be anything. What cannot be written as JSON is
written as its `repr`; nothing here raises because of a value.
"""

import base64
import dataclasses
import json
import math
from collections.abc import Iterable, Mapping, Set
from datetime import date, datetime, time
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from otel_bridge_storage.values import clean

_DEEPEST = 60
_TEXTUAL = (UUID, PurePath)


def json_ready(value: object) -> Any:
    """
    Rebuild a value from dicts, lists, texts, numbers, booleans and None.

    Dataclasses and objects with a `model_dump` become dicts, bytes become base64 text,
    dates ISO 8601 text, numbers that are not finite text, and the rest its `repr`.
    """
    return _ready(value, ())


def json_text(value: object) -> str:
    """
    Write any value as JSON text.
    """
    return json.dumps(json_ready(value), ensure_ascii=False, separators=(",", ":"))


def described(value: object) -> str:
    """
    Give the `repr` of a value, or the name of its class where `repr` itself fails.
    """
    try:
        return clean(repr(value))
    except Exception as error:  # noqa: BLE001 - a foreign __repr__ may raise anything
        return f"<{type(value).__qualname__}: its repr raised {type(error).__qualname__}>"


def _ready(value: object, inside: tuple[int, ...]) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return clean(str.__str__(value))
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if id(value) in inside or len(inside) > _DEEPEST:
        return f"<{type(value).__qualname__} again>"
    try:
        return _compound(value, (*inside, id(value)))
    except Exception:  # noqa: BLE001 - a foreign object may raise anything when it is read
        return described(value)


def _compound(value: object, inside: tuple[int, ...]) -> Any:
    if isinstance(value, Enum):
        return _ready(value.value, inside)
    if isinstance(value, Mapping):
        return {_key(key): _ready(item, inside) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_ready(item, inside) for item in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, _TEXTUAL):
        return clean(str(value))
    if isinstance(value, Set):
        return [_ready(item, inside) for item in _sorted(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {field.name: _ready(getattr(value, field.name), inside) for field in fields}
    dump = getattr(value, "model_dump", None)
    if callable(dump) and not isinstance(value, type):
        return _dumped(dump(mode="json", warnings=False, exclude_none=True), value, inside)
    return described(value)


def _dumped(dump: object, value: object, inside: tuple[int, ...]) -> Any:
    return _ready(dump, inside) if isinstance(dump, Mapping | list) else described(value)


def _key(key: object) -> str:
    return clean(str.__str__(key)) if isinstance(key, str) else clean(str(key))


def _sorted(values: Iterable[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=described)
