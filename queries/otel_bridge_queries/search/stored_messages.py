"""
What the search reads of the stored messages themselves, at one moment.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

_AT_ONCE = 500


class Rows(Protocol):
    """
    A snapshot that answers statements in both SQLite's and PostgreSQL's SQL.
    """

    def rows(self, statement: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """
        Answer a SELECT with `?` in the places of the parameters.
        """


class StoredMessages:
    """
    The stored messages as they are in a snapshot.
    """

    def __init__(self, snapshot: Rows) -> None:
        self._snapshot = snapshot

    def erasures(self) -> int:
        """
        Say how often anything was erased from the database.
        """
        return self._number("SELECT max(value) FROM counters WHERE name = 'erasures'")

    def last(self) -> int:
        """
        Give the highest id; 0 where there is no message.
        """
        return self._number("SELECT max(id) FROM messages")

    def after(self, first: int, last: int) -> Iterator[tuple[int, bytes, str]]:
        """
        Give id, hash and body of the messages above one id and up to another, in order.
        """
        return self._snapshot.rows(
            "SELECT id, hash, body FROM messages WHERE id > ? AND id <= ? ORDER BY id",
            (first, last),
        )

    def counts(self, size: int, last: int) -> dict[int, int]:
        """
        Count the messages up to an id in ranges of ids of the same size, by number.
        """
        return dict(
            self._snapshot.rows(
                "SELECT (id - 1) / ?, count(*) FROM messages WHERE id <= ? GROUP BY 1",
                (size, last),
            )
        )

    def hashes(self, ids: Sequence[int]) -> dict[int, bytes]:
        """
        Give the hashes of messages by id.
        """
        return {number: bytes(value) for number, value in self._of("id, hash", ids)}

    def bodies(self, ids: Sequence[int]) -> dict[int, str]:
        """
        Give the bodies of messages by id.
        """
        return dict(self._of("id, body", ids))

    def _of(self, columns: str, ids: Sequence[int]) -> Iterator[tuple[Any, ...]]:
        for at in range(0, len(ids), _AT_ONCE):
            some = ids[at : at + _AT_ONCE]
            marks = ", ".join("?" * len(some))
            yield from self._snapshot.rows(
                f"SELECT {columns} FROM messages WHERE id IN ({marks})",  # noqa: S608 - marks alone
                some,
            )

    def _number(self, statement: str) -> int:
        ((value,),) = self._snapshot.rows(statement)
        return value or 0
