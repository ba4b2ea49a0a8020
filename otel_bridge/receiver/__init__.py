"""
OTLP in: requests over HTTP and gRPC into the database, answered once they are durable.
"""

from otel_bridge.receiver.access import Access
from otel_bridge.receiver.limits import Limits
from otel_bridge.receiver.refusals import Refusal, Why
from otel_bridge.receiver.stream import IngestStream
from otel_bridge.receiver.tally import Tally

__all__ = ["Access", "IngestStream", "Limits", "Refusal", "Tally", "Why"]
