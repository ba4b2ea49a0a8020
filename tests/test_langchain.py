"""
The LangChain integration: runs, calls and tools of real LangChain and LangGraph programs.
"""

import asyncio
import json
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_agents import Recorded, ScriptedModel, asks, says
from langchain_core.messages import ToolMessage
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from spans import Spans

from otel_bridge.integrations import langchain as integration
from otel_bridge.recorder import Recorder


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recorded]:
    """
    A bridge into a file.
    """
    made = Recorded(tmp_path / "runs.db")
    yield made
    made.close()


@tool
def weather(city: str) -> str:
    """
    Tell the weather.
    """
    return f"sun in {city}"


@tool
def broken(city: str) -> str:
    """
    Fail.
    """
    raise TimeoutError(f"no answer about {city}")


def planner(*answers: Any, tools: Any = (weather,), **options: Any) -> Any:
    """
    Make an agent whose model gives these answers.
    """
    made = ScriptedModel(answers=answers or (asks(("weather", {"city": "Rome"})), says("sunny")))
    return create_agent(made, list(tools), name="planner", **options)


QUESTION = {"messages": [("user", "weather in Rome?")]}
ONE_TOOL = [("planner", "success", None, 2, 1, 20, 4)]
CONVERSATION = [
    ("user", "weather in Rome?"),
    ("assistant", "weather"),
    ("tool", "sun in Rome"),
    ("assistant", "sunny"),
]


def invoked(agent: Any, config: Any) -> None:
    """
    Call an agent and wait.
    """
    agent.invoke(QUESTION, config)


def streamed(agent: Any, config: Any) -> None:
    """
    Read an agent's messages while it makes them.
    """
    assert list(agent.stream(QUESTION, config, stream_mode="messages"))


def invoked_async(agent: Any, config: Any) -> None:
    """
    Call an agent in an event loop.
    """
    asyncio.run(agent.ainvoke(QUESTION, config))


def streamed_async(agent: Any, config: Any) -> None:
    """
    Read an agent's messages in an event loop.
    """

    async def read() -> None:
        assert [each async for each in agent.astream(QUESTION, config, stream_mode="messages")]

    asyncio.run(read())


def invoked_in_thread(agent: Any, config: Any) -> None:
    """
    Call an agent in a thread that never had an event loop.
    """
    thread = threading.Thread(target=agent.invoke, args=(QUESTION, config))
    thread.start()
    thread.join()


WAYS = [invoked, streamed, invoked_async, streamed_async, invoked_in_thread]


@pytest.mark.parametrize("call", WAYS)
def test_every_way_to_call_an_agent_gives_the_same_run(call: Any, recorded: Recorded) -> None:
    """
    Calls, streams, event loops and threads leave one run with its calls, tool and words.
    """
    call(planner(), {"callbacks": [recorded.handler()]})
    assert recorded.runs() == ONE_TOOL
    assert recorded.steps() == CONVERSATION


@pytest.mark.parametrize("call", WAYS)
def test_installed_once_every_call_is_recorded(call: Any, recorded: Recorded) -> None:
    """
    After `install` no call needs a handler, and after `uninstall` none is recorded.
    """
    integration.install(recorded.bridge)
    try:
        call(planner(), {})
    finally:
        integration.uninstall()
    call(planner(), {})
    assert recorded.runs() == ONE_TOOL


