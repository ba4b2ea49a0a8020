"""
Every store of run events behaves like a plain list, whatever is done to it in what order.
"""

import asyncio
import copy
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from run_event_backends import DURABLE, event, every_backend, opened

Answer = TypeVar("Answer")

threads = st.sampled_from(["t", "T", "a/b"])
runs = st.sampled_from(["r1", "r2", "R1"])
types = st.sampled_from(["run.start", "step", "run.end"])
cursors = st.none() | st.integers(-1, 25)
limits = st.none() | st.integers(1, 12)
tasks = st.sampled_from(["x", "y"])
events = st.builds(
    event,
    thread_id=threads,
    run_id=runs,
    event_type=types,
    category=st.sampled_from(["message", "trace"]),
    content=st.sampled_from(["", "a\u2028b", {"k": [1, None]}, 5]),
    metadata=st.just({}) | st.builds(lambda task: {"task_id": task}, tasks),
)


class Comparison(RuleBasedStateMachine):
    """
    Does the same to a store and to a list of records, and compares.
    """

    backend = ""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.loop = asyncio.Runner()
        self.store = self.open()
        self.records: list[dict[str, Any]] = []
        self.last: Counter[str] = Counter()

    def open(self) -> Any:
        """
        Open the store over the machine's folder.
        """
        return opened(self.backend, Path(self.folder.name))

    def wait(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """
        Do what the store does in the machine's event loop.
        """
        return self.loop.run(work)

    def expect(self, given: dict[str, Any]) -> dict[str, Any]:
        """
        Add an event to the list.
        """
        self.last[given["thread_id"]] += 1
        record = copy.deepcopy(given) | {
            "seq": self.last[given["thread_id"]],
            "created_at": "2026-01-31T12:00:00Z",
        }
        self.records.append(record)
        return record

    def known(self, thread: str, run: str | None = None) -> list[dict[str, Any]]:
        """
        List the records of a thread or of a run of it.
        """
        return [r for r in self.records if r["thread_id"] == thread and run in (None, r["run_id"])]

    @rule(given=events)
    def put(self, given: dict[str, Any]) -> None:
        """
        Put one event.
        """
        assert self.wait(self.store.put(**given)) == self.expect(given)

    @rule(batch=st.lists(events, max_size=6))
    def put_batch(self, batch: list[dict[str, Any]]) -> None:
        """
        Put several events of several threads.
        """
        assert self.wait(self.store.put_batch(batch)) == [self.expect(each) for each in batch]

    @rule(given=events)
    def put_if_absent(self, given: dict[str, Any]) -> None:
        """
        Put an event unless there is one.
        """
        own = self.known(given["thread_id"], given["run_id"])
        present = [r for r in own if r["event_type"] == given["event_type"]]
        answer = self.wait(self.store.put_if_absent(**given))
        assert answer == ((present[0], False) if present else (self.expect(given), True))

    @rule(thread=threads, run=runs)
    def delete_run(self, thread: str, run: str) -> None:
        """
        Delete a run.
        """
        gone = self.known(thread, run)
        assert self.wait(self.store.delete_by_run(thread, run)) == len(gone)
        self.records = [r for r in self.records if r not in gone]

    @rule(thread=threads)
    def delete_thread(self, thread: str) -> None:
        """
        Delete a thread.
        """
        gone = self.known(thread)
        assert self.wait(self.store.delete_by_thread(thread)) == len(gone)
        self.records = [r for r in self.records if r not in gone]

    @rule(thread=threads, run=st.none() | runs, limit=limits, before=cursors, after=cursors)
    def list_messages(
        self,
        thread: str,
        run: str | None,
        limit: int | None,
        before: int | None,
        after: int | None,
    ) -> None:
        """
        Read a page of messages.
        """
        found = [
            r
            for r in self.known(thread, run)
            if r["category"] == "message"
            and (before is None or r["seq"] < before)
            and (after is None or r["seq"] > after)
        ]
        if limit is not None:
            found = found[:limit] if after is not None else found[-limit:]
        window = {"limit": limit, "before_seq": before, "after_seq": after}
        if run is None:
            assert self.wait(self.store.list_messages(thread, **window)) == found
        else:
            assert self.wait(self.store.list_messages_by_run(thread, run, **window)) == found

    @rule(
        thread=threads,
        run=runs,
        kinds=st.none() | st.lists(types, max_size=2),
        limit=limits,
        after=cursors,
        task=st.none() | tasks,
    )
    def list_events(
        self,
        thread: str,
        run: str,
        kinds: list[str] | None,
        limit: int | None,
        after: int | None,
        task: str | None,
    ) -> None:
        """
        Read a page of events.
        """
        found = [
            r
            for r in self.known(thread, run)
            if (kinds is None or r["event_type"] in kinds)
            and (after is None or r["seq"] > after)
            and (task is None or r["metadata"].get("task_id") == task)
        ]
        answer = self.store.list_events(
            thread, run, event_types=kinds, limit=limit, after_seq=after, task_id=task
        )
        assert self.wait(answer) == found[:limit]

    @precondition(lambda self: self.backend in DURABLE)
    @rule()
    def reopen(self) -> None:
        """
        Close the store and open it anew.
        """
        self.wait(self.store.close())
        self.store = self.open()

    @invariant()
    def counts_agree(self) -> None:
        """
        The store counts the messages that the list holds.
        """
        for thread in ("t", "T", "a/b"):
            own = [r for r in self.known(thread) if r["category"] == "message"]
            assert self.wait(self.store.count_messages(thread)) == len(own)

    def teardown(self) -> None:
        """
        Put everything away.
        """
        self.wait(self.store.close())
        self.loop.close()
        self.folder.cleanup()


@every_backend
def test_a_store_behaves_like_a_list(backend: str) -> None:
    """
    Any sequence of operations gives what the same gives on a list of records.
    """
    machine = type(f"Comparison_{backend}", (Comparison,), {"backend": backend})
    few = settings(
        max_examples=40,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    run_state_machine_as_test(machine, settings=few)
