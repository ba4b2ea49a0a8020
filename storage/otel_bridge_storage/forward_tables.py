"""
The tables of forwarding: how far each destination has got, and what it would not take.
"""

from sqlalchemy import Column, Table

from otel_bridge_storage.columns import Whole, Words, index, metadata

forward_cursors = Table(
    "forward_cursors",
    metadata,
    Column("destination", Words, primary_key=True, comment="its name"),
    Column("url", Words, nullable=False),
    Column("spans_after", Whole, nullable=False, comment="spans.ended_seq that was settled last"),
    Column("logs_after", Whole, nullable=False, comment="logs.id that was settled last"),
    Column("sent_spans", Whole, nullable=False, comment="that the destination accepted"),
    Column("sent_logs", Whole, nullable=False, comment="that the destination accepted"),
    Column("rejected", Whole, nullable=False, comment="of accepted requests, by its own word"),
    Column("sent_ns", Whole, comment="when it last accepted something"),
    Column("trouble", Words, comment="why nothing goes out now; NULL when all is well"),
    Column("holder", Words, comment="who sends to it now"),
    Column("holder_host", Words),
    Column("holder_pid", Whole),
    Column("held_ns", Whole, comment="the holder's last sign of life"),
)

set_aside = Table(
    "set_aside",
    metadata,
    Column("destination", Words, primary_key=True),
    Column("signal", Words, primary_key=True, comment="traces or logs"),
    Column("row", Whole, primary_key=True, comment="spans.id or logs.id"),
    Column("trace_id", Words, nullable=False),
    Column("span_id", Words, nullable=False),
    Column("time_ns", Whole, nullable=False, comment="when it was set aside"),
    Column("reason", Words, nullable=False, comment="the destination's answer, cut short"),
    index("set_aside_by_row", "signal", "row"),
)

unsent_signals = Table(
    "unsent_signals",
    metadata,
    Column("destination", Words, primary_key=True),
    Column("signal", Words, primary_key=True, comment="traces or logs"),
    Column("answer", Words, comment="NULL where the destination's description leaves it out"),
)
