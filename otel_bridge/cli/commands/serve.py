"""
`otel-bridge serve`: receive OTLP from other programs.
"""

import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import typer
from otel_bridge_storage.addresses import address_of

from otel_bridge.cli.escape import one_line
from otel_bridge.cli.output import write_line
from otel_bridge.forwarder import Destination, Forwarder
from otel_bridge.forwarder.destination import GRPC_PORT
from otel_bridge.forwarder.destination_files import all_destinations
from otel_bridge.receiver.limits import Limits
from otel_bridge.server import Settings, Tls
from otel_bridge.server import serve as serve_until_stopped

_INGEST_VARIABLE = "OTEL_BRIDGE_INGEST_TOKEN"
_READ_VARIABLE = "OTEL_BRIDGE_READ_TOKEN"
_THIS_MACHINE = ("localhost", "127.0.0.1")


def serve(
    *,
    db: str,
    host: str,
    http_port: int | None,
    grpc_port: int | None,
    ingest_token_file: Path | None,
    read_token_file: Path | None,
    tls: tuple[Path | None, Path | None, Path | None],
    cors_origins: Sequence[str],
    max_body: int | None,
    prices: Path | None,
    content: bool,
    forward: Sequence[str],
    destinations: Path | None,
) -> int:
    """
    Serve until the process is told to stop.

    Returns:
        0 once what was in hand is stored.
    """
    try:
        settings = Settings(
            database=db,
            host=host,
            http_port=http_port,
            grpc_port=grpc_port,
            ingest_token=_token(ingest_token_file, _INGEST_VARIABLE),
            read_token=_token(read_token_file, _READ_VARIABLE),
            tls=_tls(*tls),
            cors_origins=tuple(cors_origins),
            prices=prices,
            keep_content=content,
            limits=Limits() if max_body is None else Limits().with_body(max_body),
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    wanted = all_destinations(forward, destinations)
    for each in wanted:
        _check_not_itself(each, settings)
    forwarder = Forwarder(db, wanted) if wanted else None
    _log_to_standard_error()

    def announce(urls: Sequence[str]) -> None:
        write_line(f"listening for OTLP on {' and '.join(urls)}, into {address_of(db)}")
        for each in wanted:
            named = f"{each.name}, " if each.name else ""
            by = "gRPC" if each.uses_grpc else "HTTP"
            write_line(f"forwarding to {named}{each.shown_url}, over {by}")
        sys.stdout.flush()

    serve_until_stopped(settings, announce=announce, forwarding=forwarder)
    return 0


def _check_not_itself(destination: Destination, settings: Settings) -> None:
    """
    Refuse to send on to where it receives: what is meant waits for spans, and gets none.
    """
    parts = urlsplit(destination.url)
    port = parts.port or (GRPC_PORT if destination.uses_grpc else 0)
    here = parts.hostname == settings.host or (
        parts.hostname in _THIS_MACHINE and settings.host in (*_THIS_MACHINE, "0.0.0.0")  # noqa: S104
    )
    if here and port and port in (settings.http_port, settings.grpc_port):
        raise typer.BadParameter(
            f"{destination.label} would be this server itself, at port {port}: give one of them "
            "another, as with --http-port and --grpc-port"
        )


def _token(file: Path | None, variable: str) -> str | None:
    """
    Read a token from its file, else from the environment.

    Raises:
        ValueError: The file holds none.
        OSError: It cannot be read.
    """
    if file is None:
        return os.environ.get(variable, "").strip() or None
    token = file.read_text(encoding="utf-8").strip()
    if not token or "\n" in token:
        raise ValueError(f"{file} must hold one line, the token")
    return token


def _tls(certificate: Path | None, key: Path | None, authority: Path | None) -> Tls | None:
    if certificate is not None and key is not None:
        return Tls(certificate=certificate, key=key, client_authority=authority)
    if certificate is None and key is None and authority is None:
        return None
    raise ValueError("TLS needs both --tls-cert and --tls-key")


def _log_to_standard_error() -> None:
    handler = logging.StreamHandler()
    lines = _OneLine("%(asctime)s %(levelname)s %(message)s", datefmt="%Y-%m-%dT%H:%M:%SZ")
    lines.converter = time.gmtime
    handler.setFormatter(lines)
    logging.getLogger("otel_bridge").addHandler(handler)


class _OneLine(logging.Formatter):
    """
    Writes what may come from outside so that no terminal obeys it.
    """

    def format(self, record: logging.LogRecord) -> str:
        """
        Write a record on one line.
        """
        return one_line(super().format(record))
