"""
The LangChain integration: runs that wait for a person, and go on.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_agents import Recorded, ScriptedModel, asks, says
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from otel_bridge.integrations.langchain import BridgeCallbackHandler


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recorded]:
    """
    A bridge into a file.
    """
    made = Recorded(tmp_path / "runs.db")
    yield made
    made.close()


@tool
def approve(what: str) -> str:
    """
    Ask a person.
    """
    return f"they said {interrupt({'please approve': what})}"


def agent(*answers: Any, **options: Any) -> Any:
    """
    Make an agent that remembers its threads.
    """
    options = {"name": "lead", "checkpointer": InMemorySaver(), **options}
    return create_agent(ScriptedModel(answers=answers), [approve], **options)


def facts(recorded: Recorded) -> list[tuple[str, dict[str, Any]]]:
    """
    The facts of pauses, in order.
    """
    found = recorded.rows(
        "SELECT kind, data FROM run_log WHERE kind LIKE 'run.%' ORDER BY time_ns"
    )
    told = [(kind, json.loads(data) if data else {}) for kind, data in found]
    return [(kind, data) for kind, data in told if kind in ("run.paused", "run.resumed")]


QUESTION: Any = {"messages": [("user", "buy it")]}


def test_an_interrupt_pauses_the_run_and_a_resume_goes_on(recorded: Recorded) -> None:
    """
    A run that is interrupted inside a tool is paused without any error, and one run, with
    all its calls, once it went on.
    """
    lead = agent(asks(("approve", {"what": "boat"})), says("bought"))
    config: Any = {"callbacks": [recorded.handler()], "configurable": {"thread_id": "t"}}
    lead.invoke(QUESTION, config)
    assert recorded.runs() == [("lead", "paused", None, 1, 1, 10, 2)]
    assert recorded.rows("SELECT DISTINCT error_type FROM runs") == [(None,)]
    lead.invoke(Command(resume="yes"), config)
    assert [row[:4] for row in recorded.runs()] == [("lead", "success", None, 2)]
    assert recorded.rows("SELECT DISTINCT status FROM tool_calls") == [("ok",)]
    (_, paused), (_, resumed) = facts(recorded)
    assert paused["reason"] == "interrupt"
    assert json.loads(paused["message"]) == {"please approve": "boat"}
    assert resumed == {"pause_id": paused["pause_id"], "user_input": "yes"}
    assert [text for _, text in recorded.steps()][-1] == "bought"


def test_an_interrupt_that_only_a_node_tells_of_pauses_too(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A LangGraph that has no events of interrupts leaves the same pause.
    """
    monkeypatch.setattr(BridgeCallbackHandler, "on_interrupt", lambda self, event: None)
    lead = agent(asks(("approve", {"what": "boat"})), says("bought"))
    config: Any = {"callbacks": [recorded.handler()], "configurable": {"thread_id": "t"}}
    lead.invoke(QUESTION, config)
    assert recorded.runs() == [("lead", "paused", None, 1, 1, 10, 2)]
    lead.invoke(Command(resume="yes"), config)
    assert [row[:4] for row in recorded.runs()] == [("lead", "success", None, 2)]


def test_what_a_person_shall_approve_is_named(recorded: Recorded) -> None:
    """
    A pause for approval lists the tool calls that wait.
    """
    watch = HumanInTheLoopMiddleware(interrupt_on={"approve": True})
    lead = agent(asks(("approve", {"what": "boat"})), says("no"), middleware=[watch])
    config: Any = {"callbacks": [recorded.handler()], "configurable": {"thread_id": "t"}}
    lead.invoke(QUESTION, config)
    ((_, paused),) = facts(recorded)
    assert paused["reason"] == "waiting_approval"
    (call,) = paused["pending_tool_calls"]
    assert (call["name"], call["params"]) == ("approve", {"what": "boat"})
    lead.invoke(Command(resume={"decisions": [{"type": "reject", "message": "no"}]}), config)
    assert [row[:4] for row in recorded.runs()] == [("lead", "success", None, 2)]


def test_a_breakpoint_pauses_too(recorded: Recorded) -> None:
    """
    A graph that stops before a node is paused, and goes on when it is called without input.
    """
    lead = create_agent(
        ScriptedModel(answers=[says("hi")]),
        [],
        name="lead",
        checkpointer=InMemorySaver(),
        interrupt_before=["model"],
    )
    config: Any = {"callbacks": [recorded.handler()], "configurable": {"thread_id": "t"}}
    lead.invoke(QUESTION, config)
    assert [row[:2] for row in recorded.runs()] == [("lead", "paused")]
    later: Any = {**config, "callbacks": [recorded.handler()]}
    lead.invoke(None, later)
    assert [row[:4] for row in recorded.runs()] == [("lead", "success", None, 1)]
    assert [data.get("reason") for _, data in facts(recorded)] == ["breakpoint", None]


def test_a_new_question_leaves_the_paused_run_alone(recorded: Recorded) -> None:
    """
    A thread whose person asks something else has a new run, and the old one stays paused.
    """
    lead = agent(asks(("approve", {"what": "boat"})), asks(("approve", {"what": "car"})))
    config: Any = {"callbacks": [recorded.handler()], "configurable": {"thread_id": "t"}}
    lead.invoke(QUESTION, config)
    other: Any = {"callbacks": [recorded.handler()], "configurable": {"thread_id": "u"}}
    lead.invoke(QUESTION, other)
    assert [row[:2] for row in recorded.runs()] == [("lead", "paused")] * 2


def test_an_interrupted_sub_agent_goes_on_as_the_same_run(recorded: Recorded) -> None:
    """
    An interrupt inside a sub-agent pauses both runs, and both go on.
    """
    inner = create_agent(
        ScriptedModel(answers=[asks(("approve", {"what": "boat"})), says("fine")]),
        [approve],
        name="buyer",
    )

    @tool
    def buy(what: str) -> str:
        """
        Let the buyer do it.
        """
        return str(inner.invoke({"messages": [HumanMessage(what)]})["messages"][-1].content)

    lead = create_agent(
        ScriptedModel(answers=[asks(("buy", {"what": "boat"})), says("done")]),
        [buy],
        name="lead",
        checkpointer=InMemorySaver(),
    )
    config: Any = {"callbacks": [recorded.handler()], "configurable": {"thread_id": "t"}}
    lead.invoke(QUESTION, config)
    assert [row[:3] for row in recorded.runs()] == [
        ("lead", "paused", None),
        ("buyer", "paused", "lead"),
    ]
    lead.invoke(Command(resume="yes"), config)
    assert [row[:3] for row in recorded.runs()] == [
        ("lead", "success", None),
        ("buyer", "success", "lead"),
    ]
    assert recorded.rows("SELECT count(*) FROM tool_calls WHERE status = 'error'") == [(0,)]