def test_the_spans_are_those_of_the_recorder() -> None:
    """
    An agent told through callbacks and told by hand leaves equal trees of spans, but for
    ids, times and who made a call.
    """
    theirs, ours = Spans(), Spans()
    handler = integration.BridgeCallbackHandler(Recorder(theirs.tracer))
    planner().invoke(QUESTION, {"callbacks": [handler]})
    bridge = Recorder(ours.tracer)
    asked: Any = [{"role": "user", "content": "weather in Rome?"}]
    call: Any = {"id": "call_weather_0", "name": "weather", "arguments": {"city": "Rome"}}
    wanted = {"type": "tool_call", **call}
    known: Any = {"model": "gpt-4o", "provider": "openai"}
    with bridge.run("planner", input=asked) as run:
        with run.llm_call(input=asked, **known) as first:
            first.output([{"role": "assistant", "parts": [wanted]}])
            first.usage(input_tokens=10, output_tokens=2)
        with run.tool_call("weather", arguments={"city": "Rome"}, call_id=call["id"]) as tool_:
            tool_.result("sun in Rome")
        answer = {"role": "tool", "tool_call_id": call["id"], "content": "sun in Rome"}
        made = {"role": "assistant", "name": "planner", "parts": [wanted]}
        with run.llm_call(input=[*asked, made, answer], **known) as second:
            second.output("sunny")
            second.usage(input_tokens=10, output_tokens=2)
        run.finish({"role": "assistant", "content": "sunny", "name": "planner"})
    left_out = ("otel_bridge.run.id", "otel_bridge.llm_call.id", "otel_bridge.caller")
    assert theirs.tree(*left_out) == ours.tree(*left_out)


def test_a_handler_beside_the_installed_one_adds_nothing(recorded: Recorded) -> None:
    """
    Installed, given to the call and given to a part of it, handlers record a run once.
    """
    integration.install(recorded.bridge)
    try:
        inner = RunnableLambda(lambda told: told).with_config(callbacks=[recorded.handler()])
        model = ScriptedModel(answers=[says("hello")], callbacks=[recorded.handler()])
        chain = (inner | model).with_config(run_name="chain")
        chain.invoke("hi", {"callbacks": [recorded.handler()]})
        chain.invoke("hi")
    finally:
        integration.uninstall()
    assert recorded.runs() == [("chain", "success", None, 1, 0, 10, 2)] * 2


def test_batches_are_runs_of_their_own(recorded: Recorded) -> None:
    """
    Each item of a batch is a run with its own call, question and answer.
    """
    prompt = ChatPromptTemplate.from_messages([("user", "say {word}")])
    chain = (prompt | ScriptedModel(answers=[says("yes")])).with_config(run_name="sayer")
    config: Any = {"callbacks": [recorded.handler()]}
    chain.batch([{"word": "a"}, {"word": "b"}], config)
    asyncio.run(chain.abatch([{"word": "c"}], config))
    assert recorded.runs() == [("sayer", "success", None, 1, 0, 10, 2)] * 3
    asked = sorted(text for role, text in recorded.steps() if role == "user")
    assert asked == ['{"word":"a"}', '{"word":"b"}', '{"word":"c"}']


def test_parallel_tools_are_beside_one_another(recorded: Recorded) -> None:
    """
    Tools that run at the same time have their own ids, arguments and answers, in one run.
    """
    meet = threading.Barrier(3, timeout=20)

    @tool
    def slow(city: str) -> str:
        """
        Wait for the others.
        """
        meet.wait()
        return f"at {city}"

    calls = [("slow", {"city": city}) for city in "ABC"]
    agent = planner(asks(*calls), says("met"), tools=[slow])
    agent.invoke(QUESTION, {"callbacks": [recorded.handler()]})
    assert recorded.runs() == [("planner", "success", None, 2, 3, 20, 4)]
    found = recorded.spans("execute_tool slow")
    assert {
        (
            span["gen_ai.tool.call.id"],
            span["gen_ai.tool.call.arguments"],
            span["gen_ai.tool.call.result"],
        )
        for span in found
    } == {(f"call_slow_{n}", f'{{"city":"{c}"}}', f"at {c}") for n, c in enumerate("ABC")}
    parents = recorded.rows(
        "SELECT DISTINCT p.name FROM spans s JOIN spans p ON p.span_id = s.parent_span_id"
        " WHERE s.name LIKE 'execute_tool%'"
    )
    assert parents == [("invoke_agent planner",)]


