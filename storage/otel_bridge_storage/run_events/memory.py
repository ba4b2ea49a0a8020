"""
Run events kept in the memory of the process.
"""

from collections import defaultdict
from collections.abc import Iterable
from threading import Lock

from otel_bridge_storage.run_events.checked_store import CheckedRunEventStore
from otel_bridge_storage.run_events.event import NewEvent
from otel_bridge_storage.run_events.interface import Record
from otel_bridge_storage.run_events.json_values import json_duplicate
from otel_bridge_storage.run_events.paging import EventQuery, Window
from otel_bridge_storage.run_events.thread_index import Entry, ThreadIndex

_Index = ThreadIndex[Record]


class MemoryRunEventStore(CheckedRunEventStore):
    """
    Keeps run events for tests and trials; they are gone when it is closed.

    May be used from several threads and event loops.
    """

    def __init__(self) -> None:
        super().__init__("run events in memory")
        self._threads: defaultdict[str, _Index] = defaultdict(ThreadIndex)
        self._lock = Lock()

    async def _append(self, events: list[NewEvent]) -> list[Record]:
        with self._lock:
            return [self._add(event) for event in events]

    async def _append_if_absent(self, event: NewEvent) -> tuple[Record, bool]:
        with self._lock:
            first = self._index(event.thread_id).first(event.run_id, event.event_type)
            if first is not None:
                return json_duplicate(first.held), False
            return self._add(event), True

    async def _messages(self, thread_id: str, run_id: str | None, window: Window) -> list[Record]:
        with self._lock:
            return _copies(self._index(thread_id).messages(run_id, window))

    async def _events(self, thread_id: str, run_id: str, query: EventQuery) -> list[Record]:
        with self._lock:
            return _copies(self._index(thread_id).events(run_id, query))

    async def _count_messages(self, thread_id: str) -> int:
        with self._lock:
            return self._index(thread_id).count_messages()

    async def _delete(self, thread_id: str, run_id: str | None) -> int:
        with self._lock:
            index = self._index(thread_id)
            kept = index.others(run_id)
            gone = len(index.entries) - len(kept)
            if gone:
                self._threads[thread_id] = index.with_only(kept)
            return gone

    async def _close(self) -> None:
        with self._lock:
            self._threads.clear()

    def _add(self, event: NewEvent) -> Record:
        index = self._threads[event.thread_id]
        record = event.record(index.last_seq + 1)
        index.add(Entry.of(record, record))
        copy: Record = json_duplicate(record)
        return copy

    def _index(self, thread_id: str) -> _Index:
        """
        Find the events of a thread; asking for an unknown one does not make it.
        """
        return self._threads.get(thread_id) or ThreadIndex()


def _copies(entries: Iterable[Entry[Record]]) -> list[Record]:
    return [json_duplicate(entry.held) for entry in entries]
