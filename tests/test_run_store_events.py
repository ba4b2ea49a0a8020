"""
The run log as the store tells it: what each fact says, and cursors that miss nothing.
"""

from pathlib import Path
from typing import Any

import pytest
from otel_bridge_storage.errors import QueryError
from otel_bridge_storage.records import EventRecord, SpanEvent
from otel_bridge_storage.run_store import RunStore
from run_store_data import (
    TRACE,
    call,
    fact,
    run,
    span,
    tool,
    when,
    write,
    writing,
)

LONG = "a long text " * 40


async def _events(path: Path, run_id: str = "r", **asked: Any) -> list[Any]:
    async with RunStore.from_url(path) as store:
        return list(await store.get_events(run_id, **asked))


async def test_a_span_tells_the_facts_of_its_start_and_end(tmp_path: Path) -> None:
    """
    Entries without data of their own have the fields of their fact's class.
    """
    path = write(
        tmp_path / "runs.db",
        run(
            "01", "r", 0, 9, agent_name="planner", agent_id="a-1", session_id="s", user_id="u",
            tenant_id="t", tags=("red",), metadata={"k": 1}, input="why?", output=LONG,
            termination_reason="completed", strategy="react", parent_run_id="above",
        ),
        call(
            "02", 1, 2, parent="01", call_id="c-1", model="m", response_model="m-1",
            provider="p", response_id="resp", input_tokens=10, output_tokens=5,
            cache_read_tokens=1, reasoning_tokens=2, first_ns=500_000_000,
            finish_reasons=["stop"], iteration=1,
        ),
        tool(
            "03", 3, 4, parent="01", tool_name="search", tool_call_id="t-1", target="server",
            arguments='{"q": [1]}', result=LONG, iteration=1,
        ),
    )  # fmt: skip
    found = await _events(path)
    told = {event.event_type: event for event in found}
    assert [event.event_type for event in found] == [
        "run.started",
        "llm_call.started",
        "llm_call.completed",
        "tool.started",
        "tool.committed",
        "run.finished",
    ]
    assert told["run.started"].data == {
        "agent_name": "planner",
        "agent_id": "a-1",
        "session_id": "s",
        "user_id": "u",
        "tenant_id": "t",
        "parent_run_id": "above",
        "strategy": "react",
        "tags": ["red"],
        "metadata": {"k": 1},
        "input": "why?",
    }
    assert told["run.finished"].data == {"termination_reason": "completed", "output": LONG}
    assert told["llm_call.started"].data == {
        "call_id": "c-1",
        "operation": "chat",
        "model": "m",
        "provider": "p",
    }
    assert told["llm_call.completed"].data == {
        "call_id": "c-1",
        "model": "m-1",
        "response_id": "resp",
        "finish_reasons": ["stop"],
        "input_tokens": 10,
        "output_tokens": 5,
        "cache_read_tokens": 1,
        "reasoning_tokens": 2,
        "cost_usd": 15e-6,
        "time_to_first_chunk_s": 0.5,
        "duration_ms": 1000.0,
    }
    assert told["tool.started"].data == {
        "tool_call_id": "t-1",
        "tool_name": "search",
        "arguments": {"q": [1]},
        "target": "server",
    }
    assert told["tool.committed"].data == {
        "tool_call_id": "t-1",
        "tool_name": "search",
        "result": LONG,
        "is_error": False,
        "duration_ms": 1000.0,
    }
    assert [event.iteration_index for event in found] == [None, 1, 1, 1, 1, None]
    assert [event.correlation_id for event in found] == [
        None,
        "02".ljust(16, "0"),
        "02".ljust(16, "0"),
        "t-1",
        "t-1",
        None,
    ]
    assert (found[1].created_at, found[1].run_id) == (when(1), "r")
    assert (found[1].trace_id, found[1].span_id) == (TRACE, "02".ljust(16, "0"))


