"""
Whether the numbers of events are ones that their thread has given out.
"""

from collections.abc import Iterator

from sqlalchemy import func, select

from otel_bridge_storage.event_tables import event_threads, run_events
from otel_bridge_storage.findings import SAVE, Finding
from otel_bridge_storage.interning import text_hash
from otel_bridge_storage.salvage import SalvagedRows

_LAST = select(event_threads.c.digest, event_threads.c.last_seq)
_HIGHEST = select(run_events.c.thread_id, func.max(run_events.c.seq).label("seq")).group_by(
    run_events.c.thread_id
)


def check_thread_numbers(rows: SalvagedRows) -> Iterator[Finding]:
    """
    Look whether a thread would give a number a second time.
    """
    last = {bytes(row["digest"]): row["last_seq"] for row in rows.rows(_LAST)[0]}
    above = [
        row
        for row in rows.rows(_HIGHEST)[0]
        if row["seq"] > last.get(text_hash(row["thread_id"]), 0)
    ]
    if above:
        says = "events have numbers that their thread has not given out"
        yield Finding(says, run_events.name, len(above), SAVE)
