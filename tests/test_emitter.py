"""
The emitter: facts in any order, from any thread, become the right spans.
"""

import itertools
import json
import logging
import os
import signal
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode, get_current_span
from otel_bridge_storage import facts
from spans import Spans, attributes, id_of, parent_of, ticking

from otel_bridge.emitter import Emitter
from otel_bridge.session import current_session


@pytest.fixture
def spans() -> Spans:
    """
    A tracer and its spans.
    """
    return Spans()


@pytest.fixture
def emitter(spans: Spans) -> Emitter:
    """
    An emitter whose clock ticks by one nanosecond.
    """
    return Emitter(spans.tracer, clock=ticking().__next__)


def emit(emitter: Emitter, *told: facts.Fact) -> None:
    """
    Emit facts one after another.
    """
    for fact in told:
        emitter.emit(fact)


STARTED = facts.RunStarted(run_id="r", agent_name="planner", input="plan", time_ns=10)
FINISHED = facts.RunFinished(run_id="r", output="done", time_ns=90)
CALL = facts.LLMCallStarted(run_id="r", call_id="c", model="m", provider="p", time_ns=20)
ANSWER = facts.LLMCallCompleted(run_id="r", call_id="c", input_tokens=3, time_ns=30)
TOOL = facts.ToolStepStarted(run_id="r", tool_call_id="t", tool_name="search", time_ns=40)
RESULT = facts.ToolStepCommitted(
    run_id="r", tool_call_id="t", tool_name="search", result={"hits": 2}, time_ns=50
)
PAUSED = facts.RunPaused(run_id="r", reason="approval", fact_id="f", time_ns=60)
HOW_TOLD = ("otel_bridge.run.implied", "otel_bridge.run.started_at_ns", "otel_bridge.run.restated")
STORY = (STARTED, CALL, ANSWER, TOOL, RESULT, PAUSED, FINISHED)


def test_facts_become_the_spans_of_the_conventions(spans: Spans, emitter: Emitter) -> None:
    """
    A run, a call and a tool have the names, kinds, times, attributes and parents that
    the GenAI conventions give them.
    """
    emit(emitter, *STORY)
    run, call = spans.only("invoke_agent planner"), spans.only("chat m")
    tool = spans.only("execute_tool search")
    assert (run.kind, call.kind, tool.kind) == (
        SpanKind.INTERNAL,
        SpanKind.CLIENT,
        SpanKind.INTERNAL,
    )
    assert [(span.start_time, span.end_time) for span in (run, call, tool)] == [
        (10, 90),
        (20, 30),
        (40, 50),
    ]
    assert parent_of(call) == parent_of(tool) == id_of(run)
    assert run.status.status_code is StatusCode.OK
    found = attributes(run)
    assert json.loads(found.pop("gen_ai.input.messages")) == [
        {"role": "user", "parts": [{"type": "text", "content": "plan"}]}
    ]
    assert json.loads(found.pop("gen_ai.output.messages")) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "done"}]}
    ]
    assert found == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "planner",
        "otel_bridge.run.id": "r",
    }
    assert attributes(call) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.provider.name": "p",
        "gen_ai.usage.input_tokens": 3,
        "otel_bridge.llm_call.id": "c",
    }
    assert attributes(tool) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "search",
        "gen_ai.tool.call.id": "t",
        "gen_ai.tool.call.result": '{"hits":2}',
    }


def test_an_event_is_told_at_once_and_with_its_span(spans: Spans) -> None:
    """
    An event fact reaches the listener as it will be on the span, id included.
    """
    told: list[Any] = []
    emitter = Emitter(
        spans.tracer,
        clock=lambda: 7,
        on_event=lambda _span, *rest: told.append(rest),
    )
    emit(emitter, STARTED, facts.RunPaused(run_id="r", reason="approval", iteration=2))
    emit(emitter, FINISHED)
    (event,) = spans.only("invoke_agent planner").events
    assert told == [(event.name, dict(event.attributes or {}), event.timestamp)]
    assert event.name == "otel_bridge.run.paused"
    found = dict(event.attributes or {})
    assert len(str(found.pop("otel_bridge.fact.id"))) == 32
    assert found == {"otel_bridge.pause.reason": "approval", "otel_bridge.iteration": 2}


def summary(spans: Spans) -> dict[str, Any]:
    """
    What the spans of STORY say, whichever segments it was told in.
    """
    merged: dict[str, dict[str, Any]] = {}
    for span in spans.ended:
        found = attributes(span)
        if found.get("gen_ai.operation.name") is None:
            continue
        key = str(found["gen_ai.operation.name"])
        told = {name: value for name, value in found.items() if name not in HOW_TOLD}
        merged.setdefault(key, {}).update(told)
    events = [event.name for span in spans.ended for event in span.events]
    return {"spans": merged, "events": events}


