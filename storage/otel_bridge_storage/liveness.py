"""
Who writes, and who no longer does: open runs of a dead writer are interrupted.

A writer has a row of its own and renews its `last_seen_ns` with each commit and every
few seconds besides. It is dead when it closed in good order, when its process is gone
from this host, or when it has not been heard of for `dead_writers.SILENCE_S`.
"""

import os
import secrets
import socket
import time
from dataclasses import dataclass

from sqlalchemy import Connection, insert, update

from otel_bridge_storage.schema import writers

HEARTBEAT_S = 5.0
_NS = 1_000_000_000
_RENEW_NS = _NS


@dataclass(frozen=True, slots=True)
class Writer:
    """
    The row of one writing process in one database.
    """

    writer_id: str
    host: str
    pid: int

    @classmethod
    def here(cls) -> "Writer":
        """
        Make the writer that this process is from now on.
        """
        return cls(secrets.token_hex(8), socket.gethostname(), os.getpid())

    def enter(self, connection: Connection, now_ns: int) -> None:
        """
        Write the row.
        """
        connection.execute(
            insert(writers),
            {
                "writer_id": self.writer_id,
                "host": self.host,
                "pid": self.pid,
                "started_ns": now_ns,
                "last_seen_ns": now_ns,
            },
        )

    def renew(self, connection: Connection, now_ns: int) -> bool:
        """
        Say that the writer lives; False if there is no such row.
        """
        return self._set(connection, last_seen_ns=now_ns)

    def show(self, connection: Connection, now_ns: int) -> None:
        """
        Say that the writer lives, whether or not it has a row yet.

        Whether the transaction that wrote it was committed is not always known.
        """
        if not self.renew(connection, now_ns):
            self.enter(connection, now_ns)

    def leave(self, connection: Connection, now_ns: int) -> None:
        """
        Say that the writer ended in good order.
        """
        self._set(connection, last_seen_ns=now_ns, closed_ns=now_ns)

    def _set(self, connection: Connection, **times: int) -> bool:
        changed = connection.execute(
            update(writers).where(writers.c.writer_id == self.writer_id).values(**times)
        )
        return bool(changed.rowcount)


class Presence:
    """
    A writer's row, kept up to date as transactions go by.

    Args:
        writer: Whose row.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._shown_ns: int | None = None
        self._entered = False

    def show(self, connection: Connection) -> str:
        """
        Write or renew the row if it is time to; part of the caller's transaction.

        Returns:
            The writer's id.
        """
        now_ns = time.time_ns()
        shown_ns = self._shown_ns
        if shown_ns is None or now_ns - shown_ns > _RENEW_NS or now_ns < shown_ns:
            self._writer.show(connection, now_ns)
            self._shown_ns = now_ns
        return self._writer.writer_id

    def leave(self, connection: Connection) -> None:
        """
        Say in the row that the writer ended in good order.
        """
        if self._entered:
            self._writer.leave(connection, time.time_ns())

    def committed(self) -> None:
        """
        Take note that the last transaction is durable.
        """
        self._entered = True

    def rolled_back(self) -> None:
        """
        Take it that the last transaction never was.
        """
        self._shown_ns = None
