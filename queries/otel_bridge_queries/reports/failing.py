"""
Reports of what failed.
"""

from typing import Unpack

from otel_bridge_queries import catalog
from otel_bridge_queries.reports.asking import Asking
from otel_bridge_queries.result import Result
from otel_bridge_queries.selection import Filters, Names


class FailingReports(Asking):
    """
    What failed, tools, calls to models and runs, and what was tried again.
    """

    def tools(
        self,
        by: Names = "tool_name",
        *,
        timezone: str = "UTC",
        limit: int | None = None,
        **filters: Unpack[Filters],
    ) -> Result:
        """
        Count and time tool calls; those that still run are counted, not timed.

        A retry is the next call of the same tool with the same arguments in the same run,
        begun after the call before it had failed.

        Returns:
            The keys, which here include `tool_name` and neither `model` nor `provider`,
            then calls, running_calls, errors, error_rate (of all calls), retries,
            recovered (retries that went well), p50_ms, p90_ms, p95_ms, p99_ms and max_ms,
            which are None where no call has ended.

        Raises:
            QueryError: A key, filter, time or limit makes no sense.
        """
        return self._grouped(catalog.TOOLS, by, timezone, limit, filters)

    def errors(
        self,
        by: Names = (),
        *,
        timezone: str = "UTC",
        limit: int | None = None,
        **filters: Unpack[Filters],
    ) -> Result:
        """
        Count failures of LLM calls, tool calls and runs by error type.

        Returns:
            The keys, then error_type, where (`llm`, `tool` or `run`), count, share (of all
            calls to models, of tools, or runs of the group), runs (how many runs they were
            in), first_at, last_at and example_message, the latest one's.

        Raises:
            QueryError: A key, filter, time or limit makes no sense.
        """
        return self._grouped(catalog.ERRORS, by, timezone, limit, filters)

    def retries(
        self,
        by: Names = (),
        *,
        timezone: str = "UTC",
        limit: int | None = None,
        **filters: Unpack[Filters],
    ) -> Result:
        """
        Tell how often failed LLM calls were tried again, with what success and loss.

        A retry is the next call to the same model for the same operation in the same run,
        begun after the call before it had failed. Failures, each followed by a retry, and
        the call that ends them are the attempts at one thing; all of them count where the
        first one does. Neither a key nor a filter here is `status`.

        Returns:
            The keys, then llm_calls, error_calls, retried (how many things were tried
            again), attempts (calls for these), most_attempts, recovered, pending and
            gave_up (how they ended: well, not yet, with a failure), recovered_share (of
            those that ended), wasted_input_tokens, wasted_output_tokens, wasted_cost_usd
            and wasted_unpriced_calls of their failed attempts, and lost_ms, from the start
            of the first attempt to that of the last, or to its end if that failed too.
            Sums are None where no failure told.

        Raises:
            QueryError: A key, filter, time or limit makes no sense.
        """
        return self._grouped(catalog.RETRIES, by, timezone, limit, filters)
