"""
The index of words: in parts of so many ids each, which are made and dropped whole.

It holds words and ids, not the texts. Ids of messages only grow and are never given
twice, and a message never changes, so that a part that has as many messages as the
database in its range, and the same last one, is a part of that database and complete.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from otel_bridge_queries.search.part import Found, Part
from otel_bridge_queries.search.readable import readable
from otel_bridge_queries.search.stored_messages import StoredMessages
from otel_bridge_queries.search.words import spaced
from otel_bridge_queries.sources import Snapshot, Source

PART_IDS = 1 << 16
FORMAT = 1
Progress = Callable[[int, int], None]

_CHUNK_MESSAGES = 20_000
_TELLING = 20_000
_CHUNK_CHARACTERS = 1 << 24
_TABLES = (
    "CREATE TABLE state (erasures INTEGER NOT NULL)",
    "INSERT INTO state VALUES (0)",
    "CREATE TABLE parts (number INTEGER PRIMARY KEY, through INTEGER NOT NULL, "
    "messages INTEGER NOT NULL, last_id INTEGER, last_hash BLOB)",
)


@dataclass(frozen=True, slots=True)
class _Known:
    """
    A part as the index notes it: all ids to `through` are in it, the last is `last_id`.
    """

    through: int
    messages: int = 0
    last_id: int | None = None
    last_hash: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Change:
    """
    How the database differs from what the index noted of it.

    Attributes:
        dropped: The parts that are of another database, or hold what was erased.
    """

    erasures: int
    dropped: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Chunk:
    """
    The next messages of a part, with what is to be noted of the part then.
    """

    number: int
    is_first: bool
    rows: list[tuple[int, bytes, str]]
    after: _Known


class Index:
    """
    An index, in a file or not, over a connection of its own.

    Args:
        connection: To a file that is an index or empty; without transactions of Python's.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA cache_size = -65536")
        if self._version() != FORMAT:
            with self._writing():
                self._set_up()

    def close(self) -> None:
        """
        Let go of the file.
        """
        self._connection.close()

    @contextmanager
    def current(
        self, source: Source[Snapshot], progress: Progress | None = None
    ) -> Iterator["Parts"]:
        """
        Hold the index still, with all messages in it that the database has now.

        Args:
            source: The database.
            progress: Called with how many messages are read, and how many are to be.
        """
        while True:
            last = self._bring_up_to_date(source, progress)
            self._connection.execute("BEGIN")
            try:
                known = self._known()
                if _missing(known, last) is None:
                    yield Parts(self._connection, {n: part.messages for n, part in known.items()})
                    return
            finally:
                self._connection.rollback()

    def forget_erased(self, source: Source[Snapshot]) -> None:
        """
        Drop the parts that hold something that the database does not hold any more.
        """
        with self._writing():
            known, erasures = self._known(), self._erasures()
            with source.snapshot() as snapshot:
                change = _change(StoredMessages(snapshot), known, erasures)
            self._drop(change)

    def _bring_up_to_date(self, source: Source[Snapshot], progress: Progress | None) -> int:
        """
        Take in what is new and drop what changed, in short transactions.

        A chunk is read from a snapshot that is taken under the index's own lock: whoever
        erases waits for that lock, and finds the words of the chunk if they are among
        what is erased.
        """
        known, erasures = self._known(), self._erasures()
        with source.snapshot() as snapshot:
            stored = StoredMessages(snapshot)
            change, last = _change(stored, known, erasures), stored.last()
        if not change.dropped and change.erasures == erasures and _missing(known, last) is None:
            return last
        done, total = 0, last
        while True:
            with self._writing():
                known, erasures = self._known(), self._erasures()
                with source.snapshot() as snapshot:
                    stored = StoredMessages(snapshot)
                    change, last = _change(stored, known, erasures), stored.last()
                    left = {n: part for n, part in known.items() if n not in change.dropped}
                    chunk = _chunk(stored, left, last)
                self._drop(change)
                if chunk is None:
                    return last
                self._extend(chunk)
            total = total if done else last - sum(part.messages for part in left.values())
            done += len(chunk.rows)
            if progress is not None:
                progress(done, max(done, total))

    def _drop(self, change: _Change) -> None:
        for number in change.dropped:
            Part(self._connection, number).drop()
            self._connection.execute("DELETE FROM parts WHERE number = ?", (number,))
        self._connection.execute("UPDATE state SET erasures = ?", (change.erasures,))

    def _extend(self, chunk: _Chunk) -> None:
        part = Part(self._connection, chunk.number)
        if chunk.is_first:
            part.make()
        words = ((row_id, readable(body)) for row_id, _, body in chunk.rows)
        part.add((row_id, spaced(each.text), each.is_prompt) for row_id, each in words)
        after = chunk.after
        if after.through == (chunk.number + 1) * PART_IDS:
            part.pack()
        self._connection.execute(
            "INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?)",
            (chunk.number, after.through, after.messages, after.last_id, after.last_hash),
        )

    def _set_up(self) -> None:
        found = self._version()
        if found == FORMAT:
            return
        if found:
            raise sqlite3.DatabaseError(f"the index is of another version: {found}")
        for statement in _TABLES:
            self._connection.execute(statement)
        self._connection.execute(f"PRAGMA user_version = {FORMAT}")

    def _version(self) -> int:
        (found,) = self._connection.execute("PRAGMA user_version").fetchone()
        return int(found)

    def _known(self) -> dict[int, _Known]:
        rows = self._connection.execute(
            "SELECT number, through, messages, last_id, last_hash FROM parts"
        )
        return {number: _Known(*values) for number, *values in rows}

    def _erasures(self) -> int:
        (erasures,) = self._connection.execute("SELECT erasures FROM state").fetchone()
        return int(erasures)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.execute("COMMIT")


