"""
Executions of tools, and searches of retrievers, which are tools that answer with documents.
"""

import uuid
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from opentelemetry import context as otel
from opentelemetry.trace import get_current_span
from otel_bridge_storage.fact_codec import TOOL_CALL_ID
from otel_bridge_storage.facts import ToolStepCommitted, ToolStepStarted

from otel_bridge.failures import error_message, error_type
from otel_bridge.integrations.langchain.content import is_message
from otel_bridge.integrations.langchain.entries import Entry
from otel_bridge.integrations.langchain.outcomes import is_steering
from otel_bridge.integrations.langchain.recording import Recording, Told
from otel_bridge.message_parts import parts
from otel_bridge.open_spans import current_run_id
from otel_bridge.responses.access import get, items, text
from otel_bridge.span_forms import TOOL, LocalId


class Execution(str):
    """
    The id that a model gave its request, for one of the executions that answer it.

    A tool is executed again under the same id when it is retried, and when a graph goes
    on that stopped inside it.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


class Tools:
    """
    Records the tools of one bridge.
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def started(
        self, told: Told, arguments: Any, call_id: Any = None, target: str | None = None
    ) -> None:
        """
        Record that a tool began to run.

        Args:
            arguments: A map or text.
            call_id: The id that the model gave its request.
            target: `retriever` for a search.
        """
        recording = self._recording
        if recording.open.get(told.run_id) is not None:
            return
        around = recording.around(told)
        asked = isinstance(call_id, str) and call_id
        entry = Entry(
            kind=TOOL,
            own_id=told.run_id,
            options=told.options,
            run_id=(current_run_id() or "") if around is None else around.run_id,
            name=told.name,
            context=otel.get_current(),
            start_ns=recording.emitter.clock(),
            agent=around.agent if around else None,
            call_id=Execution(call_id) if asked else LocalId(uuid.uuid4().hex),
            metadata=told.metadata,
            content=recording.records_content(told.options),
        )
        fact = ToolStepStarted(
            run_id=entry.run_id,
            time_ns=entry.start_ns,
            tool_call_id=entry.call_id,
            tool_name=told.name or None,
            arguments=arguments if entry.content else None,
            target=target,
        )
        entry.context = recording.start(fact, around.context if around else None)
        recording.begin(told, entry, stay=around is not None)

    def ended(self, run_id: UUID, output: Any) -> None:
        """
        Record that a tool answered.
        """
        entry = self._recording.end(run_id)
        if entry is None or entry.kind != TOOL:
            return
        answer = _answer(output, entry.call_id)
        failed = text(answer, "status") == "error"
        result = _result(answer)
        told_id = text(answer, "tool_call_id")
        if told_id and isinstance(entry.call_id, LocalId):
            # An older LangChain tells the id of the request with the answer only.
            get_current_span(entry.context).set_attribute(TOOL_CALL_ID, told_id)
        self._commit(
            entry,
            result=result,
            is_error=failed,
            error_type="_OTHER" if failed else None,
            error_message=result if failed and isinstance(result, str) else None,
        )

    def failed(self, run_id: UUID, error: BaseException) -> None:
        """
        Record that a tool was left by an exception, which may be no failure.
        """
        entry = self._recording.end(run_id)
        if entry is None or entry.kind != TOOL:
            return
        if is_steering(error) or isinstance(error, GeneratorExit):
            self._commit(entry)
            return
        self._commit(
            entry,
            error=error,
            is_error=True,
            error_type=error_type(error),
            error_message=error_message(error),
        )

    def _commit(self, entry: Entry, error: BaseException | None = None, **told: Any) -> None:
        if not entry.content:
            told.update(result=None, error_message=None)
        committed = ToolStepCommitted(
            run_id=entry.run_id,
            tool_call_id=entry.call_id,
            tool_name=entry.name or None,
            **told,
        )
        self._recording.emitter.record(committed, error=error if entry.content else None)


def _answer(output: object, call_id: str) -> object:
    """
    Find a tool's message in what it gave, which may be a command to the graph.
    """
    update = get(output, "update")
    messages = [m for m in items(update, "messages") if text(m, "type") == "tool"]
    own = [m for m in messages if text(m, "tool_call_id") == str.__str__(call_id)]
    return (own or messages or [output])[0]


def _result(answer: object) -> Any:
    if is_message(answer):
        content = get(answer, "content")
        return content if isinstance(content, str) else parts(content)
    if isinstance(answer, list | tuple):
        return [_document(each) for each in answer]
    return answer


def _document(value: object) -> Any:
    found = get(value, "page_content")
    if found is None or isinstance(value, Mapping):
        return value
    return {"page_content": found, "metadata": get(value, "metadata"), "id": get(value, "id")}
