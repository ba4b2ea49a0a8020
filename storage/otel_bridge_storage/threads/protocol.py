"""
What a store of threads' and runs' metadata does, whichever its backend.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal, Protocol, TypedDict, runtime_checkable

ThreadStatus = Literal["idle", "busy", "interrupted", "error"]
RunStatus = Literal["pending", "running", "error", "success", "timeout", "interrupted"]
IfExists = Literal["raise", "do_nothing"]


class ThreadRow(TypedDict):
    """
    A thread; moments are aware datetimes in UTC.

    Attributes:
        state_updated_at: When its state was last marked as changed; None if never.
        ttl: `strategy`, `ttl_minutes` and `expires_at`, in ISO 8601; None if it lives on.
    """

    thread_id: str
    created_at: datetime
    updated_at: datetime
    state_updated_at: datetime | None
    metadata: dict[str, Any]
    config: dict[str, Any]
    status: ThreadStatus
    ttl: dict[str, Any] | None


class RunRow(TypedDict):
    """
    A run of a thread; moments are aware datetimes in UTC.
    """

    run_id: str
    thread_id: str
    assistant_id: str
    created_at: datetime
    updated_at: datetime
    status: RunStatus
    metadata: dict[str, Any]
    kwargs: dict[str, Any]
    multitask_strategy: str | None
    error: str | None


@runtime_checkable
class MetadataStoreProtocol(Protocol):
    """
    Keeps the metadata of threads and of their runs for an agent server.

    Rows are copies: changing one changes nothing that is stored. `ttl` and `request` may
    be of this package's classes, or other objects or dicts with the same fields.
    """

    async def setup(self) -> None:
        """
        Make the tables where there are none; needed before anything else, and harmless
        when done again.
        """

    async def aclose(self) -> None:
        """
        Finish what is being written and let go of the backend.
        """

    async def fetch_thread_row(self, thread_id: str) -> ThreadRow | None:
        """
        Give a thread; None if there is none, or it has expired.
        """

    async def create_thread(
        self,
        thread_id: str,
        *,
        metadata: dict[str, Any],
        config: dict[str, Any],
        ttl: Any,
        if_exists: IfExists,
    ) -> ThreadRow:
        """
        Make a thread, with status "idle".

        Args:
            ttl: Such as `ThreadTtl`; None if it lives on.
            if_exists: "do_nothing" gives a thread that is there, unchanged.
        """

    async def update_thread(
        self,
        thread_id: str,
        *,
        status_value: ThreadStatus | None = None,
        config: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
        mark_state_updated: bool = False,
    ) -> None:
        """
        Replace what is given of a thread.
        """

    async def search_thread_rows(self, request: Any) -> list[ThreadRow]:
        """
        List threads.

        Args:
            request: Such as `ThreadSearch`.
        """

    async def delete_thread(self, thread_id: str) -> None:
        """
        Delete a thread and its runs, if there is one.
        """

    async def create_run(
        self,
        run_id: str,
        thread_id: str,
        assistant_id: str,
        metadata: dict[str, Any],
        kwargs: dict[str, Any],
        multitask_strategy: str | None,
    ) -> RunRow:
        """
        Make a run of a thread, with status "pending".
        """

    async def update_run_status(
        self, run_id: str, status_value: RunStatus, *, error: str | None = None
    ) -> bool:
        """
        Move a run that is pending or running to another status.

        Returns:
            Whether it was moved; any other status is final.
        """

    async def fetch_run_row(self, thread_id: str, run_id: str) -> RunRow | None:
        """
        Give a run of a thread; None if the thread has no such run.
        """

    async def list_run_rows(
        self, thread_id: str, *, limit: int, offset: int, status_value: RunStatus | None
    ) -> list[RunRow]:
        """
        List the runs of a thread, the newest first.
        """

    async def delete_run(self, thread_id: str, run_id: str) -> None:
        """
        Delete a run of a thread, if there is one.
        """

    async def touch_runs(self, run_ids: Iterable[str]) -> None:
        """
        Say that runs are alive; only those that are pending or running are changed.
        """

    async def fail_stale_runs(
        self, *, stale_after_seconds: float, exclude_run_ids: Iterable[str], error: str
    ) -> list[RunRow]:
        """
        End runs as "error" that are pending or running and were not touched for long.

        Returns:
            Those that this call ended; no two calls give the same run.
        """
