"""
Any sequence of calls does what a model of plain dicts does.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from backends import FILE, MEMORY, Backend
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from otel_bridge_storage.errors import (
    OtelBridgeError,
    RunExistsError,
    ThreadExistsError,
    ThreadNotFoundError,
)
from otel_bridge_storage.threads import MetadataStore, ThreadTtl
from thread_backends import Clock

IN_FLIGHT = ("pending", "running")
THREADS, RUNS = ("a", "b", "é"), ("1", "2", "3", "4")
METADATA: list[dict[str, Any]] = [{}, {"k": 1}, {"k": True, "l": [1]}, {"l": None}]
TTLS = (None, ThreadTtl(4), ThreadTtl(3, "keep_latest"))


class Model:
    """
    What a store should hold; times are minutes since the start.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.threads: dict[str, dict[str, Any]] = {}
        self.runs: dict[str, dict[str, Any]] = {}

    def expire(self) -> None:
        """
        Carry out all times to live.
        """
        for name, thread in list(self.threads.items()):
            while thread["ttl"] and self.now >= thread["expires"]:
                if thread["ttl"].strategy == "delete":
                    self.delete_thread(name)
                    break
                for older in self.of(name)[1:]:
                    del self.runs[older]
                thread["expires"] += thread["ttl"].ttl

    def of(self, thread: str) -> list[str]:
        """
        List a thread's runs, the newest first.
        """
        return [r for r, run in reversed(self.runs.items()) if run["thread"] == thread]

    def create_thread(self, thread: str, metadata: Any, ttl: ThreadTtl | None, mode: str) -> Any:
        """
        Make a thread.
        """
        if thread in self.threads and mode == "raise":
            return ThreadExistsError
        if thread not in self.threads:
            self.threads[thread] = {
                "metadata": metadata,
                "status": "idle",
                "ttl": ttl,
                "expires": self.now + (ttl.ttl or 0) if ttl else None,
                "updated": self.now,
            }
        return thread

    def update_thread(self, thread: str, metadata: Any, status: str | None, merge: bool) -> Any:
        """
        Change a thread.
        """
        if metadata is None and status is None:
            return None
        if thread not in self.threads:
            return ThreadNotFoundError
        one = self.threads[thread]
        one["updated"] = self.now
        one["status"] = status or one["status"]
        if metadata is not None:
            one["metadata"] = {**one["metadata"], **metadata} if merge else metadata
        if one["ttl"]:
            one["expires"] = self.now + one["ttl"].ttl
        return None

    def delete_thread(self, thread: str) -> None:
        """
        Delete a thread.
        """
        self.threads.pop(thread, None)
        self.runs = {r: run for r, run in self.runs.items() if run["thread"] != thread}

    def create_run(self, run: str, thread: str) -> Any:
        """
        Make a run.
        """
        if thread not in self.threads:
            return ThreadNotFoundError
        if run in self.runs:
            return RunExistsError
        self.runs[run] = {"thread": thread, "status": "pending", "error": None, "seen": self.now}
        return run

    def update_run(self, run: str, status: str, error: str | None) -> bool:
        """
        Move a run.
        """
        one = self.runs.get(run)
        if one is None or one["status"] not in IN_FLIGHT:
            return False
        one.update(status=status, error=error or one["error"], seen=self.now)
        return True

    def delete_run(self, thread: str, run: str) -> None:
        """
        Delete a run.
        """
        if run in self.runs and self.runs[run]["thread"] == thread:
            del self.runs[run]

    def touch(self, runs: list[str]) -> None:
        """
        Touch runs.
        """
        for run in runs:
            if run in self.runs and self.runs[run]["status"] in IN_FLIGHT:
                self.runs[run]["seen"] = self.now

    def fail_stale(self, minutes: float) -> set[str]:
        """
        End stale runs.
        """
        stale = {
            r
            for r, run in self.runs.items()
            if run["status"] in IN_FLIGHT and run["seen"] <= self.now - minutes
        }
        for run in stale:
            self.runs[run].update(status="error", error="gone", seen=self.now)
        return stale

    def search(self, metadata: Any, status: str | None) -> list[str]:
        """
        List threads by their last update, the latest first.
        """
        order = sorted(self.threads, key=lambda t: (self.threads[t]["updated"], t), reverse=True)
        return [
            name
            for name in order
            if status in (None, self.threads[name]["status"])
            and all(
                key in self.threads[name]["metadata"]
                and repr(self.threads[name]["metadata"][key]) == repr(value)
                for key, value in metadata.items()
            )
        ]


