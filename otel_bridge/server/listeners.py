"""
The two listeners on one event loop: HTTP by uvicorn, gRPC by grpc.aio.
"""

import asyncio
import errno
import functools
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import grpc  # type: ignore[import-untyped]
import uvicorn
from starlette.applications import Starlette

from otel_bridge.receiver.limits import Limits
from otel_bridge.receiver.tally import Tally
from otel_bridge.server.settings import Settings
from otel_bridge.server.slow_clients import PatientProtocol
from otel_bridge.server.sockets import authority, listen
from otel_bridge.server.tls import grpc_credentials, ssl_context

_MS = 1000
_IDENTITY_AND_GZIP = 0b101
_STREAMS = 1000


class HttpListener:
    """
    Serves an application over HTTP, or HTTPS.

    Raises:
        OSError: It cannot listen there, or the files for TLS cannot be used.
    """

    def __init__(self, application: Starlette, settings: Settings, tally: Tally) -> None:
        limits, tls = settings.limits, settings.tls
        context = None if tls is None else ssl_context(tls)
        self._sockets = listen(settings.host, settings.http_port or 0)
        self.port: int = self._sockets[0].getsockname()[1]
        self.url = f"{'http' if tls is None else 'https'}://{authority(settings.host, self.port)}"
        protocol: Any = functools.partial(PatientProtocol, limits=limits, tally=tally)
        self._server = _Server(
            uvicorn.Config(
                application,
                http=protocol,
                ws="none",
                loop="none",
                lifespan="off",
                log_config=None,
                log_level="critical",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=int(limits.idle_s),
                timeout_graceful_shutdown=int(limits.drain_s),
                ssl_context_factory=None if context is None else lambda *_: context,
            )
        )
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """
        Accept connections.
        """
        self._serving = asyncio.create_task(self._server.serve(self._sockets))
        started = asyncio.create_task(self._server.ready.wait())
        await asyncio.wait({self._serving, started}, return_when=asyncio.FIRST_COMPLETED)
        started.cancel()
        if self._serving.done():
            await self._serving

    async def stop(self) -> None:
        """
        Accept no more, and wait until requests in hand are answered.
        """
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
        for each in self._sockets:
            each.close()


class _Server(uvicorn.Server):
    """
    A server that leaves signals alone, and tells when it accepts.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """
        Capture none.
        """
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """
        Accept connections.
        """
        await super().startup(sockets)
        self.ready.set()


class GrpcListener:
    """
    Serves handlers over gRPC, with TLS or without.

    Raises:
        OSError: It cannot listen there, or the files for TLS cannot be used.
    """

    def __init__(self, handlers: Sequence[Any], settings: Settings) -> None:
        limits = settings.limits
        self._drain_s = limits.drain_s
        self._server = grpc.aio.server(options=_options(limits))
        self._server.add_generic_rpc_handlers(tuple(handlers))
        where = authority(settings.host, settings.grpc_port or 0)
        tls = settings.tls
        try:
            if tls is None:
                self.port: int = self._server.add_insecure_port(where)
            else:
                self.port = self._server.add_secure_port(where, grpc_credentials(tls))
        except RuntimeError as error:
            reason = "cannot listen there for gRPC"
            raise OSError(errno.EADDRINUSE, reason, where) from error
        scheme = "grpc" if tls is None else "grpcs"
        self.url = f"{scheme}://{authority(settings.host, self.port)}"

    async def start(self) -> None:
        """
        Accept calls.
        """
        await self._server.start()

    async def stop(self) -> None:
        """
        Accept no more, and wait until calls in hand are answered.
        """
        await self._server.stop(self._drain_s)


def _options(limits: Limits) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", limits.body_bytes),
        ("grpc.so_reuseport", 0),
        ("grpc.server_handshake_timeout_ms", int(limits.head_s * _MS)),
        ("grpc.max_connection_idle_ms", int(limits.idle_s * _MS)),
        ("grpc.max_concurrent_streams", _STREAMS),
        # The receiver unpacks gzip itself, off the event loop and within its own bounds.
        ("grpc.per_message_decompression", 0),
        ("grpc.compression_enabled_algorithms_bitset", _IDENTITY_AND_GZIP),
    ]
