"""
Settling sessions: one row for each conversation, made of its runs.
"""

from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select

from otel_bridge_storage.schema import runs, sessions
from otel_bridge_storage.unit import Unit

_KEYS: Any = bindparam("keys", expanding=True)
_MADE = (
    select(
        runs.c.session_id,
        func.min(runs.c.user_id).label("user_id"),
        func.min(runs.c.started_ns).label("started_ns"),
        func.max(runs.c.updated_ns).label("updated_ns"),
        func.count().label("runs"),
    )
    .where(runs.c.session_id.in_(_KEYS))
    .group_by(runs.c.session_id)
)
_DELETE = delete(sessions).where(sessions.c.session_id.in_(_KEYS))
_INSERT = insert(sessions)


def settle_sessions(unit: Unit) -> None:
    """
    Make the rows of the dirty sessions.
    """
    if not unit.dirty_sessions:
        return
    keys = sorted(unit.dirty_sessions)
    rows = [row._asdict() for row in unit.select(_MADE, keys)]
    unit.delete(_DELETE, keys)
    if rows:
        unit.connection.execute(_INSERT, rows)
