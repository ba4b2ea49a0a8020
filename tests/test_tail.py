"""
Following runs while they are written: nothing missed, nothing twice, and an end.
"""

import asyncio
import random
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, aclosing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from backends import SHARED_BY_PROCESSES, Backend
from hypothesis import given, settings
from hypothesis import strategies as st
from otel_bridge_storage import commit_watch, commits, following
from otel_bridge_storage.addresses import address_of
from otel_bridge_storage.commit_watch import CommitWatch
from otel_bridge_storage.errors import (
    DatabaseError,
    DatabaseNotFoundError,
    QueryError,
    SchemaVersionError,
)
from otel_bridge_storage.followed import LogSource, RunSource, State
from otel_bridge_storage.following import follow
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.rows import StoredEvent
from otel_bridge_storage.run_store import RunStore
from recording_data import environment, rows
from run_store_data import FlatPricer, PlainReader, call, fact, run, tool
from sqlalchemy import Connection
from stored import PRICER, READER
from tail_child import RUN, spans_of_run
from tail_child import write as write_spans
from trees import agent
from trees import span as tree_span
from trees import tool as tool_of

CHILD = Path(__file__).parent / "tail_child.py"
DEADLINE_S = 30.0
NEVER_S = 3600.0

# A later stretch of the run, in a trace of its own, and a tool call in it.
AGAIN = tree_span(9, 1, **agent("planner", **{"otel_bridge.run.id": RUN}))
LAST = tree_span(9, 2, 1, **tool_of("last"))

T = TypeVar("T")
Stream = AsyncGenerator[StoredEvent, None]


async def soon(awaited: Awaitable[T]) -> T:
    """
    Wait for something that comes before a generous deadline.
    """
    async with asyncio.timeout(DEADLINE_S):
        return await awaited


async def all_of(stream: Stream) -> list[StoredEvent]:
    """
    Read a stream to its end.
    """
    async with aclosing(stream):
        return await soon(_listed(stream))


async def first(stream: Stream, count: int) -> list[StoredEvent]:
    """
    Read so many entries, and leave the stream open.
    """
    return [await soon(anext(stream)) for _ in range(count)]


async def _listed(stream: Stream) -> list[StoredEvent]:
    return [event async for event in stream]


async def until(condition: Callable[[], bool]) -> None:
    """
    Wait for something to come true.
    """
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - conditions of all sorts
            await asyncio.sleep(0.005)


def kinds(events: Sequence[StoredEvent]) -> list[str]:
    """
    Name what happened.
    """
    return [event.event_type for event in events]


def indices(events: Sequence[StoredEvent]) -> list[int]:
    """
    Give the places of entries.
    """
    return [event.sequence_index for event in events]


@contextmanager
def writing(target: str | Path) -> Iterator[Ingestor]:
    """
    Open a database for writing.
    """
    with open_database(target) as database:
        yield Ingestor(database, reader=PlainReader(), pricer=FlatPricer())