@pytest.mark.parametrize("order", list(itertools.permutations(range(len(STORY)), 3)))
def test_any_order_tells_the_same(order: Sequence[int]) -> None:
    """
    Whatever three facts are told first, and the rest behind them, the attributes of the
    run, the call and the tool are the same, everything ends and nothing is rejected.
    """
    expected, found = Spans(), Spans()
    emit(Emitter(expected.tracer), *STORY)
    emitter = Emitter(found.tracer)
    rest = [index for index in range(len(STORY)) if index not in order]
    emit(emitter, *(STORY[index] for index in (*order, *rest)))
    assert summary(found) == summary(expected)
    assert emitter.rejected == 0
    runs = [span for span in found.ended if "otel_bridge.run.id" in attributes(span)]
    inside = {id_of(run) for run in runs}
    others = [span for span in found.ended if span not in runs]
    assert all(parent_of(span) in inside for span in others)
    assert all((span.end_time or 0) >= (span.start_time or 0) for span in found.ended)


def test_facts_before_the_start_open_the_run(spans: Spans, emitter: Emitter) -> None:
    """
    The run's first fact opens its span, and the start completes it: there is one span.
    """
    emit(emitter, CALL, ANSWER, STARTED, FINISHED)
    run = spans.only("invoke_agent planner")
    assert parent_of(spans.only("chat m")) == id_of(run)
    assert len(spans.ended) == 2
    assert run.start_time == 20
    assert attributes(run)["otel_bridge.run.implied"] is True
    assert attributes(run)["otel_bridge.run.started_at_ns"] == 10


def test_end_without_start_is_a_span(spans: Spans, emitter: Emitter) -> None:
    """
    A completed call that never started is a span of its own.
    """
    answer = facts.LLMCallCompleted(run_id="r", call_id="c", model="m-2", time_ns=30)
    emit(emitter, STARTED, answer, FINISHED)
    call = spans.only("chat m-2")
    assert (call.start_time, call.end_time) == (30, 30)
    assert attributes(call)["otel_bridge.llm_call.id"] == "c"


def test_start_after_the_end_is_a_second_span_of_the_same_id(
    spans: Spans, emitter: Emitter
) -> None:
    """
    A late start makes one further span with the call's id, over the call's time.
    """
    emit(emitter, STARTED, ANSWER, CALL, CALL, FINISHED)
    segments = [span for span in spans.ended if "otel_bridge.llm_call.id" in attributes(span)]
    assert [attributes(span)["otel_bridge.llm_call.id"] for span in segments] == ["c", "c"]
    assert (segments[1].start_time, segments[1].end_time) == (20, 30)
    assert attributes(segments[1])["gen_ai.request.model"] == "m"


def test_an_end_before_its_start_takes_no_time(spans: Spans, emitter: Emitter) -> None:
    """
    Where clocks disagree, a span ends when it began, never earlier.
    """
    emit(emitter, STARTED, CALL, facts.LLMCallCompleted(run_id="r", call_id="c", time_ns=5))
    call = spans.only("chat m")
    assert (call.start_time, call.end_time) == (20, 20)


def test_late_start_of_a_run_keeps_its_status(spans: Spans, emitter: Emitter) -> None:
    """
    The second span of a cancelled run is cancelled too, and points to the first.
    """
    emit(emitter, facts.RunCancelled(run_id="r", time_ns=90), STARTED)
    first, second = spans.ended
    assert attributes(second)["otel_bridge.run.status"] == "cancelled"
    assert attributes(second)["otel_bridge.run.id"] == "r"
    assert second.links[0].context.span_id == id_of(first)
    assert attributes(first)["otel_bridge.run.implied"] is True
    assert attributes(second)["otel_bridge.run.restated"] is True


def test_what_is_told_twice_counts_once(spans: Spans, emitter: Emitter) -> None:
    """
    Starts and ends of one id that come again do nothing.
    """
    emit(emitter, STARTED, STARTED, CALL, CALL, ANSWER, ANSWER, TOOL, RESULT, RESULT)
    emit(emitter, CALL, TOOL, FINISHED, FINISHED, STARTED)
    assert len(spans.ended) == 3
    assert emitter.rejected == 0


