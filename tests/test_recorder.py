"""
The Recorder: handles and decorators record runs, and change nothing for the agent.
"""

import asyncio
import json
import logging
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode
from otel_bridge_storage import facts
from spans import Spans, attributes, id_of, parent_of, ticking

from otel_bridge.recorder import Recorder
from otel_bridge.threads import carry


@pytest.fixture
def spans() -> Spans:
    """
    A tracer and its spans.
    """
    return Spans()


@pytest.fixture
def recorder(spans: Spans) -> Recorder:
    """
    A recorder whose clock ticks by one nanosecond.
    """
    return Recorder(spans.tracer, clock=ticking().__next__)


def texts(span: Any, name: str = "gen_ai.output.messages") -> list[str]:
    """
    The texts of the messages in an attribute.
    """
    messages = json.loads(attributes(span)[name])
    return [part["content"] for message in messages for part in message["parts"]]


def events(span: Any) -> list[str]:
    """
    The names of a span's events.
    """
    return [event.name for event in span.events]


def test_handles_and_facts_make_the_same_spans(spans: Spans, recorder: Recorder) -> None:
    """
    One agent told through handles and told through facts leaves equal spans, but for
    ids and times.
    """
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    answer = {
        "id": "x-1",
        "object": "chat.completion",
        "model": "m-1",
        "choices": [{"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": usage,
    }
    with recorder.run(
        "planner", run_id="r", session_id="s", input="q", tags=["a"], metadata={"k": 1}
    ) as run:
        run.step("user", "q", step_id="s-1")
        with run.llm_call(model="m", provider="p", input="q", call_id="c", iteration=1) as call:
            call.response(answer)
        with run.tool_call("search", arguments={"q": 1}, call_id="t") as tool:
            tool.result({"hits": [1]})
        with run.tool_call("broken", call_id="u") as tool:
            tool.fail("no network")
        run.pause("approval", pause_id="p")
        run.resume(user_input="yes")
        run.event("acme.blocked", rule="r1")
        run.decide("completed", source="model")
        run.finish("done", "completed")

    told = Spans()
    other = Recorder(told.tracer, clock=ticking().__next__)
    output = [
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "hi"}],
            "finish_reason": "stop",
        }
    ]
    for fact in (
        facts.RunStarted(
            run_id="r",
            agent_name="planner",
            session_id="s",
            input="q",
            tags=("a",),
            metadata={"k": 1},
        ),
        facts.UserStepCommitted(run_id="r", step_id="s-1", content="q"),
        facts.LLMCallStarted(
            run_id="r", call_id="c", model="m", provider="p", input="q", iteration=1
        ),
        facts.LLMCallCompleted(
            run_id="r",
            call_id="c",
            model="m-1",
            response_id="x-1",
            output=output,
            finish_reasons=("stop",),
            input_tokens=5,
            output_tokens=2,
        ),
        facts.ToolStepStarted(
            run_id="r", tool_call_id="t", tool_name="search", arguments={"q": 1}
        ),
        facts.ToolStepCommitted(run_id="r", tool_call_id="t", result={"hits": [1]}),
        facts.ToolStepStarted(run_id="r", tool_call_id="u", tool_name="broken"),
        facts.ToolStepCommitted(
            run_id="r",
            tool_call_id="u",
            is_error=True,
            error_type="_OTHER",
            error_message="no network",
        ),
        facts.RunPaused(run_id="r", reason="approval", pause_id="p"),
        facts.RunResumed(run_id="r", user_input="yes", pause_id="p"),
        facts.CustomFact(run_id="r", name="acme.blocked", data={"rule": "r1"}),
        facts.TerminationDecided(run_id="r", reason="completed", source="model"),
        facts.RunFinished(run_id="r", output="done", termination_reason="completed"),
    ):
        other.emit(fact)
    ids = ("otel_bridge.fact.id",)
    assert spans.tree(*ids) == told.tree(*ids)
    assert len(spans.ended) == 4


