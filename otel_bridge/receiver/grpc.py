"""
OTLP over gRPC, as generic handlers that take and give plain bytes.

Each method is served as one that takes a stream, which is the same on the wire: so nothing
of a request is read before its sender is let in.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc  # type: ignore[import-untyped]
from otel_bridge_storage.rare_warnings import RareWarnings, in_short

from otel_bridge.otlp.signals import SIGNALS, Form, Signal
from otel_bridge.receiver.access import Access
from otel_bridge.receiver.bodies import GZIP_START, in_time
from otel_bridge.receiver.budget import overloaded
from otel_bridge.receiver.jobs import Job
from otel_bridge.receiver.limits import Limits
from otel_bridge.receiver.refusals import Refusal, Why
from otel_bridge.receiver.stream import IngestStream

_TRANSPORT = "grpc"
_DETAILS = "grpc-status-details-bin"
_CODES = {code.value[0]: code for code in grpc.StatusCode}

Method = Callable[[Any, Any], Awaitable[bytes]]


class GrpcReceiver:
    """
    Answers OTLP requests over gRPC.

    Args:
        complain: Logs refusals and faults once in a while.
    """

    def __init__(
        self, stream: IngestStream, limits: Limits, access: Access, *, complain: RareWarnings
    ) -> None:
        self._stream = stream
        self._limits = limits
        self._access = access
        self._complain = complain
        self._reading = 0

    def handlers(self) -> list[Any]:
        """
        Give a handler for the service of each signal.
        """
        return [
            grpc.method_handlers_generic_handler(
                signal.service,
                {"Export": grpc.stream_unary_rpc_method_handler(self._method(signal))},
            )
            for signal in SIGNALS
        ]

    def _method(self, signal: Signal) -> Method:
        async def export(_requests: Any, context: Any) -> bytes:
            return await self._answer(signal, context)

        return export

    async def _answer(self, signal: Signal, context: Any) -> bytes:
        try:
            reading = self._read(signal, context)
            outcome = await self._stream.receive(signal, _TRANSPORT, reading)
        except Refusal as refusal:
            answer = refusal
        except Exception as error:  # noqa: BLE001 - a fault of one request is its own
            self._complain.warn("grpc", "otel-bridge cannot answer: %s", in_short(error))
            answer = Refusal(Why.BROKEN, "the request could not be answered")
        else:
            if not outcome.rejected:
                return b""
            message = signal.answer(outcome.rejected, outcome.message)
            return bytes(message.SerializeToString())
        return await self._refuse(signal, context, answer)

    async def _refuse(self, signal: Signal, context: Any, refusal: Refusal) -> bytes:
        self._complain.warn(
            refusal.why.name,
            "otel-bridge refuses a request of %s over gRPC (%s): %s",
            signal.name,
            refusal.why.name,
            refusal.message,
        )
        details = ((_DETAILS, refusal.status().SerializeToString()),)
        await context.abort(_CODES[refusal.why.grpc_code], refusal.message, details)
        return b""

    async def _read(self, signal: Signal, context: Any) -> Job:
        self._access.check_ingest(_authorization(context))
        if self._reading >= self._limits.calls:
            raise overloaded()
        share = self._stream.enter()
        self._reading += 1
        try:
            async with in_time(share, self._limits):
                body = await context.read()
                share.resize(len(_message(body)))
        finally:
            self._reading -= 1
        return Job(
            signal=signal,
            transport=_TRANSPORT,
            form=Form.PROTO,
            body=body,
            share=share,
            packed=body.startswith(GZIP_START),
        )


def _message(read: object) -> bytes:
    if isinstance(read, bytes):
        return read
    raise Refusal(Why.MALFORMED, "the call holds no message")


def _authorization(context: Any) -> str | None:
    for key, value in context.invocation_metadata() or ():
        if key == "authorization":
            return str(value)
    return None
