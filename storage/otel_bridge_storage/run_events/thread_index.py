"""
The events of one thread by number, by run and by type.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from operator import attrgetter
from sys import intern
from typing import Any, Generic, TypeVar

from otel_bridge_storage.run_events.event import MESSAGE
from otel_bridge_storage.run_events.paging import EventQuery, Window

Held = TypeVar("Held")
_BY_SEQ: Callable[[Any], int] = attrgetter("seq")


@dataclass(slots=True)
class Entry(Generic[Held]):
    """
    What is known of one event without reading it.

    Attributes:
        held: The record, or where it is.
    """

    seq: int
    run_id: str
    event_type: str
    is_message: bool
    task_id: str | None
    held: Held

    @classmethod
    def of(cls, record: dict[str, Any], held: Held) -> "Entry[Held]":
        """
        Note what a record says.
        """
        task_id = record["metadata"].get("task_id")
        return cls(
            seq=record["seq"],
            run_id=intern(record["run_id"]),
            event_type=intern(record["event_type"]),
            is_message=record["category"] == MESSAGE,
            task_id=task_id if isinstance(task_id, str) else None,
            held=held,
        )


@dataclass(slots=True)
class _Run(Generic[Held]):
    events: list[Entry[Held]] = field(default_factory=list)
    messages: list[Entry[Held]] = field(default_factory=list)
    first: dict[str, Entry[Held]] = field(default_factory=dict)


class ThreadIndex(Generic[Held]):
    """
    Finds events of one thread; entries come in the order of `seq`.

    Args:
        last_seq: The highest number ever given in the thread.
    """

    def __init__(self, last_seq: int = 0) -> None:
        self.last_seq = last_seq
        self.entries: list[Entry[Held]] = []
        self._messages: list[Entry[Held]] = []
        self._runs: dict[str, _Run[Held]] = {}

    def add(self, entry: Entry[Held]) -> None:
        """
        Take up the next event.
        """
        run = self._runs.get(entry.run_id)
        if run is None:
            run = self._runs[entry.run_id] = _Run()
        self.entries.append(entry)
        run.events.append(entry)
        run.first.setdefault(entry.event_type, entry)
        if entry.is_message:
            self._messages.append(entry)
            run.messages.append(entry)
        self.last_seq = max(self.last_seq, entry.seq)

    def messages(self, run_id: str | None, window: Window) -> Sequence[Entry[Held]]:
        """
        List messages of the thread, or of one run.
        """
        return window.cut(
            self._messages if run_id is None else self._run(run_id).messages, _BY_SEQ
        )

    def count_messages(self) -> int:
        """
        Count the messages of the thread.
        """
        return len(self._messages)

    def events(self, run_id: str, query: EventQuery) -> Sequence[Entry[Held]]:
        """
        List events of a run.
        """
        events = self._run(run_id).events
        types, task = query.event_types, query.task_id
        if types is None and task is None:
            return query.window.cut(events, _BY_SEQ)
        matching = (
            entry
            for entry in replace(query.window, limit=None).cut(events, _BY_SEQ)
            if (types is None or entry.event_type in types)
            and (task is None or entry.task_id == task)
        )
        return list(islice(matching, query.window.limit))

    def first(self, run_id: str, event_type: str) -> Entry[Held] | None:
        """
        Find the first event of a type in a run.
        """
        return self._run(run_id).first.get(event_type)

    def others(self, run_id: str | None) -> list[Entry[Held]]:
        """
        List what stays when a run is deleted, or the whole thread.
        """
        if run_id is None:
            return []
        if run_id not in self._runs:
            return self.entries
        return [entry for entry in self.entries if entry.run_id != run_id]

    def with_only(self, entries: Iterable[Entry[Held]]) -> "ThreadIndex[Held]":
        """
        Make an index of some entries that goes on with the numbers of this one.
        """
        index = ThreadIndex[Held](self.last_seq)
        for entry in entries:
            index.add(entry)
        return index

    def _run(self, run_id: str) -> _Run[Held]:
        return self._runs.get(run_id) or _Run()
