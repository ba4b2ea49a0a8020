"""
Parts of lists, with bounds that any integer may be.
"""

from typing import Any

from sqlalchemy import Select

_LARGEST = 2**63 - 1


def page(query: Select[Any], limit: int | None, offset: int = 0) -> Select[Any]:
    """
    Take a part of what a query finds.

    Args:
        limit: How many at most; None is all, and what is below 1 counts as 1.
        offset: How many to leave out; what is below 0 counts as 0.
    """
    if limit is not None:
        query = query.limit(bounded(max(limit, 1)))
    return query.offset(bounded(offset)) if offset > 0 else query


def bounded(number: int) -> int:
    """
    Bring a number into the range of those that a database can hold.
    """
    return max(-_LARGEST, min(number, _LARGEST))
