"""
Two readings of one span made one, for spans that speak two dialects.
"""

from dataclasses import fields
from functools import cache
from typing import Any, TypeVar

from otel_bridge_storage.readings import CallReading, RunReading, ToolReading

R = TypeVar("R", CallReading, RunReading, ToolReading)


def filled(reading: R, beside: R) -> R:
    """
    Take from another reading of the same span what a reading leaves empty.
    """
    told: dict[str, Any] = {}
    kind: Any = type(reading)
    for name in _names(kind):
        value = getattr(reading, name)
        told[name] = getattr(beside, name) if value is None or value == () else value
    return type(reading)(**told)


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))
