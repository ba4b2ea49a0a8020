"""
`RunEventStore`, with databases among the stores that a URL may name.
"""

from otel_bridge_storage.run_events import RunEventStore
from otel_bridge_storage.run_events.database import DatabaseRunEventStore
from otel_bridge_storage.run_events.registry import event_stores

from otel_bridge.dialects import Dialects
from otel_bridge.pricing import prices_of

__all__ = ["RunEventStore"]


@event_stores.register("sqlite", "postgresql", "postgres")
def _database(url: str) -> RunEventStore:
    return DatabaseRunEventStore(url, reader=Dialects(), pricer=prices_of())
