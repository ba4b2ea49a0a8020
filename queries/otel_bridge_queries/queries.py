"""
Reports over a recorded database.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from otel_bridge_queries.freehand import answer
from otel_bridge_queries.reports.comparing import ComparingReports
from otel_bridge_queries.reports.delegating import DelegatingReports
from otel_bridge_queries.reports.failing import FailingReports
from otel_bridge_queries.reports.listing import ListingReports
from otel_bridge_queries.reports.planning import PlanningReports
from otel_bridge_queries.reports.timing import TimingReports
from otel_bridge_queries.result import Result
from otel_bridge_queries.search import SearchReports
from otel_bridge_queries.selection import row_count
from otel_bridge_queries.statements import reading_of


class Queries(
    PlanningReports,
    TimingReports,
    FailingReports,
    DelegatingReports,
    ComparingReports,
    ListingReports,
    SearchReports,
):
    """
    Reports over a recorded database, each as of one moment.

    A report sees everything that was committed before it was asked for. Group keys
    (`by`) are one name or several: `agent_name`, `model` (the response's, else the
    request's), `provider`, `session_id`, `user_id`, `run_id`, `service`, `minute`,
    `quarter_hour`, `hour`, `day`, `week` (from Monday), `month`, `year`, `weekday` (1 is
    Monday), `hour_of_day` (0 to 23), `tenant_id`, `operation`, `status`, `root_run_id` and
    `root_agent_name` (of the run at the top of the delegation), `metadata.KEY` for a
    key of the run's metadata, and `tag`, under each of which a call counts that its run
    carries. Periods are their starts in `timezone`, as aware datetimes of that zone.
    Without keys a report is one row of totals. A `limit` is a
    number of rows from 1 on, or None for all. Rows come by time, then the most first, then by key.

    May be used from several threads; they take turns. Filters are those of `Filters`.

    Args:
        database: A path, `sqlite:///PATH`, `memory://NAME` or
            `postgresql://USER:PASSWORD@HOST:PORT/NAME`.
        clock: Nanoseconds since the epoch, UTC; what relative times are counted from.
        cache: Whether this object may bring the columnar cache forward, which is beside a
            SQLite file and makes reports quick. By default it does, unless this process
            records into the database, whose time is the agent's. Answers are the same.
        progress: Called while rows go into the cache, with the relation's name, how far
            it has come and how far it has to go.

    Raises:
        DatabaseNotFoundError: There is no such database.
        NotADatabaseError: It is something else.
        SchemaVersionError: Another version of otel-bridge wrote it.
        NotInstalledError: The database's driver is not installed.
    """

    def sql(
        self,
        text: str,
        params: Sequence[Any] | Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        limit: int | None = None,
    ) -> Result:
        """
        Answer a SELECT of one's own, in DuckDB's SQL, over views of the database.

        The views: runs, steps, llm_calls, tool_calls, sessions, spans, events (the run
        log) and messages; docs/sql.md says what their columns mean, and `DESCRIBE runs`
        lists those of one. Nothing can be changed, and no file, network or setting reached.

        Args:
            params: Values for `?` (a sequence) or `$name` (a mapping).
            timeout: Seconds that the query may take once what it reads is loaded.
            limit: The most rows that it gives, from 1 on.

        Raises:
            QueryError: It is not one statement that only reads the views, it is wrong, or
                it took too long.
        """
        most = row_count("limit", limit, least=1)
        with self._alone():
            reading = reading_of(self._engine, text)

            def ask() -> Result:
                with self._loader.current(reading.relations):
                    return answer(self._engine, reading, params, timeout=timeout, limit=most)

            return self._patiently(ask)
