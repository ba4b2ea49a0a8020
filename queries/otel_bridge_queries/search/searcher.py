"""
Searching one database: which messages match, where they were said, what is shown of them.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
from otel_bridge_storage.addresses import address_of
from otel_bridge_storage.errors import DatabaseUnavailableError

from otel_bridge_queries.loader import Loader
from otel_bridge_queries.question import Teller
from otel_bridge_queries.result import Result
from otel_bridge_queries.search.highlighter import Highlighter
from otel_bridge_queries.search.index import Parts, Progress
from otel_bridge_queries.search.index_file import IndexFile
from otel_bridge_queries.search.part import Found
from otel_bridge_queries.search.places import Listed, Places
from otel_bridge_queries.search.query import parse
from otel_bridge_queries.search.readable import readable
from otel_bridge_queries.search.snippet import snippet_of
from otel_bridge_queries.search.stored_messages import StoredMessages
from otel_bridge_queries.sources import open_source

# Of words that more messages have, the newest places are looked at first; where filters
# leave few of those, it pays for very common words only.
_COMMON = 30_000
_VERY_COMMON = 100_000
_BEST = 2000
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Asked:
    """
    A search as it was asked for.

    Attributes:
        filters: The filters of the question.
        limit: How many hits at most.
        best_first: The best match first, not the latest.
    """

    text: str
    filters: Mapping[str, Any]
    limit: int
    best_first: bool
    progress: Progress | None


class Searcher:
    """
    Searches a database, with an index that it keeps up to date.

    May be used from any thread, one at a time.

    Args:
        database: A path or URL.
        engine: Where `loader` makes the relations of the places current.
    """

    def __init__(
        self,
        database: str | Path,
        engine: duckdb.DuckDBPyConnection,
        teller: Teller,
        loader: Loader,
    ) -> None:
        self._database = database
        self._engine = engine
        self._teller = teller
        self._loader = loader
        self._opened: _Opened | None = None

    def search(self, asked: Asked) -> Result:
        """
        Find the places where something was said.

        Raises:
            QueryError: The search makes no sense.
            DatabaseUnavailableError: The index is in use by another process for too long,
                or cannot be written anywhere.
        """
        opened = self._opened = self._opened or _Opened(self._database)
        expression = parse(asked.text, opened.highlighter.has_words)
        places = Places(self._engine, self._teller, self._loader, asked.filters, asked.limit)
        for _ in range(_ATTEMPTS):
            try:
                with opened.file.index().current(opened.source, asked.progress) as parts:
                    search = _best if asked.best_first else _latest
                    listed = search(parts, expression, places)
                return opened.shown(listed, expression)
            except sqlite3.Error as error:
                reason = error
                if not opened.file.recover(error):
                    break
        raise DatabaseUnavailableError(
            f"the search index of {address_of(self._database)} cannot be used: {reason}"
        ) from reason

    def close(self) -> None:
        """
        Let go of the index and the database.
        """
        if self._opened is not None:
            self._opened.close()
            self._opened = None


class _Opened:
    """
    What is open from the first search on.
    """

    def __init__(self, database: str | Path) -> None:
        self.highlighter = Highlighter()
        try:
            self.source = open_source(address_of(database))
        except BaseException:
            self.highlighter.close()
            raise
        self.file = IndexFile(address_of(database).path)

    def shown(self, listed: Listed, expression: str) -> Result:
        """
        Put snippets beside places; what the database does not hold any more goes.
        """
        with self.source.snapshot() as snapshot:
            bodies = StoredMessages(snapshot).bodies(
                sorted({place.message for place in listed.places})
            )
        texts = {message: readable(body).text for message, body in bodies.items()}
        marked = self.highlighter.marked(f"text : ({expression})", texts)
        snippets = {message: snippet_of(text) for message, text in marked.items()}
        rows = [
            (*place.row, snippet.text, snippet.marks)
            for place in listed.places
            if (snippet := snippets.get(place.message)) is not None
        ]
        return Result(
            (*listed.columns, "snippet", "marks"), (*listed.types, "VARCHAR", "JSON"), rows
        )

    def close(self) -> None:
        """
        Let go of all of it.
        """
        self.file.close()
        self.source.close()
        self.highlighter.close()


def _latest(parts: Parts, expression: str, places: Places) -> Listed:
    found = parts.matching(expression, _VERY_COMMON if places.filtered else _COMMON)
    if found is None:
        for newest in places.newest():
            _keep_matching(parts, expression, newest, places.limit)
            if newest.whole or len(newest) == places.limit:
                return newest
        found = parts.matching(expression) or []
    return places.of(_joined(found), _joined(parts.prompts(expression)))


def _keep_matching(parts: Parts, expression: str, listed: Listed, limit: int) -> None:
    found = {
        prompts: parts.among(
            expression,
            {place.message for place in listed.places if place.is_prompt == prompts},
            prompts=prompts,
        )
        for prompts in (False, True)
    }
    kept = (place for place in listed.places if place.message in found[place.is_prompt])
    listed.places[:] = islice(kept, limit)


def _best(parts: Parts, expression: str, places: Places) -> Listed:
    """
    Try the best matches alone first: they do, unless the filters leave few of them.
    """
    prompts = _joined(parts.prompts(expression))
    for most in (_BEST, None):
        best = parts.best(expression, most)
        ids, scores = [message for _, message in best], [score for score, _ in best]
        listed = places.of(json.dumps(ids), prompts, json.dumps(scores))
        if len(listed) == places.limit or len(best) != most:
            break
    return listed


def _joined(found: Iterable[Found]) -> str:
    return f"[{','.join(some.ids[1:-1] for some in found if some.count)}]"
