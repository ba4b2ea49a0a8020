"""
The LangChain integration: lead agents, sub-agents, middleware and tools told apart.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, SummarizationMiddleware
from langchain_agents import Recorded, ScriptedModel, asks, says
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command

CALLER = "otel_bridge.caller"
QUESTION: Any = {"messages": [("user", "go")]}
Call = tuple[str, int | None]


class State(TypedDict):
    """
    A conversation.
    """

    messages: Annotated[list[Any], add_messages]


@pytest.fixture
def recorded(tmp_path: Path) -> Iterator[Recorded]:
    """
    A bridge into a file.
    """
    made = Recorded(tmp_path / "runs.db")
    yield made
    made.close()


def model(*answers: Any) -> ScriptedModel:
    """
    Make a model that gives these answers.
    """
    return ScriptedModel(answers=answers)


def callers(recorded: Recorded) -> list[Call]:
    """
    Who made each call, and the input tokens of the call.
    """
    return [
        (span[CALLER], span.get("gen_ai.usage.input_tokens")) for span in recorded.spans("chat")
    ]


def asking(inner: Any, name: str = "research") -> Any:
    """
    Make a tool that hands its question to an agent.
    """

    @tool(name)
    def ask(question: str) -> str:
        """
        Ask another agent.
        """
        answer = inner.invoke({"messages": [HumanMessage(question)]})
        return str(answer["messages"][-1].content)

    return ask


def small_graph(answer: Any, name: str | None = None) -> Any:
    """
    Make a graph of one node that calls a model.
    """
    scripted = model(answer)
    graph = StateGraph(State)
    graph.add_node("work", lambda state: {"messages": [scripted.invoke(state["messages"])]})
    graph.add_edge(START, "work")
    graph.add_edge("work", END)
    return graph.compile(name=name)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_agent_in_a_tool_is_a_child_run(asynchronous: bool, recorded: Recorded) -> None:
    """
    An agent that a tool invokes is a run of its own inside the tool, and its words are not
    the lead agent's.
    """
    inner = create_agent(model(says("found", used=(7, 1))), [], name="researcher")
    lead = create_agent(
        model(asks(("research", {"question": "x"})), says("done")), [asking(inner)], name="lead"
    )
    config: Any = {"callbacks": [recorded.handler()]}
    if asynchronous:
        asyncio.run(lead.ainvoke(QUESTION, config))
    else:
        lead.invoke(QUESTION, config)
    assert recorded.runs() == [
        ("lead", "success", None, 2, 1, 20, 4),
        ("researcher", "success", "lead", 1, 0, 7, 1),
    ]
    assert callers(recorded) == [
        ("lead_agent", 10),
        ("subagent:researcher", 7),
        ("lead_agent", 10),
    ]
    assert recorded.steps("researcher") == [("user", "x"), ("assistant", "found")]
    above = recorded.rows(
        "SELECT p.name FROM spans s JOIN spans p ON p.span_id = s.parent_span_id"
        " WHERE s.name = 'invoke_agent researcher'"
    )
    assert above == [("execute_tool research",)]


@pytest.mark.parametrize(
    ("inner_name", "agent"), [("researcher", "researcher"), (None, "research")]
)
def test_a_graph_in_a_tool_is_a_child_run(
    inner_name: str | None, agent: str, recorded: Recorded
) -> None:
    """
    So is a graph that a tool invokes, which has the tool's name where it has none.
    """
    inner = small_graph(says("found", used=(7, 1)), inner_name)
    lead = create_agent(
        model(asks(("research", {"question": "x"})), says("done")), [asking(inner)], name="lead"
    )
    lead.invoke(QUESTION, {"callbacks": [recorded.handler()]})
    assert recorded.runs() == [
        ("lead", "success", None, 2, 1, 20, 4),
        (agent, "success", "lead", 1, 0, 7, 1),
    ]
    assert recorded.steps(agent) == [("user", "x"), ("assistant", "found")]


def test_agents_as_nodes_are_child_runs(recorded: Recorded) -> None:
    """
    Named agents and graphs that are nodes of a graph are its sub-agents; a graph without
    a name is a part of it.
    """
    graph = StateGraph(State)
    graph.add_node("first", create_agent(model(says("one", used=(1, 1))), [], name="writer"))
    graph.add_node("second", small_graph(says("two", used=(2, 1)), "editor"))
    graph.add_node("third", small_graph(says("three", used=(3, 1))))
    graph.add_edge(START, "first")
    graph.add_edge("first", "second")
    graph.add_edge("second", "third")
    team = graph.compile(name="team")
    team.invoke(QUESTION, {"callbacks": [recorded.handler()]})
    assert recorded.runs() == [
        ("team", "success", None, 1, 0, 3, 1),
        ("writer", "success", "team", 1, 0, 1, 1),
        ("editor", "success", "team", 1, 0, 2, 1),
    ]
    assert callers(recorded) == [("subagent:writer", 1), ("subagent:editor", 2), ("lead_agent", 3)]


def test_agents_in_agents_in_agents(recorded: Recorded) -> None:
    """
    Each level is the child of the one around it, also where two have one name.
    """
    third = create_agent(model(says("deep", used=(3, 1))), [], name="digger")
    second = create_agent(
        model(asks(("dig", {"question": "z"}), used=(2, 1)), says("up", used=(2, 1))),
        [asking(third, "dig")],
        name="digger",
    )
    first = create_agent(
        model(asks(("ask", {"question": "y"}), used=(1, 1)), says("top", used=(1, 1))),
        [asking(second, "ask")],
        name="lead",
    )
    first.invoke(QUESTION, {"callbacks": [recorded.handler()]})
    assert recorded.runs() == [
        ("lead", "success", None, 2, 1, 2, 2),
        ("digger", "success", "lead", 2, 1, 4, 2),
        ("digger", "success", "digger", 1, 0, 3, 1),
    ]


def test_parallel_sub_agents_do_not_mix(recorded: Recorded) -> None:
    """
    Sub-agents that run at the same time keep their own calls and answers.
    """
    tools = [
        asking(create_agent(model(says(f"by {name}", used=(n, 1))), [], name=name), f"ask_{name}")
        for n, name in enumerate("abc", 1)
    ]
    wanted = [(f"ask_{name}", {"question": name}) for name in "abc"]
    lead = create_agent(model(asks(*wanted), says("all")), tools, name="lead")
    asyncio.run(lead.ainvoke(QUESTION, {"callbacks": [recorded.handler()]}))
    assert sorted(recorded.runs()[1:]) == [
        (name, "success", "lead", 1, 0, n, 1) for n, name in enumerate("abc", 1)
    ]
    for name in "abc":
        assert recorded.steps(name) == [("user", name), ("assistant", f"by {name}")]


def test_a_tag_names_a_sub_agent(recorded: Recorded) -> None:
    """
    What is called with a tag `subagent:NAME` is that sub-agent's run, once.
    """
    sub = small_graph(says("sub", used=(7, 1)))

    def work(state: Any) -> Any:
        return sub.invoke(state, {"tags": ["subagent:scout"]})

    chain = (
        RunnableLambda(work) | RunnableLambda(lambda told: told["messages"]) | model(says("lead"))
    ).with_config(run_name="lead")
    chain.invoke({"messages": [HumanMessage("x")]}, {"callbacks": [recorded.handler()]})
    assert recorded.runs() == [
        ("lead", "success", None, 1, 0, 10, 2),
        ("scout", "success", "lead", 1, 0, 7, 1),
    ]


class Title(AgentMiddleware[Any, Any, Any]):
    """
    Asks a model for a title before the agent's own call.
    """

    def before_model(self, state: Any, runtime: Any) -> None:
        """
        Call the model.
        """
        model(says("A title", used=(3, 1))).invoke("title?")


def test_middleware_is_no_answer_of_the_lead_agent(recorded: Recorded) -> None:
    """
    A middleware's call counts in the run, is marked as the middleware's, and is neither
    an answer nor a visible step.
    """
    lead = create_agent(model(says("done")), [], name="lead", middleware=[Title()])
    lead.invoke(QUESTION, {"callbacks": [recorded.handler()]})
    assert recorded.runs() == [("lead", "success", None, 2, 0, 13, 3)]
    assert callers(recorded) == [("middleware:Title", 3), ("lead_agent", 10)]
    assert recorded.steps() == [("user", "go"), ("assistant", "done")]
    answer = recorded.rows(
        "SELECT m.body LIKE '%done%' FROM runs r JOIN messages m ON m.id = r.answer_message"
    )
    assert answer == [(1,)]


def test_langchains_own_middleware_is_told(recorded: Recorded) -> None:
    """
    The call that summarises a long conversation is the summarisation's.
    """
    summary = SummarizationMiddleware(
        model=model(says("short", used=(5, 1))), trigger=("messages", 4), keep=("messages", 1)
    )
    lead = create_agent(model(says("done")), [], name="lead", middleware=[summary])
    talk: Any = {"messages": [("user", "a"), ("assistant", "b"), ("user", "c"), ("user", "d")]}
    lead.invoke(talk, {"callbacks": [recorded.handler()]})
    assert callers(recorded) == [("middleware:summarization", 5), ("lead_agent", 10)]
    assert [text for role, text in recorded.steps() if role == "assistant"] == ["done"]


def test_a_tag_names_a_middleware(recorded: Recorded) -> None:
    """
    What is called with a tag `middleware:NAME` is that middleware's.
    """

    def work(told: Any) -> Any:
        model(says("t", used=(3, 1))).invoke("title?", {"tags": ["middleware:title"]})
        return told

    chain = (RunnableLambda(work) | model(says("lead"))).with_config(run_name="lead")
    chain.invoke("x", {"callbacks": [recorded.handler()]})
    assert callers(recorded) == [("middleware:title", 3), ("lead_agent", 10)]
    assert recorded.steps() == [("user", "x"), ("assistant", "lead")]


def test_a_model_in_a_tool_does_not_speak_for_the_agent(recorded: Recorded) -> None:
    """
    A tool's own call to a model counts in the run, and its answer is the tool's.
    """

    @tool
    def translate(text: str) -> str:
        """
        Translate.
        """
        return str(model(says("bom dia", used=(4, 1))).invoke(text).content)

    lead = create_agent(
        model(asks(("translate", {"text": "good day"})), says("done")), [translate], name="lead"
    )
    lead.invoke(QUESTION, {"callbacks": [recorded.handler()]})
    assert recorded.runs() == [("lead", "success", None, 3, 1, 24, 5)]
    assert callers(recorded)[1] == ("tool:translate", 4)
    assert recorded.steps() == [
        ("user", "go"),
        ("assistant", "translate"),
        ("tool", "bom dia"),
        ("assistant", "done"),
    ]


def test_a_hand_over_is_no_error(recorded: Recorded) -> None:
    """
    A sub-agent that hands over to another node of the graph around it has succeeded, and so
    has the tool that did it.
    """

    @tool
    def hand_over() -> Any:
        """
        Go to the other agent.
        """
        return Command(goto="second", graph=Command.PARENT, update={"messages": []})

    graph = StateGraph(State)
    first = create_agent(model(asks(("hand_over", {}))), [hand_over], name="first")
    graph.add_node("first", first, destinations=("second",))
    graph.add_node("second", create_agent(model(says("mine")), [], name="second"))
    graph.add_edge(START, "first")
    graph.compile(name="team").invoke(QUESTION, {"callbacks": [recorded.handler()]})
    assert [row[:3] for row in recorded.runs()] == [
        ("team", "success", None),
        ("first", "success", "team"),
        ("second", "success", "team"),
    ]
    assert recorded.rows("SELECT status FROM tool_calls") == [("ok",)]
