"""
The handler class of LangChain, or that of LangGraph where it is installed.

LangGraph tells of interrupts and resumptions only to handlers of its own class.
"""

from typing import TYPE_CHECKING

from otel_bridge_storage.errors import NotInstalledError

try:
    from langchain_core.callbacks import BaseCallbackHandler
except ImportError as error:
    raise NotInstalledError(
        "langchain-core is not installed: run `pip install 'otel-bridge[langchain]'`"
    ) from error

if TYPE_CHECKING:
    HandlerBase = BaseCallbackHandler
else:
    try:
        from langgraph.callbacks import GraphCallbackHandler as HandlerBase
    except ImportError:
        HandlerBase = BaseCallbackHandler

__all__ = ["BaseCallbackHandler", "HandlerBase"]
