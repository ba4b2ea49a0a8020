"""
Stores of threads and runs for tests: on each kind of database, with a clock set by hand.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from backends import Backend
from otel_bridge_storage.moments import moment
from otel_bridge_storage.threads import MetadataStore

START_NS = 1_800_000_000 * 10**9
SECOND_NS = 10**9
MINUTE_NS = 60 * SECOND_NS


class Clock:
    """
    A clock that stands still until it is moved.
    """

    def __init__(self) -> None:
        self.now_ns = START_NS

    def __call__(self) -> int:
        """
        Give the time, in nanoseconds since the epoch.
        """
        return self.now_ns

    def pass_by(self, minutes: float) -> None:
        """
        Move it, back as well.
        """
        self.now_ns += round(minutes * MINUTE_NS)

    @property
    def now(self) -> datetime:
        """
        Give the time as stores show it.
        """
        return moment(self.now_ns)


@asynccontextmanager
async def opened(
    backend: Backend, clock: Clock | None = None, *, target: str | None = None
) -> AsyncIterator[MetadataStore]:
    """
    Open a store over a backend's database.
    """
    async with MetadataStore(target or backend.target, clock=clock or Clock()) as store:
        yield store


async def make_threads(store: MetadataStore, *thread_ids: str, **options: Any) -> None:
    """
    Make several threads alike.
    """
    for thread_id in thread_ids:
        await store.create_thread(thread_id, **options)


async def make_runs(store: MetadataStore, thread_id: str, *run_ids: str) -> None:
    """
    Make several runs of a thread.
    """
    for run_id in run_ids:
        await store.create_run(run_id, thread_id, "agent")


async def found(store: MetadataStore, **request: Any) -> list[str]:
    """
    Search, and give the ids of what is found.
    """
    return [row["thread_id"] for row in await store.search_thread_rows(request)]


async def thread_of(store: MetadataStore, thread_id: str) -> dict[str, Any]:
    """
    Fetch a thread that is there.
    """
    row = await store.fetch_thread_row(thread_id)
    assert row is not None
    return dict(row)


async def run_of(store: MetadataStore, thread_id: str, run_id: str) -> dict[str, Any]:
    """
    Fetch a run that is there.
    """
    row = await store.fetch_run_row(thread_id, run_id)
    assert row is not None
    return dict(row)
