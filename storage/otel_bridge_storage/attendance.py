"""
A writer's row where transactions are shared with others, and may fail because of them.
"""

import os
import threading
import time

from sqlalchemy import Connection

from otel_bridge_storage.committer import Committer
from otel_bridge_storage.errors import OtelBridgeError
from otel_bridge_storage.liveness import HEARTBEAT_S, Writer


class Attendance:
    """
    Keeps the row of one writer, of whichever process it is in after a fork.

    Args:
        committer: Writes the row while nothing else is written.
    """

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._writer = Writer.here()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def show(self, connection: Connection) -> str:
        """
        Say in the row that the writer lives, and give the writer's id.
        """
        if self._writer.pid != os.getpid():
            self._writer = Writer.here()
            self._thread = None
        now_ns = time.time_ns()
        if not self._writer.renew(connection, now_ns):
            self._writer.enter(connection, now_ns)
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._beat, name="otel-bridge-heartbeat", daemon=True
            )
            self._thread.start()
        return self._writer.writer_id

    def leave(self) -> None:
        """
        Say in the row that the writer ended in good order; what it left open is interrupted.
        """
        self._ended.set()
        if self._thread is not None:
            self._committer.post(lambda c: self._writer.leave(c, time.time_ns()))

    def _beat(self) -> None:
        writer = self._writer
        while not self._ended.wait(HEARTBEAT_S) and self._writer is writer:
            try:
                self._committer.post(lambda c: writer.renew(c, time.time_ns()))
            except OtelBridgeError:
                return
