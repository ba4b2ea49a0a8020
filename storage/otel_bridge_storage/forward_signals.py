"""
Signals of which a destination is sent nothing: it has no place for them, or its description
leaves them out.
"""

from collections.abc import Collection

from sqlalchemy import Connection, delete, insert, select

from otel_bridge_storage.forward_tables import unsent_signals


def unsent_of(connection: Connection, destination: str) -> dict[str, str | None]:
    """
    Give the signals of which a destination is sent nothing, with its answer; None where its
    description leaves them out.
    """
    query = select(unsent_signals.c.signal, unsent_signals.c.answer).where(
        unsent_signals.c.destination == destination
    )
    return {row.signal: row.answer for row in connection.execute(query)}


def note_unsent(
    connection: Connection, destination: str, signal: str, answer: str | None = None
) -> None:
    """
    Note that a destination is sent nothing of a signal.
    """
    note_sent(connection, destination, signal)
    row = {"destination": destination, "signal": signal, "answer": answer}
    connection.execute(insert(unsent_signals), row)


def note_sent(connection: Connection, destination: str, signal: str) -> None:
    """
    Forget that a destination is sent nothing of a signal.
    """
    connection.execute(
        delete(unsent_signals).where(
            unsent_signals.c.destination == destination, unsent_signals.c.signal == signal
        )
    )


def note_left_out(connection: Connection, destination: str, signals: Collection[str]) -> None:
    """
    Note which signals the description of a destination leaves out, and no others.
    """
    noted = unsent_of(connection, destination)
    for signal, answer in noted.items():
        if answer is None and signal not in signals:
            note_sent(connection, destination, signal)
    for signal in signals:
        if noted.get(signal, "") is not None:
            note_unsent(connection, destination, signal)