async def test_failures_are_facts_with_their_error(tmp_path: Path) -> None:
    """
    A failed call, a failed tool and a failed run say what went wrong.
    """
    path = write(
        tmp_path / "runs.db",
        run("01", "r", 0, 9, failed=True, error_type="E", error_message="broke"),
        call("02", 1, 2, parent="01", failed=True, error_type="Timeout", error_message="late"),
        tool("03", 3, 4, parent="01", failed=True, tool_name="t", error_message="no"),
        run("04", "stopped", 10, 11, status="cancelled", termination_reason="user"),
    )
    told = {event.event_type: event.data for event in await _events(path)}
    assert told["llm_call.failed"] == {
        "error_type": "Timeout",
        "error_message": "late",
        "unpriced_reason": told["llm_call.failed"]["unpriced_reason"],
        "duration_ms": 1000.0,
    }
    assert told["tool.committed"]["is_error"] is True
    assert told["tool.committed"]["error_message"] == "no"
    assert told["run.failed"] == {"error_type": "E", "error_message": "broke"}
    assert [event.data for event in await _events(path, "stopped")][-1] == {"reason": "user"}


async def test_a_run_in_several_stretches_answers_once(tmp_path: Path) -> None:
    """
    The end of an earlier stretch of a resumed run does not tell the run's answer.
    """
    path = write(
        tmp_path / "runs.db",
        run("01", "r", 0, 1, input="ask"),
        run("02", "r", 5, 6, output="answer", trace="b"),
    )
    found = [(event.event_type, event.data) for event in await _events(path)]
    assert found == [
        ("run.started", {"input": "ask"}),
        ("run.finished", {}),
        ("run.started", {}),
        ("run.finished", {"output": "answer"}),
    ]


async def test_event_facts_keep_their_data(tmp_path: Path) -> None:
    """
    Known, unknown and custom facts come back with what was stored, long texts in place.
    """
    path = write(
        tmp_path / "runs.db",
        run("01", "r", 0, None, facts=(
            fact("step.assistant", 1, step_id="s-1", call_id="c-1", content=LONG),
            fact("step.user", 2, content="hi", key="k-2"),
            fact("run.paused", 3, pause_id="p-1", pending_tool_calls=[{"id": "x", "a": LONG}]),
            fact("approval.decided", 4, tool_call_id="t-1", decision="approved"),
            fact("acme.thing", 5, anything={"$text": 1, "n": None}, number=1.5),
            fact("run.teleported", 6),
        )),
    )  # fmt: skip
    found = (await _events(path))[1:]
    assert [event.data for event in found] == [
        {"step_id": "s-1", "call_id": "c-1", "content": LONG},
        {"content": "hi"},
        {"pause_id": "p-1", "pending_tool_calls": [{"id": "x", "a": LONG}]},
        {"tool_call_id": "t-1", "decision": "approved"},
        {"anything": {"$text": 1, "n": None}, "number": 1.5},
        {},
    ]
    assert [event.correlation_id for event in found] == ["s-1", "k-2", "p-1", "t-1", None, None]


async def test_events_are_chosen_by_kind_and_place(tmp_path: Path) -> None:
    """
    Kinds, a place after, a place before and a limit narrow the log together.
    """
    facts = tuple(fact(f"acme.{'ab'[n % 2]}", n) for n in range(1, 9))
    path = write(tmp_path / "runs.db", run("01", "r", 0, None, facts=facts))
    async with RunStore.from_url(path) as store:
        everything = [event.sequence_index for event in await store.get_events("r")]
        assert everything == sorted(everything)
        middle = everything[4]

        async def places(**asked: Any) -> list[int]:
            return [event.sequence_index for event in await store.get_events("r", **asked)]

        assert await places(after_sequence_index=middle) == everything[5:]
        assert await places(before=middle) == everything[:4]
        assert await places(after_sequence_index=everything[1], limit=2) == everything[2:4]
        with pytest.raises(QueryError, match="limit=0"):
            await places(limit=0)
        assert await places(limit=10**30, after_sequence_index=-(10**30)) == everything
        assert await places(event_types=[]) == []
        assert await places(event_types="run.started") == everything[:1]
        assert await places(event_types=(kind for kind in ("acme.a",))) == everything[2::2]
        assert await places(event_types=["acme.a", "\ud800"], before=middle) == [everything[2]]