thread_ids, run_ids = st.sampled_from(THREADS), st.sampled_from(RUNS)
modes = st.sampled_from(["raise", "do_nothing"])
metadata, ttls = st.sampled_from(METADATA), st.sampled_from(TTLS)
statuses = st.sampled_from(["idle", "busy", None])
run_statuses = st.sampled_from(["pending", "running", "success", "error"])
calls = st.one_of(
    st.tuples(st.just("create_thread"), thread_ids, metadata, ttls, modes),
    st.tuples(st.just("update_thread"), thread_ids, st.none() | metadata, statuses, st.booleans()),
    st.tuples(st.just("delete_thread"), thread_ids),
    st.tuples(st.just("create_run"), run_ids, thread_ids),
    st.tuples(st.just("create_run"), run_ids, thread_ids),
    st.tuples(st.just("update_run"), run_ids, run_statuses, st.sampled_from([None, "bad"])),
    st.tuples(st.just("delete_run"), thread_ids, run_ids),
    st.tuples(st.just("touch"), st.lists(run_ids, max_size=3)),
    st.tuples(st.just("fail_stale"), st.sampled_from([0, 1, 2])),
    st.tuples(st.just("search"), metadata, statuses),
    st.tuples(st.just("wait"), st.sampled_from([1, 2, 5])),
    st.tuples(st.just("sweep")),
)  # fmt: skip


async def perform(store: MetadataStore, name: str, *args: Any) -> Any:
    """
    Do with the store what the model does under the same name.
    """
    does: dict[str, Callable[..., Any]] = {
        "create_thread": lambda t, m, ttl, mode: store.create_thread(
            t, metadata=m, ttl=ttl, if_exists=mode
        ),
        "update_thread": lambda t, m, s, merge: store.update_thread(
            t, metadata=m, status_value=s, merge=merge
        ),
        "delete_thread": store.delete_thread,
        "create_run": lambda r, t: store.create_run(r, t, "agent"),
        "update_run": lambda r, s, e: store.update_run_status(r, s, error=e),
        "delete_run": store.delete_run,
        "touch": store.touch_runs,
        "fail_stale": lambda m: store.fail_stale_runs(stale_after_seconds=m * 60, error="gone"),
        "search": lambda m, s: store.search_thread_rows({"metadata": m, "status": s}),
    }
    try:
        result = await does[name](*args)
    except OtelBridgeError as error:
        return type(error)
    if name == "fail_stale":
        return {row["run_id"] for row in result}
    if name == "search":
        return [row["thread_id"] for row in result]
    if isinstance(result, dict):
        return result["run_id"] if name == "create_run" else result["thread_id"]
    return result


async def seen(store: MetadataStore) -> dict[str, Any]:
    """
    Read all that the store tells.
    """
    told = {}
    for row in await store.search_thread_rows({"limit": 1000}):
        runs = await store.list_run_rows(row["thread_id"], limit=1000, offset=0)
        listed = [(r["run_id"], r["status"], r["error"]) for r in runs]
        told[row["thread_id"]] = (row["metadata"], row["status"], listed)
    return told


def expected(model: Model) -> dict[str, Any]:
    """
    Say what that should be.
    """
    return {
        name: (
            thread["metadata"],
            thread["status"],
            [(r, model.runs[r]["status"], model.runs[r]["error"]) for r in model.of(name)],
        )
        for name, thread in model.threads.items()
    }


async def compare(target: str, steps: list[tuple[Any, ...]]) -> None:
    """
    Perform calls on a store and on the model, and compare after each.
    """
    clock, model = Clock(), Model()
    async with MetadataStore(target, clock=clock) as store:
        for name, *args in steps:
            if name == "wait":
                clock.pass_by(args[0])
                model.now += args[0]
            model.expire()
            if name == "sweep":
                await store.sweep()
            elif name != "wait":
                assert await perform(store, name, *args) == getattr(model, name)(*args)
            assert await seen(store) == expected(model)


@pytest.mark.parametrize("kind", [FILE, MEMORY])
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(calls, min_size=5, max_size=25))
def test_store_does_what_the_model_does(
    tmp_path: Any, kind: str, steps: list[tuple[Any, ...]]
) -> None:
    """
    After each call, on SQLite, everything that can be read is as the model has it.
    """
    backend = Backend(kind, tmp_path)
    try:
        asyncio.run(compare(backend.target, steps))
    finally:
        backend.close()


@pytest.mark.slow
@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(calls, min_size=10, max_size=25))
def test_postgres_does_what_the_model_does(
    tmp_path: Any, postgres_url: str, steps: list[tuple[Any, ...]]
) -> None:
    """
    The same holds on PostgreSQL.
    """
    backend = Backend("postgresql", tmp_path, postgres_url)
    try:
        asyncio.run(compare(backend.target, steps))
    finally:
        backend.close()
