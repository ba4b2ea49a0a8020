"""
Reports that list runs, sessions and steps, one row each.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Unpack, get_args

from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.run_statuses import statuses

from otel_bridge_queries import catalog
from otel_bridge_queries.question import Question
from otel_bridge_queries.reports.asking import Asking
from otel_bridge_queries.result import Result
from otel_bridge_queries.selection import Filters, Names, names_in, row_count
from otel_bridge_queries.showing import with_metadata

RunMeasure = Literal["cost", "tokens", "duration", "llm_calls", "errors"]
SessionMeasure = Literal["cost", "tokens", "duration", "runs", "llm_calls", "errors"]


class ListingReports(Asking):
    """
    Runs, sessions and steps, one row each.
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
        parameters = {
            "limit": row_count("limit", limit, least=1),
            "offset": row_count("offset", offset, least=0) or 0,
        }
        texts = ("response", "last_user_input")
        return with_metadata(
            self._listed(catalog.RUN_VIEWS, filters, timezone, parameters, texts=texts)
        )

    def top_runs(
        self,
        by: RunMeasure = "cost",
        n: int = 10,
        *,
        timezone: str = "UTC",
        **filters: Unpack[Filters],
    ) -> Result:
        """
        List the runs that cost, took, called or failed most; what is not known comes last.

        Returns:
            run_id, agent_name, status, session_id, user_id, started_at, duration_ms,
            llm_calls, tool_calls, errors (failed calls to models and of tools),
            input_tokens, output_tokens, cost_usd and unpriced_calls: a run's own, without
            the runs it started (see `rollup`). Filters are those of `run_views`.

        Raises:
            QueryError: A measure, status, filter, time or number makes no sense.
        """
        _check_measure(by, RunMeasure)
        parameters = {"by": by, "limit": row_count("n", n, least=1)}
        return self._listed(catalog.TOP_RUNS, filters, timezone, parameters)

    def top_sessions(
        self,
        by: SessionMeasure = "cost",
        n: int = 10,
        *,
        timezone: str = "UTC",
        **filters: Unpack[Filters],
    ) -> Result:
        """
        List the sessions that cost, took, called or failed most, as `session_views` does.

        Raises:
            QueryError: A measure, status, filter, time or number makes no sense.
        """
        _check_measure(by, SessionMeasure)
        parameters = {"by": by, "limit": row_count("n", n, least=1), "offset": 0}
        return self._listed(catalog.SESSION_VIEWS, filters, timezone, parameters)

    def session_views(
        self,
        *,
        timezone: str = "UTC",
        limit: int | None = None,
        offset: int = 0,
        **filters: Unpack[Filters],
    ) -> Result:
        """
        List sessions, the latest active first, with the sums over their runs.

        Filters are those of `run_views` and choose runs: a session is listed with the
        sums over those of its runs that match.

        Returns:
            session_id, user_id, last_status (of the run that started last), runs,
            failed_runs, open_runs, llm_calls, tool_calls, errors (failed calls to models
            and of tools), input_tokens, output_tokens, cost_usd, unpriced_calls,
            started_at, ended_at and duration_ms (None while a run is open), updated_at
            (the latest sign of life), agents (a list of names) and last_run_id. A sum is
            None where no run told.

        Raises:
            QueryError: A status, filter, time or limit makes no sense.
        """
        parameters = {
            "by": None,
            "limit": row_count("limit", limit, least=1),
            "offset": row_count("offset", offset, least=0) or 0,
        }
        return self._listed(catalog.SESSION_VIEWS, filters, timezone, parameters)

    def _listed(
        self,
        report: catalog.Report,
        filters: Filters,
        timezone: str,
        parameters: Mapping[str, Any],
        *,
        texts: Sequence[str] = (),
    ) -> Result:
        status = filters.get("status")
        wanted = None if status is None else sorted(statuses(status))
        chosen = self._filters(report, {**filters, "status": wanted}, timezone)
        by_calls = chosen["model"] is not None or chosen["provider"] is not None
        return self._run(
            report,
            Question(filters=chosen, zone=timezone),
            parameters,
            relations=("llm_calls",) if by_calls else (),
            texts=texts,
        )

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


def _check_measure(by: str, measures: Any) -> None:
    if by not in get_args(measures):
        names = ", ".join(get_args(measures))
        raise QueryError(f"by={by!r} is nothing to order by: give one of {names}")
