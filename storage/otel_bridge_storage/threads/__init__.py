"""
Threads and runs as an agent server keeps them: their metadata, status and time to live.
"""

from otel_bridge_storage.threads.protocol import MetadataStoreProtocol, RunRow, ThreadRow
from otel_bridge_storage.threads.registry import (
    metadata_store,
    open_metadata_store,
    register_metadata_store,
)
from otel_bridge_storage.threads.search import ThreadSearch
from otel_bridge_storage.threads.store import MetadataStore
from otel_bridge_storage.threads.ttl import ThreadTtl

__all__ = [
    "MetadataStore",
    "MetadataStoreProtocol",
    "RunRow",
    "ThreadRow",
    "ThreadSearch",
    "ThreadTtl",
    "metadata_store",
    "open_metadata_store",
    "register_metadata_store",
]
