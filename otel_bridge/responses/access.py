"""
Looking into client objects and plain dicts alike, without trusting either.

A value of another type than the one asked for is treated as absent.
"""

from collections.abc import Mapping
from typing import Any


def get(thing: object, *path: str) -> Any:
    """
    Follow a path of attributes or keys; None where it ends early.
    """
    for name in path:
        if thing is None:
            return None
        thing = thing.get(name) if isinstance(thing, Mapping) else getattr(thing, name, None)
    return thing


def text(thing: object, *path: str) -> str | None:
    """
    Follow a path to a text that is not empty.
    """
    found = get(thing, *path)
    return str(found) if isinstance(found, str) and found else None


def count(thing: object, *path: str) -> int | None:
    """
    Follow a path to a whole number that is not negative.
    """
    found = get(thing, *path)
    if isinstance(found, bool):
        return None
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    return found if isinstance(found, int) and found >= 0 else None


def number(thing: object, *path: str) -> float | None:
    """
    Follow a path to a number that is not negative.
    """
    found = get(thing, *path)
    real = isinstance(found, int | float) and not isinstance(found, bool)
    return float(found) if real and 0 <= found < float("inf") else None


def items(thing: object, *path: str) -> list[Any]:
    """
    Follow a path to a list; an empty one where there is none.
    """
    found = get(thing, *path)
    return list(found) if isinstance(found, list | tuple) else []
