"""
Run events kept in JSON Lines files, one for each thread.
"""

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TypeVar

from otel_bridge_storage.errors import DatabaseError
from otel_bridge_storage.run_events.appending import Append, Appended, append
from otel_bridge_storage.run_events.checked_store import CheckedRunEventStore
from otel_bridge_storage.run_events.damaged_lines import DamagedLines
from otel_bridge_storage.run_events.event import NewEvent
from otel_bridge_storage.run_events.group_commit import GroupCommit
from otel_bridge_storage.run_events.interface import Record
from otel_bridge_storage.run_events.paging import EventQuery, Window
from otel_bridge_storage.run_events.thread_log import ThreadLog

_MOST_OPEN = 256
_LONGEST_SLUG = 40
_DIGEST_LETTERS = 32
_NOT_IN_SLUG = re.compile("[^a-z0-9]+")
Answer = TypeVar("Answer")


class JsonlRunEventStore(CheckedRunEventStore):
    """
    Keeps run events in text files that other programs can read.

    Events are on the disk before they are acknowledged. Several processes may use a folder
    at the same time. Lines that a crash left half written are cut off; other lines that
    are no records are left out, counted, and warned of once.

    May be used from several threads and event loops; make it after a fork, not before.

    Args:
        folder: Where `threads/` is; made at the first write.
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__(f"run events in {folder}")
        self._folder = Path(folder)
        self._damaged = DamagedLines()
        self._lock = Lock()
        self._open: OrderedDict[str, _OpenLog] = OrderedDict()

    @property
    def damaged_lines(self) -> int:
        """
        How many lines of the files read so far are no records.
        """
        return self._damaged.total

    def path_of(self, thread_id: str) -> Path:
        """
        Say where a thread's file is, or would be.
        """
        return self._folder_of(thread_id) / "events.jsonl"

    async def _append(self, events: list[NewEvent]) -> list[Record]:
        by_thread: dict[str, list[NewEvent]] = {}
        for event in events:
            by_thread.setdefault(event.thread_id, []).append(event)
        if len(by_thread) == 1:
            return (await self._submit(events[0].thread_id, Append(events))).records
        work = [(self._log(thread_id).log, [Append(own)]) for thread_id, own in by_thread.items()]
        answers = await self._blocking(partial(append, work))
        records = {
            thread_id: iter(answer.records)
            for thread_id, (answer,) in zip(by_thread, answers, strict=True)
        }
        return [next(records[event.thread_id]) for event in events]

    async def _append_if_absent(self, event: NewEvent) -> tuple[Record, bool]:
        answer = await self._submit(event.thread_id, Append([event], if_absent=True))
        return answer.records[0], answer.written

    async def _messages(self, thread_id: str, run_id: str | None, window: Window) -> list[Record]:
        log = self._log(thread_id).log
        return await self._blocking(
            lambda: log.records(lambda index: index.messages(run_id, window))
        )

    async def _events(self, thread_id: str, run_id: str, query: EventQuery) -> list[Record]:
        log = self._log(thread_id).log
        return await self._blocking(lambda: log.records(lambda index: index.events(run_id, query)))

    async def _count_messages(self, thread_id: str) -> int:
        return await self._blocking(self._log(thread_id).log.count_messages)

    async def _delete(self, thread_id: str, run_id: str | None) -> int:
        return await self._blocking(partial(self._log(thread_id).log.delete, run_id))

    async def _close(self) -> None:
        with self._lock:
            self._open.clear()

    async def _submit(self, thread_id: str, request: Append) -> Appended:
        try:
            return await self._log(thread_id).commits.submit(request)
        except OSError as error:
            raise self._unusable(error) from error

    async def _blocking(self, work: Callable[[], Answer]) -> Answer:
        try:
            return await asyncio.to_thread(work)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> DatabaseError:
        return DatabaseError(
            f"cannot use the {self._name}: {error}; give a folder that can be written to"
        )

    def _log(self, thread_id: str) -> "_OpenLog":
        """
        Find the log of a thread; what was not used for long is forgotten and read again.
        """
        with self._lock:
            found = self._open.pop(thread_id, None)
            if found is None:
                folder = self._folder_of(thread_id)
                found = _OpenLog(ThreadLog(folder, thread_id, self._damaged))
            self._open[thread_id] = found
            while len(self._open) > _MOST_OPEN:
                self._open.popitem(last=False)
            return found

    def _folder_of(self, thread_id: str) -> Path:
        return self._folder / "threads" / _folder_name(thread_id)


class _OpenLog:
    """
    A log, and the queue of those who want to append to it.
    """

    def __init__(self, log: ThreadLog) -> None:
        self.log = log
        self.commits: GroupCommit[Append, Appended] = GroupCommit(self._write)

    def _write(self, requests: Sequence[Append]) -> list[Appended]:
        return append([(self.log, requests)])[0]


def _folder_name(thread_id: str) -> str:
    """
    Name a folder after a thread, such that any text will do on any file system.

    The digest tells threads apart; the letters before it are for people.
    """
    slug = _NOT_IN_SLUG.sub("-", thread_id.lower()[:_LONGEST_SLUG]).strip("-")
    digest = hashlib.sha256(thread_id.encode()).hexdigest()[:_DIGEST_LETTERS]
    return f"{slug}-{digest}" if slug else digest