def test_nested_runs_are_one_trace(spans: Spans, recorder: Recorder) -> None:
    """
    A run inside a tool of another is its child in the same trace, and names its parent.
    """
    with (
        recorder.run("planner") as outer,
        outer.tool_call("delegate"),
        recorder.run("worker") as inner,
    ):
        pass
    tool, worker = spans.only("execute_tool delegate"), spans.only("invoke_agent worker")
    assert parent_of(worker) == id_of(tool)
    assert attributes(worker)["otel_bridge.run.parent_id"] == outer.id
    assert outer.trace_id == inner.trace_id
    assert attributes(worker)["otel_bridge.run.id"] == inner.id != outer.id


def test_bridge_methods_record_into_the_current_run(spans: Spans, recorder: Recorder) -> None:
    """
    Without a handle at hand, what is recorded belongs to the run around it, in tasks of
    asyncio too, and its span is the current one.
    """

    async def part() -> None:
        async with recorder.llm_call(model="m") as call:
            current = trace.get_current_span().get_span_context()
            assert format(current.trace_id, "032x") == call.trace_id
            call.output("hi")
        recorder.step("assistant", "hi")

    async def program() -> None:
        async with recorder.run("planner"):
            await asyncio.gather(part(), part())
            recorder.decide("completed")

    asyncio.run(program())
    run = spans.only("invoke_agent planner")
    assert {parent_of(call) for call in spans.named("chat m")} == {id_of(run)}
    assert events(run) == [
        "otel_bridge.step.assistant",
        "otel_bridge.step.assistant",
        "otel_bridge.termination.decided",
    ]


