"""
A writer's row where transactions are shared with others, and may fail because of them.
"""

import logging
import os
import threading
import time
import weakref
from concurrent.futures import Future

from sqlalchemy import Connection

from otel_bridge_storage.committer import Committer
from otel_bridge_storage.errors import OtelBridgeError
from otel_bridge_storage.liveness import HEARTBEAT_S, Writer

_log = logging.getLogger("otel_bridge")


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
        self._writer.show(connection, time.time_ns())
        if self._thread is None:
            self._thread = threading.Thread(
                target=_beat,
                args=(weakref.ref(self), self._writer, self._ended),
                name="otel-bridge-heartbeat",
                daemon=True,
            )
            self._thread.start()
        return self._writer.writer_id

    def beat(self, writer: Writer) -> bool:
        """
        Say once more that a writer lives; False if it is no longer this one.
        """
        if self._writer is not writer:
            return False
        try:
            future = self._committer.post(lambda c: writer.renew(c, time.time_ns()))
        except OtelBridgeError:
            return False
        future.add_done_callback(_complain)
        return True

    def leave(self) -> None:
        """
        Say in the row that the writer ended in good order; what it left open is interrupted.

        Raises:
            DatabaseError: The database cannot be written from here.
        """
        self._ended.set()
        if self._thread is not None and self._writer.pid == os.getpid():
            self._committer.post(lambda c: self._writer.leave(c, time.time_ns()))


def _beat(known: "weakref.ref[Attendance]", writer: Writer, ended: threading.Event) -> None:
    """
    Renew a writer's row for as long as somebody holds on to its attendance.
    """
    while not ended.wait(HEARTBEAT_S):
        attendance = known()
        if attendance is None or not attendance.beat(writer):
            return
        del attendance


def _complain(future: "Future[bool]") -> None:
    if not future.cancelled() and (error := future.exception()) is not None:
        _log.warning("otel-bridge could not say that a writer of run events lives: %s", error)
