"""
Run events: a thread's numbered events, and where they are kept.
"""

from otel_bridge_storage.run_events.interface import RunEventStore

__all__ = ["RunEventStore"]
