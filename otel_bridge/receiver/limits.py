"""
How much a receiver takes on, and how long it waits for others.
"""

from dataclasses import dataclass, replace

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    The bounds of a receiver; sizes are in bytes, times in seconds.

    Attributes:
        body_bytes: The longest body, as it is sent and once it is unpacked.
        waiting_bytes: All bodies that are being read, decoded or waiting together.
        waiting_requests: How many requests may be in hand.
        ahead_bytes: Bodies that may be decoded while a transaction is under way.
        transaction_bytes: Bodies whose records share a transaction.
        transaction_records: Records that share a transaction.
        head_s: How long the head of an HTTP request may take.
        read_s: How long a body may take.
        idle_s: How long a connection may wait for its next request.
        connections: How many HTTP connections may be open.
        calls: How many gRPC calls may be sending their message; gRPC holds all of a message
            before any of it can be counted.
        patience_s: How long a locked or absent database is tried again before the sender
            is told to come back.
        drain_s: How long requests in hand may take once the server is told to stop.
    """

    body_bytes: int = 64 * _MIB
    waiting_bytes: int = 128 * _MIB
    waiting_requests: int = 1024
    ahead_bytes: int = 4 * _MIB
    transaction_bytes: int = 4 * _MIB
    transaction_records: int = 4_000
    head_s: float = 10.0
    read_s: float = 30.0
    idle_s: float = 75.0
    connections: int = 512
    calls: int = 128
    patience_s: float = 5.0
    drain_s: float = 15.0

    def with_body(self, body_bytes: int) -> "Limits":
        """
        Allow bodies of another length, and room enough for two of them.
        """
        room = max(self.waiting_bytes, 2 * body_bytes)
        return replace(self, body_bytes=body_bytes, waiting_bytes=room)
