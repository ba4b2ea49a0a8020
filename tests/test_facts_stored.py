"""
Facts from the runtime to the run log and back.
"""

import asyncio
import itertools
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from otel_bridge_storage import facts
from otel_bridge_storage.fact_codec import data_of, fact_from
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.rows import PausePair, RunDetail, StoredEvent, TraceEntry
from otel_bridge_storage.run_store import RunStore
from sqlalchemy import text
from trees import MS, NOON

from otel_bridge.bridge import Bridge, install

RUN = "run-1"


class Told:
    """
    Makes facts at times that follow one another.
    """

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def __call__(self, kind: type[facts.Fact], **fields: Any) -> facts.Fact:
        """
        Make a fact of the run.
        """
        number = next(self._numbers)
        fields = {"run_id": RUN, "fact_id": f"f{number:02}"} | fields
        return kind(time_ns=NOON + number * MS, **fields)


def story() -> list[facts.Fact]:
    """
    Tell a run in which every kind of fact happens.
    """
    told = Told()
    return [
        told(facts.RunStarted, agent_name="planner", input="plan", session_id="s", user_id="u",
             tenant_id="t", model="gpt-4o", strategy="react", tags=("x",), metadata={"k": [1]}),
        told(facts.UserStepCommitted, step_id="u1", content="plan"),
        told(facts.LLMCallStarted, call_id="c1", model="gpt-4o", provider="openai",
             input=[{"role": "user", "content": "plan"}], temperature=0.5, iteration=1),
        told(facts.LLMCallCompleted, call_id="c1", model="gpt-4o-2024-08-06", response_id="r1",
             output="search for it", finish_reasons=("tool_calls",), input_tokens=100,
             output_tokens=10, cache_read_tokens=50, reasoning_tokens=4, iteration=1),
        told(facts.AssistantStepCommitted, step_id="a1", content="search for it", call_id="c1"),
        told(facts.ToolStepStarted, tool_call_id="t1", tool_name="search", arguments={"q": "x"}),
        told(facts.ToolStepCommitted, tool_call_id="t1", result={"hits": 3}),
        told(facts.ToolStepStarted, tool_call_id="t2", tool_name="book", arguments="{}"),
        told(facts.ToolStepCommitted, tool_call_id="t2", is_error=True, error_type="ValueError",
             error_message="no rooms"),
        told(facts.ApprovalRequested, tool_call_id="t3", tool_name="pay", reason="money"),
        told(facts.RunPaused, pause_id="p1", reason="waiting_approval",
             pending_tool_calls=[{"id": "t3", "name": "pay"}]),
        told(facts.ApprovalDecided, tool_call_id="t3", decision="approved", decided_by="ada"),
        told(facts.RunResumed, pause_id="p1", user_input="yes",
             submitted_results=[{"call_id": "t3", "success": True}]),
        told(facts.LLMCallStarted, call_id="c2", model="gpt-4o", provider="openai", iteration=2),
        told(facts.LLMCallFailed, call_id="c2", error_type="TimeoutError", error_message="slow"),
        told(facts.CompactionApplied, first_step_id="u1", last_step_id="a1", before_tokens=90,
             after_tokens=9, message_count=2, summary="planned", model="gpt-4o-mini"),
        told(facts.CompactionFailed, error_type="E", error_message="m", attempt=1, terminal=True),
        told(facts.RetrospectApplied, step_ids=("a1",), feedback="f", replacement="short",
             trigger="t"),
        told(facts.StepCondensed, step_id="u1", content="condensed plan"),
        told(facts.StepsHidden, step_ids=("u1",), reason="review"),
        told(facts.HookFailed, phase="after_llm", handler="h", critical=False, error_type="E",
             error_message="m", traceback="trace"),
        told(facts.PiiMapped, mapping={"<<EMAIL_1>>": "ada@example.com"}),
        told(facts.CustomFact, name="acme.guardrail.blocked", data={"rule": 7, "why": ["a"]}),
        told(facts.RunRolledBack, step_ids=("a1",), reason="wrong"),
        told(facts.TerminationDecided, reason="max_steps", phase="loop", source="budget"),
        told(facts.RunFinished, output="done", termination_reason="max_steps"),
    ]  # fmt: skip


def record(path: Path, told: Sequence[facts.Fact]) -> None:
    """
    Emit facts into a database.
    """
    with _bridge(path) as bridge:
        for fact in told:
            bridge.emit(fact)
        assert bridge.force_flush()


def _bridge(path: Path) -> Bridge:
    return install(path, tracer_provider=TracerProvider(shutdown_on_exit=False), threads=False)


def ask(path: Path, method: str, *values: Any, **options: Any) -> Any:
    """
    Ask the store one question.
    """

    async def read() -> Any:
        async with RunStore.from_url(path) as store:
            return await getattr(store, method)(*values, **options)

    return asyncio.run(read())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """
    A database that holds the story.
    """
    record(tmp_path / "runs.db", story())
    return tmp_path / "runs.db"


