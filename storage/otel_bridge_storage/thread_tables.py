"""
The tables of threads and their runs as an agent server keeps them. They are truth: nothing
here is derived from telemetry, but for the labels.
"""

from sqlalchemy import Column, ForeignKey, Table

from otel_bridge_storage.columns import Whole, Words, any_of, index, metadata

IN_FLIGHT = ("pending", "running")

threads = Table(
    "threads",
    metadata,
    Column("thread_id", Words, primary_key=True),
    Column("created_ns", Whole, nullable=False),
    Column("updated_ns", Whole, nullable=False),
    Column("state_updated_ns", Whole, nullable=False, comment="of its state; 0 is never"),
    Column("status", Words, nullable=False, comment="idle, busy, interrupted or error"),
    Column("metadata", Words, nullable=False, comment="JSON map"),
    Column("config", Words, nullable=False, comment="JSON map"),
    Column("ttl_strategy", Words, comment="delete or keep_latest"),
    Column("ttl_ns", Whole, comment="how long it lives after its last update"),
    Column("expires_ns", Whole, comment="when the strategy is next carried out"),
    index("threads_by_update", "updated_ns", "thread_id"),
    index("threads_by_creation", "created_ns", "thread_id"),
    index("threads_by_state_update", "state_updated_ns", "thread_id"),
    index("threads_by_status", "status", "updated_ns", "thread_id"),
    index("threads_by_expiry", "expires_ns", where="expires_ns IS NOT NULL"),
)

thread_labels = Table(
    "thread_labels",
    metadata,
    Column("thread_id", ForeignKey("threads.thread_id", ondelete="CASCADE"), primary_key=True),
    Column("name", Words, primary_key=True, comment="the key in the metadata"),
    Column("value", Words, nullable=False, comment="what is compared; see `labels`"),
    index("thread_labels_found", "name", "value", "thread_id"),
    sqlite_with_rowid=False,
)

thread_runs = Table(
    "thread_runs",
    metadata,
    Column("run_id", Words, primary_key=True),
    Column("thread_id", ForeignKey("threads.thread_id", ondelete="CASCADE"), nullable=False),
    Column("assistant_id", Words, nullable=False),
    Column("created_ns", Whole, nullable=False),
    Column("updated_ns", Whole, nullable=False),
    Column("status", Words, nullable=False),
    Column("metadata", Words, nullable=False, comment="JSON map"),
    Column("kwargs", Words, nullable=False, comment="JSON map"),
    Column("multitask_strategy", Words),
    Column("error", Words),
    index("thread_runs_by_thread", "thread_id", "created_ns", "run_id"),
    index("thread_runs_by_status", "thread_id", "status", "created_ns", "run_id"),
    index("thread_runs_in_flight", "updated_ns", where=any_of("status", IN_FLIGHT)),
)