@pytest.mark.parametrize("call", WAYS)
def test_an_error_goes_on_and_is_recorded_once(call: Any, recorded: Recorded) -> None:
    """
    A tool's exception reaches the caller unchanged; the tool and the run have failed, once.
    """
    agent = planner(asks(("broken", {"city": "Oslo"})), tools=[broken])
    config = {"callbacks": [recorded.handler()]}
    if call is invoked_in_thread:
        with ThreadPoolExecutor(1) as pool, pytest.raises(TimeoutError, match="Oslo"):
            pool.submit(agent.invoke, QUESTION, config).result()
    else:
        with pytest.raises(TimeoutError, match="Oslo"):
            call(agent, config)
    assert recorded.runs() == [("planner", "error", None, 1, 1, 10, 2)]
    assert recorded.rows("SELECT error_type, error_message FROM runs") == [
        ("TimeoutError", "no answer about Oslo")
    ]
    assert recorded.rows("SELECT status, error_type, error_message FROM tool_calls") == [
        ("error", "TimeoutError", "no answer about Oslo")
    ]


def test_a_tool_that_answers_with_an_error_has_failed(recorded: Recorded) -> None:
    """
    An error that the tool turns into an answer fails the tool and not the run.
    """
    from langchain_core.tools import ToolException

    @tool
    def strict(city: str) -> str:
        """
        Refuse.
        """
        raise ToolException(f"{city} is not served")

    strict.handle_tool_error = True
    agent = planner(asks(("strict", {"city": "Oslo"})), says("sorry"), tools=[strict])
    agent.invoke(QUESTION, {"callbacks": [recorded.handler()]})
    assert recorded.runs() == [("planner", "success", None, 2, 1, 20, 4)]
    assert recorded.rows("SELECT status, error_message FROM tool_calls") == [
        ("error", "Oslo is not served")
    ]


def test_a_failed_call_that_is_tried_again_is_two_calls(recorded: Recorded) -> None:
    """
    A retried call to a model is recorded with each attempt, and only the last has usage.
    """
    model = ScriptedModel(answers=[ConnectionError("down"), says("up")])
    chain = model.with_retry(
        retry_if_exception_type=(ConnectionError,), wait_exponential_jitter=False
    )
    chain = (RunnableLambda(lambda x: x) | chain).with_config(run_name="stubborn")
    chain.invoke("hi", {"callbacks": [recorded.handler()]})
    assert recorded.runs() == [("stubborn", "success", None, 2, 0, 10, 2)]
    assert recorded.rows("SELECT status, error_type FROM llm_calls ORDER BY start_ns") == [
        ("error", "ConnectionError"),
        ("ok", None),
    ]


def test_a_tool_that_is_tried_again_is_two_executions(recorded: Recorded) -> None:
    """
    A tool that a middleware retries under one id is recorded with each attempt.
    """
    from langchain.agents.middleware import ToolRetryMiddleware

    failures = iter([True, False])

    @tool
    def shaky(city: str) -> str:
        """
        Fail at first.
        """
        if next(failures):
            raise ConnectionError("down")
        return "up"

    again = ToolRetryMiddleware(max_retries=1, initial_delay=0, jitter=False)
    agent = planner(asks(("shaky", {"city": "X"})), says("ok"), tools=[shaky], middleware=[again])
    agent.invoke(QUESTION, {"callbacks": [recorded.handler()]})
    tried = recorded.rows(
        "SELECT tool_call_id, status FROM tool_calls WHERE counted ORDER BY start_ns"
    )
    assert tried == [("call_shaky_0", "error"), ("call_shaky_0", "ok")]


def test_the_id_of_a_request_may_come_with_the_answer(recorded: Recorded) -> None:
    """
    Where LangChain tells of which request a tool runs only at its end, the id is kept.
    """
    handler, run_id = recorded.handler(), uuid.uuid4()
    handler.on_tool_start({"name": "look"}, "x", run_id=run_id)
    handler.on_tool_end(ToolMessage("found", tool_call_id="c1"), run_id=run_id)
    found = recorded.rows("SELECT tool_name, tool_call_id, status FROM tool_calls")
    assert found == [("look", "c1", "ok")]


def test_a_broken_stream_keeps_what_came(recorded: Recorded) -> None:
    """
    A stream that breaks fails its call, which keeps the words that had come.
    """
    model = ScriptedModel(answers=[says("one two three")], breaks_after=2)
    with pytest.raises(ConnectionError):
        list(model.stream("count", {"callbacks": [recorded.handler()]}))
    (span,) = recorded.spans("chat")
    assert span["error.type"] == "ConnectionError"
    assert json.loads(span["gen_ai.output.messages"])[0]["parts"][0]["content"] == "one two"
    assert recorded.rows("SELECT status, time_to_first_chunk_ns > 0 FROM llm_calls") == [
        ("error", 1)
    ]


