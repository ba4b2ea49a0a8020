"""
Which runs are wanted, as conditions on the table of runs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, and_, bindparam, false, or_, text

from otel_bridge_storage.arguments import given_text
from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.metadata_filter import has_metadata
from otel_bridge_storage.moments import nanoseconds
from otel_bridge_storage.schema import runs
from otel_bridge_storage.values import plain

RUNNING, INTERRUPTED = "running", "interrupted"
STATUSES = (RUNNING, "paused", "success", "error", "cancelled", INTERRUPTED)
_IS_GONE = "coalesce(runs.writer_id, '') IN (SELECT value FROM json_each(:dead))"
_IS_THERE = "coalesce(runs.writer_id, '') NOT IN (SELECT value FROM json_each(:dead))"
_HAS_TAG = (
    "EXISTS (SELECT 1 FROM json_each(runs.tags) AS tag WHERE tag.value = json_extract(:tag, '$'))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """
    What wanted runs have in common; None does not narrow.

    Attributes:
        status: One status or several; no statuses at all match nothing.
        started_after: From this moment on.
        started_before: Up to this moment, and not at it.
        metadata: All of these keys have these values; see `has_metadata`.
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

    def conditions(self, dead: Iterable[str]) -> list[ColumnElement[bool]]:
        """
        Give the conditions, all of which must hold.

        Args:
            dead: The writers that are gone.

        Raises:
            QueryError: A status is unknown, a time has no UTC offset, or a filter is of
                the wrong type.
        """
        found: list[Any] = [
            runs.c[name] == given_text(value, name)
            for name in _TEXTS
            if (value := getattr(self, name)) is not None
        ]
        if self.tag is not None:
            found.append(text(_HAS_TAG).bindparams(_bound("tag", given_text(self.tag, "tag"))))
        if self.started_after is not None:
            start = nanoseconds(self.started_after, "started_after")
            found.append(runs.c.started_ns >= start)
        if self.started_before is not None:
            end = nanoseconds(self.started_before, "started_before")
            found.append(runs.c.started_ns < end)
        found += [has_metadata(key, value) for key, value in _pairs(self.metadata)]
        if self.status is not None:
            found.append(_has_status(self.status, dead))
        return found


_TEXTS = ("agent_name", "parent_run_id", "tenant_id", "session_id", "user_id", "service")


def statuses(wanted: str | Iterable[str]) -> set[str]:
    """
    Give one status or several as a set.

    Raises:
        QueryError: One of them is unknown.
    """
    if not isinstance(wanted, Iterable):
        raise QueryError(f"status={wanted!r} is neither a text nor a list of texts")
    each = [wanted] if isinstance(wanted, str) else list(wanted)
    unknown = sorted(str(one) for one in each if one not in STATUSES)
    if unknown:
        raise QueryError(f"no run has status {unknown[0]!r}: there are {', '.join(STATUSES)}")
    return set(each)


def _pairs(metadata: Mapping[str, Any] | None) -> Iterable[tuple[str, Any]]:
    if metadata is None:
        return ()
    if not isinstance(metadata, Mapping) or not all(isinstance(key, str) for key in metadata):
        raise QueryError(f"metadata_filter={metadata!r} is not a map of texts to values")
    return metadata.items()


def _has_status(status: str | Iterable[str], dead: Iterable[str]) -> ColumnElement[bool]:
    wanted = statuses(status)
    if not wanted:
        return false()
    stored = runs.c.status.in_(sorted(wanted - {INTERRUPTED} | {RUNNING}))
    if RUNNING in wanted and INTERRUPTED in wanted:
        return stored
    if wanted.isdisjoint((RUNNING, INTERRUPTED)):
        return runs.c.status.in_(sorted(wanted))
    writer = text(_IS_GONE if INTERRUPTED in wanted else _IS_THERE)
    is_so = writer.bindparams(_bound("dead", list(dead)))
    return and_(stored, or_(runs.c.status != RUNNING, is_so))


def _bound(name: str, value: Any) -> BindParameter[str]:
    return bindparam(name, plain(value), unique=True)
