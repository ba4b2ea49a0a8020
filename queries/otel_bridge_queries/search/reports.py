"""
The search as a report of `Queries`.
"""

from typing import Unpack

from otel_bridge_storage.errors import QueryError

from otel_bridge_queries.catalog import SEARCH
from otel_bridge_queries.reports.asking import Asking
from otel_bridge_queries.result import Result
from otel_bridge_queries.search.index import Progress
from otel_bridge_queries.search.searcher import Asked, Searcher
from otel_bridge_queries.selection import Filters, Names, filter_parameters, row_count

ROLES = ("user", "assistant", "tool", "system", "tool arguments", "tool result")


class SearchFilters(Filters, total=False):
    """
    Which places a search takes in; `since` and `until` are about when it was said.

    `role` is any of user, assistant, tool, system, `tool arguments` and `tool result`;
    `tool` takes in these two as well.
    """

    role: Names


class SearchReports(Asking):
    """
    Where something was said.
    """

    _searcher: Searcher | None = None

    def search(
        self,
        text: str,
        *,
        rank: bool = False,
        timezone: str = "UTC",
        limit: int = 20,
        progress: Progress | None = None,
        **filters: Unpack[SearchFilters],
    ) -> Result:
        """
        Find where something was said, in messages and in what tools were given and gave.

        All words of the text must be in one message, whatever their case and accents;
        `"a phrase"`, `prefix*`, `one OR another`, and `-word` or `NOT word` do what they
        say. Steps that were hidden or rolled back are found too, and marked.

        Args:
            rank: The best matches first; otherwise the latest.
            timezone: Where `since` and `until` without an offset are read.
            progress: Called with how many messages were read and how many are to be, where
                the index lacks some, as the first time.

        Returns:
            said_at, run_id, agent_name, session_id, user_id, service, role, tool_name,
            step_id, condensed (what the model sees in the place of the step), hidden,
            rolled_back, is_error, message_id, score (BM25, more is better; None without
            `rank`), snippet, and marks, where matches begin and end in the snippet.

        Raises:
            QueryError: The text, a filter, time or limit makes no sense.
        """
        parameters = filter_parameters(
            filters, SEARCH.filters, zone=timezone, now_ns=self._clock()
        )
        for role in parameters["role"] or ():
            if role not in ROLES:
                raise QueryError(f"unknown role {role!r}: give one of {', '.join(ROLES)}")
        most = row_count("limit", limit, least=1)
        if most is None:
            raise QueryError("limit=None is not a number of rows: give a whole number from 1 on")
        asked = Asked(text, parameters, min(most, 1 << 32), rank, progress)
        with self._alone():
            if self._searcher is None:
                self._searcher = Searcher(self._database, self._engine, self._teller, self._loader)
            searcher = self._searcher
            return self._patiently(lambda: searcher.search(asked))

    def close(self) -> None:
        """
        Let go of the database and of the memory; closing twice does no harm.
        """
        super().close()
        if self._searcher is not None:
            self._searcher.close()
