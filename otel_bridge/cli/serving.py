"""
What can be typed to receive telemetry from other programs.
"""

from pathlib import Path
from typing import Annotated

import typer

from otel_bridge.cli import options
from otel_bridge.cli.maintenance import Prices
from otel_bridge.cli.sizes import parse_size

_HTTP_PORT, _GRPC_PORT = 4318, 4317
_HIGHEST_PORT = 65535


def add_commands(command: options.Command) -> None:
    """
    Make the commands of this module part of the program.

    Args:
        command: Gives what registers a function under a name.
    """
    command("serve")(_serve)


def _serve(
    db: options.Db = options.DEFAULT_DB,
    host: Annotated[
        str, typer.Option(metavar="NAME", help="Where to listen; others than this need a token.")
    ] = "127.0.0.1",
    http_port: Annotated[
        int, typer.Option(min=0, max=_HIGHEST_PORT, help="For OTLP/HTTP; 0 for any free one.")
    ] = _HTTP_PORT,
    grpc_port: Annotated[
        int, typer.Option(min=0, max=_HIGHEST_PORT, help="For OTLP/gRPC; 0 for any free one.")
    ] = _GRPC_PORT,
    no_http: Annotated[bool, typer.Option("--no-http", help="Only gRPC.")] = False,
    no_grpc: Annotated[bool, typer.Option("--no-grpc", help="Only HTTP.")] = False,
    forward: Annotated[
        list[str] | None,
        typer.Option(
            "--forward",
            metavar="URL",
            help="Send all that is stored on to this OTLP endpoint; may be repeated.",
        ),
    ] = None,
    destinations: options.Destinations = None,
    ingest_token_file: Annotated[
        Path | None,
        typer.Option(
            "--ingest-token-file",
            metavar="FILE",
            help="The token that senders must show; else $OTEL_BRIDGE_INGEST_TOKEN.",
        ),
    ] = None,
    read_token_file: Annotated[
        Path | None,
        typer.Option(
            "--read-token-file",
            metavar="FILE",
            help="The token that readers must show; else $OTEL_BRIDGE_READ_TOKEN.",
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="FILE", help="The certificate, PEM.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="FILE", help="Its private key, PEM.")
    ] = None,
    tls_client_ca: Annotated[
        Path | None,
        typer.Option(
            "--tls-client-ca",
            metavar="FILE",
            help="Ask clients for a certificate of this authority, PEM.",
        ),
    ] = None,
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(
            "--cors-origin",
            metavar="ORIGIN",
            help="A web site whose pages may send, such as https://app.example; may be repeated.",
        ),
    ] = None,
    max_body: Annotated[
        int | None,
        typer.Option(
            "--max-body",
            parser=parse_size,
            metavar="SIZE",
            help="The longest request, as sent and unpacked. [default: 64MiB]",
        ),
    ] = None,
    prices: Prices = None,
    content: Annotated[
        bool, typer.Option("--content/--no-content", help="Store what was said and done.")
    ] = True,
) -> int:
    """
    Receive OTLP over HTTP and gRPC into the database, until interrupted.

    An answer is given once what was sent is on disk.
    """
    from otel_bridge.cli.commands.serve import serve

    return serve(
        db=db,
        host=host,
        http_port=None if no_http else http_port,
        grpc_port=None if no_grpc else grpc_port,
        ingest_token_file=ingest_token_file,
        read_token_file=read_token_file,
        tls=(tls_cert, tls_key, tls_client_ca),
        cors_origins=cors_origin or (),
        max_body=max_body,
        prices=prices,
        content=content,
        forward=forward or (),
        destinations=destinations,
    )
