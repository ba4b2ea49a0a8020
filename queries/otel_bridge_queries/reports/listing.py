"""
Reports that list runs and steps, one row each.
"""

from typing import Unpack

from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.run_filters import statuses

from otel_bridge_queries import catalog
from otel_bridge_queries.question import Question
from otel_bridge_queries.reports.asking import Asking
from otel_bridge_queries.result import Result
from otel_bridge_queries.selection import Filters, Names, names_in, row_count
from otel_bridge_queries.showing import with_metadata


class ListingReports(Asking):
    """
    Runs and steps, one row each.
    """

    def run_views(
        self,
        *,
        timezone: str = "UTC",
        limit: int | None = None,
        offset: int = 0,
        **filters: Unpack[Filters],
    ) -> Result:
        """
        List runs, the latest first, one row each.

        The statuses are running, paused, success, error, cancelled and interrupted.

        Args:
            timezone: Where `since` and `until` without an offset are read.
            offset: How many runs to pass over.

        Raises:
            QueryError: A status, filter, time or limit makes no sense.
        """
        status = filters.get("status")
        wanted = None if status is None else sorted(statuses(status))
        report = catalog.RUN_VIEWS
        question = Question(
            filters=self._filters(report, {**filters, "status": wanted}, timezone), zone=timezone
        )
        parameters = {
            "limit": row_count("limit", limit, least=1),
            "offset": row_count("offset", offset, least=0) or 0,
        }
        by_calls = (
            question.filters["model"] is not None or question.filters["provider"] is not None
        )
        found = self._run(
            report,
            question,
            parameters,
            relations=("llm_calls",) if by_calls else (),
            texts=("response", "last_user_input"),
        )
        return with_metadata(found)

    def step_views(
        self,
        *,
        run_id: Names = None,
        session_id: Names = None,
        include_rolled_back: bool = False,
        include_hidden: bool = True,
        condensed: bool | None = None,
        as_shown: bool = False,
        limit: int | None = None,
    ) -> Result:
        """
        List the steps of runs or sessions in order.

        A step that was rolled back is seen as that whether a run or its session is asked
        for.

        Args:
            condensed: Only steps that were condensed, or only those that were not.
            as_shown: What the model sees now: no step that was hidden or rolled back, and
                as `content` the condensed text where there is one.

        Raises:
            QueryError: Neither a run nor a session was named, or the limit makes no sense.
        """
        if run_id is None and session_id is None:
            raise QueryError("whose steps? give a run_id or a session_id")
        filters = {
            "run_id": names_in(run_id, "run_id"),
            "session_id": names_in(session_id, "session_id"),
        }
        parameters = {
            "include_rolled_back": include_rolled_back and not as_shown,
            "include_hidden": include_hidden and not as_shown,
            "condensed": condensed,
            "as_shown": as_shown,
            "limit": row_count("limit", limit, least=1),
        }
        return self._run(
            catalog.STEP_VIEWS,
            Question(filters=filters),
            parameters,
            texts=("content", "condensed_content"),
        )
