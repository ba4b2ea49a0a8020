"""
Settling sessions: one row for each conversation, made of its runs.
"""

from sqlalchemy import bindparam, delete, func, insert, select, update

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
_STORED = Lookup(select(sessions).where(KEYS), sessions.c.session_id)
_UPDATE = Rows(
    update(sessions)
    .where(sessions.c.session_id == bindparam("session_id_"))
    .values({c.name: bindparam(f"{c.name}_") for c in sessions.columns if c.name != "session_id"})
)


def settle_sessions(unit: Unit) -> None:
    """
    Make the rows of the dirty sessions.
    """
    if not unit.dirty_sessions:
        return
    keys = sorted(unit.dirty_sessions)
    made = {row.session_id: row._asdict() for row in unit.select(_MADE, keys)}
    stored = {row.session_id: row._asdict() for row in unit.select(_STORED, keys)}
    unit.delete(_DELETE, [key for key in stored if key not in made])
    unit.write(_INSERT, [row for key, row in made.items() if key not in stored])
    unit.write(
        _UPDATE,
        [
            {f"{name}_": value for name, value in row.items()}
            for key, row in made.items()
            if key in stored and stored[key] != row
        ],
    )
