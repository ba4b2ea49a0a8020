"""
Marks what was found in the few texts that are shown, by SQLite's own idea of a match.

The texts come from the database, not from the index, and are matched once more: what
the index says of a message that is gone or another one is never shown.
"""

import sqlite3
from collections.abc import Mapping

from otel_bridge_storage.errors import NotInstalledError

from otel_bridge_queries.search.words import TOKENIZER, spaced

OPENED, CLOSED = "\x02", "\x03"


class Highlighter:
    """
    A full-text index in memory of the texts at hand.

    May be used from any thread, one at a time.

    Raises:
        NotInstalledError: SQLite came without full-text search.
    """

    def __init__(self) -> None:
        self._memory = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        try:
            self._memory.execute(f"CREATE VIRTUAL TABLE shown USING fts5(text, role, {TOKENIZER})")
        except sqlite3.OperationalError as error:
            self._memory.close()
            raise NotInstalledError(
                f"this Python's SQLite has no full-text search ({error}): "
                "use a Python whose SQLite has FTS5"
            ) from error
        self._memory.execute("CREATE VIRTUAL TABLE terms USING fts5vocab(shown, 'row')")

    def has_words(self, text: str) -> bool:
        """
        Whether there is a word in a text.
        """
        self._fill({1: text})
        return self._memory.execute("SELECT 1 FROM terms LIMIT 1").fetchone() is not None

    def marked(self, expression: str, texts: Mapping[int, str]) -> dict[int, str]:
        """
        Give those of some texts that match, with `OPENED` and `CLOSED` around each match.
        """
        self._fill(texts)
        rows = self._memory.execute(
            "SELECT rowid, highlight(shown, 0, ?, ?) FROM shown WHERE shown MATCH ?",
            (OPENED, CLOSED, expression),
        )
        found = dict(rows.fetchall())
        self._fill({})
        return found

    def close(self) -> None:
        """
        Let go of the memory.
        """
        self._memory.close()

    def _fill(self, texts: Mapping[int, str]) -> None:
        self._memory.execute("BEGIN")
        self._memory.execute("DELETE FROM shown")
        self._memory.executemany(
            "INSERT INTO shown (rowid, text) VALUES (?, ?)",
            [(number, spaced(text)) for number, text in texts.items()],
        )
        self._memory.execute("COMMIT")
