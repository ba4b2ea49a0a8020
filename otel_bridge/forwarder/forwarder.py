"""
Forwarding to several destinations, each at its own pace.
"""

import time
from collections.abc import Sequence
from pathlib import Path

from otel_bridge_storage.addresses import Address, address_of
from otel_bridge_storage.forking import survive_forks
from otel_bridge_storage.forward_states import ForwardState, forward_states
from otel_bridge_storage.tolerant_reading import tolerant_reading

from otel_bridge.forwarder.destination import Destination, check_names, destination_of
from otel_bridge.forwarder.worker import Worker

_HOLD_S = 2.0


class Forwarder:
    """
    Sends what is stored, and what is being stored, on to OTLP endpoints.

    Each destination has a cursor in the database: it may be away for as long as it likes,
    and this process may be killed, and nothing is lost. What it acknowledged just before
    may be sent twice. One process at a time sends to a destination; a second one waits.

    Args:
        database: A path or URL; see `addresses.address_of`.
        destinations: URLs, or destinations.

    Raises:
        DestinationError: A destination makes no sense, or two have one name.
    """

    def __init__(
        self, database: str | Path | Address, destinations: Sequence[str | Destination]
    ) -> None:
        self._address = address_of(database)
        self._destinations = [destination_of(each) for each in destinations]
        check_names(self._destinations)
        self._workers: list[Worker] = []
        self._held: list[Worker] = []
        survive_forks(self)

    def start(self) -> None:
        """
        Begin to send, each destination on a thread of its own.
        """
        self._workers = [Worker(self._address, each) for each in self._destinations]
        for worker in self._workers:
            worker.start()

    def statuses(self) -> list[ForwardState]:
        """
        Say how forwarding to each of the destinations stands.

        Raises:
            DatabaseError: The database cannot be read.
        """
        names = {each.label for each in self._destinations}
        with tolerant_reading(self._address) as connection:
            return [each for each in forward_states(connection) if each.destination in names]

    def flush(self, timeout_s: float = 30.0) -> bool:
        """
        Wait until everything that is stored was sent. Log records are not waited for where
        a destination has no place for them.

        Returns:
            Whether that is so; False as soon as a destination is in trouble.
        """
        settled = [worker.settle(timeout_s) for worker in self._workers]
        return all(settled)

    def close(self, timeout_s: float = 5.0) -> None:
        """
        Send what waits as long as its destination takes it, and stop.

        What is left waits in the database for the next who forwards.
        """
        until_s = time.monotonic() + timeout_s
        for worker in self._workers:
            worker.settle(max(0.0, until_s - time.monotonic()))
        # All are told before one is waited for: several that hang take as long as one.
        for worker in self._workers:
            worker.stop()
        for worker in self._workers:
            worker.join()
        self._workers = []

    def before_fork(self) -> None:
        """
        Come to rest: neither SQLite nor gRPC may be open across a fork.
        """
        self._held = [worker for worker in self._workers if worker.hold(_HOLD_S)]

    def after_fork_in_parent(self) -> None:
        """
        Go on.
        """
        for worker in self._held:
            worker.resume()
        self._held = []

    def after_fork_in_child(self) -> None:
        """
        Begin anew as one of several: the parent goes on sending as long as it lives.
        """
        forwarded, self._held = bool(self._workers), []
        self._workers = []
        if forwarded and self._address.memory is None:
            self.start()
