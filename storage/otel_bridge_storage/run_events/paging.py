"""
Which part of a list is wanted; the same rules in every store of run events.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.paging import bounded, checked_limit
from otel_bridge_storage.run_events.event import checked_id

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Window:
    """
    A part of a list that is ordered by `seq`.

    Attributes:
        limit: How many at most; None is all.
        before: Only what has a lower `seq`.
        after: Only what has a higher `seq`.
        from_start: Whether a limit keeps the first ones, not the last ones.
    """

    limit: int | None
    before: int | None
    after: int | None
    from_start: bool

    @classmethod
    def checked(
        cls, limit: int | None, before: int | None, after: int | None, *, from_start: bool = False
    ) -> "Window":
        """
        Check what a caller gave; a list with `after` is read from its start.

        Raises:
            QueryError: The limit is not a number from 1 on, or a cursor is no number.
        """
        return cls(
            limit=None if limit is None else bounded(checked_limit(limit)),
            before=_checked_cursor(before, "before_seq"),
            after=_checked_cursor(after, "after_seq"),
            from_start=from_start or after is not None,
        )

    def cut(self, items: Sequence[Item], seq: Callable[[Item], int]) -> Sequence[Item]:
        """
        Cut the part out of a whole list.

        Args:
            seq: Gives the number of an item.
        """
        low = 0 if self.after is None else bisect_right(items, self.after, key=seq)
        high = len(items) if self.before is None else bisect_left(items, self.before, key=seq)
        if self.limit is not None and self.from_start:
            high = min(high, low + self.limit)
        elif self.limit is not None:
            low = max(low, high - self.limit)
        return items[low : max(low, high)]


@dataclass(frozen=True, slots=True)
class EventQuery:
    """
    Which events of a run are wanted.

    Attributes:
        window: Which part of those that match.
        event_types: Only these types; None is all, an empty set none.
        task_id: Only those whose `metadata["task_id"]` is this text.
    """

    window: Window
    event_types: frozenset[str] | None
    task_id: str | None

    @classmethod
    def checked(
        cls,
        event_types: Iterable[str] | None,
        limit: int | None,
        after_seq: int | None,
        task_id: str | None,
    ) -> "EventQuery":
        """
        Check what a caller gave.

        Raises:
            QueryError: An argument makes no sense; the error names it.
        """
        if isinstance(event_types, str) or not isinstance(event_types, Iterable | None):
            raise QueryError(f"event_types={event_types!r} is no list: give a list of texts")
        return cls(
            window=Window.checked(limit, None, after_seq, from_start=True),
            event_types=None
            if event_types is None
            else frozenset(checked_id(each, "event_types") for each in event_types),
            task_id=None if task_id is None else checked_id(task_id, "task_id"),
        )


def _checked_cursor(cursor: Any, name: str) -> int | None:
    if cursor is None:
        return None
    if isinstance(cursor, int) and not isinstance(cursor, bool):
        return bounded(cursor)
    raise QueryError(f"{name}={cursor!r} is not a number: give the seq of a record, or None")
