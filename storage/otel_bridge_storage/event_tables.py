"""
The tables that give the events of a thread their own numbers; what the events say is in
the run log. Numbers outlive what is erased, and so are kept without a thread's name.
"""

from sqlalchemy import Column, ForeignKey, LargeBinary, Table

from otel_bridge_storage.columns import Whole, Words, index, metadata

event_threads = Table(
    "event_threads",
    metadata,
    Column("digest", LargeBinary, primary_key=True, comment="BLAKE2b-128 of the thread's id"),
    Column("last_seq", Whole, nullable=False, comment="the last number given out"),
)

run_events = Table(
    "run_events",
    metadata,
    Column("thread_id", Words, primary_key=True),
    Column("seq", Whole, primary_key=True, comment="order in its thread, from 1"),
    Column("run_id", Words, nullable=False),
    Column("category", Words, nullable=False),
    Column("event_type", Words, nullable=False),
    Column("task_id", Words, comment="metadata.task_id, where it is a text"),
    Column("entry", ForeignKey("run_log.seq"), nullable=False, comment="what it says"),
    index("run_events_by_category", "thread_id", "category", "seq"),
    index("run_events_by_run", "thread_id", "run_id", "seq"),
    index("run_events_by_entry", "entry", unique=True),
)
