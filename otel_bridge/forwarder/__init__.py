"""
Sending what is stored on to OTLP endpoints, from a durable cursor for each.
"""

from otel_bridge.forwarder.destination import Destination
from otel_bridge.forwarder.forwarder import Forwarder

__all__ = ["Destination", "Forwarder"]
