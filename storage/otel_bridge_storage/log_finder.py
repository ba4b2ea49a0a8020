"""
Finding in the run log: what was decided, how a run stood, and what its stream was.
"""

from collections.abc import AsyncGenerator
from functools import partial

from otel_bridge_storage import decision_records, run_states, run_stream
from otel_bridge_storage.log_rows import Compaction, DecisionState, RunState
from otel_bridge_storage.read_store import ReadStore
from otel_bridge_storage.stream_rows import StreamItem


class LogFinder(ReadStore):
    """
    Answers from the run log of a database, each time from one state of it.
    """

    async def get_decision_state(
        self,
        *,
        run_id: str | None = None,
        session_id: str | None = None,
        as_of: int | None = None,
    ) -> DecisionState:
        """
        Give the latest decision of each kind in a run, or in all runs of a session.

        Args:
            as_of: Only what has this `sequence_index` or a lower one; None is all.

        Raises:
            QueryError: Not one of a run and a session was named, or `as_of` is no number.
        """
        return await self._engine.read(
            partial(
                decision_records.get_decision_state,
                run_id=run_id,
                session_id=session_id,
                as_of=as_of,
            )
        )

    async def get_compactions(
        self,
        *,
        run_id: str | None = None,
        session_id: str | None = None,
        as_of: int | None = None,
    ) -> list[Compaction]:
        """
        List the compactions of a run, or of all runs of a session, in order of time: those
        applied and those that failed.

        Args:
            as_of: Only what has this `sequence_index` or a lower one; None is all.

        Raises:
            QueryError: Not one of a run and a session was named, or `as_of` is no number.
        """
        return await self._engine.read(
            partial(
                decision_records.get_compactions,
                run_id=run_id,
                session_id=session_id,
                as_of=as_of,
            )
        )

    async def get_state(self, run_id: str, *, as_of: int | None = None) -> RunState | None:
        """
        Give a run as it stood after an entry of its log; None where there was none then.

        It is what the log says up to that entry: of a call that was open then, not what
        came of it. Which spans are copies of one call, how a call was priced and what the
        run was asked is taken as it is known now. Nothing in the log says that a run was
        interrupted, so that only a run as it stands now has that status.

        Args:
            as_of: The `sequence_index` of the last entry that counts; None is now, where
                the state agrees with `get_run`, `get_traces` and `get_pauses`.

        Raises:
            QueryError: The id is no text, or `as_of` is no number.
        """
        return await self._engine.read(partial(run_states.get_state, run_id=run_id, as_of=as_of))

    async def get_stream(
        self,
        run_id: str,
        *,
        after_sequence_index: int | None = None,
        as_of: int | None = None,
    ) -> list[StreamItem]:
        """
        Rebuild the stream of a run from its log: one typed item for each entry, in order.

        In it are start, end, pauses and rollback of the run; starts and ends of its calls
        to models and tools; the steps, each with the item that completes it; what was
        condensed, hidden, stepped back from or compacted; decisions, approvals, failed
        hooks, and the runtime's own facts.

        Not in it are the pieces in which an answer came (deltas are live only, and are
        not stored), what placeholders for personal data stand for, and copies of calls
        that several instrumentations saw. An item says what is known of its entry when
        it is read, and an entry that turns out to belong to the run joins it later,
        under a higher index; but for that, whoever reads on after the last index seen
        gets what one gets who reads all at once.

        Args:
            after_sequence_index: Only what has a higher index.
            as_of: Only what has this index or a lower one.

        Raises:
            QueryError: The id is no text, or an index is no number.
        """
        return await self._engine.read(
            partial(run_stream.get_stream, run_id=run_id, after=after_sequence_index, as_of=as_of)
        )

    def stream_run(
        self, run_id: str, *, after_sequence_index: int | None = None
    ) -> AsyncGenerator[StreamItem, None]:
        """
        Follow the stream of a run up to its end: what `get_stream` gives, as it comes.

        It waits and ends as `stream_events` does; close it where it is left before.

        Args:
            after_sequence_index: Only what has a higher index.

        Raises:
            QueryError: The id is no text, or the index is no number.
            DatabaseError: The database was deleted or replaced meanwhile.
        """
        return run_stream.follow_stream(self._engine, run_id, after=after_sequence_index)
