"""
Reports over a recorded database.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Unpack

import duckdb
from otel_bridge_storage.errors import DatabaseError, QueryError
from otel_bridge_storage.run_filters import statuses

from otel_bridge_queries import catalog, freehand
from otel_bridge_queries.catalog import TIME_KEYS, Report
from otel_bridge_queries.engine import fetch, open_engine
from otel_bridge_queries.loader import CopyingLoader, Loader
from otel_bridge_queries.moments import zone_named
from otel_bridge_queries.result import Result
from otel_bridge_queries.search import Searcher, SearchReports
from otel_bridge_queries.selection import (
    Filters,
    Names,
    filter_parameters,
    group_keys,
    names_in,
    row_count,
)
from otel_bridge_queries.showing import in_zone, with_metadata, with_texts


class Queries(SearchReports):
    """
    Reports over a recorded database, each as of one moment.

    A report sees everything that was committed before it was asked for. Group keys
    (`by`) are one name or several: `agent_name`, `model` (the response's, else the
    request's), `provider`, `session_id`, `user_id`, `run_id`, `service`, `hour`, `day`,
    `week` (from Monday), `month`, and `tag`, under each of which a call counts that its
    run carries. Calendar keys are the starts of the periods in `timezone`, as aware
    datetimes of that zone. Without keys a report is one row of totals. A `limit` is a
    number of rows from 1 on, or None for all. Rows come by time, then the most first, then by key.

    May be used from several threads; they take turns. Filters are those of `Filters`.

    Args:
        database: A path, `sqlite:///PATH`, `memory://NAME` or
            `postgresql://USER:PASSWORD@HOST:PORT/NAME`.
        clock: Nanoseconds since the epoch, UTC; what relative times are counted from.

    Raises:
        DatabaseNotFoundError: There is no such database.
        NotADatabaseError: It is something else.
        SchemaVersionError: Another version of otel-bridge wrote it.
        NotInstalledError: The database's driver is not installed.
    """

    def __init__(self, database: str | Path, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._turn = threading.Lock()
        self._closed = False
        self._engine = open_engine()
        try:
            self._loader: Loader = CopyingLoader(database, self._engine)
            self._searcher = Searcher(database, self._engine, self._loader)
        except BaseException:
            self._engine.close()
            raise

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

    def run_views(
        self,
        *,
        status: Names = None,
        timezone: str = "UTC",
        limit: int | None = None,
        offset: int = 0,
        **filters: Unpack[Filters],
    ) -> Result:
        """
        List runs, the latest first, one row each.

        Args:
            status: Any of running, paused, success, error, cancelled, interrupted.
            timezone: Where `since` and `until` without an offset are read.
            offset: How many runs to pass over.

        Raises:
            QueryError: A status, filter, time or limit makes no sense.
        """
        wanted = None if status is None else sorted(statuses(status))
        report = catalog.RUN_VIEWS
        parameters = self._filters(report, {**filters, "status": wanted}, timezone)
        parameters["limit"] = row_count("limit", limit, least=1)
        parameters["offset"] = row_count("offset", offset, least=0) or 0
        tables = list(report.tables)
        if parameters["model"] is not None or parameters["provider"] is not None:
            tables.append("llm_calls")
        return with_metadata(
            self._run(report, parameters, tables, texts=("response", "last_user_input"))
        )

    def step_views(
        self,
        *,
        run_id: Names = None,
        session_id: Names = None,
        include_rolled_back: bool = False,
        include_hidden: bool = True,
        limit: int | None = None,
    ) -> Result:
        """
        List the steps of runs or sessions in order.

        Raises:
            QueryError: Neither a run nor a session was named, or the limit makes no sense.
        """
        if run_id is None and session_id is None:
            raise QueryError("whose steps? give a run_id or a session_id")
        parameters = {
            "run_id": names_in(run_id, "run_id"),
            "session_id": names_in(session_id, "session_id"),
            "include_rolled_back": include_rolled_back,
            "include_hidden": include_hidden,
            "limit": row_count("limit", limit, least=1),
        }
        report = catalog.STEP_VIEWS
        return self._run(report, parameters, report.tables, texts=("content", "condensed_content"))

    def sql(self, text: str, params: Sequence[Any] | Mapping[str, Any] | None = None) -> Result:
        """
        Answer a SELECT of one's own, in DuckDB's SQL, over views of the database.

        The views: runs, steps, llm_calls, tool_calls, sessions, spans, events (the run
        log) and messages; `DESCRIBE runs` lists the columns of one. Nothing can be
        changed, and no file or network reached.

        Args:
            params: Values for `?` (a sequence) or `$name` (a mapping).

        Raises:
            QueryError: It is not one statement that only reads, or it is wrong.
        """
        with self._alone():
            freehand.check(self._engine, text)
            with self._loader.current(freehand.tables_read(text)):
                return freehand.answer(self._engine, text, params)

    def close(self) -> None:
        """
        Let go of the database and of the memory; closing twice does no harm.
        """
        with self._turn:
            self._closed = True
            self._searcher.close()
            self._loader.close()
            self._engine.close()

    def __enter__(self) -> "Queries":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._turn:
            if self._closed:
                raise DatabaseError("these Queries are closed: make new ones")
            yield

    def _grouped(
        self,
        report: Report,
        by: Names,
        timezone: str,
        limit: int | None,
        filters: Mapping[str, Any],
    ) -> Result:
        keys = group_keys(by, report.keys)
        parameters = self._filters(report, filters, timezone)
        parameters |= {"by": keys, "zone": timezone, "limit": row_count("limit", limit, least=1)}
        result = self._run(report, parameters, report.tables)
        dropped = set(report.keys).difference(keys)
        measures = [name for name in result.columns if name not in report.keys]
        result = in_zone(result.only([*keys, *measures]), TIME_KEYS, zone_named(timezone))
        if dropped == set(report.keys) and report.counts and not result.rows:
            result.rows.append(tuple(0 if n in report.counts else None for n in measures))
        return result

    def _filters(
        self, report: Report, filters: Mapping[str, Any], timezone: str
    ) -> dict[str, Any]:
        return filter_parameters(filters, report.filters, zone=timezone, now_ns=self._clock())

    def _run(
        self,
        report: Report,
        parameters: Mapping[str, Any],
        tables: Iterable[str],
        texts: Sequence[str] = (),
    ) -> Result:
        with self._alone(), self._loader.current(tables) as moment:
            try:
                result = fetch(self._engine, report.sql, parameters)
            except duckdb.Error as error:
                raise QueryError(f"the report {report.name} failed: {error}") from error
            return with_texts(result, texts, moment)
