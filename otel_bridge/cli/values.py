"""
Rows turned into what JSON and CSV can hold.

Times are RFC 3339 in UTC with microseconds and `Z`; unknown is null; bytes are base64;
numbers that JSON has no word for (NaN, infinities) are null.
"""

import base64
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any


def rfc3339(moment: datetime) -> str:
    """
    Write a time as RFC 3339; one without an offset is taken as UTC.
    """
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return aware.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def plain(value: Any) -> Any:
    """
    Turn a value, and all that it holds, into what the `json` module can write.
    """
    if value is None or (isinstance(value, bool | int | str) and not isinstance(value, Enum)):
        return value
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return record(value)
    return _scalar(value)


def record(row: Any) -> dict[str, Any]:
    """
    Turn a dataclass instance into a map of its fields.
    """
    return {field.name: plain(getattr(row, field.name)) for field in fields(row)}


def _scalar(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(bytes(value)).decode("ascii")
    if isinstance(value, Enum):
        return plain(value.value)
    return str(value)