def test_calls_outside_any_run_are_recorded(
    spans: Spans, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """
    Calls without a run have no run above them; a step without one is logged once and
    counted.
    """
    with recorder.llm_call(model="m"):
        pass
    with recorder.tool_call("search") as tool:
        tool.result(1)
    with caplog.at_level(logging.WARNING):
        recorder.step("user", "hi")
        recorder.step("user", "hi")
    assert [parent_of(span) for span in spans.ended] == [None, None]
    assert recorder.emitter.rejected == 2
    assert len(caplog.records) == 1


def test_ids_made_up_here_are_not_written(spans: Spans, recorder: Recorder) -> None:
    """
    A call that nobody gave an id carries none.
    """
    with recorder.llm_call(model="m"), recorder.tool_call("search"):
        pass
    assert "otel_bridge.llm_call.id" not in attributes(spans.only("chat m"))
    assert "gen_ai.tool.call.id" not in attributes(spans.only("execute_tool search"))


class BrokenError(Exception):
    """
    An exception of an agent.
    """


def test_exceptions_mark_spans_and_go_on_unchanged(spans: Spans, recorder: Recorder) -> None:
    """
    The exception that leaves a run is the same object with the same traceback, and the
    call, the tool and the run it left have failed with its type.
    """
    error = BrokenError("no")

    def fail() -> None:
        raise error

    def agent() -> None:
        with recorder.run("planner"), recorder.llm_call(model="m") as call:
            call.usage(input_tokens=7)
            with recorder.tool_call("search"):
                fail()

    with pytest.raises(BrokenError) as caught:
        agent()
    assert caught.value is error
    assert traceback.extract_tb(error.__traceback__)[-1].name == "fail"
    assert error.__cause__ is error.__context__ is None
    assert len(spans.ended) == 3
    for span in spans.ended:
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description == "no"
        assert attributes(span)["error.type"] == f"{__name__}.BrokenError"
        assert events(span) == ["exception"]
    assert attributes(spans.only("chat m"))["gen_ai.usage.input_tokens"] == 7


@pytest.mark.parametrize("error", [asyncio.CancelledError, KeyboardInterrupt, GeneratorExit])
def test_interrupts_cancel_the_run(
    spans: Spans, recorder: Recorder, error: type[BaseException]
) -> None:
    """
    A cancellation or an interrupt cancels the run and goes on; it is no error of the run.
    """
    with pytest.raises(error), recorder.run("planner"):
        raise error
    run = spans.only("invoke_agent planner")
    assert attributes(run)["otel_bridge.run.status"] == "cancelled"
    assert run.status.status_code is StatusCode.UNSET


def test_cancelled_task_cancels_its_run(spans: Spans, recorder: Recorder) -> None:
    """
    Cancelling a task that is inside a run ends the run as cancelled.
    """

    async def agent(ready: asyncio.Event) -> None:
        async with recorder.run("planner"):
            ready.set()
            await asyncio.Event().wait()

    async def program() -> None:
        ready = asyncio.Event()
        task = asyncio.create_task(agent(ready))
        await ready.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(program())
    assert attributes(spans.only("invoke_agent planner"))["otel_bridge.run.status"] == "cancelled"


def test_outcomes_that_no_exception_tells(spans: Spans, recorder: Recorder) -> None:
    """
    A run can be failed or cancelled by hand; what is told first counts.
    """
    with recorder.run("a") as run:
        run.fail(BrokenError("no"), termination_reason="limit")
        run.finish("late")
    with recorder.run("b") as run:
        run.cancel("user")
        run.cancel("again")
    failed, cancelled = spans.only("invoke_agent a"), spans.only("invoke_agent b")
    assert failed.status.description == "no"
    assert attributes(failed)["otel_bridge.run.termination_reason"] == "limit"
    assert events(failed) == ["exception"]
    assert attributes(cancelled)["otel_bridge.run.termination_reason"] == "user"


def test_paused_run_goes_on_in_another_span(spans: Spans, recorder: Recorder) -> None:
    """
    A run that is left while it waits is paused; the same id later goes on with it.
    """
    with recorder.run("planner", run_id="r"):
        recorder.pause("approval")
    with recorder.run("planner", run_id="r") as run:
        recorder.resume()
        run.finish("done")
    first, second = spans.named("invoke_agent planner")
    assert attributes(first)["otel_bridge.run.status"] == "paused"
    assert first.status.status_code is StatusCode.UNSET
    assert "otel_bridge.run.status" not in attributes(second)
    assert second.status.status_code is StatusCode.OK
    assert attributes(first)["otel_bridge.run.id"] == attributes(second)["otel_bridge.run.id"]
    assert second.links[0].context.span_id == id_of(first)


def test_handles_without_with_end_when_they_are_told(spans: Spans, recorder: Recorder) -> None:
    """
    A handle that is not entered starts when it was made and ends with its result.
    """
    run = recorder.run("planner")
    call = run.llm_call(model="m")
    assert call.response("hi") == "hi"
    run.tool_call("search").result(1)
    run.tool_call("empty").close()
    run.finish("done")
    assert [span.name for span in spans.ended] == [
        "chat m",
        "execute_tool search",
        "execute_tool empty",
        "invoke_agent planner",
    ]
    root = spans.only("invoke_agent planner")
    assert all(parent_of(span) == id_of(root) for span in spans.ended[:-1])
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_handles_used_again_do_no_harm(spans: Spans, recorder: Recorder) -> None:
    """
    Entering twice, finishing twice and using a handle after its end add no span.
    """
    with recorder.run("planner") as run:
        with run.llm_call(model="m") as call, call:
            call.output("a")
        call.output("b")
        call.close()
        with call:
            pass
        run.finish("x")
        run.finish("y")
    run.finish("z")
    with run:
        pass
    assert [span.name for span in spans.ended] == ["chat m", "invoke_agent planner"]
    assert texts(spans.only("invoke_agent planner")) == ["x"]
    assert texts(spans.only("chat m")) == ["a"]
    assert recorder.emitter.rejected == 0


class Hostile:
    """
    An object that raises at every look.
    """

    def __repr__(self) -> str:
        """
        Raise.
        """
        raise RuntimeError("no")

    def __getattr__(self, name: str) -> Any:
        """
        Raise.
        """
        raise RuntimeError("no")

    def __str__(self) -> str:
        """
        Raise.
        """
        raise RuntimeError("no")


class HostileError(Exception):
    """
    An exception that cannot be asked what it says.
    """

    def __str__(self) -> str:
        """
        Raise.
        """
        raise RuntimeError("no")


def test_hostile_objects_never_raise_into_the_agent(spans: Spans, recorder: Recorder) -> None:
    """
    Whatever is handed over, the agent gets it back and every span ends.
    """
    odd: Any = Hostile()
    with recorder.run("planner", input=odd, metadata={"a": odd}, session_id=odd) as run:
        with run.llm_call(model="m", input=[odd], tools=odd, temperature=odd) as call:
            assert call.response(odd) is odd
            call.usage(odd)
        with run.tool_call("t", arguments={"a": odd}) as tool:
            assert tool.result(odd) is odd
        run.step("user", odd)
        run.step("critic", odd)
        run.event("acme.x", value=odd)
        run.finish(odd)
    with pytest.raises(HostileError), recorder.run("failing"):
        raise HostileError
    assert len(spans.ended) == 4


def test_leaving_in_another_task_is_silent(
    spans: Spans, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A run entered in one task and left in another is recorded, without raising or logging.
    """

    async def program() -> None:
        run = recorder.run("planner")
        await asyncio.create_task(run.__aenter__())
        await asyncio.create_task(run.__aexit__(None, None, None))

    with caplog.at_level(logging.DEBUG, "opentelemetry"):
        asyncio.run(program())
    assert caplog.records == []
    assert spans.only("invoke_agent planner").status.status_code is StatusCode.OK


def test_threads_with_carried_context_record_into_the_run(
    spans: Spans, recorder: Recorder
) -> None:
    """
    A carried function, in a thread, records into the run that it was carried from.
    """

    def work() -> None:
        with recorder.tool_call("search"):
            pass

    with recorder.run("planner"):
        thread = threading.Thread(target=carry(work))
        thread.start()
        thread.join()
    assert parent_of(spans.only("execute_tool search")) == id_of(
        spans.only("invoke_agent planner")
    )


def test_session_around_a_run_is_the_runs(spans: Spans, recorder: Recorder) -> None:
    """
    A run in a session names its conversation and user.
    """
    with recorder.session("s", user_id="u"), recorder.run("planner"):
        pass
    found = attributes(spans.only("invoke_agent planner"))
    assert (found["gen_ai.conversation.id"], found["user.id"]) == ("s", "u")


class Decorated:
    """
    Every sort of function as agent and as tool.
    """

    def __init__(self, recorder: Recorder) -> None:
        tool, agent = recorder.tool, recorder.agent

        @tool
        def add(a: int, /, b: int = 2, **more: int) -> int:
            """
            Add.
            """
            return a + b + sum(more.values())

        @tool("multiply")
        async def times(a: int, b: int) -> int:
            await asyncio.sleep(0)
            return a * b

        @agent("writer", session_id="s")
        def write(topic: str) -> Iterator[str]:
            with recorder.llm_call(model="m"):
                pass
            yield f"on {topic}"
            yield "!"

        @agent
        async def write_async(topic: str) -> AsyncIterator[str]:
            with recorder.llm_call(model="m"):
                yield f"on {topic}"
            yield "!"

        @agent("failing")
        async def fail(reason: str, depth: int) -> None:
            raise BrokenError(reason)

        self.add, self.times, self.write = add, times, write
        self.write_async, self.fail = write_async, fail

    def method(self, recorder: Recorder) -> Callable[[int], int]:
        """
        A method that is a tool.
        """
        return recorder.tool("method")(self._double)

    def _double(self, value: int) -> int:
        return 2 * value


def test_decorated_functions_are_tools(spans: Spans, recorder: Recorder) -> None:
    """
    A tool's arguments are recorded by name and its result as returned; the function
    keeps its name, its documentation and its result.
    """
    decorated = Decorated(recorder)
    assert decorated.add(1, b=3, c=4) == 8
    assert asyncio.run(decorated.times(3, 4)) == 12
    assert (decorated.add.__name__, (decorated.add.__doc__ or "").strip()) == ("add", "Add.")
    add = attributes(spans.only("execute_tool add"))
    assert json.loads(add["gen_ai.tool.call.arguments"]) == {"a": 1, "b": 3, "c": 4}
    assert add["gen_ai.tool.call.result"] == 8
    assert attributes(spans.only("execute_tool multiply"))["gen_ai.tool.call.result"] == 12
    assert decorated.method(recorder)(2) == 4
    with pytest.raises(TypeError):
        decorated.add()  # type: ignore[call-arg]


def test_decorated_generator_is_a_run(spans: Spans, recorder: Recorder) -> None:
    """
    A generator's run is current while its own code runs, not its consumer's, and its
    output is what it yielded.
    """
    current = [trace.get_current_span() for _ in Decorated(recorder).write("owls")]
    assert current == [trace.INVALID_SPAN] * 2
    run = spans.only("invoke_agent writer")
    assert parent_of(spans.only("chat m")) == id_of(run)
    assert texts(run, "gen_ai.input.messages") == ["owls"]
    assert texts(run) == ["on owls!"]
    assert attributes(run)["gen_ai.conversation.id"] == "s"


def test_decorated_async_generator_is_a_run(spans: Spans, recorder: Recorder) -> None:
    """
    The same for an async generator, with a `with` block that spans a yield.
    """

    async def program() -> list[Any]:
        return [trace.get_current_span() async for _ in Decorated(recorder).write_async("owls")]

    asyncio.run(program())
    run = spans.only("invoke_agent write_async")
    assert parent_of(spans.only("chat m")) == id_of(run)
    assert texts(run) == ["on owls!"]


def test_consumer_that_stops_early_cancels_the_run(spans: Spans, recorder: Recorder) -> None:
    """
    A generator that is closed before its end leaves a cancelled run with what it yielded.
    """
    generator = Decorated(recorder).write("owls")
    assert next(generator) == "on owls"
    generator.close()  # type: ignore[attr-defined]

    async def program() -> None:
        stream = Decorated(recorder).write_async("owls")
        assert await anext(stream) == "on owls"
        await stream.aclose()  # type: ignore[attr-defined]

    asyncio.run(program())
    for name in ("writer", "write_async"):
        run = spans.only(f"invoke_agent {name}")
        assert attributes(run)["otel_bridge.run.status"] == "cancelled"
        assert texts(run) == ["on owls"]
    assert len(spans.named("chat m")) == 2


def test_generators_keep_send_throw_and_return(spans: Spans, recorder: Recorder) -> None:
    """
    What is sent or thrown into a decorated generator reaches it, and what it returns
    comes back.
    """

    @recorder.tool
    def talk() -> Any:
        heard = yield "ready"
        try:
            yield heard
        except BrokenError:
            yield "caught"
        return "over"

    generator = talk()
    assert next(generator) == "ready"
    assert generator.send("hi") == "hi"
    assert generator.throw(BrokenError()) == "caught"
    with pytest.raises(StopIteration) as stopped:
        next(generator)
    assert stopped.value.value == "over"
    assert attributes(spans.only("execute_tool talk"))["gen_ai.tool.call.result"] == "over"


def test_decorated_failure_goes_on_unchanged(spans: Spans, recorder: Recorder) -> None:
    """
    An exception of a decorated agent fails its run and is raised as it was; several
    arguments are the input as JSON.
    """
    with pytest.raises(BrokenError, match="why"):
        asyncio.run(Decorated(recorder).fail("why", depth=2))
    run = spans.only("invoke_agent failing")
    assert run.status.status_code is StatusCode.ERROR
    assert texts(run, "gen_ai.input.messages") == ['{"reason":"why","depth":2}']