async def test_copies_of_a_call_are_one_in_the_log(tmp_path: Path) -> None:
    """
    Of a call that two instrumentations saw, the log has one start and one end.
    """
    shared = {"model": "m", "provider": "p", "response_id": "resp-1"}
    path = write(
        tmp_path / "runs.db",
        run("01", "r", 0, 9),
        call("02", 1, 5, parent="01", precedence=2, facts=(fact("acme.seen", 2),), **shared),
        call("03", 2, 4, parent="02", precedence=0, **shared),
    )
    kinds = [event.event_type for event in await _events(path)]
    assert sorted(kinds) == [
        "acme.seen",
        "llm_call.completed",
        "llm_call.started",
        "run.finished",
        "run.started",
    ]


async def test_an_entry_that_joins_a_run_late_comes_after_the_cursor(tmp_path: Path) -> None:
    """
    A child delivered before its parent moves to the parent's run, where a follower
    of that run meets it, whatever it has read before.
    """
    path = tmp_path / "runs.db"
    seen: list[str] = []
    with writing(path) as ingestor:
        async with RunStore.from_url(path) as store:
            last = 0

            async def follow() -> None:
                nonlocal last
                for event in await store.get_events("r", after_sequence_index=last):
                    assert event.sequence_index > last
                    last = event.sequence_index
                    seen.append(f"{event.event_type} {event.span_id[:2]}")

            ingestor.apply([call("03", 2, 3, parent="02")])
            ingestor.apply([run("01", "r", 0, None)])
            await follow()
            ingestor.apply([call("04", 4, 5, parent="01")])
            await follow()
            assert [e.run_id for e in await store.get_events(TRACE)] == [TRACE, TRACE]
            ingestor.apply([span("02", 1, 6, parent="01")])
            await follow()
            assert await store.get_events(TRACE) == []
            ingestor.apply([run("01", "r", 0, 9)])
            await follow()
            everything = await store.get_events("r")
    assert seen == [
        "run.started 01",
        "llm_call.started 04",
        "llm_call.completed 04",
        "llm_call.started 03",
        "llm_call.completed 03",
        "run.finished 01",
    ]
    assert [f"{e.event_type} {e.span_id[:2]}" for e in everything] == seen


async def test_early_events_are_not_told_twice(tmp_path: Path) -> None:
    """
    A fact that came ahead of its span's end keeps its place when the span ends.
    """
    paused = fact("run.paused", 1, key="p")
    opened = run("01", "r", 0, None)
    path = tmp_path / "runs.db"
    with writing(path) as ingestor:
        ingestor.apply([opened])
        early = EventRecord(paused.name, paused.time_ns, paused.attributes)
        ingestor.apply([SpanEvent(trace_id=TRACE, span_id=opened.span_id, event=early)])
        ingestor.apply([run("01", "r", 0, 5, facts=(paused,))])
    kinds = [event.event_type for event in await _events(path)]
    assert kinds == ["run.started", "run.paused", "run.finished"]


async def test_the_whole_log_is_in_the_order_of_commit(tmp_path: Path) -> None:
    """
    The log of all runs has each entry once, also where it moved to another run.
    """
    path = tmp_path / "runs.db"
    with writing(path) as ingestor:
        ingestor.apply([call("03", 2, 3, parent="01")])
        ingestor.apply([run("09", "other", 50, None, trace="b")])
        ingestor.apply([run("01", "r", 0, 9)])
    async with RunStore.from_url(path) as store:
        found = await store.get_log()
        assert [(e.sequence_index, e.event_type, e.run_id) for e in found] == [
            (1, "llm_call.started", "r"),
            (2, "llm_call.completed", "r"),
            (3, "run.started", "other"),
            (6, "run.started", "r"),
            (7, "run.finished", "r"),
        ]
        assert await store.get_log(after_sequence=3, limit=1) == [found[3]]
        assert await store.get_log(after_sequence=7) == []
        assert len(await store.get_log(limit=None)) == 5


