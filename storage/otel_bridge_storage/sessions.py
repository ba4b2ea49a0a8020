"""
Settling sessions: one row for each conversation, made of its runs.
"""

from sqlalchemy import delete, func, insert, select

from otel_bridge_storage.schema import runs, sessions
from otel_bridge_storage.statements import KEYS, Lookup, Rows
from otel_bridge_storage.unit import Unit

_MADE = Lookup(
    select(
        runs.c.session_id,
        func.min(runs.c.user_id).label("user_id"),
        func.min(runs.c.started_ns).label("started_ns"),
        func.max(runs.c.updated_ns).label("updated_ns"),
        func.count().label("runs"),
    )
    .where(KEYS)
    .group_by(runs.c.session_id),
    runs.c.session_id,
)
_DELETE = Lookup(delete(sessions).where(KEYS), sessions.c.session_id)
_INSERT = Rows(insert(sessions))


def settle_sessions(unit: Unit) -> None:
    """
    Make the rows of the dirty sessions.
    """
    if not unit.dirty_sessions:
        return
    keys = sorted(unit.dirty_sessions)
    rows = [row._asdict() for row in unit.select(_MADE, keys)]
    unit.delete(_DELETE, keys)
    unit.write(_INSERT, rows)
