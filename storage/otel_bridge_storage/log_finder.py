"""
Finding in the run log: what was decided, and how a run stood at any of its entries.
"""

from functools import partial

from otel_bridge_storage import decision_records, run_states
from otel_bridge_storage.log_rows import Compaction, DecisionState, RunState
from otel_bridge_storage.read_store import ReadStore


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
        self, *, run_id: str | None = None, session_id: str | None = None
    ) -> list[Compaction]:
        """
        List the compactions of a run, or of all runs of a session, in order of time: those
        applied and those that failed.

        Raises:
            QueryError: Not one of a run and a session was named.
        """
        return await self._engine.read(
            partial(decision_records.get_compactions, run_id=run_id, session_id=session_id)
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
