"""
What a server is told when it starts.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

from otel_bridge.receiver.access import is_local
from otel_bridge.receiver.limits import Limits

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#\s]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """
    Files in PEM.

    Attributes:
        certificate: The server's, with those between it and its authority.
        key: The certificate's private key.
        client_authority: Whose certificates clients must show; None asks for none.
    """

    certificate: Path
    key: Path
    client_authority: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """
    What is served, and where.

    Attributes:
        database: A path or URL.
        http_port: 0 for any that is free; None serves no HTTP.
        grpc_port: Likewise for gRPC.
        ingest_token: What senders must show.
        read_token: What readers must show.
        cors_origins: Web sites whose pages may send and read.
        prices: A file of prices of one's own.
        keep_content: False leaves out what people, models and tools wrote.

    Raises:
        ValueError: It would listen to other machines without a token, or not at all, or a
            web site is not named as browsers name it.
    """

    database: str
    host: str = "127.0.0.1"
    http_port: int | None = 4318
    grpc_port: int | None = 4317
    ingest_token: str | None = field(default=None, repr=False)
    read_token: str | None = field(default=None, repr=False)
    tls: Tls | None = None
    cors_origins: tuple[str, ...] = ()
    prices: Path | None = None
    keep_content: bool = True
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.http_port is None and self.grpc_port is None:
            raise ValueError("there is nothing to serve: neither HTTP nor gRPC")
        if not self.local and self.ingest_token is None:
            raise ValueError(
                f"{self.host} can be reached from other machines, and nobody may send from "
                "there without a token: give one with --ingest-token-file or "
                "OTEL_BRIDGE_INGEST_TOKEN, or stay with --host 127.0.0.1"
            )

        for origin in self.cors_origins:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"{origin!r} is no origin, which has a scheme and no path: "
                    "write one such as https://app.example"
                )

    @property
    def local(self) -> bool:
        """
        Whether only programs on this machine can connect.
        """
        return is_local(self.host)
