"""
Records of the store as a result with typed columns.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, get_type_hints

from otel_bridge_queries import Result

_KINDS = (
    ("datetime", "TIMESTAMP WITH TIME ZONE"),
    ("Mapping", "JSON"),
    ("Sequence[str]", "VARCHAR[]"),
    ("bool", "BOOLEAN"),
    ("float", "DOUBLE"),
    ("int", "BIGINT"),
)


def result_of(kind: type, records: Sequence[Any]) -> Result:
    """
    Turn records of a dataclass into a result; what it declares names the types.
    """
    names = [field.name for field in fields(kind)]
    hints = get_type_hints(kind)
    return Result(
        tuple(names),
        tuple(_kind(str(hints[name])) for name in names),
        [tuple(getattr(record, name) for name in names) for record in records],
    )


def _kind(hint: str) -> str:
    return next((kind for word, kind in _KINDS if word in hint), "VARCHAR")