class Parts:
    """
    The parts of an index that is held still, the newest first.
    """

    def __init__(self, connection: sqlite3.Connection, messages: Mapping[int, int]) -> None:
        self._messages = messages
        self._parts = [Part(connection, number) for number in sorted(messages, reverse=True)]

    def matching(self, expression: str, most: int | None = None) -> list[Found] | None:
        """
        Give what matches, by part; None if it is more than about `most` messages.
        """
        found, count, seen = [], 0, 0
        total = sum(self._messages.values())
        for part in self._parts:
            some = part.matching(expression, None if most is None else most - count + 1)
            count += some.count
            seen += self._messages[part.number]
            if most is not None:
                # After some thousand messages the rest can be guessed.
                expected = count * total // seen if seen >= _TELLING else 0
                if max(count, expected) > most:
                    return None
            found.append(some)
        return found

    def best(self, expression: str, most: int | None) -> list[tuple[float, int]]:
        """
        Give how well messages match and their ids, the best first.
        """
        found = [row for part in self._parts for row in part.best(expression, most)]
        return sorted(found, reverse=True)[:most]

    def prompts(self, expression: str) -> list[Found]:
        """
        Give the system prompts that match, by part.
        """
        return [part.prompts(expression) for part in self._parts]

    def among(self, expression: str, messages: Iterable[int], *, prompts: bool) -> set[int]:
        """
        Give those of some messages that match, and are system prompts if that is asked.
        """
        by_part: defaultdict[int, set[int]] = defaultdict(set)
        for message in messages:
            by_part[(message - 1) // PART_IDS].add(message)
        found: set[int] = set()
        for part in self._parts:
            if part.number in by_part:
                found |= part.among(expression, by_part[part.number], prompts=prompts)
        return found


def _missing(known: dict[int, _Known], last: int) -> int | None:
    """
    Name the first part that lacks messages.
    """
    for number in range((last + PART_IDS - 1) // PART_IDS):
        part = known.get(number)
        if part is None or part.through < min((number + 1) * PART_IDS, last):
            return number
    return None


def _change(stored: StoredMessages, known: dict[int, _Known], erasures: int) -> _Change:
    now, dropped = stored.erasures(), _replaced(known, stored)
    if now != erasures:
        dropped |= _shrunken(known, stored)
    elif dropped:
        # Nothing was erased, and yet a message is gone: it is another database.
        dropped = set(known)
    return _Change(now, frozenset(dropped))


def _chunk(stored: StoredMessages, known: dict[int, _Known], last: int) -> _Chunk | None:
    number = _missing(known, last)
    if number is None:
        return None
    before = known.get(number)
    part = _Known(number * PART_IDS) if before is None else before
    end = min((number + 1) * PART_IDS, last)
    rows, size = [], 0
    for row in stored.after(part.through, end):
        rows.append(row)
        size += len(row[2])
        if len(rows) == _CHUNK_MESSAGES or size > _CHUNK_CHARACTERS:
            end = row[0]
            break
    newest = (rows[-1][0], bytes(rows[-1][1])) if rows else (part.last_id, part.last_hash)
    return _Chunk(number, before is None, rows, _Known(end, part.messages + len(rows), *newest))


def _replaced(known: dict[int, _Known], stored: StoredMessages) -> set[int]:
    """
    Name the parts whose last message the database does not have.
    """
    lasts = {number: part for number, part in known.items() if part.last_id is not None}
    hashes = stored.hashes([part.last_id for part in lasts.values() if part.last_id is not None])
    return {
        number
        for number, part in lasts.items()
        if part.last_id is not None and hashes.get(part.last_id) != part.last_hash
    }


def _shrunken(known: dict[int, _Known], stored: StoredMessages) -> set[int]:
    """
    Name the parts of which messages are gone.
    """
    last = max((part.through for part in known.values()), default=0)
    counts = stored.counts(PART_IDS, last)
    return {number for number, part in known.items() if counts.get(number, 0) != part.messages}
