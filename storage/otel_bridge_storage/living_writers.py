"""
Which writers live, judged at one moment, by rows and in SQL.
"""

import socket
import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    FromClause,
    bindparam,
    or_,
    select,
)

from otel_bridge_storage.dead_writers import is_dead, process_exists, silence_limit
from otel_bridge_storage.schema import writers

STATE = (writers.c.host, writers.c.pid, writers.c.last_seen_ns, writers.c.closed_ns)

_LIMIT: BindParameter[int] = bindparam("silence_limit")
_GONE: BindParameter[Any] = bindparam("gone", expanding=True)
_HEARD_OF = (writers.c.closed_ns.is_(None), writers.c.last_seen_ns >= _LIMIT)
_HEARD_OF_HERE = select(writers.c.writer_id, writers.c.pid).where(
    *_HEARD_OF, writers.c.host == bindparam("host")
)
# Few writers live at a time, however many there ever were. Every writer of a run has a row.
_LIVING = select(writers.c.writer_id).where(*_HEARD_OF, writers.c.writer_id.not_in(_GONE))


def is_interrupted(run: FromClause) -> ColumnElement[bool]:
    """
    Give the condition that the writer of a row of `runs` that is open is gone.
    """
    return run.c.writer_id.not_in(_LIVING)


def is_going_on(run: FromClause) -> ColumnElement[bool]:
    """
    Give the condition that it lives, or that nobody writes the run.
    """
    return or_(run.c.writer_id.is_(None), run.c.writer_id.in_(_LIVING))


class RollCall:
    """
    Judges all writers by the same clock, and looks for each process once.

    Args:
        now_ns: The time to judge by; the present if None.
    """

    def __init__(self, now_ns: int | None = None) -> None:
        self._now_ns = time.time_ns() if now_ns is None else now_ns
        self._known: dict[int, bool] = {}

    def is_dead(self, row: Mapping[Any, Any]) -> bool:
        """
        Say whether the writer of a row, which has the columns of `STATE`, is gone.
        """
        if row["last_seen_ns"] is None:
            return False
        return is_dead(
            row["host"],
            row["pid"],
            row["last_seen_ns"],
            row["closed_ns"],
            now_ns=self._now_ns,
            exists=self._exists,
        )

    def heard_ns(self, row: Mapping[Any, Any]) -> int:
        """
        Say when a run with the columns of its writer was last heard of.

        A writer's sign of life that lies in the future counts as one of now.
        """
        told: int = row["updated_ns"]
        seen = row["last_seen_ns"]
        return told if seen is None else max(told, min(seen, self._now_ns))

    def parameters(self, connection: Connection) -> dict[str, Any]:
        """
        Give the values with which `is_interrupted` and `is_going_on` judge as this does.
        """
        limit = {"silence_limit": silence_limit(self._now_ns)}
        here = connection.execute(_HEARD_OF_HERE, {**limit, "host": socket.gethostname()})
        return {**limit, "gone": [row.writer_id for row in here if not self._exists(row.pid)]}

    def _exists(self, pid: int) -> bool:
        if pid not in self._known:
            self._known[pid] = process_exists(pid)
        return self._known[pid]
