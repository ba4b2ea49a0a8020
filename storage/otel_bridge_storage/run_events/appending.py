"""
Writing events to the logs of their threads, all or none.
"""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from otel_bridge_storage.run_events.event import NewEvent
from otel_bridge_storage.run_events.interface import Record
from otel_bridge_storage.run_events.json_values import json_duplicate, json_line
from otel_bridge_storage.run_events.thread_file import Place, batch_line
from otel_bridge_storage.run_events.thread_index import Entry
from otel_bridge_storage.run_events.thread_log import ThreadLog


@dataclass(frozen=True, slots=True)
class Append:
    """
    Events of one thread to write together.

    Attributes:
        if_absent: Whether to write nothing if the run has an event of that type; then
            there is one event only.
    """

    events: list[NewEvent]
    if_absent: bool = False


@dataclass(frozen=True, slots=True)
class Appended:
    """
    The records of what was to be written, and whether they are new.
    """

    records: list[Record]
    written: bool


Work = tuple[ThreadLog, Sequence[Append]]


def append(work: Iterable[Work]) -> list[list[Appended]]:
    """
    Write to several logs, all or none, and return once all is on the disk.

    If the machine stops meanwhile, each log has all of an `Append` or nothing of it, but
    not all logs need have theirs.

    Returns:
        For each log the answers to what was to be appended, in order.

    Raises:
        OSError: It could not be written; nothing was.
    """
    with ExitStack() as turns:
        work = list(work)
        # Always in the same order: nobody waits for somebody who waits for him.
        for log, _ in sorted(work, key=lambda each: each[0].sort_key):
            turns.enter_context(log.turn(make=True))
        staged = [_Staged.of(log, requests) for log, requests in work]
        try:
            for each in staged:
                each.write()
        except BaseException:
            for each in staged:
                each.log.withdraw()
            raise
        for each in staged:
            each.log.accept(each.entries, len(each.lines))
        return [each.answers for each in staged]


@dataclass(slots=True)
class _Staged:
    """
    What is about to be written to a log, and the answers to give once it is.
    """

    log: ThreadLog
    lines: bytearray = field(default_factory=bytearray)
    entries: list[Entry[Place]] = field(default_factory=list)
    answers: list[Appended] = field(default_factory=list)
    first: dict[tuple[str, str], Record] = field(default_factory=dict)

    @classmethod
    def of(cls, log: ThreadLog, requests: Iterable[Append]) -> "_Staged":
        staged = cls(log)
        for request in requests:
            first = staged._present(request.events[0]) if request.if_absent else None
            if first is None:
                staged.answers.append(Appended(staged._add(request.events), written=True))
            else:
                staged.answers.append(Appended([first], written=False))
        return staged

    def write(self) -> None:
        if self.lines:
            self.log.write(self.lines)

    def _present(self, event: NewEvent) -> Record | None:
        entry = self.log.index.first(event.run_id, event.event_type)
        if entry is not None:
            return self.log.record_of(entry)
        copy: Record | None = json_duplicate(self.first.get((event.run_id, event.event_type)))
        return copy

    def _add(self, events: Sequence[NewEvent]) -> list[Record]:
        if len(events) > 1:
            self.lines += batch_line(len(events))
        begin = self.log.index.last_seq + len(self.entries) + 1
        records = [event.record(seq) for seq, event in enumerate(events, begin)]
        for record in records:
            line = json_line(record)
            place = Place(self.log.end + len(self.lines), len(line))
            self.entries.append(Entry.of(record, place))
            self.first.setdefault((record["run_id"], record["event_type"]), record)
            self.lines += line
        return records
