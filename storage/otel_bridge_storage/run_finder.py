"""
Finding runs: by what they have in common, by id, or by the beginning of one.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from otel_bridge_storage import run_cursors, run_records
from otel_bridge_storage.read_store import ReadStore
from otel_bridge_storage.rows import RunDetail, RunSummary
from otel_bridge_storage.run_filters import RunFilter


class RunFinder(ReadStore):
    """
    Lists, counts and finds the runs of a database.

    A run whose writer is gone while it was running has status `interrupted`, here and
    in every filter and count.
    """

    async def list_runs(
        self,
        *,
        status: str | Iterable[str] | None = None,
        agent_name: str | None = None,
        parent_run_id: str | None = None,
        tenant_id: str | None = None,
        session_id: str | None = None,
        user_id: str | None = None,
        tag: str | None = None,
        service: str | None = None,
        started_after: datetime | None = None,
        started_before: datetime | None = None,
        metadata_filter: Mapping[str, Any] | None = None,
        limit: int | None = 50,
        offset: int = 0,
        cursor: str | None = None,
    ) -> list[RunSummary]:
        """
        List runs, the latest start first; a filter of None does not narrow.

        Args:
            status: One status or several; an empty collection matches nothing.
            tag: One of the run's tags.
            started_after: From this moment on; any UTC offset will do.
            started_before: Up to this moment, and not at it.
            metadata_filter: The run has each of these keys with exactly this value.
                None is found where the key is there and null; True is not 1; lists and
                maps are compared as JSON.
            limit: From 1 on; above 1000 counts as 1000, and None is all.
            offset: How many to leave out; below 0 counts as 0.
            cursor: Go on after the run that `cursor_after` was given. Runs that start
                meanwhile do not move that place.

        Raises:
            QueryError: A status is unknown, a time has no UTC offset, the limit is below
                1, the cursor is none, or an argument is of the wrong type.
        """
        wanted = RunFilter(
            status=status,
            agent_name=agent_name,
            parent_run_id=parent_run_id,
            tenant_id=tenant_id,
            session_id=session_id,
            user_id=user_id,
            tag=tag,
            service=service,
            started_after=started_after,
            started_before=started_before,
            metadata=metadata_filter,
        )
        return await self._engine.read(
            partial(
                run_records.list_runs, wanted=wanted, limit=limit, offset=offset, cursor=cursor
            )
        )

    async def count_runs(
        self,
        *,
        status: str | Iterable[str] | None = None,
        agent_name: str | None = None,
        parent_run_id: str | None = None,
        tenant_id: str | None = None,
        session_id: str | None = None,
        user_id: str | None = None,
        tag: str | None = None,
        service: str | None = None,
        started_after: datetime | None = None,
        started_before: datetime | None = None,
        metadata_filter: Mapping[str, Any] | None = None,
    ) -> int:
        """
        Count the runs that `list_runs` would list with these filters.

        Raises:
            QueryError: A status is unknown, a time has no UTC offset, or an argument is
                of the wrong type.
        """
        wanted = RunFilter(
            status=status,
            agent_name=agent_name,
            parent_run_id=parent_run_id,
            tenant_id=tenant_id,
            session_id=session_id,
            user_id=user_id,
            tag=tag,
            service=service,
            started_after=started_after,
            started_before=started_before,
            metadata=metadata_filter,
        )
        return await self._engine.read(partial(run_records.count_runs, wanted=wanted))

    def cursor_after(self, run: RunSummary) -> str:
        """
        Give the text with which `list_runs` goes on after a run, by the same filters.
        """
        return run_cursors.cursor_after(run)

    async def get_run(self, run_id: str) -> RunDetail | None:
        """
        Read one run; None where there is none of that id.

        Raises:
            QueryError: The id is no text.
        """
        return await self._engine.read(partial(run_records.get_run, run_id=run_id))

    async def resolve_run_id(self, prefix: str, limit: int | None = 10) -> list[str]:
        """
        List ids of runs that begin with a text, in the order of the ids.

        Raises:
            QueryError: The prefix is no text, or the limit is below 1.
        """
        return await self._engine.read(
            partial(run_records.resolve_run_id, prefix=prefix, limit=limit)
        )
