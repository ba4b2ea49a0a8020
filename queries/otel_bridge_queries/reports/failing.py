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
    What failed: tools, calls to models and runs.
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

        Returns:
            The keys, which here include `tool_name` and neither `model` nor `provider`,
            then calls, errors, error_rate, p50_ms and p95_ms.

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
            The keys, then error_type, where (`llm`, `tool` or `run`), count, last_at and
            example_message, the latest one's.

        Raises:
            QueryError: A key, filter, time or limit makes no sense.
        """
        return self._grouped(catalog.ERRORS, by, timezone, limit, filters)
