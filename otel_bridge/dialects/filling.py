"""
Two readings of one span made one, for spans that speak two dialects.
"""

from dataclasses import fields, replace
from typing import Any, TypeVar

from otel_bridge_storage.readings import CallReading, RunReading, ToolReading

R = TypeVar("R", CallReading, RunReading, ToolReading)


def filled(reading: R, beside: R) -> R:
    """
    Take from another reading of the same span what a reading leaves empty.
    """
    empty: dict[str, Any] = {
        field.name: getattr(beside, field.name)
        for field in fields(reading)
        if getattr(reading, field.name) in (None, ())
    }
    return replace(reading, **empty)
