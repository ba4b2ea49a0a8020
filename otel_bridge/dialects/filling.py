"""
Two readings of one span made one, for spans that speak two dialects.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeVar

from otel_bridge_storage.readings import CallReading, RunReading, ToolReading

R = TypeVar("R", CallReading, RunReading, ToolReading)

_NAMES: Mapping[type[Any], Sequence[str]] = {
    kind: [field.name for field in fields(kind)] for kind in (CallReading, RunReading, ToolReading)
}


def filled(reading: R, beside: R) -> R:
    """
    Take from another reading of the same span what a reading leaves empty.
    """
    told: dict[str, Any] = {}
    for name in _NAMES[type(reading)]:
        value = getattr(reading, name)
        told[name] = getattr(beside, name) if value is None or value == () else value
    return type(reading)(**told)
