"""
Recording every call of a program, without a word at any of them.
"""

from contextvars import ContextVar
from typing import Any, cast

from langchain_core.tracers.context import register_configure_hook

from otel_bridge.integrations.langchain.handler import BridgeCallbackHandler
from otel_bridge.recorder import Recorder


class _Everywhere:
    """
    Stands for a context variable: one that says the same in every thread and task.

    A real one would say nothing in threads that were started before, or elsewhere.
    """

    def __init__(self) -> None:
        self.handler: BridgeCallbackHandler | None = None
        self.registered = False

    def get(self) -> BridgeCallbackHandler | None:
        """
        Give what LangChain adds to the handlers of every call.
        """
        return self.handler


_everywhere = _Everywhere()


def install(bridge: Recorder | None = None, **options: Any) -> BridgeCallbackHandler:
    """
    Record every chain, graph, model, tool and retriever of LangChain's in this process.

    A call that is given a `BridgeCallbackHandler` of its own is recorded by that one. A
    second install takes the place of the first.

    Args:
        bridge: What records; None for the program's own tracer provider.
        options: Those of `BridgeCallbackHandler`.

    Returns:
        The handler that records.
    """
    handler = _everywhere.handler = BridgeCallbackHandler(bridge, **options)
    if not _everywhere.registered:
        _everywhere.registered = True
        variable = cast("ContextVar[Any]", _everywhere)
        register_configure_hook(variable, inheritable=True, handle_class=BridgeCallbackHandler)
    return handler


def uninstall() -> None:
    """
    Stop recording calls that are given no handler of their own.
    """
    _everywhere.handler = None
