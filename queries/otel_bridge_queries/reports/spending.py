"""
Reports of what LLM calls used and cost.
"""

from typing import Unpack

from otel_bridge_queries import catalog
from otel_bridge_queries.reports.asking import Asking
from otel_bridge_queries.result import Result
from otel_bridge_queries.selection import Filters, Names


class SpendingReports(Asking):
    """
    What LLM calls used and cost.
    """

    def cost(
        self,
        by: Names = (),
        *,
        timezone: str = "UTC",
        limit: int | None = None,
        **filters: Unpack[Filters],
    ) -> Result:
        """
        Sum calls, tokens and money of LLM calls.

        Returns:
            The keys, then llm_calls, input_tokens, output_tokens, cache_read_tokens,
            cache_write_tokens, reasoning_tokens, cost_usd, unpriced_calls and
            error_calls. A sum is None where no call told; `unpriced_calls` says how many
            calls `cost_usd` leaves out.

        Raises:
            QueryError: A key, filter, time or limit makes no sense.
        """
        return self._grouped(catalog.COST, by, timezone, limit, filters)

    def unpriced(
        self,
        by: Names = ("provider", "model"),
        *,
        timezone: str = "UTC",
        limit: int | None = None,
        **filters: Unpack[Filters],
    ) -> Result:
        """
        Count the LLM calls without a known price, which `cost` leaves out, by reason.

        Returns:
            The keys, then reason, unpriced_calls, input_tokens, output_tokens and last_at.

        Raises:
            QueryError: A key, filter, time or limit makes no sense.
        """
        return self._grouped(catalog.UNPRICED, by, timezone, limit, filters)

    def cost_check(
        self,
        by: Names = "source",
        *,
        timezone: str = "UTC",
        limit: int | None = None,
        **filters: Unpack[Filters],
    ) -> Result:
        """
        Compare the cost of LLM calls with what their telemetry claims.

        Args:
            by: The keys here include `source`, the dialect that read the claim.

        Returns:
            The keys, then llm_calls, compared_calls, compared_cost_usd (ours),
            compared_emitted_usd (the telemetry's), difference_usd (theirs less ours), and
            only_ours_calls, only_emitted_calls and neither_calls. The sums are over the
            compared calls alone, which have both; they are not what all calls cost.

        Raises:
            QueryError: A key, filter, time or limit makes no sense.
        """
        return self._grouped(catalog.COST_CHECK, by, timezone, limit, filters)

    def tokens(
        self,
        by: Names = (),
        *,
        timezone: str = "UTC",
        limit: int | None = None,
        **filters: Unpack[Filters],
    ) -> Result:
        """
        Sum the tokens of LLM calls.

        Returns:
            The keys, then llm_calls, input_tokens, output_tokens, cache_read_tokens,
            cache_write_tokens, reasoning_tokens, total_tokens, calls_without_usage and
            cache_hit_ratio, the share of the input that was read from a cache.

        Raises:
            QueryError: A key, filter, time or limit makes no sense.
        """
        return self._grouped(catalog.TOKENS, by, timezone, limit, filters)

    def cache(
        self,
        by: Names = (),
        *,
        timezone: str = "UTC",
        limit: int | None = None,
        **filters: Unpack[Filters],
    ) -> Result:
        """
        Tell how much of the input of LLM calls was read from a cache.

        What that saved in money is not told: the database holds what calls cost, and not
        what uncached input would have cost.

        Returns:
            The keys, then llm_calls, telling_calls (those that told how much they read),
            reading_calls (those that read anything), call_hit_rate (reading of telling),
            input_tokens, cache_read_tokens, cache_write_tokens, token_hit_rate (the share
            of the input, over calls that told both) and reads_per_write (tokens read for
            each one written, over calls that told both). None is what no call told.

        Raises:
            QueryError: A key, filter, time or limit makes no sense.
        """
        return self._grouped(catalog.CACHE, by, timezone, limit, filters)
