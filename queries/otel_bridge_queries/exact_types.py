"""
Columns of a result in types that Arrow and Parquet both have, without loss.

What has no such type (structs, maps, intervals, sums beyond 38 digits) is text; JSON is
text as it is in Arrow and Parquet at large.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

AWARE = "TIMESTAMP WITH TIME ZONE"
TEXT = "VARCHAR"

_LARGEST = 2**63 - 1
_MOST_DIGITS = 38
_WHOLE = frozenset({"HUGEINT", "UHUGEINT", "BIGNUM"})
_FRACTION = re.compile(r"DECIMAL\((\d{1,2}),(\d{1,2})\)")
_LIST = re.compile(r"\[\d*\]$")
_COARSER = {"TIMESTAMP_S": "TIMESTAMP", "TIMESTAMP_MS": "TIMESTAMP", "TIMESTAMP_NS": "TIMESTAMP"}
_PYTHON: dict[str, type] = {
    "BOOLEAN": bool,
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT"), int),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"), int),
    **dict.fromkeys(("FLOAT", "DOUBLE"), float),
    "VARCHAR": str,
    "BLOB": bytes,
    "DATE": date,
    "TIME": time,
    "TIMESTAMP": datetime,
    AWARE: datetime,
}


@dataclass(frozen=True, slots=True)
class ExactColumn:
    """
    A column that loses nothing on the way out.

    Attributes:
        name: Its name; no other column of the result has it, in whatever letters.
        kind: The DuckDB type: one of the plain ones, DECIMAL, or a list of a plain one.
        values: Its values as Python holds them.
    """

    name: str
    kind: str
    values: list[Any]


def exact_columns(
    names: Sequence[str], kinds: Sequence[str], rows: Sequence[Sequence[Any]]
) -> list[ExactColumn]:
    """
    Turn the rows of a result into columns.

    A name that is there already gets a number: `n`, `n_1`.
    """
    columns = zip(*rows, strict=True) if rows else ((),) * len(names)
    return [
        ExactColumn(name, *_exact(kind, list(values)))
        for name, kind, values in zip(_each_once(names), kinds, columns, strict=True)
    ]


def _each_once(names: Sequence[str]) -> list[str]:
    taken: set[str] = set()
    given = []
    for name in names:
        own, number = name, 0
        while own.lower() in taken:
            number += 1
            own = f"{name}_{number}"
        taken.add(own.lower())
        given.append(own)
    return given


def _exact(kind: str, values: list[Any]) -> tuple[str, list[Any]]:
    kind = _COARSER.get(kind, kind)
    if kind in _WHOLE:
        return _whole(values)
    if kind in _PYTHON and _all_are(values, _PYTHON[kind]):
        return kind, values
    if (found := _FRACTION.fullmatch(kind)) and _all_are(values, Decimal):
        return f"DECIMAL({int(found[1])},{int(found[2])})", values
    element = _LIST.sub("", kind)
    if element != kind and element in _PYTHON and _all_hold(values, _PYTHON[element]):
        return f"{element}[]", [None if value is None else list(value) for value in values]
    return TEXT, [_text(value) for value in values]


def _whole(values: list[Any]) -> tuple[str, list[Any]]:
    largest = max((abs(value) for value in values if value is not None), default=0)
    if largest <= _LARGEST:
        return "BIGINT", values
    if largest < 10**_MOST_DIGITS:
        return f"DECIMAL({_MOST_DIGITS},0)", [v if v is None else Decimal(v) for v in values]
    return TEXT, [_text(value) for value in values]


def _all_are(values: Sequence[Any], wanted: type) -> bool:
    # Python has no date before the year 1, and DuckDB gives such dates as text.
    return all(value is None or isinstance(value, wanted) for value in values)


def _all_hold(values: Sequence[Any], wanted: type) -> bool:
    return all(
        value is None or (isinstance(value, list | tuple) and _all_are(value, wanted))
        for value in values
    )


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict | list | tuple | bool | float):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