def test_a_cancelled_run_is_cancelled(recorded: Recorded) -> None:
    """
    A run whose task is cancelled is cancelled, not failed, and its tool has an end.
    """
    entered = asyncio.Event()

    @tool
    async def endless(city: str) -> str:
        """
        Wait for ever.
        """
        entered.set()
        await asyncio.Event().wait()
        return city

    async def cancel() -> None:
        agent = planner(asks(("endless", {"city": "X"})), tools=[endless])
        task = asyncio.create_task(agent.ainvoke(QUESTION, {"callbacks": [recorded.handler()]}))
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    assert [row[:2] for row in recorded.runs()] == [("planner", "cancelled")]
    assert recorded.rows("SELECT count(*) FROM spans WHERE end_ns IS NULL") == [(0,)]


def test_a_reader_that_stops_leaves_nothing_open(recorded: Recorded) -> None:
    """
    A stream whose consumer stops early cancels the run and closes every span.
    """
    handler = recorded.handler()
    stream = planner().stream(QUESTION, {"callbacks": [handler]})
    next(stream)
    stream.close()
    assert [row[:2] for row in recorded.runs()] == [("planner", "cancelled")]
    assert recorded.rows("SELECT count(*) FROM spans WHERE end_ns IS NULL") == [(0,)]
    assert len(handler.recording.open) == 0


def test_sessions_and_users_come_from_the_config(recorded: Recorded) -> None:
    """
    The thread is the session and `user_id` the user, unless the handler knows better; a
    program's own metadata and tags are kept, the framework's are not.
    """
    config: Any = {
        "callbacks": [recorded.handler()],
        "configurable": {"thread_id": "t-1"},
        "metadata": {"user_id": "ada", "plan": "pro"},
        "tags": ["beta", "langsmith:nostream"],
    }
    planner(says("hi")).invoke(QUESTION, config)
    told = recorded.handler(agent_name="boss", session_id="s-2", user_id="bob", tags=["own"])
    planner(says("hi")).invoke(QUESTION, {**config, "callbacks": [told]})
    found = recorded.rows(
        "SELECT agent_name, session_id, user_id, tags, metadata FROM runs ORDER BY started_ns"
    )
    assert [row[:3] for row in found] == [("planner", "t-1", "ada"), ("boss", "s-2", "bob")]
    assert [json.loads(row[3]) for row in found] == [["beta"], ["beta", "own"]]
    assert [json.loads(row[4]) for row in found] == [{"plan": "pro"}] * 2
    marked = recorded.rows("SELECT DISTINCT session_id FROM spans ORDER BY 1")
    assert marked == [("s-2",), ("t-1",)]


