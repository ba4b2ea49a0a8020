"""
What callers gave, checked before a database is asked about it.
"""

from typing import Any

from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.fitting import fitting
from otel_bridge_storage.paging import bounded


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


def given_index(value: Any, name: str) -> int | None:
    """
    Give a place in the run log in the range of those that a database can hold.

    Raises:
        QueryError: It is no whole number, and not None.
    """
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise QueryError(f"{name}={value!r} is not a place in the log: give a sequence_index")
    return bounded(value)
