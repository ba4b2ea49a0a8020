"""
The Recorder: what an agent program calls to have its runs recorded.
"""

import inspect
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, overload

from opentelemetry.trace import Tracer
from otel_bridge_storage.facts import Fact, RunStarted

from otel_bridge.arguments import mapping, text
from otel_bridge.arguments import tags as tags_of
from otel_bridge.decorators import agent_input, is_function, name_of, recorded
from otel_bridge.emitter import Emitter, OnEvent
from otel_bridge.open_spans import current_run_id
from otel_bridge.run_actions import RunActions
from otel_bridge.run_handle import RunHandle
from otel_bridge.session import Session, SessionContext, current_session, session
from otel_bridge.tool_handle import ToolHandle

F = TypeVar("F", bound=Callable[..., Any])


class Recorder(RunActions):
    """
    Records runs as spans of the GenAI conventions.

    The methods that record into a run take the one that the calling code is inside of.

    Args:
        clock: Nanoseconds since the epoch.
        on_event: Told of every event of a run when it happens.
        capture_content: Whether what people wrote is recorded.
    """

    def __init__(
        self,
        tracer: Tracer,
        *,
        clock: Callable[[], int] = time.time_ns,
        on_event: OnEvent | None = None,
        capture_content: bool = True,
    ) -> None:
        self._emitter = Emitter(
            tracer, clock=clock, on_event=on_event, capture_content=capture_content
        )

    @property
    def emitter(self) -> Emitter:
        """
        What turns facts into spans.
        """
        return self._emitter

    def run(
        self,
        agent_name: str | None = None,
        *,
        session_id: str | None = None,
        user_id: str | None = None,
        tenant_id: str | None = None,
        input: Any = None,  # noqa: A002 - the word that callers look for
        run_id: str | None = None,
        parent_run_id: str | None = None,
        model: str | None = None,
        strategy: str | None = None,
        tags: Iterable[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        agent_id: str | None = None,
    ) -> RunHandle:
        """
        Record one invocation of an agent.

        Args:
            session_id: The conversation; None for that of the session around it.
            input: What the agent was asked, as text or messages.
            run_id: The runtime's own id; give it again to go on with a paused run.
            parent_run_id: The run that started this one; None for the one around it.
            strategy: The runtime's name of its loop.
            metadata: Anything JSON can hold.
        """
        around = current_session() or SessionContext()
        started = RunStarted(
            run_id=text(run_id) or uuid.uuid4().hex,
            agent_name=text(agent_name),
            agent_id=text(agent_id),
            input=input,
            session_id=text(session_id) or around.session_id,
            user_id=text(user_id) or around.user_id,
            tenant_id=text(tenant_id),
            parent_run_id=text(parent_run_id) or current_run_id(),
            model=text(model),
            strategy=text(strategy),
            tags=tags_of(tags) or None,
            metadata=mapping(metadata) or None,
        )
        return RunHandle(self._emitter, started)

    def emit(self, fact: Fact) -> None:
        """
        Record a fact of a runtime that speaks in facts.
        """
        self._emitter.emit(fact)

    def session(
        self,
        session_id: str | None = None,
        *,
        user_id: str | None = None,
        tags: Iterable[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Session:
        """
        Mark every span made inside a `with` block, whichever instrumentation makes it.

        Args:
            session_id: The conversation.
            tags: Labels to find the runs by.
            metadata: Anything JSON can hold.
        """
        return session(session_id, user_id=user_id, tags=tags, metadata=metadata)

    @overload
    def agent(self, name: F, /) -> F: ...

    @overload
    def agent(self, name: str | None = None, /, **options: Any) -> Callable[[F], F]: ...

    def agent(self, name: Any = None, /, **options: Any) -> Any:
        """
        Record every call of a function, or of a generator, as a run.

        The arguments are the run's input, what is returned or yielded its output.

        Args:
            name: The agent's name; None for the function's.
            options: Those of `run`.

        Raises:
            TypeError: What is decorated is no function, or `run` has no such option.
        """
        inspect.signature(self.run).bind(None, **options)

        def decorate(function: F) -> F:
            def start(arguments: Mapping[str, Any]) -> RunHandle:
                told = {"input": agent_input(arguments), **options}
                return self.run(name_of(function, name), **told)

            return recorded(function, start, self._emitter.faults)

        return decorate(name) if is_function(name) else decorate

    @overload
    def tool(self, name: F, /) -> F: ...

    @overload
    def tool(self, name: str | None = None, /) -> Callable[[F], F]: ...

    def tool(self, name: Any = None, /) -> Any:
        """
        Record every call of a function, or of a generator, as a tool call.

        Args:
            name: The tool's name; None for the function's.

        Raises:
            TypeError: What is decorated is no function.
        """

        def decorate(function: F) -> F:
            def start(arguments: Mapping[str, Any]) -> ToolHandle:
                return self.tool_call(name_of(function, name), arguments=arguments)

            return recorded(function, start, self._emitter.faults)

        return decorate(name) if is_function(name) else decorate

    def _run(self) -> str:
        return current_run_id() or ""
