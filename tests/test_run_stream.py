"""
The stream of a run, rebuilt from its log: live, afterwards, and from any index on.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import captures
import pytest
import stored
import trees
from backends import Backend, ask
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider
from otel_bridge_storage import facts
from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.records import SpanRecord
from otel_bridge_storage.rows import TraceEntry
from otel_bridge_storage.run_store import RunStore
from otel_bridge_storage.stream_rows import NOT_STREAMED, STREAM_TYPES, StreamItem
from run_store_data import call, run, write
from test_facts_stored import RUN, Told, story

from otel_bridge.bridge import Bridge, install

Steps = dict[str, tuple[str, str]]


def _bridge(target: str | Path) -> Bridge:
    return install(target, tracer_provider=TracerProvider(shutdown_on_exit=False), threads=False)


def _emit(target: str | Path, told: Sequence[facts.Fact]) -> None:
    with _bridge(target) as bridge:
        for each in told:
            bridge.emit(each)
        assert bridge.force_flush()


def _stream(target: str | Path, run_id: str = RUN, **asked: Any) -> list[StreamItem]:
    found: list[StreamItem] = ask(str(target), lambda runs: runs.get_stream(run_id, **asked))
    return found


def _steps_of(items: Sequence[StreamItem]) -> Steps:
    """
    Keep the steps that a reader of the stream has at its end.
    """
    steps: Steps = {}
    for item in items:
        for step in item.steps:
            for replaced in step.replaces:
                steps.pop(replaced, None)
            steps[step.step_id] = (step.role, step.content)
    return steps


def _stored(entries: Sequence[TraceEntry]) -> Steps:
    return {entry.meta["step_id"]: (entry.role, entry.content) for entry in entries}


async def _disagreements(runs: RunStore) -> list[Any]:
    """
    Compare the steps that each run's stream tells with those that the run has.
    """
    found = []
    for each in await runs.list_runs(limit=None):
        told = _steps_of(await runs.get_stream(each.run_id))
        stored_steps = _stored(await runs.get_traces(each.run_id))
        if told != stored_steps:
            found.append((each.run_id, told, stored_steps))
    return found


def test_the_stream_tells_each_fact_under_its_name(tmp_path: Path) -> None:
    """
    Each fact but the mapping of personal data is one item, in the order of the log, with
    the fact's own data.
    """
    _emit(tmp_path / "runs.db", story())
    items = _stream(tmp_path / "runs.db")
    events = ask(str(tmp_path / "runs.db"), lambda runs: runs.get_events(RUN))
    shown = [event for event in events if event.event_type not in NOT_STREAMED]
    assert len(shown) == len(events) - 1
    assert [(i.sequence_index, i.event_type, i.data) for i in items] == [
        (e.sequence_index, e.event_type, e.data) for e in shown
    ]
    assert {item.type for item in items} >= {
        "run_started", "step_completed", "llm_call_started", "llm_call_completed",
        "llm_call_failed", "tool_started", "tool_completed", "run_paused", "run_resumed",
        "approval_requested", "approval_decided", "compaction_applied", "compaction_failed",
        "step_back_applied", "step_condensed", "steps_hidden", "hook_failed", "custom",
        "run_rolled_back", "termination_decided", "run_completed",
    }  # fmt: skip


def test_every_known_fact_has_a_name_in_the_stream() -> None:
    """
    No fact that this version knows is streamed as one that it does not know.
    """
    assert STREAM_TYPES.keys() | NOT_STREAMED >= facts.FACTS_BY_KIND.keys()


def test_a_committed_step_replaces_what_its_call_told(tmp_path: Path) -> None:
    """
    Whoever follows the stream has each step once: what a runtime commits takes the place
    of what the run's input or a call had told.
    """
    with _bridge(tmp_path / "runs.db") as bridge:
        # In one batch, what is replaced at once would not have been told.
        for fact in story()[:5]:
            bridge.emit(fact)
            assert bridge.force_flush()
    told = [(item.type, step) for item in _stream(tmp_path / "runs.db") for step in item.steps]
    assert [(kind, step.role, step.content) for kind, step in told] == [
        ("run_started", "user", "plan"),
        ("step_completed", "user", "plan"),
        ("llm_call_completed", "assistant", "search for it"),
        ("step_completed", "assistant", "search for it"),
    ]
    assert told[1][1].replaces == [told[0][1].step_id]
    assert told[3][1].replaces == [told[2][1].step_id]


def test_a_stream_can_be_taken_up_after_any_item(backend: Backend) -> None:
    """
    What is read up to an index and what is read after it are together the whole.
    """
    _emit(backend.target, story())
    whole = _stream(backend.target)
    for at, item in enumerate(whole, 1):
        index = item.sequence_index
        assert _stream(backend.target, as_of=index) == whole[:at]
        assert _stream(backend.target, after_sequence_index=index) == whole[at:]


async def test_the_stream_is_the_same_live_and_afterwards(backend: Backend) -> None:
    """
    A reader who was there from the beginning, one who came back after some items and one
    who reads when all is over have the same items.
    """
    bridge = _bridge(backend.target)
    async with RunStore.from_url(backend.target) as runs:
        live: list[StreamItem] = []
        taken_up: list[StreamItem] = []

        async def read(into: list[StreamItem], after: int | None) -> None:
            stream = runs.stream_run(RUN, after_sequence_index=after)
            async with aclosing(stream) as items:
                into.extend([item async for item in items])

        reader = asyncio.create_task(read(live, None))
        for number, each in enumerate(story()):
            bridge.emit(each)
            assert await asyncio.to_thread(bridge.force_flush)
            if number == 5:
                before = await runs.get_stream(RUN)
                last = before[-1].sequence_index
                resumed = asyncio.create_task(read(taken_up, last))
        await asyncio.wait_for(asyncio.gather(reader, resumed), timeout=60)
        await asyncio.to_thread(bridge.close)
        afterwards = await runs.get_stream(RUN)
    assert live == afterwards
    assert [*before, *taken_up] == afterwards


@pytest.mark.parametrize("name", captures.names())
def test_the_stream_tells_the_steps_that_the_run_has(name: str, tmp_path: Path) -> None:
    """
    Of every run of the recordings of real instrumentations, the stream's steps are those
    of the run, in whatever order the spans came.
    """
    arrivals = captures.arrivals(name)
    random.Random(name).shuffle(arrivals)
    path = tmp_path / "runs.db"
    stored.store(path, [[each] for each in arrivals])
    assert ask(str(path), _disagreements) == []


@pytest.mark.parametrize("seed", range(6))
def test_facts_in_any_order_stream_the_same_steps(seed: int, tmp_path: Path) -> None:
    """
    Whatever order a runtime tells its facts in, the stream leads to the run's steps.
    """
    told = story()
    random.Random(seed).shuffle(told)
    _emit(tmp_path / "runs.db", told)
    assert ask(str(tmp_path / "runs.db"), _disagreements) == []


@settings(max_examples=30, deadline=None)
@given(trees.forests(), st.randoms(use_true_random=False))
def test_any_spans_stream_the_steps_of_their_runs(spans: Sequence[SpanRecord], order: Any) -> None:
    """
    Whatever ended spans come one by one, the same holds.
    """
    arriving = [span for span in spans if span.end_ns is not None]
    order.shuffle(arriving)
    with open_database("memory://streams") as database:
        ingestor = Ingestor(database, reader=stored.READER, pricer=stored.PRICER)
        for span in arriving:
            ingestor.apply([span])
        assert ask("memory://streams", _disagreements) == []


def test_the_answer_of_a_run_is_a_step_where_no_call_told_one(tmp_path: Path) -> None:
    """
    What a run answered comes with its end, and gives way to what a call tells later.
    """
    path = write(tmp_path / "runs.db", run("01", "r", 0, 9, input="why?", output="so"))
    asked, answered = _stream(path, "r")
    assert [(s.role, s.content) for s in (*asked.steps, *answered.steps)] == [
        ("user", "why?"),
        ("assistant", "so"),
    ]
    write(path, call("02", 1, 2, parent="01", answered="because"))
    late = _stream(path, "r")[-1]
    assert [s.content for s in late.steps] == ["because"]
    assert late.steps[0].replaces == [answered.steps[0].step_id]
    assert ask(str(path), _disagreements) == []


def test_unknown_kinds_are_streamed_as_custom(tmp_path: Path) -> None:
    """
    A kind that nobody knows keeps its name and its data.
    """
    told = Told()
    _emit(tmp_path / "runs.db", [told(facts.RunStarted),
          told(facts.CustomFact, name="run.teleported", data={"where": "mars"})])  # fmt: skip
    item = _stream(tmp_path / "runs.db")[1]
    assert (item.type, item.event_type, item.data) == (
        "custom",
        "run.teleported",
        {"where": "mars"},
    )


def test_personal_data_is_not_streamed(tmp_path: Path) -> None:
    """
    What a placeholder stands for is in no item.
    """
    _emit(tmp_path / "runs.db", story())
    assert "ada@example.com" not in repr(_stream(tmp_path / "runs.db"))


def test_a_stream_of_no_run_is_empty_and_wrong_indexes_are_refused(tmp_path: Path) -> None:
    """
    A run that is not there has no items; what is no index is an error, also when live.
    """
    path = write(tmp_path / "runs.db", run("01", "r", 0, 9))
    assert _stream(path, "nobody") == []
    with pytest.raises(QueryError, match="after_sequence_index='1'"):
        _stream(path, "r", after_sequence_index="1")
    with pytest.raises(QueryError, match=r"as_of=1\.5"):
        _stream(path, "r", as_of=1.5)
    for wrong in (("r", "1"), (7, None)):
        with pytest.raises(QueryError):
            RunStore.from_url(path).stream_run(wrong[0], after_sequence_index=wrong[1])  # type: ignore[arg-type]
