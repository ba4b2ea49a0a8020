"""
Calls to models.
"""

from typing import Any
from uuid import UUID

from opentelemetry import context as otel
from opentelemetry.trace import get_current_span
from otel_bridge_storage.facts import (
    LLMCallCompleted,
    LLMCallFailed,
    LLMCallStarted,
    StepsHidden,
)

from otel_bridge.failures import error_message, error_type
from otel_bridge.integrations.langchain import callers
from otel_bridge.integrations.langchain.answers import read_result, service_tier
from otel_bridge.integrations.langchain.content import conversation
from otel_bridge.integrations.langchain.entries import Entry, tool_around
from otel_bridge.integrations.langchain.recording import Recording, Told
from otel_bridge.integrations.langchain.requests import read_request
from otel_bridge.open_spans import current_run_id
from otel_bridge.session import session
from otel_bridge.span_forms import LLM

_SERVICE_TIER = "gen_ai.response.service_tier"
_CONTENT = ("tools",)


class Calls:
    """
    Records the calls of one bridge.
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def started(self, told: Told, messages: Any, parameters: Any, *, chat: bool) -> None:
        """
        Record that a request went out.

        Args:
            messages: Those of one request; texts where the model takes no messages.
            parameters: `invocation_params`, in the provider's own words.
        """
        recording = self._recording
        if recording.open.get(told.run_id) is not None:
            return
        around = recording.around(told)
        content = recording.records_content(told.options)
        request = read_request(parameters, told.metadata)
        if not content:
            request = {name: value for name, value in request.items() if name not in _CONTENT}
        entry = Entry(
            kind=LLM,
            own_id=told.run_id,
            options=told.options,
            run_id=(current_run_id() or "") if around is None else around.run_id,
            name=told.name,
            context=otel.get_current(),
            start_ns=recording.emitter.clock(),
            caller=_caller(told, around),
            content=content,
            provider=request["provider"],
        )
        fact = LLMCallStarted(
            run_id=entry.run_id,
            time_ns=entry.start_ns,
            call_id=str(told.run_id),
            operation="chat" if chat else "text_completion",
            input=conversation(messages) if content else None,
            **request,
        )
        if around is not None:
            entry.context = recording.start(fact, around.context)
        else:
            options = told.options
            with session(
                options.session_id or callers.session_of(told.metadata),
                user_id=options.user_id or callers.user_of(told.metadata),
            ):
                entry.context = recording.start(fact, None)
        recording.mark(entry)
        recording.begin(told, entry, stay=around is not None)

    def streamed(self, run_id: UUID) -> None:
        """
        Note that a part of the answer came.
        """
        entry = self._recording.open.get(run_id)
        if entry is not None and entry.first_chunk_ns is None:
            entry.first_chunk_ns = self._recording.emitter.clock()

    def ended(self, run_id: UUID, result: Any) -> None:
        """
        Record that the model answered.
        """
        entry = self._recording.end(run_id)
        if entry is None or entry.kind != LLM:
            return
        completed = self._completed(entry, result)
        if tier := service_tier(result):
            get_current_span(entry.context).set_attribute(_SERVICE_TIER, tier)
        self._recording.emitter.record(completed)
        self._hide(entry, len(completed.output or ()))

    def failed(self, run_id: UUID, error: BaseException, partial: Any) -> None:
        """
        Record that the request failed, with what had come of the answer.
        """
        entry = self._recording.end(run_id)
        if entry is None or entry.kind != LLM:
            return
        completed = self._completed(entry, partial)
        if isinstance(error, GeneratorExit):
            # A consumer that stops reading is no failure of the model.
            self._recording.emitter.record(completed)
            return
        failed = LLMCallFailed(
            run_id=entry.run_id,
            call_id=str(entry.own_id),
            error_type=error_type(error),
            error_message=error_message(error) if entry.content else None,
        )
        self._recording.emitter.record(
            failed, error=error if entry.content else None, also=completed
        )

    def _completed(self, entry: Entry, result: Any) -> LLMCallCompleted:
        told = read_result(result, entry.provider).fields()
        if not entry.content:
            told.pop("output", None)
        if entry.first_chunk_ns is not None:
            told["time_to_first_chunk_s"] = (entry.first_chunk_ns - entry.start_ns) / 1e9
        return LLMCallCompleted(run_id=entry.run_id, call_id=str(entry.own_id), **told)

    def _hide(self, entry: Entry, answers: int) -> None:
        """
        Keep what was said to a middleware or a tool out of the agent's conversation.
        """
        if not entry.caller.startswith(("middleware:", "tool:")) or not answers:
            return
        span_id = get_current_span(entry.context).get_span_context().span_id
        steps = tuple(f"{span_id:016x}:{number}" for number in range(answers))
        self._recording.emitter.emit(
            StepsHidden(run_id=entry.run_id, step_ids=steps, reason=entry.caller)
        )


def _caller(told: Told, around: Entry | None) -> str:
    middleware = callers.middleware_of(told.tags, told.metadata)
    if middleware is not None:
        return f"middleware:{middleware}"
    if around is None:
        return callers.LEAD
    tool = tool_around(around)
    return f"tool:{tool}" if tool else around.caller
