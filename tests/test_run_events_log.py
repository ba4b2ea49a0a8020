"""
Run events in a database: they are entries of the run log, and messages are steps.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from otel_bridge_storage.erasure import erase
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.rebuild import rebuild
from otel_bridge_storage.run_store import RunStore
from run_event_backends import event, seqs
from stored import PRICER, READER, picture, rows, store
from trees import agent, span

from otel_bridge.event_stores import RunEventStore


async def put_conversation(path: Path, **parts: Any) -> None:
    """
    Put the events of one run from its start to its end.
    """
    said = [
        ("run.start", "trace", {"input": "?"}),
        ("llm.human.input", "message", {"type": "human", "content": "find me a hotel"}),
        (
            "llm.ai.response",
            "message",
            {
                "type": "ai",
                "content": "",
                "tool_calls": [{"id": "c1", "name": "search", "args": {"q": "hotel"}}],
            },
        ),
        ("llm.tool.result", "message", {"type": "tool", "content": "Hotel " * 100}),
        ("llm.ai.response", "message", "I found one."),
        ("context:memory", "context", {"size": 3}),
        ("run.end", "outputs", {"answer": "I found one."}),
    ]
    async with RunEventStore.from_url(path) as events:
        for number, (kind, category, content) in enumerate(said):
            at = f"2026-01-31T12:00:0{number}Z"
            own = event(event_type=kind, category=category, content=content, created_at=at)
            await events.put(**(own | parts))


async def test_a_message_put_is_a_step(tmp_path: Path) -> None:
    """
    Messages show as steps of the run in the session of the thread, with role and text.
    """
    path = tmp_path / "runs.db"
    await put_conversation(path, thread_id="t1", run_id="r1")
    async with RunStore.from_url(path) as runs:
        steps = await runs.get_traces("r1")
        run = await runs.get_run("r1")
        kinds = [one.event_type for one in await runs.get_events("r1")]
    assert [(step.role, step.content) for step in steps] == [
        ("user", "find me a hotel"),
        ("assistant", ""),
        ("tool", "Hotel " * 100),
        ("assistant", "I found one."),
    ]
    assert run is not None
    assert (run.session_id, run.status, run.duration_ms) == ("t1", "success", 6000.0)
    assert kinds == [
        "event.run.start",
        "step.user",
        "step.assistant",
        "step.tool",
        "step.assistant",
        "event.context:memory",
        "event.run.end",
    ]


async def test_a_run_is_open_from_its_start_to_its_end(tmp_path: Path) -> None:
    """
    A run that has started is running; with an error it has failed and says why; one whose
    store was closed before its end is interrupted.
    """
    path = tmp_path / "runs.db"
    async with RunEventStore.from_url(path) as events:
        for run_id in ("failing", "left"):
            await events.put(**event(run_id=run_id, event_type="run.start", category="trace"))
        assert await statuses(path) == {"failing": "running", "left": "running"}
        broke = event(run_id="failing", event_type="run.error", category="error", content="no")
        await events.put(**broke)
    assert await statuses(path) == {"failing": "error", "left": "interrupted"}
    async with RunStore.from_url(path) as runs:
        failed = await runs.get_run("failing")
    assert failed is not None
    assert failed.error == "no"


async def statuses(path: Path) -> dict[str, str]:
    """
    Say how each run stands.
    """
    async with RunStore.from_url(path) as runs:
        return {run.run_id: run.status for run in await runs.list_runs()}


async def test_events_survive_a_rebuild(tmp_path: Path) -> None:
    """
    A rebuild leaves the events and the steps they make as they are.
    """
    path = tmp_path / "runs.db"
    await put_conversation(path)
    before = picture(path)
    with open_database(path) as database:
        rebuild(database, reader=READER, pricer=PRICER)
    assert picture(path) == before
    async with RunEventStore.from_url(path) as events:
        assert seqs(await events.list_events("t", "r")) == [1, 2, 3, 4, 5, 6, 7]


async def test_events_go_with_their_run(tmp_path: Path) -> None:
    """
    Erasing a session erases the events of its thread, to the last byte, and leaves others.
    """
    path = tmp_path / "runs.db"
    await put_conversation(path, thread_id="t1", run_id="r1")
    await put_conversation(path, thread_id="t2", run_id="r2")
    store(path, [[span(1, 1, **agent("a", **{"gen_ai.conversation.id": "t1"}))]])
    with open_database(path) as database:
        done = erase(database, reader=READER, pricer=PRICER, session_id="t1")
    assert done.runs == 2
    async with RunEventStore.from_url(path) as events:
        assert await events.count_messages("t1") == 0
        assert await events.count_messages("t2") == 4
    with open_database(path) as database:
        erase(database, reader=READER, pricer=PRICER, session_id="t2")
    left = all_bytes(tmp_path)
    assert b"Hotel Hotel" not in left
    assert b"find me" not in left


def all_bytes(folder: Path) -> bytes:
    """
    Give all that lies on the disk.
    """
    return b"".join(file.read_bytes() for file in folder.iterdir())


async def test_deleting_events_leaves_what_else_is_known_of_the_run(tmp_path: Path) -> None:
    """
    A run that telemetry tells of too stays, without the steps that were put.
    """
    path = tmp_path / "runs.db"
    store(path, [[span(1, 1, **agent("a", **{"otel_bridge.run.id": "r"}))]])
    alone = picture(path)
    await put_conversation(path)
    assert len(rows(path, "SELECT 1 FROM steps")) == 4
    async with RunEventStore.from_url(path) as events:
        assert await events.delete_by_run("t", "r") == 7
    assert picture(path) == alone


async def test_a_long_thread_of_messages_grows_step_by_step(tmp_path: Path) -> None:
    """
    Steps of a run that only messages tell of are the same whether they came one by one or
    all at once.
    """
    messages = [
        event(content=f"number {n}", event_type=("human_message", "ai_message")[n % 2])
        for n in range(30)
    ]
    for name, size in (("one.db", 1), ("all.db", 30)):
        async with RunEventStore.from_url(tmp_path / name) as events:
            for start in range(0, 30, size):
                await events.put_batch(messages[start : start + size])
    assert picture(tmp_path / "one.db") == picture(tmp_path / "all.db")
    assert len(rows(tmp_path / "one.db", "SELECT 1 FROM steps")) == 30


async def test_a_run_is_as_young_as_its_latest_event(tmp_path: Path) -> None:
    """
    Events move the time at which a run was last heard of, and a rebuild finds the same.
    """
    path = tmp_path / "runs.db"
    async with RunEventStore.from_url(path) as events:
        await events.put(**event(created_at="2026-01-31T12:00:00Z"))
        await events.put(**event(created_at="2026-03-31T12:00:00Z", category="trace"))
        await events.put(**event(created_at="2026-02-28T12:00:00Z"))
    before = rows(path, "SELECT run_id, updated_ns FROM runs")
    assert before == [("r", 1_774_958_400_000_000_000)]
    with open_database(path) as database:
        rebuild(database, reader=READER, pricer=PRICER)
    assert rows(path, "SELECT run_id, updated_ns FROM runs") == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks there")
def test_a_forked_child_goes_on_with_the_store(tmp_path: Path) -> None:
    """
    A child puts and reads through the store it inherited, and closes it without ending
    what the parent has open.
    """
    path = tmp_path / "runs.db"

    async def in_child(events: RunEventStore) -> None:
        await events.put(**event(content="child"))
        assert len(await events.list_messages("t")) == 2
        await events.close()

    with asyncio.Runner() as runner:
        events = RunEventStore.from_url(path)
        runner.run(events.put(**event(event_type="run.start", run_id="open", category="trace")))
        runner.run(events.put(**event(content="parent")))
        runner.run(events.list_messages("t"))
        child = os.fork()
        if child == 0:
            code = 1
            try:
                asyncio.run(asyncio.wait_for(in_child(events), 20))
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert runner.run(statuses(path))["open"] == "running"
        runner.run(events.put(**event(content="parent again")))
        assert runner.run(events.count_messages("t")) == 3
        runner.run(events.close())
