"""
Where messages were said: the places in runs that messages have, newest or best first.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import duckdb
from otel_bridge_storage.errors import QueryError

from otel_bridge_queries.catalog import SEARCH, SEARCH_WINDOW, Report
from otel_bridge_queries.engine import fetch
from otel_bridge_queries.loader import Loader
from otel_bridge_queries.question import Question, Teller
from otel_bridge_queries.result import Result

NONE = "[]"
_NEWEST_STEPS = 20_000
_CANDIDATES = 800


@dataclass(frozen=True, slots=True)
class Place:
    """
    One place, as a row of `search.sql`.

    Attributes:
        is_prompt: It is the system prompt of its run.
    """

    row: tuple[Any, ...]
    message: int
    is_prompt: bool


@dataclass(frozen=True, slots=True)
class Listed:
    """
    Places, with the names and types of their columns.

    Attributes:
        whole: There are no older ones.
    """

    columns: tuple[str, ...]
    types: tuple[str, ...]
    places: list[Place]
    whole: bool = True

    def __len__(self) -> int:
        return len(self.places)


class Places:
    """
    Finds the places of messages.

    Args:
        engine: Where `loader` makes the relations of the places current.
        teller: Tells them the filters.
        filters: The filters of the question, which narrow the places.
        limit: How many places at most.
    """

    def __init__(
        self,
        engine: duckdb.DuckDBPyConnection,
        teller: Teller,
        loader: Loader,
        filters: Mapping[str, Any],
        limit: int,
    ) -> None:
        self._engine = engine
        self._teller = teller
        self._loader = loader
        self._filters = filters
        self.limit = limit
        self.filtered = any(value is not None for value in filters.values())

    def of(self, found: str, prompts: str, scores: str | None = None) -> Listed:
        """
        List the places of messages.

        Args:
            found: The ids of messages, as a JSON list.
            prompts: The ids of those that are system prompts, likewise.
            scores: How well the messages match, likewise; the best come first then.
        """
        # What a tool gave is a step as well as a rule, and is then left out.
        most = 0 if found == NONE else 2 * self.limit
        listed = self._listed({"found": found, "prompts": prompts, "scores": scores}, most)
        del listed.places[self.limit :]
        return listed

    def newest(self) -> Iterator[Listed]:
        """
        List the newest places that pass the filters, whatever was said there: of those of
        some time, and of all if filters leave few of these.
        """
        rows = self._fetch(SEARCH_WINDOW, {"steps": _NEWEST_STEPS}).rows
        few = True
        if rows:
            listed = self._listed({"from_ns": rows[0][0]}, _CANDIDATES)
            few = listed.whole and self.filtered
            yield replace(listed, whole=False)
        if few:
            yield self._listed({}, _CANDIDATES)

    def _listed(self, given: Mapping[str, Any], most: int | None = None) -> Listed:
        absent = dict.fromkeys(("found", "prompts", "scores", "from_ns"))
        result = self._fetch(SEARCH, {**absent, **given, "limit": most})
        whole = most is None or len(result) < most
        return Listed(result.columns, result.types, list(_once(result)), whole)

    def _fetch(self, report: Report, parameters: Mapping[str, Any]) -> Result:
        with self._loader.current(report.relations):
            try:
                self._teller.tell(Question(filters=self._filters), report.relations)
                return fetch(self._engine, report.sql, parameters, shape=report.name)
            except duckdb.Error as error:
                raise QueryError(f"the search failed: {error}") from error


def _once(result: Result) -> Iterator[Place]:
    """
    Leave out what tools gave where it is a step as well.
    """
    run, role, message = map(result.columns.index, ("run_id", "role", "message_id"))
    steps = {(row[run], row[message]) for row in result.rows if row[role] == "tool"}
    for row in result.rows:
        if row[role] != "tool result" or (row[run], row[message]) not in steps:
            yield Place(row, row[message], row[role] == "system")
