"""
A run as it stood after an entry of its log, beside what was read at that moment.
"""

import itertools
from collections.abc import Sequence
from dataclasses import replace
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
from otel_bridge_storage.log_rows import RunState
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.records import ScopeRecord, SpanRecord
from otel_bridge_storage.run_store import RunStore
from run_store_data import call, run, write
from test_facts_stored import RUN, Told, story

from otel_bridge.bridge import install

_SHARED = (
    "status",
    "iteration_count",
    "llm_calls",
    "failed_llm_calls",
    "tool_calls",
    "failed_tool_calls",
    "total_input_tokens",
    "total_output_tokens",
    "total_cache_read_tokens",
    "total_cache_creation_tokens",
    "total_reasoning_tokens",
    "total_cost_usd",
    "unpriced_calls",
)
_RISING = tuple(n for n in _SHARED if n not in ("status", "unpriced_calls", "iteration_count"))


async def _disagreements(runs: RunStore) -> list[Any]:
    """
    Compare each run's state, now and at its last entry, with what the projections say.
    """
    found: list[Any] = []
    for summary in await runs.list_runs(limit=None):
        run_id = summary.run_id
        detail, state = await runs.get_run(run_id), await runs.get_state(run_id)
        assert detail is not None
        assert state is not None
        found += [
            (run_id, name, getattr(detail, name), getattr(state, name))
            for name in _SHARED
            if getattr(detail, name) != getattr(state, name)
        ]
        found += [(run_id, "steps")] * (list(state.steps) != await runs.get_traces(run_id))
        found += [(run_id, "pauses")] * (list(state.pauses) != await runs.get_pauses(run_id))
        events = await runs.get_events(run_id)
        if events and detail.status != "interrupted":
            last = events[-1].sequence_index
            found += [(run_id, "last")] * (await runs.get_state(run_id, as_of=last) != state)
    return found


def _at(target: str | Path, index: Any, run_id: str = RUN) -> Any:
    return ask(str(target), lambda runs: runs.get_state(run_id, as_of=index))


async def _states(runs: RunStore) -> list[RunState]:
    """
    List the states of each run, one after another.
    """
    found = []
    for summary in await runs.list_runs(limit=None):
        for event in await runs.get_events(summary.run_id):
            state = await runs.get_state(summary.run_id, as_of=event.sequence_index)
            assert state is not None
            assert state.sequence_index == event.sequence_index
            found.append(state)
    return found


@pytest.mark.parametrize("name", captures.names())
def test_the_last_state_is_what_the_projections_say(name: str, tmp_path: Path) -> None:
    """
    Of every run of the recordings of real instrumentations, the state folded from the
    whole log has the status, totals, steps and pauses of the run's rows.
    """
    path = tmp_path / "runs.db"
    stored.store(path, [captures.arrivals(name)])
    assert ask(str(path), _disagreements) == []


@settings(max_examples=40, deadline=None)
@given(trees.forests(), st.randoms(use_true_random=False))
def test_any_spans_in_any_order_fold_to_their_projections(
    spans: Sequence[SpanRecord], random: Any
) -> None:
    """
    Whatever spans come one by one in whatever order, the same holds; and along the log no
    total falls.
    """
    order = list(spans)
    random.shuffle(order)
    with open_database("memory://states") as database:
        ingestor = Ingestor(database, reader=stored.READER, pricer=stored.PRICER)
        for span in order:
            ingestor.apply([span])
        assert ask("memory://states", _disagreements) == []
        states = ask("memory://states", _states)
    for before, after in itertools.pairwise(states):
        if before.run_id == after.run_id:
            assert all((getattr(before, n) or 0) <= (getattr(after, n) or 0) for n in _RISING)


def _emitted_one_by_one(
    target: str, told: Sequence[facts.Fact], run_id: str
) -> list[RunState | None]:
    """
    Emit facts, each on disk before the next, and read how the run stands after each.
    """
    seen = []
    with install(
        target, tracer_provider=TracerProvider(shutdown_on_exit=False), threads=False
    ) as bridge:
        for each in told:
            bridge.emit(each)
            assert bridge.force_flush()
            seen.append(ask(target, lambda runs: runs.get_state(run_id)))
    return seen


def test_a_state_read_afterwards_is_the_one_read_then(backend: Backend) -> None:
    """
    Each state that was read while the run went on, with its open calls, steps that were
    hidden, condensed or rolled back, pauses and totals, is read again by its index later.
    """
    live = _emitted_one_by_one(backend.target, story(), RUN)
    assert ask(backend.target, _disagreements) == []
    for state in live:
        assert state is not None
        assert _at(backend.target, state.sequence_index) == state


def test_the_story_of_a_run_can_be_read_at_any_entry(backend: Backend) -> None:
    """
    Status, open calls, pauses and what is said of steps change with the entries that say so.
    """
    _emitted_one_by_one(backend.target, story(), RUN)
    events = ask(backend.target, lambda runs: runs.get_events(RUN))
    states = {s.sequence_index: s for s in ask(backend.target, _states)}
    told = [(e.event_type, states[e.sequence_index]) for e in events]
    first = dict(reversed(told))
    assert [c.name for c in first["llm_call.started"].open_calls] == ["gpt-4o"]
    assert (first["llm_call.started"].llm_calls, first["llm_call.started"].unpriced_calls) == (
        1,
        1,
    )
    assert first["llm_call.started"].total_input_tokens is None
    assert first["llm_call.completed"].open_calls == []
    assert first["llm_call.completed"].total_input_tokens == 100
    assert [c.call_id for c in first["tool.started"].open_calls] == ["t1"]
    assert (first["run.paused"].status, first["run.resumed"].status) == ("paused", "running")
    assert first["run.paused"].pauses[0].resume_at is None
    assert first["run.resumed"].pauses[0].resume_at is not None
    assert _marks(first["compaction.failed"], "a1") == {}
    assert _marks(first["retrospect.applied"], "a1") == {"condensed_content": "short"}
    assert _marks(first["step.condensed"], "u1") == {"condensed_content": "condensed plan"}
    assert _marks(first["steps.hidden"], "u1")["hidden"] is True
    assert "rolled_back" not in _marks(first["steps.hidden"], "a1")
    assert _marks(first["run.rolled_back"], "a1")["rolled_back"] is True
    assert (first["termination.decided"].status, first["run.finished"].status) == (
        "running",
        "success",
    )


