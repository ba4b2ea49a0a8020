"""
Cursors: a run's place in the list of runs, written down as a text.
"""

import base64
import json

from sqlalchemy import Connection, select

from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.paging import bounded
from otel_bridge_storage.rows import RunSummary
from otel_bridge_storage.schema import runs
from otel_bridge_storage.values import clean


def cursor_after(run: RunSummary) -> str:
    """
    Write down a run's place in the list, for the list to go on from there.
    """
    place = json.dumps([round(run.started_at.timestamp() * 1_000_000), run.run_id])
    return base64.urlsafe_b64encode(place.encode()).decode("ascii").rstrip("=")


def position(connection: Connection, cursor: str) -> tuple[int, int, str]:
    """
    Find the place of a cursor: between which moments its run began, and the run's id.

    A cursor knows the microsecond, its run knows the moment, if it is still there.
    """
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        start_us, run_id = json.loads(base64.urlsafe_b64decode(padded))
        start_us, run_id = int(start_us), clean(str(run_id))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise QueryError(
            f"{cursor!r} is not a cursor: give one that came with an earlier list of runs"
        ) from error
    query = select(runs.c.started_ns).where(runs.c.run_id == run_id)
    start_ns = connection.execute(query).scalar()
    if start_ns is None or start_ns // 1000 != start_us:
        return bounded(start_us * 1000), bounded(start_us * 1000 + 999), run_id
    return start_ns, start_ns, run_id
