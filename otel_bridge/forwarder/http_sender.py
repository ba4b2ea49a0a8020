"""
Requests of OTLP/HTTP, protobuf and gzip.
"""

import contextlib
import email.utils
import gzip
import time

import requests
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from otel_bridge.forwarder.destination import Destination, DestinationError, Signal
from otel_bridge.forwarder.hints import hint_for
from otel_bridge.forwarder.outcomes import Accepted, NotNow, NotSo, Outcome, Refused, accepted
from otel_bridge.forwarder.tls_files import read_tls_files
from otel_bridge.otlp.signals import Form

_PROTOBUF = Form.PROTO.value
_MOST_ANSWERED = 64 * 1024
_LONGEST = 190
# By the OTLP specification these are worth another try. 500 is not, but servers answer it
# to what passes all the same.
_PASSING = (408, 429, 500, 502, 503, 504)
_MISTAKEN = (301, 302, 303, 307, 308, 401, 403, 404, 405, 407, 501)
_NO_PLACE = (404, 405, 501)


class HttpSender:
    """
    Posts requests to one destination, over connections that are kept.
    """

    def __init__(self, destination: Destination) -> None:
        self._destination = destination
        self._session = requests.Session()
        self._session.headers.update(destination.headers)

    def send(self, signal: Signal, request: bytes) -> Outcome:
        """
        Send one request, and say what became of it.
        """
        destination = self._destination
        timeout_s = destination.timeout_s
        certificate, key = destination.client_certificate, destination.client_key
        try:
            read_tls_files(destination)
            with self._session.post(
                destination.http_url(signal),
                data=gzip.compress(request, compresslevel=1),
                headers={"Content-Type": _PROTOBUF, "Content-Encoding": "gzip"},
                timeout=(min(5.0, timeout_s), timeout_s),
                allow_redirects=False,
                stream=True,
                # What a session trusts would give way to a variable of the environment.
                verify=destination.certificate or True,
                cert=(certificate, key) if certificate and key else certificate,
            ) as response:
                body = _body(response, time.monotonic() + timeout_s)
                return _outcome(signal, response, body)
        except DestinationError as error:
            return NotSo(str(error))
        except requests.exceptions.SSLError as error:
            return NotSo(f"TLS: {_short(error)}{hint_for(str(error), destination)}")
        except requests.exceptions.InvalidHeader:
            # The error holds the value, which may be a secret.
            return NotSo("a header cannot be sent")
        except requests.exceptions.InvalidURL as error:
            return NotSo(_short(error))
        except Exception as error:  # noqa: BLE001 - the libraries below raise many kinds
            return NotNow(f"{_short(error)}{hint_for(str(error), destination)}")

    def close(self) -> None:
        """
        Close the connections.
        """
        self._session.close()


def _body(response: requests.Response, until_s: float) -> bytes:
    """
    Read an answer, or as much of it as anybody needs.

    Raises:
        TimeoutError: It comes too slowly; the libraries bound the time of each piece alone.
    """
    body = b""
    while len(body) < _MOST_ANSWERED:
        piece = response.raw.read1(_MOST_ANSWERED, decode_content=True)
        if not piece:
            break
        body += piece
        if time.monotonic() > until_s:
            raise TimeoutError("the answer does not come to its end")
    return body[:_MOST_ANSWERED]


def _outcome(signal: Signal, response: requests.Response, body: bytes) -> Outcome:
    code = response.status_code
    if 200 <= code < 300:
        return accepted(signal, body) if _is_protobuf(response) else Accepted()
    reason = f"HTTP {code} {_told(response, body)}".strip()
    if code in _PASSING:
        return NotNow(reason, _after_s(response.headers.get("Retry-After")))
    return NotSo(reason, code in _NO_PLACE) if code in _MISTAKEN else Refused(reason)


def _is_protobuf(response: requests.Response) -> bool:
    return response.headers.get("Content-Type", "").startswith(_PROTOBUF)


def _told(response: requests.Response, body: bytes) -> str:
    if _is_protobuf(response):
        status = Status()
        with contextlib.suppress(DecodeError):
            status.ParseFromString(body)
        return str(status.message)
    return " ".join(body[:200].decode("utf-8", "replace").split())


def _after_s(value: str | None) -> float | None:
    """
    Read a Retry-After header: seconds, or a date.
    """
    if value is None:
        return None
    with contextlib.suppress(ValueError, OverflowError):
        return max(0.0, float(int(value)))
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    return None


def _short(error: Exception) -> str:
    # Around the reason there is the address once more, and how often it was tried.
    cause = error.args[0] if error.args else error
    reason = getattr(cause, "reason", None) or error
    return f"{type(error).__name__}: {reason}"[:_LONGEST]
