"""
Log records that belong to no span that is there, and that no span stands for: found by
age, or by whom they name.
"""

from sqlalchemy import Connection, and_, or_, select

from otel_bridge_storage.schema import logs, spans
from otel_bridge_storage.span_rows import records_texts
from otel_bridge_storage.values import load, map_references, resolve_map

_NAMES = {
    "session_id": ("gen_ai.conversation.id", "session.id"),
    "user_id": ("user.id", "enduser.id"),
}
_of_a_span = (
    select(spans.c.id)
    .where(
        or_(
            and_(spans.c.trace_id == logs.c.trace_id, spans.c.span_id == logs.c.span_id),
            spans.c.log_hash == logs.c.hash,
        )
    )
    .exists()
)


def old_logs(connection: Connection, before_ns: int, limit: int | None) -> set[int]:
    """
    Give those of before some time, the oldest first.
    """
    told = or_(
        and_(logs.c.time_ns > 0, logs.c.time_ns < before_ns),
        and_(logs.c.time_ns == 0, logs.c.observed_ns < before_ns),
    )
    query = select(logs.c.id).where(told, ~_of_a_span)
    query = query.order_by(logs.c.time_ns, logs.c.observed_ns, logs.c.id).limit(limit)
    return set(connection.execute(query).scalars())


def stray_logs_of(connection: Connection, name: str, value: str) -> set[int]:
    """
    Give those that name a session or a user in their attributes.
    """
    names = _NAMES.get(name, ())
    if not names:
        return set()
    may_tell = or_(*(logs.c.attributes.contains(f'"{each}"', autoescape=True) for each in names))
    rows = connection.execute(select(logs.c.id, logs.c.attributes).where(may_tell, ~_of_a_span))
    found = set()
    for row in rows.all():
        raw = load(row.attributes)
        said = resolve_map(raw, records_texts(connection, set(map_references(raw))))
        if any(said.get(each) == value for each in names):
            found.add(row.id)
    return found
