"""
An agent on LangChain's real OpenAI client, recorded beside instrumentations, in a process
of its own because instrumentations change the process.

    python langchain_child.py DATABASE WAYS INSTRUMENTATION...
"""

import asyncio
import sys
from importlib import import_module
from typing import Any

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

import otel_bridge
from otel_bridge.demo.model_server import ModelServer
from otel_bridge.integrations.langchain import BridgeCallbackHandler

INSTRUMENTORS = {
    "openinference.instrumentation.openai": "OpenAIInstrumentor",
    "openinference.instrumentation.langchain": "LangChainInstrumentor",
}


@tool
def research(question: str) -> str:
    """
    Find things out.
    """
    return "Lisbon notes: fado"


@tool
def book_hotel(hotel: str, nights: int) -> str:
    """
    Book a room.
    """
    return f"Booked: {hotel}"


def agent_and_question(way: str, url: str) -> tuple[Any, Any]:
    """
    Make an agent and what to ask it; the model server streams texts only.
    """
    streams = "stream" in way
    model = ChatOpenAI(
        model="gpt-4o-mini" if streams else "gpt-4o",
        base_url=url,
        api_key="none",  # type: ignore[arg-type]
        max_retries=0,
        stream_usage=True,
    )
    asked = "Write a postcard" if streams else "Plan a weekend in Lisbon"
    agent = create_agent(model, [research, book_hotel], name="planner")
    return agent, {"messages": [("user", asked)]}


def ask(way: str, url: str, config: Any) -> None:
    """
    Call the agent or read its messages.
    """
    agent, question = agent_and_question(way, url)
    if way == "invoke":
        agent.invoke(question, config)
    elif way == "stream":
        list(agent.stream(question, config, stream_mode="messages"))


async def ask_all(ways: list[str], url: str, configs: dict[str, Any]) -> None:
    """
    Do so in one event loop, as LangChain keeps its client for all of them.
    """
    for way in ways:
        agent, question = agent_and_question(way, url)
        if way == "ainvoke":
            await agent.ainvoke(question, configs[way])
        elif way == "astream":
            async for _ in agent.astream(question, configs[way], stream_mode="messages"):
                pass


def main(database: str, given: str, *instrumentations: str) -> None:
    """
    Record a question for each way, in a session of its name.
    """
    bridge = otel_bridge.install(database)
    for module in instrumentations:
        getattr(import_module(module), INSTRUMENTORS[module])().instrument()
    ways = given.split(",")
    configs: dict[str, Any] = {
        way: {"callbacks": [BridgeCallbackHandler(bridge, session_id=way)]} for way in ways
    }
    with bridge, ModelServer() as server:
        for way in ways:
            ask(way, server.url, configs[way])
        asyncio.run(ask_all(ways, server.url, configs))
        assert bridge.emitter.rejected == 0


if __name__ == "__main__":
    main(*sys.argv[1:])
