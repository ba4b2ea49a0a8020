"""
Requests of OTLP/gRPC, gzip.
"""

import contextlib
from typing import Any
from urllib.parse import urlsplit

import grpc  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from otel_bridge.forwarder.destination import GRPC_PORT, Destination, DestinationError, Signal
from otel_bridge.forwarder.hints import hint_for
from otel_bridge.forwarder.outcomes import NotNow, NotSo, Outcome, Refused, accepted
from otel_bridge.forwarder.tls_files import read_tls_files
from otel_bridge.otlp.signals import BY_NAME

_LONGEST = 170
_DETAILS = "grpc-status-details-bin"
_Code = grpc.StatusCode
# By the OTLP specification these are worth another try; INTERNAL and UNKNOWN are not, but
# servers and what stands before them answer both to what passes.
_PASSING = {
    _Code.CANCELLED,
    _Code.DEADLINE_EXCEEDED,
    _Code.ABORTED,
    _Code.OUT_OF_RANGE,
    _Code.UNAVAILABLE,
    _Code.DATA_LOSS,
    _Code.INTERNAL,
    _Code.UNKNOWN,
}
_MISTAKEN = {_Code.UNAUTHENTICATED, _Code.PERMISSION_DENIED, _Code.UNIMPLEMENTED}


class GrpcSender:
    """
    Calls one destination, over one channel.
    """

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        # gRPC takes no metadata whose name has capitals.
        self._metadata = tuple((k.lower(), v) for k, v in destination.headers.items())
        self._channel: Any = None

    def send(self, signal: Signal, request: bytes) -> Outcome:
        """
        Send one request, and say what became of it.
        """
        try:
            if self._channel is None:
                self._channel = _channel(self._destination)
            body = self._channel.unary_unary(f"/{BY_NAME[signal].service}/Export")(
                request,
                timeout=self._destination.timeout_s,
                metadata=self._metadata,
                compression=grpc.Compression.Gzip,
            )
        except grpc.RpcError as error:
            if error.code() is _Code.UNAVAILABLE and self._destination.has_tls_files:
                # Certificates are renewed, and a channel keeps those that it began with.
                self.close()
            return _outcome(error, self._destination)
        except DestinationError as error:
            return NotSo(str(error))
        except ValueError as error:
            # What gRPC says of metadata holds the values, which may be secrets.
            return NotNow(f"gRPC cannot send it: {type(error).__name__}")
        return accepted(signal, body)

    def close(self) -> None:
        """
        Close the channel.
        """
        if self._channel is not None:
            self._channel.close()
            self._channel = None


def _channel(destination: Destination) -> Any:
    parts = urlsplit(destination.url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    target = f"{host}:{parts.port or GRPC_PORT}"
    # The forwarder waits by itself; a channel that waits longer would not see that the
    # destination is back.
    options = [("grpc.max_reconnect_backoff_ms", 1000)]
    if parts.scheme == "http":
        return grpc.insecure_channel(target, options)
    files = read_tls_files(destination)
    credentials = grpc.ssl_channel_credentials(files.authority, files.key, files.certificate)
    return grpc.secure_channel(target, credentials, options)


def _outcome(error: Any, destination: Destination) -> Outcome:
    code = error.code()
    told = " ".join((error.details() or "").split())
    # Before this gRPC says that of all addresses none could be reached.
    last = told.rpartition("last error: ")[2]
    reason = f"gRPC {code.name} {last[:_LONGEST]}".strip()
    if code is _Code.UNAVAILABLE:
        reason += hint_for(told, destination)
    after_s = _after_s(error)
    if code in _PASSING or (code is _Code.RESOURCE_EXHAUSTED and after_s is not None):
        return NotNow(reason, after_s)
    is_missing = code is _Code.UNIMPLEMENTED
    return NotSo(reason, is_missing) if code in _MISTAKEN else Refused(reason)


def _after_s(error: Any) -> float | None:
    """
    Read how long the server asks to wait, where it does.
    """
    details = dict(error.trailing_metadata() or ()).get(_DETAILS)
    if details is None:
        return None
    status = Status()
    with contextlib.suppress(DecodeError):
        status.ParseFromString(details)
        for packed in status.details:
            info = RetryInfo()
            if packed.Unpack(info):
                return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
    return None