@contextmanager
def child(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """
    Start a program that writes, and wait until it is ready.
    """
    with subprocess.Popen(
        [sys.executable, str(CHILD), *map(str, arguments)],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def go(process: subprocess.Popen[str]) -> None:
    """
    Let a program write.
    """
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def listeners(target: str | Path) -> int:
    """
    Say how many wait for commits to a database.
    """
    return len(commits._listeners.get(address_of(target).key, ()))


async def test_what_is_there_comes_first_and_then_what_follows(backend: Backend) -> None:
    """
    A stream gives what `get_events` gives, across its end, and ends with the run.
    """
    with writing(backend.target) as ingestor:
        ingestor.apply([run("01", "r", 0, None), call("02", 1, 2, parent="01", model="m")])
        async with RunStore.from_url(backend.target) as store:
            stream = store.stream_events("r")
            seen = await first(stream, 3)
            ingestor.apply([tool("03", 3, 4, parent="01", tool_name="t")])
            seen += await first(stream, 2)
            ingestor.apply([run("01", "r", 0, 5)])
            seen += await all_of(stream)
            assert seen == await store.get_events("r")
    assert kinds(seen)[-1] == "run.finished"


@pytest.mark.parametrize("status", ["success", "error", "cancelled"])
async def test_an_ended_run_is_given_whole_and_ends_at_once(tmp_path: Path, status: str) -> None:
    """
    Of a run that has ended there is nothing to wait for, however it ended.
    """
    path = tmp_path / "runs.db"
    with writing(path) as ingestor:
        ingestor.apply([run("01", "r", 0, 5, status=status, failed=status == "error")])
    async with RunStore.from_url(path) as store:
        detail = await store.get_run("r")
        assert detail is not None
        assert detail.status == status
        stream = follow(
            store._engine, RunSource("r", kinds=None, stay=False), after=None, poll_s=NEVER_S
        )
        assert await all_of(stream) == await store.get_events("r")


async def test_a_paused_run_is_followed_on(tmp_path: Path) -> None:
    """
    A run that waits has not ended.
    """
    path = tmp_path / "runs.db"
    paused = (fact("run.paused", 1, reason="approval"),)
    with writing(path) as ingestor:
        ingestor.apply([run("01", "r", 0, None, facts=paused)])
        async with RunStore.from_url(path) as store:
            detail = await store.get_run("r")
            assert detail is not None
            assert detail.status == "paused"
            stream = store.stream_events("r")
            seen = await first(stream, 2)
            going_on = asyncio.create_task(all_of(stream))
            await asyncio.to_thread(
                ingestor.apply,
                [run("01", "r", 0, 5, facts=(*paused, fact("run.resumed", 2)))],
            )
            seen += await going_on
    assert kinds(seen) == ["run.started", "run.paused", "run.resumed", "run.finished"]


async def test_who_stays_gets_what_arrives_late(tmp_path: Path) -> None:
    """
    With `stay` the end of the run is not the end of the stream.
    """
    path = tmp_path / "runs.db"
    with writing(path) as ingestor:
        ingestor.apply([run("01", "r", 0, 5)])
        async with (
            RunStore.from_url(path) as store,
            aclosing(store.stream_events("r", stay=True)) as stream,
        ):
            assert kinds(await first(stream, 2)) == ["run.started", "run.finished"]
            ingestor.apply([tool("02", 1, 2, parent="01", tool_name="t")])
            assert kinds(await first(stream, 2)) == ["tool.started", "tool.committed"]


async def test_a_run_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    """
    Following may begin before the run does.
    """
    path = tmp_path / "runs.db"
    with writing(path) as ingestor:
        async with RunStore.from_url(path) as store:
            task = asyncio.create_task(all_of(store.stream_events("r")))
            await until(lambda: listeners(path) == 1)
            ingestor.apply([run("09", "another", 0, 5, trace="b")])
            ingestor.apply([run("01", "r", 0, 5)])
            assert kinds(await soon(task)) == ["run.started", "run.finished"]


async def test_a_run_that_comes_to_nothing_ends_the_stream(tmp_path: Path) -> None:
    """
    Who follows calls outside any run, which then turn out to belong to one, is let go.
    """
    path = tmp_path / "runs.db"
    with writing(path) as ingestor:
        ingestor.apply([call("02", 1, None, parent="01", model="m")])
        async with RunStore.from_url(path) as store:
            (only,) = await store.list_runs()
            stream = store.stream_events(only.run_id)
            assert kinds(await first(stream, 1)) == ["llm_call.started"]
            rest = asyncio.create_task(all_of(stream))
            await asyncio.to_thread(ingestor.apply, [run("01", "r", 0, None)])
            assert await rest == []
            assert await store.get_run(only.run_id) is None


async def test_only_wanted_kinds_are_given(tmp_path: Path) -> None:
    """
    `event_types` narrows as it does for `get_events`, given as a text or as anything that
    can be read once.
    """
    path = tmp_path / "runs.db"
    with writing(path) as ingestor:
        ingestor.apply([run("01", "r", 0, 5), tool("02", 1, 2, parent="01", tool_name="t")])
    async with RunStore.from_url(path) as store:
        one = await all_of(store.stream_events("r", event_types="tool.started"))
        two = await all_of(
            store.stream_events("r", event_types=iter(["run.started", "run.finished"]))
        )
        assert await all_of(store.stream_events("r", event_types=())) == []
        with pytest.raises(QueryError, match="event_types=1 is not a text"):
            store.stream_events("r", event_types=[1])  # type: ignore[list-item]
        with pytest.raises(QueryError, match="run_id=None is not a text"):
            store.stream_events(None)  # type: ignore[arg-type]
    assert kinds(one) == ["tool.started"]
    assert kinds(two) == ["run.started", "run.finished"]


async def test_the_log_of_all_runs_is_followed(backend: Backend) -> None:
    """
    The log gives the entries of all runs in the order of commit, after any place in it.
    """
    with writing(backend.target) as ingestor:
        async with RunStore.from_url(backend.target) as store:
            assert await store.last_sequence() == 0
            async with aclosing(store.stream_log()) as stream:
                ingestor.apply([run("01", "a", 0, 5), run("02", "b", 1, 4)])
                seen = await first(stream, 4)
                last = await store.last_sequence()
                ingestor.apply([run("03", "c", 6, None)])
                seen += await first(stream, 1)
            assert seen == await store.get_log()
            async with aclosing(store.stream_log(after_sequence=last)) as stream:
                assert await first(stream, 1) == seen[4:]


async def test_a_commit_of_this_process_wakes_at_once(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Nobody has to look for what was committed beside them.
    """
    monkeypatch.setattr(commit_watch, "GLANCE_S", NEVER_S)
    with writing(backend.target) as ingestor:
        ingestor.apply([run("01", "r", 0, None)])
        async with RunStore.from_url(backend.target) as store:
            for source in (RunSource("r", kinds=None, stay=True), LogSource()):
                last = await store.last_sequence()
                async with aclosing(
                    follow(store._engine, source, after=last, poll_s=NEVER_S)
                ) as stream:
                    coming = asyncio.create_task(first(stream, 1))
                    await until(lambda: listeners(backend.target) == 1)
                    await asyncio.to_thread(
                        ingestor.apply, [tool(f"1{last}", 1, None, parent="01", tool_name="t")]
                    )
                    assert kinds(await coming) == ["tool.started"]


def places(events: Sequence[StoredEvent]) -> list[tuple[int, str, str]]:
    """
    Say which entries they are, and where.
    """
    return [(event.sequence_index, event.span_id, event.event_type) for event in events]


async def in_pieces(store: RunStore, chance: random.Random) -> list[StoredEvent]:
    """
    Follow the run up to `LAST`, but stop again and again and resume from a cursor.
    """
    seen: list[StoredEvent] = []
    while True:
        after = seen[-1].sequence_index if seen else None
        stream = store.stream_events(RUN, after_sequence_index=after, stay=True)
        async with aclosing(stream):
            for _ in range(chance.randrange(1, 9)):
                seen += await first(stream, 1)
                if (seen[-1].span_id, seen[-1].event_type) == (LAST.span_id, "tool.committed"):
                    return seen


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_several_writers_and_a_cursor(backend: Backend, seed: int) -> None:
    """
    While processes write the parts of a run in any order, so that its entries join it
    late, a reader that stops and resumes misses none and meets none twice.
    """
    if backend.kind not in SHARED_BY_PROCESSES:
        return
    open_database(backend.target).close()
    with ExitStack() as stack:
        writers = [
            stack.enter_context(child(backend.target, seed, share, 3)) for share in range(3)
        ]
        async with RunStore.from_url(backend.target) as store:
            reading = asyncio.create_task(in_pieces(store, random.Random(seed)))
            for writer in writers:
                go(writer)
            for writer in writers:
                assert await asyncio.to_thread(writer.wait, DEADLINE_S) == 0
            await asyncio.to_thread(
                write_spans,
                backend.target,
                [[AGAIN, LAST]],
            )
            seen = await reading
            whole = await store.get_events(RUN)
            log = await store.get_log(limit=None)
    assert places(seen) == places(whole)
    assert len(seen) > 60
    logged = {(e.span_id, e.event_type): e.sequence_index for e in log}
    assert any(logged[e.span_id, e.event_type] != e.sequence_index for e in seen)


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_any_order_and_any_stops(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    """
    Whatever the order and the batches of a run's spans, and wherever its reader stops and
    resumes between them, it meets each entry once and in order.
    """
    spans = data.draw(st.permutations(spans_of_run(1)[:12]))
    path = tmp_path_factory.mktemp("stops") / "runs.db"

    async def followed() -> tuple[list[StoredEvent], list[StoredEvent]]:
        seen: list[StoredEvent] = []
        waiting = list(spans)
        async with RunStore.from_url(path) as store:
            while waiting:
                size = data.draw(st.integers(1, 4))
                ingestor.apply(waiting[:size])
                waiting = waiting[size:]
                after = seen[-1].sequence_index if seen else None
                count = len(await store.get_events(RUN, after_sequence_index=after))
                stream = store.stream_events(RUN, after_sequence_index=after, stay=True)
                async with aclosing(stream):
                    seen += await first(stream, data.draw(st.integers(0, count)))
            after = seen[-1].sequence_index if seen else None
            seen += await all_of(store.stream_events(RUN, after_sequence_index=after))
            return seen, await store.get_events(RUN)

    with open_database(path) as database:
        ingestor = Ingestor(database, reader=READER, pricer=PRICER)
        seen, whole = asyncio.run(followed())
    assert places(seen) == places(whole)


@pytest.mark.parametrize("glances", [True, False], ids=["by the file", "by asking"])
async def test_what_another_process_writes_is_found(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, *, glances: bool
) -> None:
    """
    Of commits elsewhere nobody tells this process, which finds them all the same, and
    the end of the run with them.
    """
    if not glances:
        monkeypatch.setattr(commit_watch, "GLANCE_S", NEVER_S)
    if backend.kind not in SHARED_BY_PROCESSES:
        return
    open_database(backend.target).close()
    with child(backend.target, 4, 0, 1) as writer:
        async with RunStore.from_url(backend.target) as store:
            coming = asyncio.create_task(all_of(store.stream_events(RUN, stay=False)))
            await until(lambda: listeners(backend.target) == 1)
            go(writer)
            seen = await coming
            assert await asyncio.to_thread(writer.wait, DEADLINE_S) == 0
            whole = await store.get_events(RUN)
    # The run's own span may arrive before the last of its calls.
    assert places(seen) == places(whole)[: len(seen)]
    assert "run.finished" in kinds(seen)


@pytest.mark.skipif(sys.platform == "win32", reason="there only silence tells, after 30 s")
async def test_an_interrupted_run_ends_the_stream(tmp_path: Path) -> None:
    """
    A run whose process was killed is not followed for ever.
    """
    path = tmp_path / "runs.db"
    with child(path, "open") as writer:
        async with RunStore.from_url(path) as store:
            stream = store.stream_events(RUN)
            assert kinds(await first(stream, 1)) == ["run.started"]
            rest = asyncio.create_task(all_of(stream))
            writer.kill()
            # The process is gone only when its parent has taken note.
            await asyncio.to_thread(writer.wait, DEADLINE_S)
            assert await rest == []
            detail = await store.get_run(RUN)
    assert detail is not None
    assert detail.status == "interrupted"


class Racing(RunSource):
    """
    A run to which something happens just after it was looked at.
    """

    def __init__(self, happens: Callable[[], object], *, after: str) -> None:
        super().__init__("r", kinds=None, stay=False)
        self._happens = [happens]
        self._after = after
        self.looks = 0

    def state(self, connection: Connection) -> State:
        """
        Say how it stood before that.
        """
        found = super().state(connection)
        self.looks += 1
        if found.over:
            self._race("state")
        return found

    def page(self, connection: Connection, after: int | None, limit: int) -> list[StoredEvent]:
        """
        List what there was before that.
        """
        found = super().page(connection, after, limit)
        self._race("page")
        return found

    def _race(self, now: str) -> None:
        if now == self._after and self._happens:
            self._happens.pop()()


async def test_what_is_committed_while_it_reads_is_not_slept_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A commit between the reading and the waiting ends the waiting.
    """
    monkeypatch.setattr(commit_watch, "GLANCE_S", NEVER_S)
    path = tmp_path / "runs.db"
    with writing(path) as ingestor:
        ingestor.apply([run("01", "r", 0, None)])
        source = Racing(lambda: ingestor.apply([run("01", "r", 0, 5)]), after="page")
        async with RunStore.from_url(path) as store:
            stream = follow(store._engine, source, after=None, poll_s=NEVER_S)
            assert kinds(await all_of(stream)) == ["run.started", "run.finished"]


@pytest.mark.parametrize("how", ["finished", "interrupted"])
async def test_what_is_committed_after_the_status_was_read_is_given(
    tmp_path: Path, how: str
) -> None:
    """
    The last reading is made after it is known to be the last.
    """
    path = tmp_path / "runs.db"
    late = tool("02", 1, 2, parent="01", tool_name="t")
    with writing(path) as ingestor:
        ingestor.apply([run("01", "r", 0, None)])
        source = Racing(lambda: ingestor.apply([late]), after="state")
        async with RunStore.from_url(path) as store:
            stream = follow(store._engine, source, after=None)
            await first(stream, 1)
            if how == "finished":
                ingestor.apply([run("01", "r", 0, 5)])
            else:
                ingestor.leave()
            seen = await all_of(stream)
    assert kinds(seen)[-2:] == ["tool.started", "tool.committed"]
    assert len(seen) == (3 if how == "finished" else 2)


async def test_who_waits_looks_only_when_something_happened(tmp_path: Path) -> None:
    """
    A reader sleeps between commits; some looks come in vain, since a file shows that it
    is being written to before it is committed.
    """
    path = tmp_path / "runs.db"
    with writing(path) as ingestor:
        ingestor.apply([run("01", "r", 0, None)])
        source = Racing(lambda: None, after="nothing")
        async with (
            RunStore.from_url(path) as store,
            aclosing(follow(store._engine, source, after=None, poll_s=NEVER_S)) as stream,
        ):
            await first(stream, 1)
            for number in range(10, 20):
                coming = asyncio.create_task(first(stream, 1))
                one = tool(f"{number}", 1, None, parent="01", tool_name="t")
                await asyncio.to_thread(ingestor.apply, [one])
                await coming
    assert source.looks <= 41


async def test_long_logs_come_in_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    However much waits, it is read in pages, and none of it is lost between them.
    """
    monkeypatch.setattr(following, "PAGE", 3)
    path = tmp_path / "runs.db"
    tools = [tool(f"{n:02}", n, n + 1, parent="01", tool_name="t") for n in range(10, 17)]
    with writing(path) as ingestor:
        ingestor.apply([run("01", "r", 0, None), *tools])
        async with RunStore.from_url(path) as store:
            async with aclosing(store.stream_events("r")) as stream:
                seen = await first(stream, 2)
                # Busy with these, it does not see what is written, and meets it later.
                ingestor.apply([run("01", "r", 0, 50)])
                seen += await all_of(stream)
            assert places(seen) == places(await store.get_events("r"))
    assert len(seen) == 16


async def test_a_reader_that_is_busy_holds_no_transaction(tmp_path: Path) -> None:
    """
    While the caller does something else, the write-ahead log can be emptied.
    """
    path = tmp_path / "runs.db"
    with writing(path) as ingestor:
        ingestor.apply([run("01", "r", 0, None), tool("02", 1, 2, parent="01", tool_name="t")])
        async with (
            RunStore.from_url(path) as store,
            aclosing(store.stream_events("r")) as stream,
        ):
            await first(stream, 1)
            ingestor.apply([run("03", "other", 0, None)])
            assert rows(path, "PRAGMA wal_checkpoint(TRUNCATE)") == [(0, 0, 0)]


@pytest.mark.parametrize("how", ["close", "cancel", "end", "error"])
async def test_nothing_listens_after_the_end(tmp_path: Path, how: str) -> None:
    """
    However following ends, nobody is told of commits any longer.
    """
    path = tmp_path / "runs.db"
    with writing(path) as ingestor:
        ingestor.apply([run("01", "r", 0, None)])
        async with RunStore.from_url(path) as store:
            stream = store.stream_events("r")
            await first(stream, 1)
            assert listeners(path) == 1
            if how == "close":
                await stream.aclose()
            elif how == "cancel":
                task = asyncio.create_task(soon(anext(stream)))
                await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
            elif how == "end":
                ingestor.apply([run("01", "r", 0, 5)])
                await all_of(stream)
            else:
                await store.close()
                with pytest.raises(DatabaseError, match="closed"):
                    await first(stream, 1)
    assert listeners(path) == 0
    assert address_of(path).key not in commits._listeners


def test_a_commit_after_the_loop_has_ended_does_no_harm() -> None:
    """
    A reader that was left behind with its event loop does not make writing fail.
    """
    watches = []

    async def left_behind() -> None:
        watches.append(CommitWatch(address_of("memory://left"), NEVER_S))

    asyncio.run(left_behind())
    commits.committed("memory://left")
    watches[0].close()
    assert "memory://left" not in commits._listeners


@pytest.mark.skipif(sys.platform == "win32", reason="a file in use cannot be replaced there")
@pytest.mark.parametrize("anew", [True, False], ids=["replaced", "deleted"])
async def test_a_database_that_is_replaced_is_noticed(tmp_path: Path, anew: bool) -> None:
    """
    A cursor into one database is not used on another: who follows is told.
    """
    path = tmp_path / "runs.db"
    with writing(path) as ingestor:
        ingestor.apply([run("01", "r", 0, None)])
    async with RunStore.from_url(path) as store:
        stream = store.stream_events("r", stay=True)
        await first(stream, 1)
        for part in ("", "-wal", "-shm"):
            Path(f"{path}{part}").unlink(missing_ok=True)  # noqa: ASYNC240 - a test may wait
        if anew:
            with writing(path) as ingestor:
                ingestor.apply([run("01", "r", 0, None)])
        with pytest.raises(DatabaseError, match="was deleted or replaced while it was followed"):
            await first(stream, 1)


async def test_a_database_that_is_upgraded_is_noticed(tmp_path: Path) -> None:
    """
    When a newer version changes the database, who follows is told what to do.
    """
    path = tmp_path / "runs.db"
    with writing(path) as ingestor:
        ingestor.apply([run("01", "r", 0, None)])
        async with RunStore.from_url(path) as store:
            stream = store.stream_events("r", stay=True)
            await first(stream, 1)
            with ingestor._database.transaction() as connection:
                connection.exec_driver_sql("UPDATE schema_info SET version = version + 1")
            with pytest.raises(SchemaVersionError, match=r"runs\.db has schema .*upgrade"):
                await first(stream, 1)


async def test_a_database_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """
    Only runs are waited for.
    """
    store = RunStore.from_url(tmp_path / "none.db")
    with pytest.raises(DatabaseNotFoundError):
        await first(store.stream_events("r"), 1)
