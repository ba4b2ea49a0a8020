"""
What can be recorded in a run: calls, steps, pauses, decisions, facts of one's own.
"""

import uuid
from abc import ABC, abstractmethod
from typing import Any

from otel_bridge_storage.facts import (
    AssistantStepCommitted,
    CustomFact,
    Fact,
    LLMCallStarted,
    RunPaused,
    RunResumed,
    TerminationDecided,
    ToolStepCommitted,
    ToolStepStarted,
    UserStepCommitted,
)

from otel_bridge.arguments import real, text, whole
from otel_bridge.call_handle import CallHandle
from otel_bridge.emitter import Emitter
from otel_bridge.span_forms import LocalId
from otel_bridge.tool_handle import ToolHandle


class RunActions(ABC):
    """
    Records into one run, which the subclass names.
    """

    _emitter: Emitter

    @abstractmethod
    def _run(self) -> str:
        """
        Give the id of the run to record into; empty where there is none.
        """

    def llm_call(
        self,
        *,
        model: str | None = None,
        provider: str | None = None,
        input: Any = None,  # noqa: A002 - the word that callers look for
        operation: str = "chat",
        system: Any = None,
        tools: Any = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        stream: bool | None = None,
        call_id: str | None = None,
        iteration: int | None = None,
    ) -> CallHandle:
        """
        Record a request to a model.

        Args:
            input: The messages sent, as text or in the form of the OpenAI client, the
                Anthropic client or the GenAI conventions.
            operation: `chat`, `text_completion`, `generate_content` or `embeddings`.
            system: System instructions that are not among the messages.
            tools: The tools offered to the model.
            call_id: The runtime's own id of the call.
            iteration: The turn of the agent's loop, from 1.
        """
        started = LLMCallStarted(
            run_id=self._run(),
            call_id=text(call_id) or _local_id(),
            operation=text(operation) or "chat",
            model=text(model),
            provider=text(provider),
            input=input,
            system_instructions=system,
            tools=tools,
            temperature=real(temperature),
            max_tokens=whole(max_tokens),
            stream=stream if isinstance(stream, bool) else None,
            iteration=whole(iteration),
        )
        return CallHandle(self._emitter, started)

    def tool_call(
        self,
        name: str,
        *,
        arguments: Any = None,
        call_id: str | None = None,
        target: str | None = None,
        iteration: int | None = None,
    ) -> ToolHandle:
        """
        Record an execution of a tool.

        Args:
            arguments: A map or JSON text.
            call_id: The id that the model gave its request.
            target: Where it runs, `server` or `client`.
            iteration: The turn of the agent's loop, from 1.
        """
        started = ToolStepStarted(
            run_id=self._run(),
            tool_call_id=text(call_id) or _local_id(),
            tool_name=text(name),
            arguments=arguments,
            target=text(target),
            iteration=whole(iteration),
        )
        return ToolHandle(self._emitter, started)

    def step(
        self,
        role: str,
        content: Any,
        *,
        step_id: str | None = None,
        call_id: str | None = None,
        tool_name: str | None = None,
        iteration: int | None = None,
    ) -> str:
        """
        Record that a message became part of the run.

        Args:
            role: `user`, `assistant` or `tool`.
            content: Text or message parts.
            call_id: Of an assistant's message, the LLM call it came from; of a tool's,
                the call it answers.

        Returns:
            The step's id.
        """
        step_id = text(step_id) or uuid.uuid4().hex
        call_id, role = text(call_id), text(role) or ""
        iteration = whole(iteration)
        run_id = self._run()
        fact: Fact
        if role == "user":
            fact = UserStepCommitted(
                run_id=run_id, iteration=iteration, step_id=step_id, content=content
            )
        elif role == "assistant":
            fact = AssistantStepCommitted(
                run_id=run_id,
                iteration=iteration,
                step_id=step_id,
                content=content,
                call_id=call_id,
            )
        elif role == "tool":
            fact = ToolStepCommitted(
                run_id=run_id,
                iteration=iteration,
                tool_call_id=call_id or _local_id(),
                tool_name=text(tool_name),
                result=content,
            )
        else:
            data = {"step_id": step_id, "content": content}
            name = f"step.{role}"
            fact = CustomFact(run_id=run_id, iteration=iteration, name=name, data=data)
        self._emitter.emit(fact)
        return step_id

    def decide(self, reason: str, *, phase: str | None = None, source: str | None = None) -> None:
        """
        Record the runtime's decision that the run will end.

        Args:
            reason: Such as `completed`, `max_steps` or `timeout`.
            phase: Where in the loop.
            source: Which part decided.
        """
        self._emitter.emit(
            TerminationDecided(
                run_id=self._run(), reason=text(reason), phase=text(phase), source=text(source)
            )
        )

    def pause(
        self,
        reason: str,
        *,
        message: str | None = None,
        pending_tool_calls: Any = None,
        pause_id: str | None = None,
    ) -> str:
        """
        Record that the run waits; where its `with` block ends before it is resumed, the
        run stays paused.

        Args:
            reason: Such as `waiting_approval`.
            message: For people.
            pending_tool_calls: Maps with id, name and params.

        Returns:
            The pause's id.
        """
        pause_id = text(pause_id) or uuid.uuid4().hex
        self._emitter.emit(
            RunPaused(
                run_id=self._run(),
                pause_id=pause_id,
                reason=text(reason),
                message=text(message),
                pending_tool_calls=pending_tool_calls,
            )
        )
        return pause_id

    def resume(
        self,
        *,
        pause_id: str | None = None,
        submitted_results: Any = None,
        user_input: str | None = None,
    ) -> None:
        """
        Record that a paused run goes on.

        Args:
            pause_id: The pause that ends; None for the latest.
            submitted_results: Maps with call_id, name and success.
            user_input: What a person said.
        """
        run_id = self._run()
        pause = self._emitter.pause_of(run_id)
        self._emitter.emit(
            RunResumed(
                run_id=run_id,
                pause_id=text(pause_id) or (pause.pause_id if pause else None),
                submitted_results=submitted_results,
                user_input=text(user_input),
            )
        )

    def event(self, name: str, /, **data: Any) -> None:
        """
        Record a fact of one's own.

        Args:
            name: A namespaced name such as `acme.guardrail.blocked`.
            data: Anything; what JSON cannot hold is recorded as its `repr`.
        """
        self._emitter.emit(CustomFact(run_id=self._run(), name=text(name) or "custom", data=data))


def _local_id() -> LocalId:
    return LocalId(uuid.uuid4().hex)
