"""
Clients that take their time: an HTTP connection has deadlines, and there are only so many.
"""

import asyncio
from enum import Enum
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from otel_bridge.receiver.limits import Limits
from otel_bridge.receiver.tally import Tally

_GRACE_S = 2.0
_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
    b"Content-Length: 0\r\n\r\n"
)
_SLOW_HEAD = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class _Stage(Enum):
    """
    What a connection waits for.
    """

    FIRST_HEAD = "first head"
    NEXT_HEAD = "next head"
    BODY = "body"
    NOTHING = "nothing of the client's"


class PatientProtocol(H11Protocol):
    """
    HTTP/1.1 with deadlines for the head of a request, its body, and the reading of answers.

    The receiver answers a slow body itself; this closes what goes on being sent after that,
    or after a refusal, which a client may have to send to its end before it reads.
    """

    def __init__(self, *args: Any, limits: Limits, tally: Tally, **named: Any) -> None:
        super().__init__(*args, **named)
        self._limits = limits
        self._tally = tally
        self._stage = _Stage.NOTHING
        self._deadline: asyncio.TimerHandle | None = None
        self._write_deadline: asyncio.TimerHandle | None = None
        self._refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """
        Take a connection, or refuse it where there are too many.
        """
        super().connection_made(transport)  # type: ignore[arg-type]
        if len(self.connections) > self._limits.connections:
            self._refused = True
            self._tally.refused_connections += 1
            self.connections.discard(self)
            self._close_with(_FULL)
        else:
            self._tally.connections += 1
            self._wait_for(_Stage.FIRST_HEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        """
        Forget a connection.
        """
        self._tally.connections -= not self._refused
        self._wait_for(_Stage.NOTHING)
        self._cancel_write_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """
        Take what came.
        """
        if self._refused:
            return
        super().data_received(data)
        if not self.transport.is_closing():
            self._follow()

    def on_response_complete(self) -> None:
        """
        Go on to the next request of the connection.
        """
        super().on_response_complete()
        self._follow()

    def pause_writing(self) -> None:
        """
        Wait for a client that does not read.
        """
        super().pause_writing()
        self._cancel_write_deadline()
        self._write_deadline = self.loop.call_later(self._limits.read_s, self._give_up)

    def resume_writing(self) -> None:
        """
        Go on with a client that reads.
        """
        self._cancel_write_deadline()
        super().resume_writing()

    def _follow(self) -> None:
        match self.conn.their_state:
            case h11.SEND_BODY:
                self._wait_for(_Stage.BODY)
            case h11.IDLE if self._stage is _Stage.FIRST_HEAD:
                pass
            case h11.IDLE if self.conn.trailing_data[0]:
                self._wait_for(_Stage.NEXT_HEAD)
            case _:
                self._wait_for(_Stage.NOTHING)

    def _wait_for(self, stage: _Stage) -> None:
        if stage is self._stage:
            return
        self._stage = stage
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if stage in (_Stage.FIRST_HEAD, _Stage.NEXT_HEAD):
            self._deadline = self.loop.call_later(self._limits.head_s, self._end_head)
        elif stage is _Stage.BODY:
            self._deadline = self.loop.call_later(self._limits.read_s + _GRACE_S, self._give_up)

    def _end_head(self) -> None:
        self._tally.slow_connections += 1
        self._close_with(_SLOW_HEAD)

    def _give_up(self) -> None:
        self._tally.slow_connections += 1
        self.transport.abort()

    def _close_with(self, answer: bytes) -> None:
        self.transport.write(answer)
        self.transport.close()

    def _cancel_write_deadline(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None
