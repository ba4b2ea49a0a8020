"""
The LangChain integration does its host no harm: no exception, no leak, no content unasked.
"""

import asyncio
import gc
import logging
import subprocess
import sys
import threading
import uuid
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_agents import Recorded, ScriptedModel, asks, says
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from opentelemetry import context as otel
from opentelemetry import trace
from spans import Spans

from otel_bridge.integrations.langchain import BridgeCallbackHandler
from otel_bridge.integrations.langchain.current import SpanWhileOpen
from otel_bridge.integrations.langchain.recording import Recording
from otel_bridge.recorder import Recorder


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recorded]:
    """
    A bridge into a file.
    """
    made = Recorded(tmp_path / "runs.db")
    yield made
    made.close()


@pytest.fixture
def spans() -> Spans:
    """
    A tracer and its spans.
    """
    return Spans()


SECRET = "xyzzy"


@tool
def whisper(word: str) -> str:
    """
    Say a word.
    """
    return f"it is {word}"


def agent(*answers: Any, tools: Any = (whisper,)) -> Any:
    """
    Make an agent whose model gives these answers.
    """
    return create_agent(ScriptedModel(answers=answers), list(tools), name="lead")


QUESTION: Any = {"messages": [("user", SECRET)]}


class Hostile:
    """
    Raises whatever is asked of it.
    """

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __repr__(self) -> str:
        raise RuntimeError("repr")


CALLBACKS: dict[str, Any] = {
    "on_chain_start": ({}, Hostile()),
    "on_chain_end": (Hostile(),),
    "on_chain_error": (ValueError("x"),),
    "on_chat_model_start": ({}, [[Hostile()]]),
    "on_llm_start": ({}, [Hostile()]),
    "on_llm_new_token": ("x",),
    "on_stream_event": (Hostile(),),
    "on_llm_end": (Hostile(),),
    "on_llm_error": (ValueError("x"),),
    "on_tool_start": ({}, Hostile()),
    "on_tool_end": (Hostile(),),
    "on_tool_error": (ValueError("x"),),
    "on_retriever_start": ({}, Hostile()),
    "on_retriever_end": ([Hostile()],),
    "on_retriever_error": (ValueError("x"),),
    "on_custom_event": ("x", Hostile()),
}


OPENED = [None, "on_chain_start", "on_chat_model_start", "on_tool_start"]


@pytest.mark.parametrize("name", CALLBACKS)
@pytest.mark.parametrize(
    "opened", [None, "on_chain_start", "on_chat_model_start", "on_tool_start"]
)
def test_no_callback_raises(name: str, opened: str | None, spans: Spans) -> None:
    """
    Whatever a callback is given, and whatever came before it, the host sees no exception.
    """
    handler = BridgeCallbackHandler(Recorder(spans.tracer))
    run_id = uuid.uuid4()
    odd: Any = {"tags": [1, None], "metadata": {"thread_id": Hostile()}, "name": 3}
    if opened is not None:
        given: Any = {"on_chain_start": ({}, {}), "on_tool_start": ({}, "x")}
        getattr(handler, opened)(*given.get(opened, ({}, [[]])), run_id=run_id)
    getattr(handler, name)(*CALLBACKS[name], run_id=run_id, parent_run_id=run_id, **odd)
    handler.on_interrupt(Hostile())