def test_fact_of_an_ended_run_is_kept_under_it(spans: Spans, emitter: Emitter) -> None:
    """
    A fact that comes after the run's end is on a short span under the run's span, which
    does not look like a run.
    """
    emit(emitter, STARTED, FINISHED, facts.RunResumed(run_id="r", time_ns=95))
    late, run = spans.only("otel_bridge.late_fact"), spans.only("invoke_agent planner")
    assert parent_of(late) == id_of(run)
    assert attributes(late) == {}
    assert [event.name for event in late.events] == ["otel_bridge.run.resumed"]
    assert (late.start_time, late.end_time) == (95, 95)


def test_parent_run_is_found_open_or_ended(spans: Spans, emitter: Emitter) -> None:
    """
    A run whose parent is known is its child, also when the parent has ended.
    """
    emit(emitter, STARTED, facts.RunStarted(run_id="a", agent_name="a", parent_run_id="r"))
    emit(emitter, facts.RunFinished(run_id="a"), FINISHED)
    emit(emitter, facts.RunStarted(run_id="b", agent_name="b", parent_run_id="r"))
    emit(emitter, facts.RunFinished(run_id="b"))
    parent = id_of(spans.only("invoke_agent planner"))
    assert parent_of(spans.only("invoke_agent a")) == parent
    assert parent_of(spans.only("invoke_agent b")) == parent
    assert attributes(spans.only("invoke_agent a"))["otel_bridge.run.parent_id"] == "r"


def test_unknown_parent_run_is_only_named(spans: Spans, emitter: Emitter) -> None:
    """
    A run whose parent is not known here belongs below the current span, and names it.
    """
    with spans.tracer.start_as_current_span("request") as request:
        emit(emitter, facts.RunStarted(run_id="a", parent_run_id="elsewhere"))
        emit(emitter, facts.RunFinished(run_id="a"))
    run = spans.only("invoke_agent")
    assert parent_of(run) == request.get_span_context().span_id
    assert attributes(run)["otel_bridge.run.parent_id"] == "elsewhere"


def test_failures_mark_their_spans(spans: Spans, emitter: Emitter) -> None:
    """
    A failed call, tool and run have status ERROR, the type and the message.
    """
    failure: dict[str, Any] = {"error_type": "TimeoutError", "error_message": "too slow"}
    emit(emitter, STARTED, CALL, facts.LLMCallFailed(run_id="r", call_id="c", **failure))
    emit(emitter, TOOL)
    emit(
        emitter,
        facts.ToolStepCommitted(run_id="r", tool_call_id="t", is_error=True, **failure),
        facts.RunFailed(run_id="r", termination_reason="error", **failure),
    )
    assert len(spans.ended) == 3
    for span in spans.ended:
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description == "too slow"
        assert attributes(span)["error.type"] == "TimeoutError"


def test_cancelled_run_says_so(spans: Spans, emitter: Emitter) -> None:
    """
    A cancelled run is no error.
    """
    emit(emitter, STARTED, facts.RunCancelled(run_id="r", reason="user"))
    run = spans.only("invoke_agent planner")
    assert attributes(run)["otel_bridge.run.status"] == "cancelled"
    assert attributes(run)["otel_bridge.run.termination_reason"] == "user"
    assert run.status.status_code is StatusCode.UNSET


def test_without_content_nothing_people_wrote_is_recorded(spans: Spans) -> None:
    """
    With content off, no message, argument, result or error text is on any span.
    """
    emitter = Emitter(spans.tracer, capture_content=False)
    error = ValueError("secret")
    emit(emitter, facts.RunStarted(run_id="r", agent_name="planner", input="secret"))
    emit(emitter, facts.LLMCallStarted(run_id="r", call_id="c", model="m", input="secret"))
    emit(
        emitter,
        facts.LLMCallCompleted(run_id="r", call_id="c", output="secret", output_tokens=2),
        facts.ToolStepStarted(run_id="r", tool_call_id="t", arguments={"q": "secret"}),
        facts.UserStepCommitted(run_id="r", content=[{"type": "text", "text": "secret"}]),
        facts.CustomFact(run_id="r", name="acme.x", data={"a": "secret"}),
    )
    emitter.record(
        facts.ToolStepCommitted(
            run_id="r", tool_call_id="t", is_error=True, error_message="secret"
        ),
        error=error,
    )
    emitter.record(facts.RunFailed(run_id="r", error_message="secret"), error=error)
    assert "secret" not in "".join(span.to_json() for span in spans.ended)
    assert attributes(spans.only("chat m"))["gen_ai.usage.output_tokens"] == 2
    assert spans.only("invoke_agent planner").events[-1].attributes == {
        "exception.type": "ValueError"
    }


