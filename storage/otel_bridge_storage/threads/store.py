"""
`MetadataStore`: threads and runs of an agent server, in the database of the recordings.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from sqlalchemy import Connection

from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.threads import expiry, reads, run_writes, thread_writes
from otel_bridge_storage.threads.arguments import (
    given_id,
    given_ids,
    given_map,
    given_text,
    if_exists_mode,
    run_status,
    thread_status,
    whole,
)
from otel_bridge_storage.threads.protocol import (
    IfExists,
    RunRow,
    RunStatus,
    ThreadRow,
    ThreadStatus,
)
from otel_bridge_storage.threads.run_writes import NewRun
from otel_bridge_storage.threads.search import MOST_ROWS, checked_search, cursor_after
from otel_bridge_storage.threads.swept_store import SweptStore
from otel_bridge_storage.threads.thread_writes import NewThread, ThreadChange
from otel_bridge_storage.threads.ttl import term_of

_LARGEST = 2**63 - 1


class MetadataStore(SweptStore):
    """
    Keeps threads and runs in a database; see `MetadataStoreProtocol`.

    Ids are any texts but the empty one, without NUL and lone surrogates; UUIDs are
    taken as their text. What a method that writes has returned is durable, and seen by
    all later reads. Writes of several tasks share transactions. Any event loop may use
    it, and so may a forked child.

    A thread that has expired is found by no method. It is removed with the first write
    that comes a minute or more after the last sweep, or by `sweep`. Within a thread, runs
    are ordered as they were made, even if the clock goes back.

    `QueryError` is raised for arguments that make no sense, `DatabaseError` where the
    database cannot be read or written, or the store is closed.

    Args:
        target: A path or URL, opened at the first use and closed by `aclose`; or a
            database that is open, and stays so.
        clock: Nanoseconds since the epoch.
    """

    async def fetch_thread_row(self, thread_id: str) -> ThreadRow | None:
        """
        Give a thread; None if there is none, or it has expired.
        """
        name = given_id(thread_id, "thread_id")
        return await self._read(partial(reads.fetch_thread, thread_id=name))

    async def create_thread(
        self,
        thread_id: str,
        *,
        metadata: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
        ttl: Any = None,
        if_exists: IfExists = "raise",
    ) -> ThreadRow:
        """
        Make a thread, with status "idle".

        Args:
            ttl: A `ThreadTtl`, or an object or dict with its fields; None if it lives on.
            if_exists: "do_nothing" gives a thread that is there, unchanged.

        Raises:
            ThreadExistsError: There is such a thread, and `if_exists` is "raise".
        """
        new = NewThread(
            thread_id=given_id(thread_id, "thread_id"),
            metadata=given_map(metadata or {}, "metadata"),
            config=given_map(config or {}, "config"),
            term=term_of(ttl),
            may_exist=if_exists_mode(if_exists) == "do_nothing",
        )
        return await self._write(partial(thread_writes.create_thread, new=new))

    async def update_thread(
        self,
        thread_id: str,
        *,
        status_value: ThreadStatus | None = None,
        config: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        mark_state_updated: bool = False,
        merge: bool = False,
    ) -> None:
        """
        Replace what is given of a thread; with nothing given, nothing happens.

        Args:
            merge: Add metadata and config to what is there, key by key, instead.

        Raises:
            ThreadNotFoundError: There is no such thread.
        """
        name = given_id(thread_id, "thread_id")
        change = ThreadChange(
            status=None if status_value is None else thread_status(status_value),
            metadata=None if metadata is None else given_map(metadata, "metadata"),
            config=None if config is None else given_map(config, "config"),
            mark_state_updated=bool(mark_state_updated),
            merge=merge,
        )
        if not change.changes_nothing():
            await self._write(partial(thread_writes.update_thread, thread_id=name, change=change))

    async def search_thread_rows(self, request: Any) -> list[ThreadRow]:
        """
        List threads.

        Args:
            request: A `ThreadSearch`, or an object or dict with its fields.
        """
        search = checked_search(request)
        return await self._read(partial(reads.search_threads, search=search))

    def cursor_after(self, row: Mapping[str, Any], request: Any) -> str:
        """
        Give the `cursor` with which a search goes on after a thread that it has found.

        Args:
            request: The search; its order is what counts.
        """
        return cursor_after(row, request)

    async def delete_thread(self, thread_id: str) -> None:
        """
        Delete a thread and its runs, if there is one.
        """
        name = given_id(thread_id, "thread_id")
        await self._write(lambda connection, now_ns: expiry.remove(connection, name))

    async def create_run(
        self,
        run_id: str,
        thread_id: str,
        assistant_id: str,
        metadata: Mapping[str, Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        multitask_strategy: str | None = None,
    ) -> RunRow:
        """
        Make a run of a thread, with status "pending".

        Raises:
            ThreadNotFoundError: There is no such thread.
            RunExistsError: A run has its id, in this thread or another.
        """
        strategy = multitask_strategy
        new = NewRun(
            run_id=given_id(run_id, "run_id"),
            thread_id=given_id(thread_id, "thread_id"),
            assistant_id=given_id(assistant_id, "assistant_id"),
            metadata=given_map(metadata or {}, "metadata"),
            kwargs=given_map(kwargs or {}, "kwargs"),
            multitask_strategy=None
            if strategy is None
            else given_text(strategy, "multitask_strategy"),
        )
        return await self._write(partial(run_writes.create_run, new=new))

    async def update_run_status(
        self, run_id: str, status_value: RunStatus, *, error: str | None = None
    ) -> bool:
        """
        Move a run that is pending or running to another status.

        Args:
            error: None keeps the one that is stored.

        Returns:
            Whether it was moved: any other status is final, and of two that end a run
            only one is told so. False as well if there is no such run.
        """
        return await self._write(
            partial(
                run_writes.update_run_status,
                run_id=given_id(run_id, "run_id"),
                status=run_status(status_value),
                error=None if error is None else given_text(error, "error"),
            )
        )

    async def fetch_run_row(self, thread_id: str, run_id: str) -> RunRow | None:
        """
        Give a run of a thread; None if the thread has no such run.
        """
        thread, run = given_id(thread_id, "thread_id"), given_id(run_id, "run_id")
        return await self._read(partial(reads.fetch_run, thread_id=thread, run_id=run))

    async def list_run_rows(
        self,
        thread_id: str,
        *,
        limit: int = 10,
        offset: int = 0,
        status_value: RunStatus | None = None,
    ) -> list[RunRow]:
        """
        List the runs of a thread, the newest first; from 1 to 1000 at a time.
        """
        return await self._read(
            partial(
                reads.list_runs,
                thread_id=given_id(thread_id, "thread_id"),
                status=None if status_value is None else run_status(status_value),
                limit=whole(limit, "limit", 1, MOST_ROWS),
                offset=whole(offset, "offset", 0, _LARGEST),
            )
        )

    async def delete_run(self, thread_id: str, run_id: str) -> None:
        """
        Delete a run of a thread, if there is one.
        """
        thread, run = given_id(thread_id, "thread_id"), given_id(run_id, "run_id")
        await self._write(partial(run_writes.delete_run, thread_id=thread, run_id=run))

    async def touch_runs(self, run_ids: Iterable[str]) -> None:
        """
        Say that runs are alive; only those that are pending or running are changed.
        """
        if names := given_ids(run_ids, "run_ids"):
            await self._write(partial(run_writes.touch_runs, run_ids=names))

    async def fail_stale_runs(
        self,
        *,
        stale_after_seconds: float,
        exclude_run_ids: Iterable[str] = (),
        error: str,
    ) -> list[RunRow]:
        """
        End runs as "error" that are pending or running and were not touched for long.

        Returns:
            Those that this call ended, the stalest first; no two calls give the same run.
        """
        stale = stale_after_seconds
        if not isinstance(stale, int | float) or isinstance(stale, bool) or not 0 <= stale < 1e9:
            raise QueryError(f"stale_after_seconds={stale!r} is no time: give seconds, from 0 on")
        spared = frozenset(given_ids(exclude_run_ids, "exclude_run_ids"))
        text = given_text(error, "error")

        def work(connection: Connection, now_ns: int) -> list[RunRow]:
            until_ns = now_ns - round(stale * 10**9)
            return run_writes.fail_stale_runs(connection, until_ns, spared, text, now_ns)

        return await self._write(work)
