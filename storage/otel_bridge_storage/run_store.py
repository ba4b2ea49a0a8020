"""
`RunStore`: asynchronous, read-only answers about the runs of a database.
"""

from collections.abc import AsyncGenerator, Iterable
from functools import partial

from sqlalchemy import Connection

from otel_bridge_storage import call_records, event_rows, step_records
from otel_bridge_storage.arguments import given_text
from otel_bridge_storage.explaining import SpanExplained, explain
from otel_bridge_storage.followed import LogSource, RunSource, last_sequence
from otel_bridge_storage.following import follow
from otel_bridge_storage.log_content import LOGS_BY_TRACE, log_records
from otel_bridge_storage.log_finder import LogFinder
from otel_bridge_storage.pauses import MAPPED, PAUSED, RESUMED, join_mappings, pair_pauses
from otel_bridge_storage.records import LogRecord, SpanRecord
from otel_bridge_storage.rows import (
    LLMCall,
    PausePair,
    StoredEvent,
    ToolInvocation,
    TraceEntry,
)
from otel_bridge_storage.run_finder import RunFinder
from otel_bridge_storage.span_rows import FULL_BY_TRACE, records_of, records_texts


class RunStore(RunFinder, LogFinder):
    """
    Reads the runs of one database; never creates a database or changes one.

    Make one with `from_url`, or with `from_engine` over an engine that is there. Each
    method sees one state of the database. Of a run that is not there, lists and maps
    are empty. Where a list takes a `limit`, it is a number from 1 on, or None for all.

    All methods raise `QueryError` where an id is no text or a limit is no such number.
    """

    async def get_events(
        self,
        run_id: str,
        *,
        after_sequence_index: int | None = None,
        limit: int | None = None,
        event_types: str | Iterable[str] | None = None,
        before: int | None = None,
    ) -> list[StoredEvent]:
        """
        List the log of a run, in the order in which its entries joined it.

        A reader who asks for what comes after the highest index it has seen misses
        nothing. An entry that turns out to belong to another run gets a new, higher
        index there. Copies of a call that several instrumentations saw are left out.

        Args:
            after_sequence_index: Only what has a higher index.
            event_types: Only these; an empty collection matches nothing.
            before: Only what has a lower index.
        """
        return await self._engine.read(
            partial(
                event_rows.get_events,
                run_id=run_id,
                after=after_sequence_index,
                before=before,
                limit=limit,
                kinds=event_types,
            )
        )

    async def get_log(
        self, *, after_sequence: int | None = None, limit: int | None = 1000
    ) -> list[StoredEvent]:
        """
        List the log of all runs in the order of commit.

        Here `sequence_index` is the place in the whole log. It stays when an entry
        moves to another run, and is not the index that `get_events` gives it there. A
        call that several instrumentations saw is listed as often as it was seen.
        """
        return await self._engine.read(
            partial(event_rows.get_log, after=after_sequence, limit=limit)
        )

    def stream_events(
        self,
        run_id: str,
        *,
        after_sequence_index: int | None = None,
        event_types: str | Iterable[str] | None = None,
        stay: bool = False,
    ) -> AsyncGenerator[StoredEvent, None]:
        """
        Follow the log of a run: what is there, then what comes, as `get_events` gives it.

        It ends when the run has ended, one that was interrupted included, or is gone. A
        paused run is followed on, and one that is not there yet is waited for. What this
        process commits comes at once, what others commit within a quarter of a second.

        Close it (`contextlib.aclosing`) where it is left before its end.

        Args:
            after_sequence_index: Only what has a higher index.
            event_types: Only these; an empty collection matches nothing.
            stay: Go on after the run's end, for what may still arrive late.

        Raises:
            DatabaseError: The database was deleted or replaced meanwhile.
        """
        source = RunSource(run_id, kinds=event_types, stay=stay)
        return follow(self._engine, source, after=after_sequence_index)

    def stream_log(
        self, *, after_sequence: int | None = None
    ) -> AsyncGenerator[StoredEvent, None]:
        """
        Follow the log of all runs for ever, as `get_log` gives it.

        Args:
            after_sequence: Only what comes after this place in the whole log; None
                begins at the beginning, and `last_sequence` tells where the end is now.

        Raises:
            DatabaseError: The database was deleted or replaced meanwhile.
        """
        return follow(self._engine, LogSource(), after=after_sequence)

    async def last_sequence(self) -> int:
        """
        Give the place in the whole log of its last entry; 0 where it is empty.
        """
        return await self._engine.read(last_sequence)

    async def get_llm_calls(
        self,
        run_id: str,
        *,
        iteration: int | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[LLMCall]:
        """
        List a run's requests to models, each once, in the order of their starts.

        What an interrupted run left open has status `interrupted`.
        """
        return await self._engine.read(
            partial(
                call_records.get_llm_calls,
                run_id=run_id,
                iteration=iteration,
                limit=limit,
                offset=offset,
            )
        )

    async def get_tool_invocations(
        self,
        run_id: str,
        *,
        iteration: int | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[ToolInvocation]:
        """
        List a run's executions of tools, each once, in the order of their starts.

        What an interrupted run left open has status `interrupted`.
        """
        return await self._engine.read(
            partial(
                call_records.get_tool_invocations,
                run_id=run_id,
                iteration=iteration,
                limit=limit,
                offset=offset,
            )
        )

    async def get_traces(
        self, run_id: str, *, limit: int | None = None, offset: int = 0
    ) -> list[TraceEntry]:
        """
        List the steps of a run in order, the hidden and rolled back ones among them.
        """
        return await self._engine.read(
            partial(step_records.get_traces, run_id=run_id, limit=limit, offset=offset)
        )

    async def get_pauses(self, run_id: str) -> list[PausePair]:
        """
        List the pauses of a run in order, each with the resume that ended it.

        A pause is paired by its id where the resume gives one. A pause that a
        cancelled or ended run left open has no resume either: whether a run waits now
        is what its status says.
        """
        return pair_pauses(await self.get_events(run_id, event_types=(PAUSED, RESUMED)))

    async def get_pii_mapping(self, run_id: str) -> dict[str, str]:
        """
        Give what the placeholders for personal data stand for in a run.
        """
        return join_mappings(await self.get_events(run_id, event_types=MAPPED))

    async def get_spans(self, trace_id: str) -> list[SpanRecord]:
        """
        List the spans of a trace as they arrived, in the order of their starts.
        """
        return await self._engine.read(partial(_spans, trace_id=trace_id))

    async def get_logs(self, trace_id: str) -> list[LogRecord]:
        """
        List the log records of a trace as they arrived, in order of time.
        """
        return await self._engine.read(partial(_logs, trace_id=trace_id))

    async def explain(self, span_id: str, *, trace_id: str | None = None) -> SpanExplained | None:
        """
        Tell what became of a span: whether it was counted, as what, and what it is in.

        Args:
            span_id: Its id or the beginning of it.
            trace_id: Its trace's id or the beginning of it, where one span id is in several.

        Raises:
            QueryError: An id is no text, or several spans' ids begin so.
        """
        return await self._engine.read(partial(explain, span_id=span_id, trace_id=trace_id))


def _spans(connection: Connection, trace_id: str) -> list[SpanRecord]:
    rows = (
        connection.execute(FULL_BY_TRACE, {"trace_id": given_text(trace_id, "trace_id")})
        .mappings()
        .all()
    )
    return records_of(rows, lambda wanted: records_texts(connection, wanted))  # type: ignore[arg-type]


def _logs(connection: Connection, trace_id: str) -> list[LogRecord]:
    rows = (
        connection.execute(LOGS_BY_TRACE, {"trace_id": given_text(trace_id, "trace_id")})
        .mappings()
        .all()
    )
    return log_records(connection, rows)  # type: ignore[arg-type]
