"""
The thread that forwards to one destination.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from otel_bridge_storage.addresses import Address
from otel_bridge_storage.commits import listen
from otel_bridge_storage.database import Database
from otel_bridge_storage.errors import DatabaseError
from otel_bridge_storage.holding import HoldableWork
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.rare_warnings import RareWarnings, in_short
from otel_bridge_storage.thread_pool_reading import reading_engine
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from otel_bridge.forwarder.backoff import Backoff
from otel_bridge.forwarder.destination import Destination
from otel_bridge.forwarder.outcomes import NotNow, NotSo
from otel_bridge.forwarder.route import Route, Sender
from otel_bridge.forwarder.signal_pauses import SignalPauses
from otel_bridge.own_threads import unrecorded

_log = logging.getLogger("otel_bridge")
# What other processes commit wakes nobody here.
_LOOK_S = 1.0
# Well below the silence after which another process takes over.
_RENEW_S = 10.0
_ENDING_S = 5.0


class Worker:
    """
    Forwards to one destination until it is closed.

    Args:
        address: The database.
        destination: Where to.
    """

    def __init__(self, address: Address, destination: Destination) -> None:
        self._address = address
        self._destination = destination
        self._changed = threading.Condition()
        self._news = True
        self._closing_at: float | None = None
        self._idle = False
        self._troubled = False
        self._was_troubled = False
        self._work = HoldableWork()
        self._database: Database | None = None
        self._reads: Engine | None = None
        self._has_begun = False
        self._sender: Sender | None = None
        self._route: Route | None = None
        self._backoff = Backoff()
        self._pauses = SignalPauses()
        self._warnings = RareWarnings(60.0)
        self._stop_listening: Callable[[], None] | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """
        Begin; the cursor is there when this returns, if the database can be written now.
        """
        with suppress(DatabaseError, DBAPIError):
            self._ready()
        self._stop_listening = listen(self._address.key, self._wake)
        name = f"otel-bridge-forward-{self._destination.label}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def settle(self, timeout_s: float) -> bool:
        """
        Wait until nothing waits any more.

        Returns:
            Whether that is so; False as soon as the destination is in trouble.
        """
        with self._changed:
            self._news, self._idle = True, False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._idle or self._troubled, timeout_s)
            return self._idle

    def stop(self) -> None:
        """
        Begin nothing more.
        """
        with self._changed:
            self._closing_at = time.monotonic()
            self._changed.notify_all()

    def join(self) -> None:
        """
        Wait for the request that is under way, after `stop`.
        """
        if self._thread is None or self._closing_at is None:
            return
        until = self._closing_at + self._destination.timeout_s + _ENDING_S
        self._thread.join(max(0.0, until - time.monotonic()))
        if self._stop_listening is not None:
            self._stop_listening()
        self._thread = None

    def hold(self, timeout_s: float) -> bool:
        """
        Come to rest with nothing open, as must be done before a fork.
        """
        if not self._work.hold(timeout_s):
            return False
        self._let_go()
        return True

    def resume(self) -> None:
        """
        Go on after `hold`.
        """
        self._work.release()

    def _goes_on(self) -> bool:
        return self._closing_at is None

    def _wake(self) -> None:
        # On the thread of whoever committed.
        with self._changed:
            if not self._news:
                self._news = True
                self._changed.notify_all()

    def _run(self) -> None:
        with unrecorded():
            while self._goes_on():
                with self._changed:
                    self._news = self._troubled = False
                with self._work.piece():
                    wait_s = self._round()
                self._wait(wait_s)
            with self._work.piece():
                self._let_go()

    def _round(self) -> float:
        """
        Send all that waits.

        Returns:
            How long to wait before the next look, in seconds.
        """
        try:
            trouble = self._send_all()
        except (DatabaseError, DBAPIError) as error:
            self._warnings.warn(
                "database", "otel-bridge cannot forward from %s: %s", self._address, error
            )
            self._let_go()
            trouble = NotNow(in_short(error))
        except Exception as error:  # noqa: BLE001 - the thread must outlive what is wrong
            _log.exception("otel-bridge cannot forward to %s", self._destination.label)
            self._let_go()
            trouble = NotSo(in_short(error))
        with self._changed:
            self._troubled = trouble is not None
            self._idle = trouble is None and not self._news
            self._changed.notify_all()
        if trouble is None:
            self._backoff.succeeded()
            if self._was_troubled:
                self._was_troubled = False
                self._warnings.warn(
                    "again", "otel-bridge: %s takes what is sent again", self._destination.label
                )
            return _LOOK_S
        self._was_troubled = True
        self._warnings.warn(
            "trouble",
            "otel-bridge: %s takes nothing now, what is for it waits: %s",
            self._destination.label,
            trouble.reason,
        )
        return self._backoff.next_s(trouble)

    def _send_all(self) -> NotNow | NotSo | None:
        if self._database is not None and self._database.vanished():
            self._let_go()
        route, reads = self._ready()
        with reads.connect() as connection:
            is_named, has_news = route.is_named(connection), route.has_news(connection)
        if not is_named:
            route.begin()
        places = route.claim() if has_news else None
        if places is None:
            return None
        trouble = route.drain(places, self._backoff.succeeded)
        if trouble is None:
            route.release()
        return trouble

    def _ready(self) -> tuple[Route, Engine]:
        if self._route is None or self._reads is None:
            self._database = open_database(self._address)
            self._reads = reading_engine(self._address)
            self._sender = sender_for(self._destination)
            self._route = Route(
                self._database, self._destination, self._sender, self._goes_on, self._pauses
            )
            # A database that was made anew since then holds nothing that is older.
            self._route.begin(from_first=self._has_begun)
            self._has_begun = True
        return self._route, self._reads

    def _let_go(self) -> None:
        if self._route is not None:
            with suppress(DatabaseError, DBAPIError):
                self._route.release()
        if self._sender is not None:
            self._sender.close()
        if self._reads is not None:
            self._reads.dispose()
        if self._database is not None:
            self._database.close()
        self._route = self._reads = self._sender = self._database = None

    def _wait(self, seconds: float) -> None:
        """
        Wait for a commit, or in trouble for the time to try again.
        """
        until = time.monotonic() + seconds
        while self._goes_on() and (left := until - time.monotonic()) > 0:
            with self._changed:
                if self._troubled:
                    self._changed.wait_for(lambda: not self._goes_on(), min(left, _RENEW_S))
                elif self._changed.wait_for(lambda: self._news or not self._goes_on(), left):
                    return
            if self._troubled and left > _RENEW_S:
                self._renew()

    def _renew(self) -> None:
        with self._work.piece(), suppress(DatabaseError, DBAPIError):
            if self._route is not None:
                self._route.claim()


def sender_for(destination: Destination) -> Sender:
    """
    Make what speaks to a destination.
    """
    if destination.uses_grpc:
        from otel_bridge.forwarder.grpc_sender import GrpcSender

        return GrpcSender(destination)
    from otel_bridge.forwarder.http_sender import HttpSender

    return HttpSender(destination)
