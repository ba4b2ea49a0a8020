"""
One thread's events on disk, shared by the threads of a process and by processes.

Whoever writes has a turn: the lock of the process and the lock of the file. A reader needs
one only where the file has grown or was replaced by somebody else. Then it may wait for a
commit under way, so that nobody sees a number that might still be given to another event.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import IO, TypeVar

from otel_bridge_storage.run_events.damaged_lines import DamagedLines
from otel_bridge_storage.run_events.file_lock import file_lock
from otel_bridge_storage.run_events.interface import Record
from otel_bridge_storage.run_events.new_file import make_folder, replace_file
from otel_bridge_storage.run_events.thread_file import (
    MARK_SIZE,
    Header,
    Place,
    new_header,
    read_header,
    read_lines,
    read_records,
    scan,
)
from otel_bridge_storage.run_events.thread_index import Entry, ThreadIndex

PlaceIndex = ThreadIndex[Place]
Chosen = TypeVar("Chosen")


class ThreadLog:
    """
    Reads and writes the events of one thread.

    Every method blocks, and may be called from any thread.

    Args:
        folder: The folder of the thread; made at the first write.
        damaged: Where to tell of lines that cannot be read.

    Raises:
        OSError: From every method, where the folder cannot be used.
        DatabaseError: Likewise, where the file is another thread's, of an unknown format,
            or locked for too long.
    """

    def __init__(self, folder: Path, thread_id: str, damaged: DamagedLines) -> None:
        self._path = folder / "events.jsonl"
        self._lock_path = folder / "lock"
        self._thread_id = thread_id
        self._damaged = damaged
        self._turn = Lock()
        # Guards what follows; held for moments only, and never while waiting for a turn.
        self._state = Lock()
        self._index = PlaceIndex()
        self._mark = b""
        self._end = 0
        self._in_turn = False

    @property
    def index(self) -> PlaceIndex:
        """
        What is in the file; look at it in a turn.
        """
        return self._index

    @property
    def end(self) -> int:
        """
        Where the next line goes; look at it in a turn.
        """
        return self._end

    @property
    def sort_key(self) -> str:
        """
        A text by which all processes bring several logs into the same order.
        """
        return self._path.parent.name

    @contextmanager
    def turn(self, *, make: bool = False) -> Iterator[bool]:
        """
        Keep everybody else from writing, and take up what they wrote.

        Args:
            make: Whether to make the file where there is none.

        Yields:
            Whether there is a file.
        """
        with self._turn:
            if make:
                make_folder(self._path.parent)
            elif not self._path.exists():
                yield False
                return
            with file_lock(self._lock_path):
                self._refresh()
                self._set_in_turn(True)
                try:
                    yield True
                finally:
                    self._set_in_turn(False)

    def records(self, choose: Callable[[PlaceIndex], Sequence[Entry[Place]]]) -> list[Record]:
        """
        Read the records of chosen entries.
        """
        found = self._look(choose)
        if found is None:
            return []
        file, entries = found
        with file:
            return read_records(file, entries)

    def count_messages(self) -> int:
        """
        Count the messages of the thread.
        """
        found = self._look(PlaceIndex.count_messages)
        if found is None:
            return 0
        file, count = found
        file.close()
        return count

    def record_of(self, entry: Entry[Place]) -> Record:
        """
        Read one record; needs a turn.
        """
        with self._path.open("rb") as file:
            return read_records(file, [entry])[0]

    def write(self, lines: bytes | bytearray) -> None:
        """
        Append lines, and wait until they are on the disk; needs a turn.
        """
        with self._path.open("ab", buffering=0) as file:
            rest = memoryview(lines)
            while rest:
                rest = rest[file.write(rest) :]
            os.fsync(file.fileno())

    def accept(self, entries: Iterable[Entry[Place]], size: int) -> None:
        """
        Let readers see what was written; needs the same turn.

        Args:
            size: The length of the lines in bytes.
        """
        with self._state:
            self._end += size
            for entry in entries:
                self._index.add(entry)

    def withdraw(self) -> None:
        """
        Cut off what was written and not accepted, as far as possible; needs the same turn.
        """
        with suppress(OSError):
            os.truncate(self._path, self._end)

    def delete(self, run_id: str | None) -> int:
        """
        Delete the events of a run, or all, and say how many they were.

        The file is written anew and takes the old one's place in one go.
        """
        with self.turn() as is_there:
            kept = self._index.others(run_id)
            gone = len(self._index.entries) - len(kept)
            if is_there and gone:
                self._keep_only(kept)
            return gone if is_there else 0

    def _keep_only(self, kept: Sequence[Entry[Place]]) -> None:
        header = new_header(self._thread_id, self._index.last_seq)
        replace_file(self._path, chain([header], self._lines(kept)))
        place, moved = len(header), []
        for entry in kept:
            moved.append(replace(entry, held=Place(place, entry.held.size)))
            place += entry.held.size
        with self._state:
            self._index = self._index.with_only(moved)
            self._mark, self._end = header[:MARK_SIZE], place
        self._damaged.found(self._path, 0, from_start=True)

    def _lines(self, entries: Iterable[Entry[Place]]) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            yield from read_lines(file, entries)

    def _look(self, choose: Callable[[PlaceIndex], Chosen]) -> tuple[IO[bytes], Chosen] | None:
        """
        Open the file and choose from an index that fits it; None where there is none.
        """
        try:
            file = self._path.open("rb")
        except FileNotFoundError:
            return None
        with self._state:
            if self._knows(file):
                return file, choose(self._index)
        file.close()
        with self.turn() as is_there:
            return (self._path.open("rb"), choose(self._index)) if is_there else None

    def _knows(self, file: IO[bytes]) -> bool:
        """
        Whether all that was acknowledged in a file is in the index.

        In a turn of this process nobody else can have written since it began.
        """
        if not self._is_marked(file):
            return False
        return self._in_turn or os.fstat(file.fileno()).st_size <= self._end

    def _is_marked(self, file: IO[bytes]) -> bool:
        """
        Whether a file just opened is of the generation that is in the index.
        """
        return bool(self._mark) and file.read(MARK_SIZE) == self._mark

    def _refresh(self) -> None:
        """
        Take up what others wrote, and cut off what a process that died has half written.
        """
        try:
            file = self._path.open("r+b")
        except FileNotFoundError:
            # Numbers go on if the file was known and somebody took it away.
            self._begin_with([])
            return self._refresh()
        with file:
            if self._is_marked(file):
                return self._take_up(file, self._index, self._mark, self._end, anew=False)
            header = read_header(file, self._thread_id)
            if header is not None:
                return self._take_up_anew(file, header)
            file.seek(0)
            damaged = file.read()
        self._begin_with([damaged])
        return self._refresh()

    def _begin_with(self, chunks: Iterable[bytes]) -> None:
        header = new_header(self._thread_id, self._index.last_seq)
        replace_file(self._path, chain([header], chunks))

    def _take_up_anew(self, file: IO[bytes], header: Header) -> None:
        file.seek(0)
        mark = file.read(MARK_SIZE)
        self._take_up(file, PlaceIndex(header.last_seq), mark, header.size, anew=True)

    def _take_up(
        self, file: IO[bytes], index: PlaceIndex, mark: bytes, start: int, *, anew: bool
    ) -> None:
        size = os.fstat(file.fileno()).st_size
        if size == start and not anew:
            return
        found = scan(file, start, self._thread_id, index.entries[-1].seq if index.entries else 0)
        if size > found.end:
            file.truncate(found.end)
        self._damaged.found(self._path, found.damaged, from_start=anew)
        with self._state:
            for entry in found.entries:
                index.add(entry)
            self._index, self._mark, self._end = index, mark, found.end

    def _set_in_turn(self, in_turn: bool) -> None:
        with self._state:
            self._in_turn = in_turn
