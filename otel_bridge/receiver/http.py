"""
OTLP over HTTP, as routes of a Starlette application.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf import json_format  # type: ignore[import-untyped]
from otel_bridge_storage.rare_warnings import RareWarnings, in_short
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from otel_bridge.otlp.signals import SIGNALS, Form, Signal
from otel_bridge.receiver.access import Access
from otel_bridge.receiver.bodies import in_time, read_body
from otel_bridge.receiver.jobs import Job, Outcome
from otel_bridge.receiver.limits import Limits
from otel_bridge.receiver.refusals import Refusal, Why
from otel_bridge.receiver.stream import IngestStream

_PLAIN = ("", "identity")
_GZIP = "gzip"
_TRANSPORT = "http"

Endpoint = Callable[[Request], Awaitable[Response]]


class HttpReceiver:
    """
    Answers OTLP requests over HTTP.

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

    def routes(self) -> list[Route]:
        """
        Give a route for each signal.
        """
        return [
            Route(signal.path, self._endpoint(signal), methods=["POST"], name=signal.name)
            for signal in SIGNALS
        ]

    def _endpoint(self, signal: Signal) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            return await self._answer(signal, request)

        return endpoint

    async def _answer(self, signal: Signal, request: Request) -> Response:
        form = _form_of(request)
        try:
            reading = self._read(signal, form, request)
            outcome = await self._stream.receive(signal, _TRANSPORT, reading)
        except ClientDisconnect:
            return Response(status_code=Why.TOO_SLOW.http_status)
        except Refusal as refusal:
            self._complain.warn(
                refusal.why.name,
                "otel-bridge refuses a request of %s over HTTP (%d): %s",
                signal.name,
                refusal.why.http_status,
                refusal.message,
            )
            return refusal_response(refusal, form)
        except Exception as error:  # noqa: BLE001 - a fault of one request is its own
            self._complain.warn("http", "otel-bridge cannot answer: %s", in_short(error))
            return refusal_response(Refusal(Why.BROKEN, "the request could not be answered"), form)
        return _success(signal, outcome, form or Form.PROTO)

    async def _read(self, signal: Signal, form: Form | None, request: Request) -> Job:
        headers = request.headers
        self._access.check_ingest(headers.get("authorization"))
        packed = _is_packed(headers.get("content-encoding", ""))
        if form is None:
            raise Refusal(
                Why.UNSUPPORTED,
                f"the Content-Type must be {Form.PROTO.value} or {Form.JSON.value}",
            )
        share = self._stream.enter()
        async with in_time(share, self._limits):
            body = await read_body(
                request.stream(), headers.get("content-length"), self._limits, share
            )
        return Job(
            signal=signal, transport=_TRANSPORT, form=form, body=body, share=share, packed=packed
        )


def refusal_response(refusal: Refusal, form: Form | None = None) -> Response:
    """
    Give the answer to a request that is not taken: a `google.rpc.Status`.

    Args:
        form: As the request was written; None for JSON, which people can read.
    """
    status = refusal.status()
    headers = dict(refusal.headers)
    if refusal.retry_s is not None:
        headers["Retry-After"] = str(refusal.retry_s)
    return Response(
        _written(status, form),
        status_code=refusal.why.http_status,
        headers=headers,
        media_type=(form or Form.JSON).value,
    )


def _success(signal: Signal, outcome: Outcome, form: Form) -> Response:
    body = b"" if form is Form.PROTO else b"{}"
    if outcome.rejected:
        body = _written(signal.answer(outcome.rejected, outcome.message), form)
    return Response(body, media_type=form.value)


def _written(message: Any, form: Form | None) -> bytes:
    if form is Form.PROTO:
        return bytes(message.SerializeToString())
    return json.dumps(json_format.MessageToDict(message)).encode()


def _form_of(request: Request) -> Form | None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return next((form for form in Form if form.value == kind), None)


def _is_packed(encoding: str) -> bool:
    name = encoding.strip().lower()
    if name == _GZIP:
        return True
    if name in _PLAIN:
        return False
    raise Refusal(
        Why.UNSUPPORTED,
        "the Content-Encoding must be gzip or none",
        headers={"Accept-Encoding": _GZIP},
    )
