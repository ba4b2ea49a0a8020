"""
What can be followed: one run, or the log of all; and how either stands.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import BindParameter, Connection, Row, ScalarSelect, bindparam, func, select

from otel_bridge_storage.arguments import given_text
from otel_bridge_storage.dead_writers import is_dead
from otel_bridge_storage.event_rows import get_events, get_log
from otel_bridge_storage.rows import StoredEvent
from otel_bridge_storage.run_statuses import RUNNING
from otel_bridge_storage.schema import counters, run_log, runs, schema_info, writers

_ENDED = ("success", "error", "cancelled")
_RUN: BindParameter[str] = bindparam("run_id")
_VERSION: ScalarSelect[int] = select(func.max(schema_info.c.version)).scalar_subquery()
_LATEST_OF_RUN: ScalarSelect[int] = (
    select(func.max(run_log.c.bound_seq)).where(run_log.c.run_id == _RUN).scalar_subquery()
)
_LATEST: ScalarSelect[int] = select(func.max(run_log.c.seq)).scalar_subquery()
_RUN_STATE = (
    select(
        counters.c.value.label("sequence"),
        _VERSION.label("version"),
        _LATEST_OF_RUN.label("latest"),
        runs.c.status,
        writers.c.host,
        writers.c.pid,
        writers.c.last_seen_ns,
        writers.c.closed_ns,
    )
    .select_from(counters)
    .outerjoin(runs, runs.c.run_id == _RUN)
    .outerjoin(writers, writers.c.writer_id == runs.c.writer_id)
    .where(counters.c.name == "sequence")
)
_LOG_STATE = select(
    counters.c.value.label("sequence"), _VERSION.label("version"), _LATEST.label("latest")
).where(counters.c.name == "sequence")


@dataclass(frozen=True, slots=True)
class State:
    """
    How what is followed stands.

    Attributes:
        version: The schema's.
        sequence: The last number that the database has given out.
        latest: The highest index there is; 0 where there is none.
        over: Nothing more is waited for.
    """

    version: int
    sequence: int
    latest: int
    over: bool


class RunSource:
    """
    The log of one run, which is over when the run is.

    A run that is not there is waited for; one that was there and is gone is over: it was
    deleted, or all of it turned out to belong to another run.

    Args:
        kinds: Only these kinds of entries; None is all.
        stay: Never take it to be over.

    Raises:
        QueryError: The id or a kind is no text.
    """

    def __init__(self, run_id: str, *, kinds: str | Iterable[str] | None, stay: bool) -> None:
        self._run_id = given_text(run_id, "run_id")
        named = [kinds] if isinstance(kinds, str) else kinds
        self._kinds = None if named is None else [given_text(k, "event_types") for k in named]
        self._stay = stay
        self._was_there = False

    def state(self, connection: Connection) -> State:
        """
        Say how the run stands.
        """
        row = connection.execute(_RUN_STATE, {"run_id": self._run_id}).one()
        over = self._was_there if row.status is None else _has_ended(row)
        self._was_there = self._was_there or row.status is not None
        return State(row.version, row.sequence, row.latest or 0, over and not self._stay)

    def page(self, connection: Connection, after: int | None, limit: int) -> list[StoredEvent]:
        """
        List what joined the run after an index.
        """
        return get_events(
            connection, self._run_id, after=after, before=None, limit=limit, kinds=self._kinds
        )


class LogSource:
    """
    The log of all runs, which is never over.
    """

    def state(self, connection: Connection) -> State:
        """
        Say how the log stands.
        """
        row = connection.execute(_LOG_STATE).one()
        return State(row.version, row.sequence, row.latest or 0, over=False)

    def page(self, connection: Connection, after: int | None, limit: int) -> list[StoredEvent]:
        """
        List what was committed after an index.
        """
        return get_log(connection, after=after, limit=limit)


def last_sequence(connection: Connection) -> int:
    """
    Give the place in the whole log of its last entry; 0 where it is empty.
    """
    return connection.execute(select(func.max(run_log.c.seq))).scalar() or 0


def _has_ended(row: Row[tuple[int, int, int, str, str, int, int, int]]) -> bool:
    if row.status == RUNNING and row.host is not None:
        return is_dead(row.host, row.pid, row.last_seen_ns, row.closed_ns)
    return row.status in _ENDED
