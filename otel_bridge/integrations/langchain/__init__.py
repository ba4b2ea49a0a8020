"""
Records LangChain and LangGraph programs through a callback handler, without instrumentation.

    agent.invoke(question, config={"callbacks": [BridgeCallbackHandler(bridge)]})

    install(bridge)   # or once, for every call of the program
"""

from otel_bridge.integrations.langchain.handler import BridgeCallbackHandler
from otel_bridge.integrations.langchain.installing import install, uninstall

__all__ = ["BridgeCallbackHandler", "install", "uninstall"]
