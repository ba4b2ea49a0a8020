"""
One event, checked and in the form in which every store keeps it.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.run_events.json_values import json_copy
from otel_bridge_storage.values import clean

MESSAGE = "message"
_REQUIRED = ("thread_id", "run_id", "event_type", "category")
_KNOWN = frozenset((*_REQUIRED, "content", "metadata", "created_at"))
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ](?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_UTC = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|\+00:00)"
)
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class NewEvent:
    """
    An event that passed all checks and waits for its number.

    Attributes:
        content: A copy of what was given, of nothing but what JSON can hold.
        metadata: Likewise, an object.
        created_at: RFC 3339 in UTC.
    """

    thread_id: str
    run_id: str
    event_type: str
    category: str
    content: Any
    metadata: dict[str, Any]
    created_at: str

    @classmethod
    def checked(
        cls,
        *,
        thread_id: str,
        run_id: str,
        event_type: str,
        category: str,
        content: Any = "",
        metadata: dict[str, Any] | None = None,
        created_at: str | None = None,
    ) -> "NewEvent":
        """
        Check and copy the arguments of `RunEventStore.put`.

        Raises:
            QueryError: One of them breaks a rule; the error names it.
        """
        return cls(
            thread_id=checked_id(thread_id, "thread_id"),
            run_id=checked_id(run_id, "run_id"),
            event_type=checked_id(event_type, "event_type"),
            category=checked_id(category, "category"),
            content=json_copy(content, "content"),
            metadata=_checked_metadata(metadata),
            created_at=utc_text(created_at),
        )

    def record(self, seq: int) -> dict[str, Any]:
        """
        Give the event its number; the record shares content and metadata with it.
        """
        return {
            "thread_id": self.thread_id,
            "run_id": self.run_id,
            "seq": seq,
            "event_type": self.event_type,
            "category": self.category,
            "content": self.content,
            "metadata": self.metadata,
            "created_at": self.created_at,
        }


def checked_batch(events: Iterable[Mapping[str, Any]]) -> list[NewEvent]:
    """
    Check all events of a batch before any is written.

    Raises:
        QueryError: One of them breaks a rule; the error names its place and the key.
    """
    if isinstance(events, Mapping | str) or not isinstance(events, Iterable):
        raise QueryError(f"events is a {type(events).__qualname__}: give a list of dicts")
    return [_checked_item(item, f"events[{place}]") for place, item in enumerate(events)]


def checked_id(value: Any, name: str) -> str:
    """
    Give back a text that every store can keep and find again as it is.

    Raises:
        QueryError: It is no text, is empty, or has a NUL or a lone surrogate in it.
    """
    if not isinstance(value, str) or not value:
        raise QueryError(f"{name}={_short(value)} is not a text: give a str of one letter or more")
    if "\0" in value or clean(value) != value:
        raise QueryError(
            f"{name}={_short(value)} has a NUL or a lone surrogate in it: leave it out"
        )
    return str.__str__(value)


def utc_text(created_at: str | None) -> str:
    """
    Bring RFC 3339 text of any offset into UTC with microseconds and `Z`; None is now.

    What is in UTC already stays as it was written. Parts of a second smaller than a
    microsecond are cut off.

    Raises:
        QueryError: It is no such text, or has no offset.
    """
    if created_at is None:
        return _written(datetime.now(UTC))
    if isinstance(created_at, str) and _MOMENT.fullmatch(created_at):
        # There may be no such day, or it may be in the year 0 by UTC.
        with suppress(ValueError, OverflowError):
            moment = datetime.fromisoformat(created_at.upper()).astimezone(UTC)
            return created_at if _UTC.fullmatch(created_at) else _written(moment)
    raise QueryError(
        f"created_at={_short(created_at)} is not a moment: give RFC 3339 text with an "
        "offset, such as 2026-01-31T12:00:00Z"
    )


def _checked_item(item: Mapping[str, Any], name: str) -> NewEvent:
    if not isinstance(item, Mapping):
        raise QueryError(f"{name} is a {type(item).__qualname__}: give a dict")
    for key in _REQUIRED:
        if key not in item:
            raise QueryError(f"{name} has no {key!r}: add it")
    for key in item:
        if key not in _KNOWN:
            raise QueryError(f"{name} has the unknown key {key!r}: move it into metadata")
    try:
        return NewEvent.checked(**item)
    except QueryError as error:
        raise QueryError(f"{name}: {error}") from None


def _checked_metadata(metadata: Any) -> dict[str, Any]:
    if metadata is None:
        return {}
    if not isinstance(metadata, dict):
        raise QueryError(f"metadata is a {type(metadata).__qualname__}: give a dict")
    copied: dict[str, Any] = json_copy(metadata, "metadata")
    return copied


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
