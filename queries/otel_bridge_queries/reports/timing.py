"""
Reports of how long LLM calls took.
"""

from typing import Unpack

from otel_bridge_queries import catalog
from otel_bridge_queries.reports.asking import Asking
from otel_bridge_queries.result import Result
from otel_bridge_queries.selection import Filters, Names


class TimingReports(Asking):
    """
    How long LLM calls took.
    """

    def latency(
        self,
        by: Names = (),
        *,
        timezone: str = "UTC",
        limit: int | None = None,
        **filters: Unpack[Filters],
    ) -> Result:
        """
        Tell how long LLM calls that have ended took.

        Returns:
            The keys, then calls, p50_ms, p90_ms, p95_ms, p99_ms, max_ms, ttft_p50_ms and
            ttft_p95_ms, the times to the first streamed part.

        Raises:
            QueryError: A key, filter, time or limit makes no sense.
        """
        return self._grouped(catalog.LATENCY, by, timezone, limit, filters)