def test_a_bridge_that_fails_is_not_felt(
    spans: Spans, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    An agent whose recorder raises at every fact answers as it would, with one warning of
    each sort and a count.
    """
    bridge = Recorder(spans.tracer)

    def fail(*args: Any, **options: Any) -> None:
        raise RuntimeError("no")

    monkeypatch.setattr(bridge.emitter, "record", fail)
    with caplog.at_level(logging.WARNING):
        config: Any = {"callbacks": [BridgeCallbackHandler(bridge)]}
        told = agent(asks(("whisper", {"word": "x"})), says("done")).invoke(QUESTION, config)
    assert told["messages"][-1].content == "done"
    assert bridge.emitter.rejected > 0
    assert {record.name for record in caplog.records} == {"otel_bridge"}


def test_what_never_ends_is_forgotten(spans: Spans) -> None:
    """
    However many runs begin and never end, no more than the bound are kept, and it is said.
    """
    bridge = Recorder(spans.tracer)
    handler = BridgeCallbackHandler(bridge)
    handler.recording.open = type(handler.recording.open)(most=50)
    for _ in range(500):
        handler.on_chain_start({}, {"messages": []}, run_id=uuid.uuid4(), name="x")
    assert len(handler.recording.open) == 50
    assert bridge.emitter.rejected == 450


def test_nothing_is_left_when_all_has_ended(recorded: Recorded) -> None:
    """
    After runs, sync and async, good and bad, nothing is open and the context is the host's.
    """
    handler = recorded.handler()
    before = otel.get_current()

    @tool
    def fail(word: str) -> str:
        """
        Fail.
        """
        raise ValueError(word)

    async def all_of_it() -> None:
        inside = trace.get_current_span()
        good = agent(asks(("whisper", {"word": "x"})), says("done"))
        await good.ainvoke(QUESTION, {"callbacks": [handler]})
        bad = agent(asks(("fail", {"word": "x"})), tools=[fail])
        with pytest.raises(ValueError, match="x"):
            await bad.ainvoke(QUESTION, {"callbacks": [handler]})
        left = trace.get_current_span()
        assert left.get_span_context() == inside.get_span_context()
        assert not left.is_recording()

    for _ in range(3):
        agent(asks(("whisper", {"word": "x"})), says("done")).invoke(
            QUESTION, {"callbacks": [handler]}
        )
        asyncio.run(all_of_it())
    assert otel.get_current() == before
    assert len(handler.recording.open) == 0
    assert recorded.rows("SELECT count(*) FROM spans WHERE end_ns IS NULL") == [(0,)]


def test_many_agents_at_once_do_not_mix(recorded: Recorded) -> None:
    """
    Threads and tasks that share one handler have each its own run, whole.
    """
    handler = recorded.handler()

    def one(number: int) -> None:
        config: Any = {"callbacks": [handler], "configurable": {"thread_id": f"t{number}"}}
        made = agent(asks(("whisper", {"word": str(number)})), says(f"done {number}"))
        made.invoke(QUESTION, config)

    async def several(numbers: range) -> None:
        await asyncio.gather(*(asyncio.to_thread(one, number) for number in numbers))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    asyncio.run(several(range(6, 12)))
    for thread in threads:
        thread.join()
    found = recorded.rows(
        "SELECT r.session_id, r.status, r.llm_calls, r.tool_calls, m.body FROM runs r"
        " JOIN messages m ON m.id = r.answer_message"
    )
    assert len(found) == 12
    for session, status, calls, tools, body in found:
        assert (status, calls, tools) == ("success", 2, 1)
        assert f"done {session[1:]}" in body


@pytest.mark.parametrize("where", ["handler", "bridge"])
def test_content_is_recorded_only_where_it_may_be(where: str, tmp_path: Path) -> None:
    """
    Switched off for the handler or the bridge, no word of anybody is in the database,
    and the numbers are.
    """
    options = {"capture_content": False}
    made = Recorded(tmp_path / "runs.db", **(options if where == "bridge" else {}))
    handler = made.handler(**(options if where == "handler" else {}))

    @tool
    def fail(word: str) -> str:
        """
        Fail.
        """
        raise ValueError(word)

    failing = agent(asks(("fail", {"word": SECRET})), tools=[fail])
    with pytest.raises(ValueError, match=SECRET):
        failing.invoke(QUESTION, {"callbacks": [handler]})
    agent(asks(("whisper", {"word": SECRET})), says(SECRET)).invoke(
        QUESTION, {"callbacks": [handler]}
    )
    assert [row[1:] for row in made.runs()] == [
        ("error", None, 1, 1, 10, 2),
        ("success", None, 2, 1, 20, 4),
    ]
    made.close()
    assert SECRET.encode() not in b"".join(
        path.read_bytes() for path in tmp_path.iterdir() if path.is_file()
    )


def test_a_span_that_stepped_aside_shows_the_one_around_it(spans: Spans) -> None:
    """
    What stands for a span is that span until it is closed, and the one around it after.
    """
    inner, outer = spans.tracer.start_span("inner"), spans.tracer.start_span("outer")
    stands = SpanWhileOpen(inner, outer)
    stands.set_attribute("a", 1)
    stands.add_event("e")
    stands.end()
    assert stands.get_span_context() == inner.get_span_context()
    stands.close()
    stands.set_attributes({"b": 2})
    assert stands.get_span_context() == outer.get_span_context()
    inner.end()
    outer.end()
    assert dict(spans.only("inner").attributes or {}) == {"a": 1}
    assert dict(spans.only("outer").attributes or {}) == {"b": 2}


def test_without_a_bridge_the_programs_provider_is_used() -> None:
    """
    A handler without a bridge records through the program's tracer provider, and does no
    harm where there is none.
    """
    chain = RunnableLambda(lambda told: told)
    assert chain.invoke("x", {"callbacks": [BridgeCallbackHandler()]}) == "x"


def test_handlers_of_one_bridge_share_what_is_open(spans: Spans) -> None:
    """
    A bridge has one recording, another bridge another one, and it goes with its bridge.
    """
    bridge, other = Recorder(spans.tracer), Recorder(spans.tracer)
    handler = BridgeCallbackHandler(bridge)
    kept = weakref.ref(handler.recording)
    assert Recording.of(bridge) is handler.recording
    assert Recording.of(bridge) is not Recording.of(other)
    del handler
    gc.collect()
    assert kept() is Recording.of(bridge)
    del bridge
    gc.collect()
    assert kept() is None


def printed(program: str) -> str:
    """
    Run a program in a process of its own and give what it prints.
    """
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_without_langchain_the_error_names_the_extra() -> None:
    """
    Where langchain-core is missing, importing the integration says what to install.
    """
    program = (
        "import sys; sys.modules['langchain_core'] = None\n"
        "try:\n    import otel_bridge.integrations.langchain\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("NotInstalledError")
    assert "pip install 'otel-bridge[langchain]'" in done.stdout


def test_importing_the_bridge_imports_no_langchain() -> None:
    """
    Who does not use the integration does not load LangChain.
    """
    program = (
        "import sys, otel_bridge; otel_bridge.install; import otel_bridge.integrations\n"
        "print([m for m in sys.modules if m.startswith('lang')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