@pytest.mark.parametrize(
    ("facts", "pairs"),
    [
        pytest.param(
            [("run.paused", 1, None), ("run.resumed", 2, None), ("run.paused", 3, None)],
            [(1, 2), (3, None)],
            id="by place",
        ),
        pytest.param(
            [("run.paused", 1, "a"), ("run.paused", 2, "b"), ("run.resumed", 3, "a")],
            [(1, 3), (2, None)],
            id="by id",
        ),
        pytest.param(
            [("run.resumed", 1, "a"), ("run.paused", 2, "a")],
            [(2, 1)],
            id="by id, with clocks that differ",
        ),
        pytest.param(
            [("run.paused", 1, "a"), ("run.resumed", 2, "b"), ("run.resumed", 3, None)],
            [(1, 3)],
            id="another id does not end it",
        ),
        pytest.param(
            [("run.paused", 1, None), ("run.resumed", 2, "a")],
            [(1, 2)],
            id="a pause without id",
        ),
        pytest.param(
            [("run.paused", 1, None), ("run.paused", 2, None), ("run.resumed", 3, None)],
            [(1, None), (2, 3)],
            id="the nearest",
        ),
        pytest.param([("run.resumed", 1, None)], [], id="no pause"),
        pytest.param(
            [("run.paused", 1, "a"), ("run.resumed", 2, "a"), ("run.paused", 3, "a"),
             ("run.resumed", 4, "a")],
            [(1, 2), (3, 4)],
            id="an id used again",
        ),
    ],
)  # fmt: skip
async def test_pauses_find_their_resumes(
    tmp_path: Path, facts: list[tuple[str, int, str | None]], pairs: list[tuple[int, int | None]]
) -> None:
    """
    A resume ends the pause it names, or else the nearest open one before it.
    """
    told = tuple(
        fact(kind, seconds, **({"pause_id": name} if name else {}))
        for kind, seconds, name in facts
    )
    path = write(tmp_path / "runs.db", run("01", "r", 0, None, facts=told))
    async with RunStore.from_url(path) as store:
        found = await store.get_pauses("r")
        places = {event.sequence_index: event.created_at for event in await store.get_events("r")}
    assert [(pair.pause_at, pair.resume_at) for pair in found] == [
        (when(pause), None if resume is None else when(resume)) for pause, resume in pairs
    ]
    for pair in found:
        assert places[pair.pause_sequence_index] == pair.pause_at
        if pair.resume_sequence_index is not None:
            assert places[pair.resume_sequence_index] == pair.resume_at


async def test_a_pause_says_what_it_waited_for(tmp_path: Path) -> None:
    """
    A pair has the reason, the pending calls, and what the resume brought.
    """
    path = write(
        tmp_path / "runs.db",
        run("01", "r", 0, 9, status="cancelled", facts=(
            fact("run.paused", 1, reason="waiting_approval", pending_tool_calls=[{"id": "t"}]),
            fact("run.resumed", 2, submitted_results=[{"call_id": "t"}], user_input="yes"),
            fact("run.paused", 3, reason="waiting_approval", pending_tool_calls="odd"),
        )),
    )  # fmt: skip
    async with RunStore.from_url(path) as store:
        first, second = await store.get_pauses("r")
        detail = await store.get_run("r")
    assert (first.reason, first.pending_tool_calls) == ("waiting_approval", [{"id": "t"}])
    assert (first.submitted_results, first.user_input) == ([{"call_id": "t"}], "yes")
    assert (second.resume_sequence_index, second.submitted_results) == (None, [])
    assert second.pending_tool_calls == ["odd"]
    assert detail is not None
    assert detail.status == "cancelled"


async def test_pii_mappings_are_joined_in_order(tmp_path: Path) -> None:
    """
    The latest word on a placeholder holds, whichever arrived first; a mapping that is
    none is passed over.
    """
    path = tmp_path / "runs.db"
    later = (
        fact("pii.mapped", 2, mapping={"<B>": "2", "<C>": LONG}),
        fact("pii.mapped", 3, mapping="unreadable"),
        fact("pii.mapped", 4),
    )
    earlier = (fact("pii.mapped", 1, mapping={"<A>": "1", "<B>": "1"}),)
    with writing(path) as ingestor:
        ingestor.apply([run("02", "r", 2, 9, facts=later)])
        ingestor.apply([run("01", "r", 0, 1, facts=earlier)])
    async with RunStore.from_url(path) as store:
        assert await store.get_pii_mapping("r") == {"<A>": "1", "<B>": "2", "<C>": LONG}