def test_every_event_fact_comes_back_equal(path: Path) -> None:
    """
    What is not told by a span alone is read back as the very fact that was emitted.
    """
    events: list[StoredEvent] = ask(path, "get_events", RUN)
    by_id = {(e.event_type, e.time_ns): e for e in events}
    told = [f for f in story() if not isinstance(f, facts.SPAN_FACTS)]
    for fact in told:
        kind = fact.name if isinstance(fact, facts.CustomFact) else fact.kind
        event = by_id[kind, fact.time_ns or 0]
        again = fact_from(
            kind,
            run_id=RUN,
            time_ns=event.time_ns,
            fact_id=fact.fact_id,
            iteration=event.iteration_index,
            data=event.data,
        )
        assert data_of(again) == data_of(fact)
        assert type(again).__name__ == type(fact).__name__


def test_every_fact_is_logged_once_and_in_order(path: Path) -> None:
    """
    The log of the run has one entry for each fact, in the order they happened.
    """
    events: list[StoredEvent] = ask(path, "get_events", RUN)
    told = [f.name if isinstance(f, facts.CustomFact) else f.kind for f in story()]
    assert [event.event_type for event in sorted(events, key=lambda e: e.time_ns)] == told
    numbers = [event.sequence_index for event in events]
    assert numbers == sorted(set(numbers))


def test_span_facts_tell_what_was_emitted(path: Path) -> None:
    """
    Facts that are spans keep their fields: models, tokens, arguments, results, errors.
    """
    events: list[StoredEvent] = ask(path, "get_events", RUN)
    data = {(e.event_type, e.correlation_id): e.data for e in events}
    completed = next(d for (kind, _), d in data.items() if kind == "llm_call.completed")
    assert (
        completed.items()
        >= {
            "model": "gpt-4o-2024-08-06",
            "response_id": "r1",
            "input_tokens": 100,
            "output_tokens": 10,
            "cache_read_tokens": 50,
            "reasoning_tokens": 4,
        }.items()
    )
    committed = [e.data for e in events if e.event_type == "tool.committed"]
    assert committed[0]["result"] == {"hits": 3}
    assert (committed[1]["is_error"], committed[1]["error_type"]) == (True, "ValueError")


def test_the_run_says_what_the_facts_said(path: Path) -> None:
    """
    Status, identity, totals and answer of the run are those of its facts.
    """
    run: RunDetail = ask(path, "get_run", RUN)
    assert (run.agent_name, run.status, run.session_id, run.user_id, run.tenant_id) == (
        "planner", "success", "s", "u", "t",
    )  # fmt: skip
    assert (run.tags, run.metadata, run.strategy) == (["x"], {"k": [1]}, "react")
    assert (run.llm_calls, run.failed_llm_calls, run.tool_calls, run.failed_tool_calls) == (
        2, 1, 2, 1,
    )  # fmt: skip
    assert (run.total_input_tokens, run.total_cache_read_tokens) == (100, 50)
    assert (run.answer, run.termination_reason, run.iteration_count) == ("done", "max_steps", 2)
    assert run.input_data == {"input": "plan"}


def test_steps_are_told_once_and_keep_what_later_facts_say(path: Path) -> None:
    """
    A step that the runtime commits and a call implies is one step; it is hidden, condensed
    and rolled back by the facts that say so.
    """
    steps: list[TraceEntry] = ask(path, "get_traces", RUN)
    shown = [(s.role, s.content, s.meta.get("hidden"), s.meta.get("rolled_back")) for s in steps]
    assert shown[0][:2] == ("user", "plan")
    assert shown[0][2]
    assert shown[1][:2] == ("assistant", "search for it")
    assert shown[1][3]
    assert [s.role for s in steps] == ["user", "assistant", "tool", "tool"]
    assert steps[0].meta["condensed_content"] == "condensed plan"
    assert steps[1].meta["condensed_content"] == "short"


def test_pauses_and_pii_are_readable(path: Path) -> None:
    """
    A pause is paired with the resume that names it, and the mapping comes back.
    """
    pauses: list[PausePair] = ask(path, "get_pauses", RUN)
    (pause,) = pauses
    assert pause.reason == "waiting_approval"
    assert pause.user_input == "yes"
    assert pause.pending_tool_calls == [{"id": "t3", "name": "pay"}]
    assert pause.resume_at is not None
    assert ask(path, "get_pii_mapping", RUN) == {"<<EMAIL_1>>": "ada@example.com"}


