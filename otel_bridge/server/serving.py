"""
A server: what it is made of, and how that starts and stops.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from otel_bridge_storage.forward_states import ForwardState
from otel_bridge_storage.rare_warnings import RareWarnings
from starlette.routing import Route

from otel_bridge.content import ContentPolicy
from otel_bridge.database_writer import DatabaseWriter
from otel_bridge.dialects import Dialects
from otel_bridge.forwarder import Forwarder
from otel_bridge.pricing import prices_of
from otel_bridge.receiver.access import Access
from otel_bridge.receiver.grpc import GrpcReceiver
from otel_bridge.receiver.http import HttpReceiver
from otel_bridge.receiver.stream import IngestStream
from otel_bridge.server.application import application
from otel_bridge.server.cost_metrics import CostMetrics
from otel_bridge.server.health import Health
from otel_bridge.server.listeners import GrpcListener, HttpListener
from otel_bridge.server.metrics import Metrics, Statuses
from otel_bridge.server.settings import Settings
from otel_bridge.server.sockets import check_free
from otel_bridge.server.stopping import stop_signals
from otel_bridge.server.tls import ssl_context

_COMPLAIN_S = 60.0

Announce = Callable[[Sequence[str]], None]


def serve(settings: Settings, *, announce: Announce, forwarding: Forwarder | None = None) -> None:
    """
    Serve until the process is told to stop, and then finish what is in hand.

    Args:
        announce: Told the URL of each listener once all of them accept.
        forwarding: Sends on what is stored; started and stopped with the server.

    Raises:
        DatabaseError: The database is not one of ours, is damaged, of a newer version, or
            in a folder that does not exist.
        PriceFileError: The file of prices cannot be used.
        OSError: It cannot listen there, or the files for TLS cannot be used.
    """
    asyncio.run(_until_stopped(settings, announce, forwarding))


async def _until_stopped(
    settings: Settings, announce: Announce, forwarding: Forwarder | None
) -> None:
    with stop_signals() as stop:
        async with serving(settings, forwarding) as urls:
            announce(urls)
            await stop.wait()


@asynccontextmanager
async def serving(
    settings: Settings, forwarding: Forwarder | None = None
) -> AsyncIterator[Sequence[str]]:
    """
    Serve for as long as the `with` block lasts; raises what `serve` does.

    Yields:
        The URL of each listener.
    """
    _check(settings)
    complain = RareWarnings(_COMPLAIN_S)
    async with AsyncExitStack() as stack:
        prices = prices_of(settings.prices)
        writer = DatabaseWriter(settings.database, reader=Dialects(), pricer=prices)
        stack.push_async_callback(asyncio.to_thread, writer.close)
        if forwarding is not None:
            forwarding.start()
            stack.push_async_callback(asyncio.to_thread, forwarding.close, settings.limits.drain_s)
        stream = IngestStream(
            writer,
            settings.limits,
            reader=Dialects(),
            policy=ContentPolicy(keep=settings.keep_content),
            complain=complain,
        )
        stack.push_async_callback(stream.close)
        access = Access(settings.ingest_token, settings.read_token, local=settings.local)
        costs = CostMetrics(settings.database, complain=complain)
        statuses: Statuses = _nothing if forwarding is None else forwarding.statuses
        metrics = Metrics(stream, costs, access, statuses)
        stack.push_async_callback(metrics.close)
        routes = [*Health(stream).routes(), metrics.route()]
        listeners = _listeners(settings, stream, access, complain, routes)
        for listener in listeners:
            await listener.start()
        # The first price takes a while, and nobody needs to wait for it.
        warming = asyncio.create_task(asyncio.to_thread(prices.warm))
        try:
            yield [listener.url for listener in listeners]
        finally:
            stream.drain()
            await asyncio.gather(warming, *(listener.stop() for listener in listeners))


def _check(settings: Settings) -> None:
    """
    Find what would keep it from listening, before a database or a cursor is made for nothing.
    """
    for port in (settings.http_port, settings.grpc_port):
        if port:
            # gRPC itself would only log why it cannot.
            check_free(settings.host, port)
    if settings.tls is not None:
        ssl_context(settings.tls)


def _listeners(
    settings: Settings,
    stream: IngestStream,
    access: Access,
    complain: RareWarnings,
    routes: Sequence[Route],
) -> list[HttpListener | GrpcListener]:
    limits = settings.limits
    listeners: list[HttpListener | GrpcListener] = []
    if settings.http_port is not None:
        receiver = HttpReceiver(stream, limits, access, complain=complain)
        made = application([*receiver.routes(), *routes], settings.cors_origins, complain=complain)
        listeners.append(HttpListener(made, settings, stream.tally))
    if settings.grpc_port is not None:
        calls = GrpcReceiver(stream, limits, access, complain=complain)
        listeners.append(GrpcListener(calls.handlers(), settings))
    return listeners


def _nothing() -> Sequence[ForwardState]:
    return ()
