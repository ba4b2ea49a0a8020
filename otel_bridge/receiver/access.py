"""
Who may send and who may read: tokens, compared in constant time.
"""

import hashlib
import hmac
import ipaddress

from otel_bridge.receiver.refusals import Refusal, Why

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="otel-bridge"'}


class Access:
    """
    Tells by the `Authorization` of a request what it may do.

    Args:
        ingest_token: What senders must show; None lets everybody send.
        read_token: What readers must show; None lets readers of this machine read, if the
            server listens to nobody else.
        local: Whether the server listens to this machine alone.
    """

    def __init__(
        self, ingest_token: str | None = None, read_token: str | None = None, *, local: bool = True
    ) -> None:
        self._ingest = None if ingest_token is None else _digest(ingest_token)
        self._read = None if read_token is None else _digest(read_token)
        self._local = local

    def check_ingest(self, authorization: str | None) -> None:
        """
        Let a sender in.

        Raises:
            Refusal: It shows no token, or not that for sending.
        """
        if self._ingest is not None:
            _check(authorization, self._ingest, self._read, "sending")

    def check_read(self, authorization: str | None, host: str | None) -> None:
        """
        Let a reader in.

        Args:
            host: The `Host` of the request. Without a token it must name this machine, or
                a page of any web site could read through a name of its own.

        Raises:
            Refusal: It shows no token, or not that for reading, or must not read at all.
        """
        if self._read is not None:
            _check(authorization, self._read, self._ingest, "reading")
        elif not self._local:
            raise Refusal(
                Why.FORBIDDEN,
                "reading from other machines needs a token: start the server with "
                "--read-token-file or OTEL_BRIDGE_READ_TOKEN",
            )
        elif not is_local(_name_of(host or "")):
            raise Refusal(Why.FORBIDDEN, "the Host of the request is not this machine")


def is_local(host: str) -> bool:
    """
    Whether a name or an address is of this machine alone.
    """
    if host.lower().removesuffix(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check(authorization: str | None, wanted: bytes, other: bytes | None, what: str) -> None:
    kind, _, token = (authorization or "").partition(" ")
    shown = _digest(token.strip()) if kind.lower() == "bearer" else b""
    if hmac.compare_digest(shown, wanted):
        return
    if other is not None and hmac.compare_digest(shown, other):
        raise Refusal(Why.FORBIDDEN, f"this token is not for {what}")
    message = f"{what} needs a token: Authorization: Bearer TOKEN"
    if kind.lower() == "bearer" and token.strip():
        message = f"this token is unknown: {what} needs the one that the server was given"
    raise Refusal(Why.UNAUTHENTICATED, message, headers=_CHALLENGE)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _name_of(host: str) -> str:
    """
    Take the port off a `Host`.
    """
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]