@pytest.mark.parametrize("seed", range(8))
def test_facts_in_any_order_give_the_same_run(seed: int, tmp_path: Path) -> None:
    """
    Whatever order a runtime produces its facts in, calls, tokens, tools and status agree.
    """
    told = story()
    random.Random(seed).shuffle(told)
    record(tmp_path / "runs.db", told)
    run: RunDetail = ask(tmp_path / "runs.db", "get_run", RUN)
    assert (run.agent_name, run.status, run.session_id) == ("planner", "success", "s")
    assert (run.llm_calls, run.failed_llm_calls) == (2, 1)
    assert (run.tool_calls, run.failed_tool_calls) == (2, 1)
    assert (run.total_input_tokens, run.total_output_tokens) == (100, 10)
    assert (run.answer, run.termination_reason) == ("done", "max_steps")
    kinds = sorted(e.event_type for e in ask(tmp_path / "runs.db", "get_events", RUN))
    wanted = [f.name if isinstance(f, facts.CustomFact) else f.kind for f in told]
    assert sorted(set(kinds)) == sorted(set(wanted))


PLAIN = ("run.started", "llm_call.started", "llm_call.completed", "tool.started",
         "tool.committed", "run.finished")  # fmt: skip


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_a_run_told_in_any_order_has_one_start_and_one_end(
    order: Sequence[int], tmp_path: Path
) -> None:
    """
    Whichever of a run's start and end, its call and its tool come first, the run begins
    when its start says, ends when its end says, and the log has each of them once.
    """
    told = Told()
    start, call = told(facts.RunStarted, input="plan"), told(facts.LLMCallStarted, call_id="c")
    answer, tool = (
        told(facts.LLMCallCompleted, call_id="c"),
        told(facts.ToolStepStarted, tool_call_id="t", tool_name="x"),
    )
    done, end = told(facts.ToolStepCommitted, tool_call_id="t"), told(facts.RunFinished)
    parts = ([start], [end], [answer, call], [done, tool])
    record(tmp_path / "runs.db", [fact for index in order for fact in parts[index]])
    run: RunDetail = ask(tmp_path / "runs.db", "get_run", RUN)
    assert run.started_at.microsecond == 1000
    assert (run.status, run.duration_ms) == ("success", 5.0)
    events: list[StoredEvent] = ask(tmp_path / "runs.db", "get_events", RUN)
    found = sorted((e.time_ns - NOON) // MS for e in events)
    assert found == [1, 2, 3, 4, 5, 6]
    assert tuple(e.event_type for e in sorted(events, key=lambda e: e.time_ns)) == PLAIN


def test_a_run_whose_start_is_not_told_has_none_in_its_log(tmp_path: Path) -> None:
    """
    A run that other facts imply is there from the first of them, but has not started.
    """
    told = Told()
    record(tmp_path / "runs.db", [told(facts.StepsHidden), told(facts.RunFinished)])
    events: list[StoredEvent] = ask(tmp_path / "runs.db", "get_events", RUN)
    assert [event.event_type for event in events] == ["steps.hidden", "run.finished"]
    assert ask(tmp_path / "runs.db", "get_run", RUN).duration_ms == 1.0


def test_an_unknown_kind_from_a_newer_version_is_kept_and_shown(path: Path) -> None:
    """
    A kind that this version does not know is an event like others, and a custom fact.
    """
    with open_database(path) as database, database.transaction() as connection:
        connection.execute(
            text(
                "INSERT INTO run_log SELECT max(seq) + 1, max(seq) + 1, max(span), 'new', "
                "'run.teleported', 5, NULL, 'run-1', '{\"where\": \"mars\"}' FROM run_log"
            )
        )
    event = ask(path, "get_events", RUN)[-1]
    assert (event.event_type, event.data) == ("run.teleported", {"where": "mars"})
    fact = fact_from(
        event.event_type, run_id=RUN, time_ns=5, fact_id=None, iteration=None, data=event.data
    )
    assert isinstance(fact, facts.CustomFact)
    assert (fact.name, fact.data) == ("run.teleported", {"where": "mars"})


def test_a_run_is_there_before_it_ends(tmp_path: Path) -> None:
    """
    A started run, its running call and a pause are read while they last.
    """
    told = Told()
    with _bridge(tmp_path / "runs.db") as bridge:
        bridge.emit(told(facts.RunStarted, agent_name="planner"))
        bridge.emit(told(facts.LLMCallStarted, call_id="c1", model="gpt-4o"))
        bridge.force_flush()
        run = ask(tmp_path / "runs.db", "get_run", RUN)
        (call,) = ask(tmp_path / "runs.db", "get_llm_calls", RUN)
        assert (run.status, run.llm_calls, call.status) == ("running", 1, "running")
        bridge.emit(told(facts.RunPaused, pause_id="p", reason="waiting"))
        bridge.force_flush()
        assert ask(tmp_path / "runs.db", "get_run", RUN).status == "paused"
        bridge.emit(told(facts.RunResumed, pause_id="p"))
        bridge.force_flush()
        assert ask(tmp_path / "runs.db", "get_run", RUN).status == "running"
    assert ask(tmp_path / "runs.db", "get_run", RUN).status == "interrupted"
