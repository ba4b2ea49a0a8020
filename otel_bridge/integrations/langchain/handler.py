"""
The callback handler: what LangChain and LangGraph tell, handed to what records it.

Callbacks run where they are told, in the agent's own thread or task, one after another:
so their order is right, and nothing waits for an event loop.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from opentelemetry import trace
from otel_bridge_storage.facts import CustomFact

from otel_bridge import arguments
from otel_bridge.integrations.langchain.base import HandlerBase
from otel_bridge.integrations.langchain.calls import Calls
from otel_bridge.integrations.langchain.options import Options
from otel_bridge.integrations.langchain.recording import Recording, Told
from otel_bridge.integrations.langchain.runs import Runs
from otel_bridge.integrations.langchain.tools import Tools
from otel_bridge.integrations.langchain.twins import warn_of_twins
from otel_bridge.recorder import Recorder
from otel_bridge.responses.access import get, text

C = TypeVar("C", bound=Callable[..., None])


def _contained(callback: C) -> C:
    """
    Keep what goes wrong in a callback from the agent, and count it.
    """

    @wraps(callback)
    def safe(self: "BridgeCallbackHandler", *args: Any, **kwargs: Any) -> None:
        with self.recording.emitter.faults.contained(f"recording LangChain's {callback.__name__}"):
            callback(self, *args, **kwargs)

    return safe  # type: ignore[return-value]


class BridgeCallbackHandler(HandlerBase):
    """
    Records what LangChain and LangGraph tell it, as the Recorder would.

        agent.invoke(question, config={"callbacks": [BridgeCallbackHandler(bridge)]})

    One handler serves any number of calls, threads and event loops at once. Nothing is
    raised into the agent; what cannot be recorded is counted (`bridge.emitter.rejected`).

    Args:
        bridge: What records; None for the program's own tracer provider.
        agent_name: The lead agent's name; by default the graph's.
        session_id: The conversation; by default LangGraph's `thread_id`, or `session_id`
            or `conversation_id` of the call's metadata.
        user_id: By default `user_id` of the call's metadata.
        tags: Labels to find the runs by, beside those of the call.
        metadata: Anything JSON can hold, beside that of the call.
        capture_content: False leaves out what people, models and tools wrote.
    """

    run_inline: ClassVar[bool] = True  # type: ignore[misc]
    raise_error: ClassVar[bool] = False  # type: ignore[misc]

    def __init__(
        self,
        bridge: Recorder | None = None,
        *,
        agent_name: str | None = None,
        session_id: str | None = None,
        user_id: str | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, Any] | None = None,
        capture_content: bool = True,
    ) -> None:
        super().__init__()
        self._recorder = Recorder(trace.get_tracer("otel_bridge")) if bridge is None else bridge
        self.recording = Recording.of(self._recorder)
        warn_of_twins()
        self._runs = Runs(self.recording)
        self._calls = Calls(self.recording)
        self._tools = Tools(self.recording)
        self._options = Options(
            agent_name=arguments.text(agent_name),
            session_id=arguments.text(session_id),
            user_id=arguments.text(user_id),
            tags=arguments.tags(tags),
            metadata=arguments.mapping(metadata),
            capture_content=capture_content,
        )

    @_contained
    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: UUID, **told: Any) -> None:
        """
        Note a chain, a graph or a node of one.
        """
        self._runs.started(self._told(run_id, serialized, told), inputs)

    @_contained
    def on_chain_end(self, outputs: Any, *, run_id: UUID, **told: Any) -> None:
        """
        End a chain.
        """
        self._runs.ended(run_id, outputs)

    @_contained
    def on_chain_error(self, error: BaseException, *, run_id: UUID, **told: Any) -> None:
        """
        End a chain that an exception left.
        """
        self._runs.failed(run_id, error)

    @_contained
    def on_interrupt(self, event: Any) -> None:
        """
        Note what a graph stops for.
        """
        if not get(event, "checkpoint_ns"):
            self._runs.interrupted(event.run_id, event.interrupts)

    @_contained
    def on_chat_model_start(
        self,
        serialized: Any,
        messages: Sequence[Any],
        *,
        run_id: UUID,
        **told: Any,
    ) -> None:
        """
        Note a request with messages.
        """
        sent = messages[0] if messages else []
        parameters = told.get("invocation_params")
        self._calls.started(self._told(run_id, serialized, told), sent, parameters, chat=True)

    @_contained
    def on_llm_start(
        self, serialized: Any, prompts: Sequence[str], *, run_id: UUID, **told: Any
    ) -> None:
        """
        Note a request with a text.
        """
        parameters = told.get("invocation_params")
        self._calls.started(self._told(run_id, serialized, told), prompts, parameters, chat=False)

    @_contained
    def on_llm_new_token(self, token: Any, *, run_id: UUID, **told: Any) -> None:
        """
        Note the first part of a streamed answer.
        """
        self._calls.streamed(run_id)

    @_contained
    def on_stream_event(self, event: Any, *, run_id: UUID, **told: Any) -> None:
        """
        Note the first part of an answer that is streamed as events.
        """
        if get(event, "event") == "content-block-delta":
            self._calls.streamed(run_id)

    @_contained
    def on_llm_end(self, response: Any, *, run_id: UUID, **told: Any) -> None:
        """
        End a request with its answer.
        """
        self._calls.ended(run_id, response)

    @_contained
    def on_llm_error(self, error: BaseException, *, run_id: UUID, **told: Any) -> None:
        """
        End a request that failed.
        """
        self._calls.failed(run_id, error, told.get("response"))

    @_contained
    def on_tool_start(self, serialized: Any, input_str: str, *, run_id: UUID, **told: Any) -> None:
        """
        Note the execution of a tool.
        """
        given = told.get("inputs")
        self._tools.started(
            self._told(run_id, serialized, told),
            input_str if given is None else given,
            told.get("tool_call_id"),
        )

    @_contained
    def on_tool_end(self, output: Any, *, run_id: UUID, **told: Any) -> None:
        """
        End the execution of a tool with its answer.
        """
        self._tools.ended(run_id, output)

    @_contained
    def on_tool_error(self, error: BaseException, *, run_id: UUID, **told: Any) -> None:
        """
        End the execution of a tool that an exception left.
        """
        self._tools.failed(run_id, error)

    @_contained
    def on_retriever_start(
        self, serialized: Any, query: str, *, run_id: UUID, **told: Any
    ) -> None:
        """
        Note a search.
        """
        named = self._told(run_id, serialized, told)
        self._tools.started(named, {"query": query}, target="retriever")

    @_contained
    def on_retriever_end(self, documents: Any, *, run_id: UUID, **told: Any) -> None:
        """
        End a search with what it found.
        """
        self._tools.ended(run_id, documents)

    @_contained
    def on_retriever_error(self, error: BaseException, *, run_id: UUID, **told: Any) -> None:
        """
        End a search that failed.
        """
        self._tools.failed(run_id, error)

    @_contained
    def on_custom_event(self, name: str, data: Any, *, run_id: UUID, **told: Any) -> None:
        """
        Record an event of the program's own in the run.
        """
        around = self.recording.open.get(run_id)
        if around is not None and around.run_id and around.options is self._options:
            held = dict(data) if isinstance(data, Mapping) else {"value": data}
            fact = CustomFact(
                run_id=around.run_id,
                name=arguments.text(name) or "custom",
                data=held if around.content else None,
            )
            self.recording.emitter.emit(fact)

    def _told(self, run_id: UUID, serialized: Any, told: Mapping[str, Any]) -> Told:
        name = told.get("name") or text(serialized, "name")
        return Told.of(
            self._options,
            run_id,
            told.get("parent_run_id"),
            told.get("tags"),
            told.get("metadata"),
            name,
        )
