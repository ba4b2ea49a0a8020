"""
Rows of tables that may be damaged: what can be read is read, and the rest is counted.

A damaged page shows as an error for the rows on it and no others. So a range of row ids
is read from both ends, and what lies between is halved until single rows are left.
"""

import heapq
import sqlite3
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import BigInteger, Connection, Select, Table, bindparam, func, select

from otel_bridge_storage.schema import counters, logs, messages, run_log, spans
from otel_bridge_storage.sound_rows import is_sound
from otel_bridge_storage.statements import KEYS, Lookup
from otel_bridge_storage.tolerant_reading import is_unreadable

Row = dict[str, Any]
_Range = tuple[int, int]

_CHUNK = 256
_MOST_FAILURES = 100_000
_MOST = 2**62
_COUNTERS: Mapping[Table, str] = {
    spans: "span",
    logs: "log",
    messages: "message",
    run_log: "sequence",
}


def in_batches(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """
    Give rows in lists of so many; the last may be shorter.
    """
    rest = iter(rows)
    while batch := list(islice(rest, size)):
        yield batch


class SalvagedRows:
    """
    Reads rows by their ids, whatever state the database is in.

    Args:
        connection: One of `tolerant_reading`.

    Attributes:
        lost: By table, how many rows could not be read. Rows that were deleted before the
            damage cannot be told from these.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.lost: Counter[str] = Counter()
        self._lost_ids: set[tuple[str, int]] = set()
        self._lookups: dict[str, Lookup] = {}
        self._compiled: dict[Select[Any], Any] = {}

    def walk(self, table: Table, *names: str) -> Iterator[Row]:
        """
        Read all rows of a table, each once; in the order of their ids where it is whole.

        Args:
            names: The columns beside the id; all of them by default.
        """
        reads = _Reads(table, names)
        failures = 0
        low, high = self._ends(table, reads.key)
        unread = [_unread(low, high)]
        while unread:
            _, (low, high) = heapq.heappop(unread)
            if failures > _MOST_FAILURES:
                self.lost[table.name] += min(high - low - 1, _MOST_FAILURES)
                continue
            low = yield from self._upwards(reads, low, high)
            if low + 1 < high:
                high = yield from self._downwards(reads, low, high)
            failures += low + 1 < high
            if low + 2 == high:
                self.lose(table, low + 1)
            elif low + 2 < high:
                middle = (low + high + 1) // 2
                heapq.heappush(unread, _unread(middle - 1, high))
                heapq.heappush(unread, _unread(low, middle))

    def fetch(self, table: Table, ids: Iterable[int]) -> dict[int, Row]:
        """
        Read some rows of a table; what is missing or cannot be read is left out and counted.
        """
        wanted = sorted({number for number in ids if (table.name, number) not in self._lost_ids})
        lookup = self._lookups.setdefault(
            table.name, Lookup(select(table).where(KEYS), table.c.id)
        )
        pending = [wanted[at : at + _CHUNK] for at in range(0, len(wanted), _CHUNK)]
        found: dict[int, Row] = {}
        while pending:
            part = pending.pop()
            try:
                rows = [row._asdict() for row in lookup.rows(self.connection, part)]
            except Exception as error:
                if not is_unreadable(error):
                    raise
                half = len(part) // 2
                pending += [part[:half], part[half:]] if half else []
                continue
            found.update((row["id"], row) for row in rows if is_sound(table, row))
        for number in wanted:
            if number not in found:
                self.lose(table, number)
        return found

    def lose(self, table: Table, number: int) -> None:
        """
        Count a row as one that cannot be read.
        """
        if (table.name, number) not in self._lost_ids:
            self._lost_ids.add((table.name, number))
            self.lost[table.name] += 1

    def rows(self, query: Select[Any], **values: Any) -> tuple[list[Row], bool]:
        """
        Run a select with named parameters.

        Returns:
            The rows up to the first that cannot be read, and whether there is none such.
        """
        compiled = self._compiled.get(query)
        if compiled is None:
            compiled = self._compiled[query] = query.compile(
                dialect=self.connection.dialect, compile_kwargs={"render_postcompile": True}
            )
        found: list[Row] = []
        cursor = self.connection.connection.cursor()
        given = compiled.construct_params(values)
        order = compiled.positiontup
        try:
            cursor.execute(
                str(compiled), given if order is None else [given[name] for name in order]
            )
            names = [column[0] for column in cursor.description]
            while (row := cursor.fetchone()) is not None:
                found.append(dict(zip(names, row, strict=True)))
        except (sqlite3.Error, MemoryError) as error:
            if not is_unreadable(error):
                raise
            return found, False
        finally:
            cursor.close()
        return found, True

    def _ends(self, table: Table, key: str) -> _Range:
        """
        Say between which numbers, themselves excluded, the ids of a table's rows lie.

        Where nothing tells how many rows there were, they lie before the first that cannot
        be read, and one row is counted as lost.
        """
        first, whole = self.rows(select(func.min(table.c[key]).label("end")))
        low = (first[0]["end"] or 1) if whole else 1
        last, whole = self.rows(select(func.max(table.c[key]).label("end")))
        high = last[0]["end"] if whole else self._given_out(table)
        if high is None and not whole:
            found = self._upwards(_Reads(table, (key,)), low - 1, _MOST)
            high = max((row[key] for row in found), default=0)
            self.lost[table.name] += 1
        return (low - 1, (high or 0) + 1)

    def _given_out(self, table: Table) -> int | None:
        """
        Read the last id that was given to a row of a table.
        """
        query = select(counters.c.value).where(counters.c.name == _COUNTERS.get(table, ""))
        told, _ = self.rows(query)
        value = told[0]["value"] if told else None
        return value if isinstance(value, int) and 0 <= value < _MOST else None

    def _upwards(self, reads: "_Reads", low: int, high: int) -> Generator[Row, None, int]:
        """
        Read a range from its low end on.

        Returns:
            The low end of what is left of it; the one before `high` if nothing is.
        """
        while low + 1 < high:
            rows, whole = self.rows(reads.upwards, first=low + 1, last=high - 1)
            yield from self._sound(reads, rows)
            if whole and len(rows) < _CHUNK:
                return high - 1
            reached = max((row[reads.key] for row in rows), default=low)
            if not whole or reached <= low:
                return max(low, min(reached, high - 1))
            low = reached
        return low

    def _downwards(self, reads: "_Reads", low: int, high: int) -> Generator[Row, None, int]:
        while low + 1 < high:
            rows, whole = self.rows(reads.downwards, first=low + 1, last=high - 1)
            yield from self._sound(reads, rows)
            if whole and len(rows) < _CHUNK:
                return low + 1
            reached = min((row[reads.key] for row in rows), default=high)
            if not whole or reached >= high:
                return min(high, max(reached, low + 1))
            high = reached
        return high

    def _sound(self, reads: "_Reads", rows: Iterable[Row]) -> Iterator[Row]:
        for row in rows:
            if is_sound(reads.table, row):
                yield row
            else:
                self.lose(reads.table, row[reads.key])


class _Reads:
    """
    The selects that read a part of a table.

    They begin with the very row that is wanted: a search for what comes after the row
    before it would end on that one's page, which may be damaged.
    """

    def __init__(self, table: Table, names: Iterable[str]) -> None:
        (key,) = table.primary_key
        columns = [table.c[name] for name in dict.fromkeys((key.name, *names))]
        own = select(*(columns if names else table.c)).where(
            key >= bindparam("first", type_=BigInteger),
            key <= bindparam("last", type_=BigInteger),
        )
        self.table = table
        self.key = key.name
        self.upwards = own.order_by(key).limit(_CHUNK)
        self.downwards = own.order_by(key.desc()).limit(_CHUNK)


def _unread(low: int, high: int) -> tuple[int, _Range]:
    """
    Rank a range: the largest is looked at first, so that much is found early.
    """
    return (low - high, (low, high))
