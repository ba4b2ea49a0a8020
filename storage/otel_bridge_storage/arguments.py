"""
What callers gave, checked before a database is asked about it.
"""

from typing import Any

from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.fitting import fitting


def given_text(value: Any, name: str) -> str:
    """
    Give a text in the form that a database can hold.

    Args:
        name: What to call the argument in the error.

    Raises:
        QueryError: It is no text.
    """
    if not isinstance(value, str):
        raise QueryError(f"{name}={value!r} is not a text: give one str")
    return fitting(value)
