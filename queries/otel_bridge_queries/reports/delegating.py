"""
Reports through the tree of delegation: what runs took with all the runs they started.
"""

from typing import Unpack

from otel_bridge_queries import catalog
from otel_bridge_queries.question import Question
from otel_bridge_queries.reports.asking import Asking
from otel_bridge_queries.result import Result
from otel_bridge_queries.selection import Filters, Names, names_in, row_count


class DelegatingReports(Asking):
    """
    What runs took with all the runs that they started.
    """

    def rollup(
        self,
        by: Names = (),
        *,
        timezone: str = "UTC",
        limit: int | None = None,
        **filters: Unpack[Filters],
    ) -> Result:
        """
        Sum the LLM calls of runs alone, and with all the runs below them.

        Each call counts once in each total, so that the totals of the runs at the top add
        up to those of `cost`. Runs that are said to be above each other have the one at
        the top that began first. Filters choose calls and runs: a run is listed where it,
        or one below, matches or has a call that does. `run_id` is another thing here: only
        these runs and those below them.

        Args:
            by: None for one row for each run, the latest tree first and from the top
                down. Keys are agent_name, session_id, user_id, tenant_id, run_id,
                service, root_run_id and root_agent_name, the run at the top and its
                agent. A group has its runs' own calls, and once each those of the runs
                below any of them.
            limit: Of trees; with keys, of rows.

        Returns:
            For runs: run_id, parent_run_id, root_run_id, depth (0 at the top), runs_below,
            agent_name, status, started_at and duration_ms. For groups: the keys, runs and
            runs_below. Then own_calls, own_input_tokens, own_output_tokens, own_cost_usd
            and own_unpriced_calls, and the same with total_. A sum is None where no call
            told; the unpriced calls are those that a cost leaves out.

        Raises:
            QueryError: A key, filter, time or limit makes no sense.
        """
        runs = {"runs": names_in(filters.pop("run_id", None), "run_id")}
        if by is not None and by not in ((), []):
            return self._grouped(catalog.ROLLUP_BY, by, timezone, limit, filters, runs)
        report = catalog.ROLLUP
        question = Question(filters=self._filters(report, filters, timezone), zone=timezone)
        return self._run(report, question, runs | {"limit": row_count("limit", limit, least=1)})
