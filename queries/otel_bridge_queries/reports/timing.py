"""
Reports of how long LLM calls took, and how many there were at a time.
"""

from typing import Literal, Unpack, get_args

from otel_bridge_storage.errors import QueryError

from otel_bridge_queries import catalog
from otel_bridge_queries.reports.asking import Asking
from otel_bridge_queries.result import Result
from otel_bridge_queries.selection import Filters, Names

Every = Literal["minute", "quarter_hour", "hour", "day", "week", "month", "year"]


class TimingReports(Asking):
    """
    How long LLM calls took, and how many there were at a time.
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
        Tell how long LLM calls that have ended took, and how fast their output came.

        Percentiles are interpolated. Output tokens per second are the output tokens of
        the calls that told them, over the time in which they were written: the duration
        less the time to the first part where that is known, else the whole duration.

        Returns:
            The keys, then calls, mean_ms, p50_ms, p90_ms, p95_ms, p99_ms, max_ms,
            streamed_calls (those with a time to the first part), ttft_p50_ms,
            ttft_p90_ms, ttft_p95_ms and ttft_p99_ms, the times to the first streamed
            part, and output_tokens_per_s. None is what no call told.

        Raises:
            QueryError: A key, filter, time or limit makes no sense.
        """
        return self._grouped(catalog.LATENCY, by, timezone, limit, filters)

    def throughput(
        self,
        by: Names = (),
        *,
        every: Every = "hour",
        timezone: str = "UTC",
        limit: int | None = None,
        **filters: Unpack[Filters],
    ) -> Result:
        """
        Count LLM calls and tokens in periods without holes: one without calls has zeros.

        The periods go from `since`, or the first call, to `until`, or the last one, in
        the calendar of `timezone`. A call counts in the period that it began in.

        Args:
            by: The keys here are not those of the calendar. Each group has all periods.
            every: How long a period is.

        Returns:
            The keys, then a column named like `every` with the starts of the periods,
            calls, input_tokens, output_tokens, calls_per_s, tokens_per_s and peak_calls,
            the most calls that ran at one moment. Tokens are None where no call of a
            period told. Rates are over the part of a period that lies between the bounds
            and before now, and None where that is nothing. No row if no call matches.

        Raises:
            QueryError: A key, filter, time or limit makes no sense, or there would be
                more than some 400,000 periods.
        """
        if every not in get_args(Every):
            names = ", ".join(get_args(Every))
            raise QueryError(f"every={every!r} is no length of a period: give one of {names}")
        result = self._grouped(
            catalog.THROUGHPUT,
            by,
            timezone,
            limit,
            filters,
            {"every": every, "now_ns": self._clock()},
            moments=("period",),
        )
        return result.renamed({"period": every})