@pytest.mark.parametrize(
    "wrong",
    [
        "text",
        None,
        facts.RunPaused(run_id=7),  # type: ignore[arg-type]
        facts.RunStarted(run_id=""),
        facts.RunPaused(run_id="r", time_ns="now"),  # type: ignore[arg-type]
        facts.RunPaused(run_id="r", time_ns=-1),
        facts.LLMCallStarted(run_id="r", call_id=[]),  # type: ignore[arg-type]
        facts.RunPaused(run_id=""),
    ],
)
def test_malformed_fact_is_counted_and_logged_once(
    spans: Spans, emitter: Emitter, wrong: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """
    What cannot be recorded raises nothing, is counted every time and logged once.
    """
    with caplog.at_level(logging.WARNING):
        emitter.emit(wrong)
        emitter.emit(wrong)
    assert emitter.rejected == 2
    assert len(caplog.records) == 1
    assert spans.ended == []


def test_listener_that_raises_does_no_harm(spans: Spans) -> None:
    """
    A failing listener is counted, and the event is still on the span.
    """

    def fail(*_: Any) -> None:
        raise RuntimeError("no")

    emitter = Emitter(spans.tracer, on_event=fail)
    emit(emitter, STARTED, PAUSED, FINISHED, PAUSED)
    assert emitter.rejected == 2
    assert len(spans.only("invoke_agent planner").events) == 1
    assert len(spans.only("otel_bridge.late_fact").events) == 1


def test_memory_of_ended_and_open_spans_is_bounded(spans: Spans) -> None:
    """
    Ended ids are forgotten and the oldest open spans ended, beyond the stated numbers.
    """
    emitter = Emitter(spans.tracer, remembered_ends=2, most_open=3)
    for number in range(5):
        emit(
            emitter, facts.RunStarted(run_id=f"e{number}"), facts.RunFinished(run_id=f"e{number}")
        )
    assert len(emitter._spans.ended) == 2
    kept = [get_current_span(ended.context) for ended in emitter._spans.ended.values()]
    assert not any(span.is_recording() or hasattr(span, "attributes") for span in kept)
    for number in range(5):
        emit(emitter, facts.RunStarted(run_id=f"o{number}"))
    assert len(emitter._spans.open) == 3
    assert len(spans.ended) == 5 + 2
    assert emitter.rejected == 2


def test_spans_inside_a_run_are_in_its_session(spans: Spans, emitter: Emitter) -> None:
    """
    The context inside a run carries the session and user that the run names.
    """
    context = emitter.record(facts.RunStarted(run_id="r", session_id="s", user_id="u"))
    session = current_session(context)
    assert session is not None
    assert (session.session_id, session.user_id) == ("s", "u")


def test_unsampled_runs_do_no_harm() -> None:
    """
    With a sampler that drops everything, facts are taken and nothing is rejected.
    """
    emitter = Emitter(TracerProvider(sampler=ALWAYS_OFF).get_tracer("test"))
    emit(emitter, *STORY)
    assert emitter.rejected == 0


def test_threads_share_an_emitter(spans: Spans, emitter: Emitter) -> None:
    """
    Facts of one run told by many threads at once are all recorded, under one run.
    """
    emit(emitter, STARTED)
    barrier = threading.Barrier(8)

    def work(worker: int) -> None:
        barrier.wait()
        for number in range(50):
            call_id = f"{worker}-{number}"
            emit(emitter, facts.LLMCallStarted(run_id="r", call_id=call_id, model="m"))
            emit(emitter, facts.LLMCallCompleted(run_id="r", call_id=call_id))

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    emit(emitter, FINISHED)
    calls = spans.named("chat m")
    run = spans.only("invoke_agent planner")
    assert len({attributes(call)["otel_bridge.llm_call.id"] for call in calls}) == 400
    assert {parent_of(call) for call in calls} == {id_of(run)}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_forked_child_can_record_while_a_thread_held_the_lock(spans: Spans) -> None:
    """
    A child forked while another thread is recording is not blocked by that thread.
    """
    inside, leave = threading.Event(), threading.Event()

    def hold(*_: Any) -> None:
        inside.set()
        leave.wait(10)

    emitter = Emitter(spans.tracer, on_event=hold)
    thread = threading.Thread(target=emit, args=(emitter, STARTED, PAUSED))
    thread.start()
    inside.wait(10)
    child = os.fork()
    if child == 0:
        # A child that is blocked is ended by the alarm, and not with 0.
        signal.alarm(5)
        emitter.emit(CALL)
        os._exit(0)
    leave.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
