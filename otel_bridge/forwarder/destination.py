"""
A destination: where stored telemetry goes, which part of it, and in what form.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from otel_bridge_storage.errors import OtelBridgeError, QueryError
from otel_bridge_storage.moments import nanoseconds

from otel_bridge.content import Redact
from otel_bridge.export import Protocol, protocol_of

Signal = Literal["traces", "logs"]
ALL_SIGNALS: tuple[Signal, ...] = ("traces", "logs")

_HEADER_NAME = re.compile(r"[A-Za-z0-9._-]+")
_HEADER_VALUE = re.compile(r"(?:[!-~](?:[ -~]*[!-~])?)?")
GRPC_PORT = 4317

_SIGNAL_PATH = re.compile(r"/v1/(traces|logs|metrics)/?$")


class DestinationError(OtelBridgeError):
    """
    A destination is described in a way that makes no sense.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """
    An OTLP endpoint that stored spans and log records are sent to.

    Attributes:
        url: Such as `http://localhost:4317`; for HTTP the base or the path of a signal.
        name: What its cursor is kept under; by default its address. With a name, the
            address may change and the cursor stays.
        protocol: `grpc` or `http/protobuf`; by default HTTP for port 4318 or a path, else
            gRPC.
        headers: Sent with each request.
        signals: What is sent.
        only: Only records that meet one of these conditions, such as
            `service.name=planner-*`: an attribute of the record or its resource, or
            `name`, and a pattern.
        drop: No records that meet one of these.
        sample: Which share of the traces is sent, whole, from 0 to 1.
        content: False leaves out what people, models and tools wrote.
        redact: Called with an attribute's name and each text of content; gives the text
            to send.
        hide: Patterns of names of attributes that are left out.
        since: Where it begins when it is first named: `now`, `all`, or an aware datetime.
        timeout_s: How long an answer may take, in seconds.
        certificate: A file of certificates to trust instead of the system's, PEM.
        client_certificate: A file with the certificate to show, where the endpoint asks for
            one, PEM.
        client_key: A file with its private key, not encrypted; by default it is in the same
            file as the certificate.

    Raises:
        DestinationError: One of these makes no sense.
    """

    url: str
    name: str = ""
    protocol: Protocol | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    signals: Sequence[Signal] = ALL_SIGNALS
    only: Sequence[str] = ()
    drop: Sequence[str] = ()
    sample: float = 1.0
    content: bool = True
    redact: Redact | None = None
    hide: Sequence[str] = ()
    since: Literal["now", "all"] | datetime = "now"
    timeout_s: float = 10.0
    certificate: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None

    def __post_init__(self) -> None:
        parts = _parts_of(self.url)
        if parts.username or parts.password or parts.query or parts.fragment:
            raise DestinationError(
                f"destination {self.label}: credentials and options belong into headers, "
                "not into the URL"
            )
        if self.protocol not in (None, "grpc", "http/protobuf"):
            raise DestinationError(
                f"destination {self.label}: protocol {self.protocol!r} is unknown: "
                "use grpc or http/protobuf"
            )
        if not self.timeout_s > 0:
            raise DestinationError(
                f"destination {self.label}: timeout_s is a number of seconds above 0, "
                f"not {self.timeout_s}"
            )
        if not 0 <= self.sample <= 1:
            raise DestinationError(
                f"destination {self.label}: sample is a share from 0 to 1, not {self.sample}"
            )
        if not self.signals or not set(ALL_SIGNALS).issuperset(self.signals):
            raise DestinationError(f"destination {self.label}: signals are traces and logs")
        if self.client_key and not self.client_certificate:
            raise DestinationError(
                f"destination {self.label}: client_key needs the client_certificate that it is for"
            )
        if parts.scheme == "http" and self.has_tls_files:
            raise DestinationError(
                f"destination {self.label}: certificates are for an https:// URL"
            )
        for header, value in self.headers.items():
            # What HTTP and gRPC say of such a header holds its value, which may be a secret.
            if not _HEADER_NAME.fullmatch(header) or not _HEADER_VALUE.fullmatch(value):
                raise DestinationError(
                    f"destination {self.label}: header {header!r} cannot be sent: names are of "
                    "letters, digits, - and _, and values are one line of ASCII without space "
                    "around it"
                )
        for condition in (*self.only, *self.drop):
            if not condition.partition("=")[0] or "=" not in condition:
                raise DestinationError(
                    f"destination {self.label}: {condition!r} is no condition: "
                    "write one such as service.name=planner-*"
                )
        try:
            _ = self.since_ns
        except QueryError as error:
            raise DestinationError(f"destination {self.label}: {error}") from error

    @property
    def since_ns(self) -> int | None:
        """
        Where it begins, in nanoseconds since the epoch; 0 for everything that is stored,
        None for what is stored from now on.
        """
        if self.since == "now":
            return None
        if self.since == "all":
            return 0
        return max(1, nanoseconds(self.since, "since"))

    @property
    def label(self) -> str:
        """
        Its name, else its address without credentials.
        """
        return self.name or self.shown_url

    @property
    def shown_url(self) -> str:
        """
        Its address without credentials and options.
        """
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")[2]
        return f"{parts.scheme}://{host}{parts.path.rstrip('/')}"

    @property
    def uses_grpc(self) -> bool:
        """
        Whether it is spoken to over gRPC.
        """
        return (self.protocol or protocol_of(self.url)) == "grpc"

    @property
    def has_tls_files(self) -> bool:
        """
        Whether it names certificates of its own.
        """
        return bool(self.certificate or self.client_certificate)

    def http_url(self, signal: Signal) -> str:
        """
        Give the address that a signal is posted to.
        """
        return f"{_SIGNAL_PATH.sub('', self.url).rstrip('/')}/v1/{signal}"


def check_names(destinations: Sequence[Destination]) -> None:
    """
    Check that no two destinations would share a cursor.

    Raises:
        DestinationError: Two have one name.
    """
    names = [each.label for each in destinations]
    for name in names:
        if names.count(name) > 1:
            raise DestinationError(
                f"two destinations are called {name}: give each a name of its own"
            )


def destination_of(target: "str | Destination") -> Destination:
    """
    Give the destination that a URL, or a destination, is.

    Raises:
        DestinationError: It is no such URL.
    """
    return Destination(url=target) if isinstance(target, str) else target


def _parts_of(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise DestinationError(f"{_shown(url)!r} is no URL: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DestinationError(
            f"{_shown(url)!r} is no http:// or https:// URL: "
            "give one such as http://localhost:4317"
        )
    return parts


def _shown(text: str) -> str:
    """
    Show what was meant as a URL, without what may be a password in it.
    """
    return text.rpartition("@")[2].partition("?")[0]
