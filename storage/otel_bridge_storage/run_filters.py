"""
Which runs are wanted: what was asked for, checked, as terms that an index can find.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from otel_bridge_storage.arguments import given_text
from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.labels import METADATA, TAG, comparable, key
from otel_bridge_storage.moments import nanoseconds
from otel_bridge_storage.run_places import Window
from otel_bridge_storage.run_statuses import INTERRUPTED, RUNNING, STATUSES, statuses
from otel_bridge_storage.run_terms import ColumnTerm, LabelTerm, StatusTerm, Term

# What few runs have comes first: where several are found often, the first is looked up.
_COLUMNS = ("session_id", "parent_run_id", "user_id", "tenant_id", "agent_name", "service")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """
    What wanted runs have in common; None does not narrow.

    Attributes:
        status: One status or several; no statuses at all match nothing.
        started_after: From this moment on.
        started_before: Up to this moment, and not at it.
        metadata: All of these keys have these values; see `labels.comparable`.
    """

    status: str | Iterable[str] | None = None
    agent_name: str | None = None
    parent_run_id: str | None = None
    tenant_id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    tag: str | None = None
    service: str | None = None
    started_after: datetime | None = None
    started_before: datetime | None = None
    metadata: Mapping[str, Any] | None = None

    def terms(self) -> list[Term] | None:
        """
        Give what an index can find, all of which must hold; None if nothing can.

        Raises:
            QueryError: A status is unknown, or a filter is of the wrong type.
        """
        found: list[Term] = [
            ColumnTerm(name, given_text(value, name))
            for name in _COLUMNS
            if (value := getattr(self, name)) is not None
        ]
        for name, value in _pairs(self.metadata):
            found.append(LabelTerm(METADATA, key(name), comparable(value)))
        if self.tag is not None:
            found.append(LabelTerm(TAG, "", comparable(given_text(self.tag, "tag"))))
        if self.status is not None:
            wanted = statuses(self.status)
            if not wanted:
                return None
            if wanted != set(STATUSES):
                found.append(_status_term(wanted))
        return found

    def window(self, after: tuple[int, int, str] | None = None) -> Window:
        """
        Give between which starts the runs are.

        Args:
            after: A place in the list to go on from; see `Window`.

        Raises:
            QueryError: A time is none, or has no UTC offset.
        """
        since, until = self.started_after, self.started_before
        return Window(
            None if since is None else nanoseconds(since, "started_after"),
            None if until is None else nanoseconds(until, "started_before"),
            after,
        )


def _pairs(metadata: Mapping[str, Any] | None) -> Iterable[tuple[str, Any]]:
    if metadata is None:
        return ()
    if not isinstance(metadata, Mapping) or not all(isinstance(key, str) for key in metadata):
        raise QueryError(f"metadata_filter={metadata!r} is not a map of texts to values")
    return metadata.items()


def _status_term(wanted: set[str]) -> StatusTerm:
    stored = wanted - {INTERRUPTED} | ({RUNNING} if INTERRUPTED in wanted else set())
    both = {RUNNING, INTERRUPTED} <= wanted
    lives = None if both or RUNNING not in stored else RUNNING in wanted
    return StatusTerm(tuple(sorted(stored)), lives)