def test_retrievers_are_tools_that_answer_with_documents(recorded: Recorded) -> None:
    """
    A search is recorded with its question and what it found.
    """
    from langchain_core.documents import Document

    class Shelf(BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
            return [Document("fado", metadata={"page": 3})]

    chain = (Shelf() | RunnableLambda(lambda found: found[0].page_content)).with_config(
        run_name="reader"
    )
    assert chain.invoke("music?", {"callbacks": [recorded.handler()]}) == "fado"
    (span,) = recorded.spans("execute_tool Shelf")
    assert span["otel_bridge.tool.target"] == "retriever"
    assert json.loads(span["gen_ai.tool.call.arguments"]) == {"query": "music?"}
    assert json.loads(span["gen_ai.tool.call.result"]) == [
        {"page_content": "fado", "metadata": {"page": 3}, "id": None}
    ]


def test_calls_outside_of_any_chain_are_calls_without_a_run(recorded: Recorded) -> None:
    """
    A model that is called by itself is a call of no agent, and inside a run of the
    Recorder's a call of that run.
    """
    model = ScriptedModel(answers=[says("hi")])
    config: Any = {"callbacks": [recorded.handler()], "metadata": {"session_id": "s"}}
    model.invoke("hello", config)
    with recorded.bridge.run("outer"):
        model.invoke("hello", config)
        planner(says("hi")).invoke(QUESTION, config)
    assert recorded.runs() == [
        (None, "success", None, 1, 0, 10, 2),
        ("outer", "success", None, 1, 0, 10, 2),
        ("planner", "success", "outer", 1, 0, 10, 2),
    ]
    assert len(recorded.spans("chat gpt-4o")) == 3


def test_what_a_tool_records_itself_is_part_of_its_run(recorded: Recorded) -> None:
    """
    The Recorder's own calls and other spans inside a tool belong to the run around them,
    and nothing of that is left after the run.
    """
    bridge = recorded.bridge

    @tool
    def handmade(city: str) -> str:
        """
        Call a model by hand.
        """
        with bridge.llm_call(model="gpt-4o-mini") as call:
            call.usage(input_tokens=5, output_tokens=1)
        bridge.event("acme.looked", city=city)
        with recorded.provider.get_tracer("theirs").start_as_current_span("own work"):
            return "done"

    async def both() -> None:
        agent = planner(asks(("handmade", {"city": "X"})), says("ok"), tools=[handmade])
        await agent.ainvoke(QUESTION, {"callbacks": [recorded.handler()]})
        with bridge.run("after"):
            pass

    asyncio.run(both())
    assert recorded.runs() == [
        ("planner", "success", None, 3, 1, 25, 5),
        ("after", "success", None, 0, 0, None, None),
    ]
    inside = recorded.rows(
        "SELECT s.name, p.name FROM spans s JOIN spans p ON p.span_id = s.parent_span_id"
        " WHERE s.name IN ('own work', 'chat gpt-4o-mini') ORDER BY 1"
    )
    assert inside == [
        ("chat gpt-4o-mini", "execute_tool handmade"),
        ("own work", "execute_tool handmade"),
    ]
    assert recorded.rows("SELECT count(*) FROM run_log WHERE kind = 'acme.looked'") == [(1,)]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_callbacks_from_elsewhere_find_their_place(asynchronous: bool, tmp_path: Path) -> None:
    """
    A call that a tool makes in a bare thread, with or without an event loop of its own, is
    inside the tool.
    """
    recorded = Recorded(tmp_path / "runs.db", threads=False)
    model = ScriptedModel(answers=[says("inside", (1, 1))])

    def call(callbacks: Any) -> None:
        config: Any = {"callbacks": callbacks}
        if asynchronous:
            asyncio.run(model.ainvoke("x", config))
        else:
            model.invoke("x", config)

    @tool
    def remote(city: str, callbacks: Any = None) -> str:
        """
        Call a model in a thread.
        """
        thread = threading.Thread(target=call, args=(callbacks,))
        thread.start()
        thread.join()
        return "done"

    agent = planner(asks(("remote", {"city": "X"})), says("ok"), tools=[remote])
    agent.invoke(QUESTION, {"callbacks": [recorded.handler()]})
    assert recorded.runs() == [("planner", "success", None, 3, 1, 21, 5)]
    assert recorded.spans("chat")[1]["otel_bridge.caller"] == "tool:remote"
    above = recorded.rows(
        "SELECT p.name FROM spans s JOIN spans p ON p.span_id = s.parent_span_id"
        " WHERE s.name LIKE 'chat%' ORDER BY s.start_ns"
    )
    assert above[1] == ("execute_tool remote",)
    recorded.close()


def test_events_of_the_program_are_facts_of_the_run(recorded: Recorded) -> None:
    """
    What a program dispatches as a custom event is kept with its data, once.
    """
    from langchain_core.callbacks import dispatch_custom_event

    def work(told: Any) -> Any:
        dispatch_custom_event("acme.progress", {"done": 3})
        return told

    chain = (RunnableLambda(work) | RunnableLambda(str)).with_config(run_name="worker")
    chain.invoke("x", {"callbacks": [recorded.handler(), recorded.handler()]})
    found = recorded.rows("SELECT kind, data FROM run_log WHERE kind = 'acme.progress'")
    assert [(kind, json.loads(data)) for kind, data in found] == [("acme.progress", {"done": 3})]
