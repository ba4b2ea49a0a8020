"""
One part of the index: a full-text table without the texts.
"""

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from otel_bridge_queries.search.words import TOKENIZER

_PROMPT = "prompt"


@dataclass(frozen=True, slots=True)
class Found:
    """
    The messages of a part that match.

    Attributes:
        ids: Their ids, as a JSON list.
    """

    count: int
    ids: str


class Part:
    """
    The table of one part.

    A second column marks system prompts, since only there what a message is tells where
    it was said.
    """

    def __init__(self, connection: sqlite3.Connection, number: int) -> None:
        self._connection = connection
        self._table = f"part_{number}"
        self.number = number

    def make(self) -> None:
        """
        Make it, empty.
        """
        self._connection.execute(
            f"CREATE VIRTUAL TABLE {self._table} USING fts5(text, role, content='', {TOKENIZER})"
        )

    def drop(self) -> None:
        """
        Delete it; `secure_delete` overwrites all that it held.
        """
        self._connection.execute(f"DROP TABLE IF EXISTS {self._table}")

    def add(self, rows: Iterable[tuple[int, str, bool]]) -> None:
        """
        Take in messages: id, words, and whether it is a system prompt.
        """
        self._connection.executemany(
            f"INSERT INTO {self._table} (rowid, text, role) VALUES (?, ?, ?)",  # noqa: S608 - a number
            [(row_id, text, _PROMPT if prompt else None) for row_id, text, prompt in rows],
        )

    def pack(self) -> None:
        """
        Bring it into the form that is read quickest.
        """
        self._connection.execute(f"INSERT INTO {self._table} ({self._table}) VALUES ('optimize')")  # noqa: S608 - a number

    def matching(self, expression: str, most: int | None) -> Found:
        """
        Give the messages that match, or the newest of them.
        """
        return self._found(_in_text(expression), most)

    def prompts(self, expression: str) -> Found:
        """
        Give the system prompts that match.
        """
        return self._found(_in_prompt(expression), None)

    def best(self, expression: str, most: int | None) -> list[tuple[float, int]]:
        """
        Give how well messages match, by BM25, and their ids, the best first.
        """
        rows = self._connection.execute(
            f"SELECT -bm25({self._table}), rowid FROM {self._table} "  # noqa: S608 - a number
            f"WHERE {self._table} MATCH ? ORDER BY rank LIMIT ?",
            (_in_text(expression), -1 if most is None else most),
        )
        return rows.fetchall()

    def among(self, expression: str, messages: Collection[int], *, prompts: bool) -> set[int]:
        """
        Give those of some messages that match, and are system prompts if that is asked.
        """
        wanted = _in_prompt(expression) if prompts else _in_text(expression)
        rows = self._connection.execute(
            f"SELECT rowid FROM {self._table} WHERE {self._table} MATCH ? "  # noqa: S608 - a number
            "AND rowid BETWEEN ? AND ?",
            (wanted, min(messages), max(messages)),
        )
        return {row_id for (row_id,) in rows}.intersection(messages)

    def _found(self, expression: str, most: int | None) -> Found:
        row = self._connection.execute(
            "SELECT count(*), json_group_array(rowid) FROM "  # noqa: S608 - a number
            f"(SELECT rowid FROM {self._table} WHERE {self._table} MATCH ? "
            "ORDER BY rowid DESC LIMIT ?)",
            (expression, -1 if most is None else most),
        )
        return Found(*row.fetchone())


def _in_text(expression: str) -> str:
    return f"text : ({expression})"


def _in_prompt(expression: str) -> str:
    return f'(text : ({expression})) AND (role : "{_PROMPT}")'
