"""
Parts of lists.
"""

from typing import Any

from sqlalchemy import Select

from otel_bridge_storage.errors import QueryError

_LARGEST = 2**63 - 1


def page(query: Select[Any], limit: int | None, offset: int = 0) -> Select[Any]:
    """
    Take a part of what a query finds.

    Args:
        limit: How many at most, from 1 on; None is all.
        offset: How many to leave out; what is below 0 counts as 0.

    Raises:
        QueryError: The limit or the offset is not such a number.
    """
    if limit is not None:
        query = query.limit(bounded(checked_limit(limit)))
    if not _is_whole(offset):
        raise QueryError(f"offset={offset!r} is not a number of rows: give a whole number")
    return query.offset(bounded(offset)) if offset > 0 else query


def checked_limit(limit: int) -> int:
    """
    Give a limit back if it is one.

    Raises:
        QueryError: It is not a whole number of at least 1.
    """
    if not _is_whole(limit) or limit < 1:
        raise QueryError(
            f"limit={limit!r} is not a number of rows: give a whole number from 1 on, "
            "or None for all"
        )
    return limit


def bounded(number: int) -> int:
    """
    Bring a number into the range of those that a database can hold.
    """
    return max(-_LARGEST, min(number, _LARGEST))


def _is_whole(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)
