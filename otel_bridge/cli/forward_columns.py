"""
The columns that tell how forwarding stands.
"""

from collections.abc import Sequence
from typing import Any

from otel_bridge_storage.forward_cursors import SetAside
from otel_bridge_storage.forward_states import ForwardState
from otel_bridge_storage.moments import moment_or_none

from otel_bridge.cli.layout import Column
from otel_bridge.cli.texts import count, counted, minute

FORWARD_COLUMNS = (
    Column(key="destination", header="destination", least=16),
    Column(key="waiting_spans", header="spans waiting", show=count, right=True, rank=1),
    Column(key="waiting_logs", header="logs waiting", show=count, right=True, rank=3),
    Column(key="untaken_logs", header="logs not taken", show=count, right=True, rank=7),
    Column(key="oldest_at", header="since (UTC)", show=minute, rank=4),
    Column(key="sent_spans", header="spans sent", show=count, right=True, rank=2),
    Column(key="sent_logs", header="logs sent", show=count, right=True, rank=5),
    Column(key="rejected", header="rejected", show=count, right=True, rank=6),
    Column(key="set_aside", header="set aside", show=count, right=True, rank=2),
)


def forward_notes(state: ForwardState, set_aside: Sequence[SetAside]) -> list[str]:
    """
    Say in full what is wrong at one destination, which no column has room for.

    Args:
        set_aside: What it would not take.
    """
    notes = []
    if state.trouble:
        notes.append(f"takes nothing now: {state.trouble}")
    elif state.untaken and state.untaken_logs:
        notes.append(f"takes no log records, which are kept for it: {state.untaken}")
    if set_aside:
        last = set_aside[-1].reason
        notes.append(
            f"would not take {counted(len(set_aside), 'record')}, the last because: {last}; "
            "--set-aside sends them once more"
        )
    return [f"{state.destination} {each}" for each in notes]


def forward_row(state: ForwardState) -> dict[str, Any]:
    """
    Give the row of one destination.
    """
    return {
        "destination": state.destination,
        "url": state.url,
        "waiting_spans": state.waiting_spans,
        "waiting_logs": state.waiting_logs,
        "untaken_logs": state.untaken_logs,
        "untaken": state.untaken,
        "oldest_at": moment_or_none(state.oldest_ns),
        "sent_spans": state.sent_spans,
        "sent_logs": state.sent_logs,
        "rejected": state.rejected,
        "set_aside": state.set_aside,
        "sent_at": moment_or_none(state.sent_ns),
        "trouble": state.trouble,
    }
