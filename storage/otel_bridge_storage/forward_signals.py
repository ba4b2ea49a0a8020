"""
Signals of which a destination is sent nothing: it has no place for them, or its description
leaves them out.

Each is noted as a record that was set aside is, in row 0, which no record has.
"""

import time
from collections.abc import Collection

from sqlalchemy import Connection, delete, insert, select

from otel_bridge_storage.forward_tables import set_aside

LEFT_OUT = "its description leaves it out"
_WHOLE_SIGNAL = 0


def unsent_signals(connection: Connection, destination: str) -> dict[str, str]:
    """
    Give the signals of which a destination is sent nothing, with the reason: `LEFT_OUT`,
    or its answer.
    """
    query = select(set_aside.c.signal, set_aside.c.reason).where(
        set_aside.c.destination == destination, set_aside.c.row == _WHOLE_SIGNAL
    )
    return {row.signal: row.reason for row in connection.execute(query)}


def note_unsent(connection: Connection, destination: str, signal: str, reason: str) -> None:
    """
    Note that a destination is sent nothing of a signal.
    """
    note_sent(connection, destination, signal)
    connection.execute(
        insert(set_aside),
        {
            "destination": destination,
            "signal": signal,
            "row": _WHOLE_SIGNAL,
            "trace_id": "",
            "span_id": "",
            "time_ns": time.time_ns(),
            "reason": reason,
        },
    )


def note_sent(connection: Connection, destination: str, signal: str) -> None:
    """
    Forget that a destination is sent nothing of a signal.
    """
    connection.execute(
        delete(set_aside).where(
            set_aside.c.destination == destination,
            set_aside.c.signal == signal,
            set_aside.c.row == _WHOLE_SIGNAL,
        )
    )


def note_left_out(connection: Connection, destination: str, signals: Collection[str]) -> None:
    """
    Note which signals the description of a destination leaves out, and no others.
    """
    noted = unsent_signals(connection, destination)
    for signal, reason in noted.items():
        if reason == LEFT_OUT and signal not in signals:
            note_sent(connection, destination, signal)
    for signal in signals:
        if noted.get(signal) != LEFT_OUT:
            note_unsent(connection, destination, signal, LEFT_OUT)