def _marks(state: RunState, step_id: str) -> dict[str, Any]:
    (step,) = [step for step in state.steps if step.meta["step_id"] == step_id]
    names = ("hidden", "rolled_back", "condensed_content")
    return {name: step.meta[name] for name in names if name in step.meta}


def test_a_step_that_the_runtime_commits_takes_the_place_of_its_call_from_then_on(
    tmp_path: Path,
) -> None:
    """
    Between the end of a call and the commit of what it said, the step is the call's.
    """
    live = _emitted_one_by_one(str(tmp_path / "runs.db"), story()[:5], RUN)
    ids = [[step.meta["step_id"] for step in state.steps] for state in live if state]
    assert ids[0][0].endswith(":input")
    assert ids[1] == ids[2] == ["u1"]
    assert ids[3][1].endswith(":0")
    assert ids[4] == ["u1", "a1"]


def test_a_run_that_went_on_elsewhere_stands_as_its_latest_stretch(tmp_path: Path) -> None:
    """
    A second span of a run opens it again, and its end ends it again.
    """
    path = write(tmp_path / "runs.db", run("01", "r", 0, 1))
    path = write(path, run("02", "r", 5, None))
    path = write(path, run("02", "r", 5, 9, failed=True))
    events = ask(str(path), lambda runs: runs.get_events("r"))
    states = [_at(path, event.sequence_index, "r").status for event in events]
    assert states == ["running", "success", "running", "error"]


def test_there_is_no_state_before_the_first_entry_or_of_no_run(tmp_path: Path) -> None:
    """
    A run that was not there yet has no state; a place after the last is the last.
    """
    path = str(write(tmp_path / "runs.db", run("01", "r", 0, 1), call("02", 0, 1, parent="01")))
    events = ask(path, lambda runs: runs.get_events("r"))
    assert _at(path, events[0].sequence_index - 1, "r") is None
    assert _at(path, None, "nobody") is None
    assert _at(path, 10**30, "r") == _at(path, None, "r")
    for wrong in ("4", 1.5, True):
        with pytest.raises(QueryError, match="sequence_index"):
            _at(path, wrong, "r")


def test_a_run_is_interrupted_only_as_it_stands_now(tmp_path: Path) -> None:
    """
    That nobody writes a run any more is not in its log.
    """
    told = Told()
    path = str(tmp_path / "runs.db")
    _emitted_one_by_one(path, [told(facts.RunStarted, agent_name="a")], RUN)
    now = _at(path, None)
    then = _at(path, now.sequence_index)
    assert (now.status, then.status) == ("interrupted", "running")
    assert replace(now, status="running") == then


def test_unknown_kinds_do_not_disturb_a_state(backend: Backend) -> None:
    """
    Facts of kinds that nobody knows are entries like others.
    """
    told = Told()
    made = [told(facts.RunStarted), told(facts.CustomFact, name="run.teleported"),
            told(facts.CustomFact, name="llm_call.completed", data={"call_id": 3}),
            told(facts.RunFinished)]  # fmt: skip
    live = _emitted_one_by_one(backend.target, made, RUN)
    assert [state.status for state in live if state] == ["running"] * 3 + ["success"]
    assert live[-1].llm_calls == 0 if live[-1] else False


def test_a_run_whose_end_is_not_told_lasts_as_long_as_a_call_of_it(tmp_path: Path) -> None:
    """
    A run of which only the start is told is running while a call of it is, and over then.
    """
    told = {"otel_bridge.run.id": RUN, "otel_bridge.run.restated": True}
    own = trees.span(1, 1, **trees.agent("a", **told), scope=ScopeRecord("otel_bridge"))
    begun = trees.span(1, 2, 1, **trees.chat("r1"), end_ns=None)
    path = tmp_path / "runs.db"
    stored.store(path, [[own], [begun]])
    assert _at(path, None).status == "running"
    ended = replace(begun, end_ns=trees.NOON + 50 * trees.MS)
    stored.store(path, [[ended]])
    numbers = [e.sequence_index for e in ask(str(path), lambda runs: runs.get_events(RUN))]
    assert [_at(path, number).status for number in numbers] == ["success", "running", "success"]
    assert ask(str(path), _disagreements) == []


def test_the_answer_of_a_run_is_not_known_before_its_end(tmp_path: Path) -> None:
    """
    Where no call tells what was said, the run's answer is a step from its last end on.
    """
    path = write(tmp_path / "runs.db", run("01", "r", 0, 5, input="why?", output="so"))
    write(path, run("02", "r", 6, 9, output="so it is"))
    events = ask(str(path), lambda runs: runs.get_events("r"))
    told = [[step.content for step in _at(path, e.sequence_index, "r").steps] for e in events]
    assert told == [["why?"], ["why?"], ["why?"], ["why?", "so it is"]]
    assert ask(str(path), _disagreements) == []
