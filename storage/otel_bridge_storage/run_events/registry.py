"""
Which store of run events a URL names.

A package of its own may add one: `@event_stores.register("mine")`. Databases are added by
`otel_bridge.event_stores`, which knows what telemetry means.
"""

import re

from otel_bridge_storage.errors import DatabaseError
from otel_bridge_storage.run_events.interface import RunEventStore
from otel_bridge_storage.run_events.jsonl import JsonlRunEventStore
from otel_bridge_storage.run_events.memory import MemoryRunEventStore
from otel_bridge_storage.schemes import SchemeRegistry

event_stores: SchemeRegistry[RunEventStore] = SchemeRegistry("run event stores")

_DRIVE = re.compile("/[A-Za-z]:")


@event_stores.register("memory")
def _memory(url: str) -> RunEventStore:
    if url.partition(":")[2] not in ("", "//"):
        raise DatabaseError(f"{url} names something in memory: write memory://")
    return MemoryRunEventStore()


@event_stores.register("jsonl")
def _jsonl(url: str) -> RunEventStore:
    return JsonlRunEventStore(_folder_of(url))


def _folder_of(url: str) -> str:
    """
    Take the folder out of a URL; nothing in it is decoded.
    """
    rest = url.partition(":")[2]
    host, path = "", rest
    if rest.startswith("//"):
        host, slash, below = rest[2:].partition("/")
        path = slash + below
    if host or not path:
        raise DatabaseError(
            f"{url} names no folder: write jsonl:///absolute/folder or jsonl:relative/folder"
        )
    return path[1:] if _DRIVE.match(path) else path
