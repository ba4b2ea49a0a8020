"""
Carrying out what a thread's time to live says.

What has expired is not seen by any reader, swept or not, and is settled before its thread
is written to; so that nothing depends on when somebody sweeps.
"""

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)

from otel_bridge_storage.statements import KEYS, Lookup, Rows
from otel_bridge_storage.thread_tables import thread_runs, threads
from otel_bridge_storage.threads.ttl import DELETE, KEEP_LATEST, renewed

NOW: ColumnElement[int] = bindparam("now_ns", type_=threads.c.expires_ns.type)
_MOST = 500

_newer = thread_runs.alias("newer")
_lives = or_(threads.c.expires_ns.is_(None), threads.c.expires_ns > NOW)
# Both need the parameter `now_ns`; the second a join of threads and runs.
THREAD_IS_SEEN = or_(_lives, threads.c.ttl_strategy == KEEP_LATEST)
RUN_IS_SEEN = or_(
    _lives,
    (threads.c.ttl_strategy == KEEP_LATEST)
    & ~exists(
        select(1).where(
            _newer.c.thread_id == thread_runs.c.thread_id,
            _newer.c.created_ns > thread_runs.c.created_ns,
        )
    ),
)

_BY_ID = Lookup(select(threads).where(KEYS), threads.c.thread_id)
_REMOVE = Lookup(delete(threads).where(KEYS), threads.c.thread_id)
_NEWEST = select(func.max(_newer.c.created_ns)).where(_newer.c.thread_id == bindparam("of"))
_REMOVE_OLDER = delete(thread_runs).where(
    thread_runs.c.thread_id == bindparam("of"),
    thread_runs.c.created_ns < _NEWEST.scalar_subquery(),
)
_RENEW = Rows(
    update(threads)
    .where(threads.c.thread_id == bindparam("of"))
    .values(expires_ns=bindparam("expires"))
)
_EXPIRED = (
    select(threads.c.thread_id)
    .where(threads.c.expires_ns.is_not(None), threads.c.expires_ns <= NOW)
    .order_by(threads.c.expires_ns)
    .limit(_MOST)
)


def settled(connection: Connection, thread_id: str, now_ns: int) -> Any:
    """
    Give the stored row of a thread once its expiry, if any, is carried out.

    Returns:
        A named tuple; None if there is no such thread, or it was removed now.
    """
    found = _BY_ID.rows(connection, [thread_id])
    if not found:
        return None
    row = found[0]
    if row.expires_ns is None or row.expires_ns > now_ns:
        return row
    if row.ttl_strategy == DELETE:
        remove(connection, thread_id)
        return None
    connection.execute(_REMOVE_OLDER, {"of": thread_id})
    expires_ns = renewed(row.expires_ns, row.ttl_ns, now_ns)
    _RENEW.write(connection, [{"of": thread_id, "expires": expires_ns}])
    return row._replace(expires_ns=expires_ns)


def remove(connection: Connection, thread_id: str) -> None:
    """
    Delete a thread with its runs and labels, if there is one.
    """
    _REMOVE.run(connection, [thread_id])


def sweep(connection: Connection, now_ns: int) -> tuple[int, bool]:
    """
    Settle threads that have expired, a bounded number of them.

    Returns:
        How many threads were removed, and whether there may be more that have expired.
    """
    expired = connection.execute(_EXPIRED, {"now_ns": now_ns}).scalars().all()
    left = sum(settled(connection, thread_id, now_ns) is not None for thread_id in expired)
    return len(expired) - left, len(expired) == _MOST
