"""
Content: what people, models and tools wrote, and who may see it.

Which attributes are content is one list. What is done with them is decided twice, apart:
for the local store and for what leaves the machine.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from otel_bridge_storage.fact_codec import content_attributes
from otel_bridge_storage.rare_warnings import RareWarnings
from otel_bridge_storage.records import EventRecord, LogRecord, SpanEvent, SpanRecord

Redact = Callable[[str, str], str]

_NAMES = content_attributes() | {
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.prompt",
    "gen_ai.completion",
    "gen_ai.event.content",
    "gen_ai.evaluation.explanation",
    "gen_ai.retrieval.query.text",
    "gen_ai.retrieval.documents",
    "input.value",
    "output.value",
    "traceloop.entity.input",
    "traceloop.entity.output",
    "ai.prompt",
    "ai.response.text",
    "ai.response.reasoning",
    "ai.response.files",
    "ai.response.object",
    "ai.response.toolCalls",
    "ai.toolCall.args",
    "ai.toolCall.result",
    "ai.value",
    "ai.values",
    "arguments",
    "bash_command",
    "crewai.agent.backstory",
    "crewai.agent.goal",
    "crewai.crew.result",
    "crewai.crew.tasks",
    "crewai.crew.tasks_output",
    "crewai.task.description",
    "crewai.task.expected_output",
    "full_command",
    "function_args",
    "output",
    "prompt",
    "prompt_text",
    "request_text",
    "response",
    "response_text",
    "ai.decision.answers",
    "ai.decision.questions",
    "ai.decision.state",
    "ai.documents",
    "ai.embedding",
    "ai.embeddings",
    "ai.ranking",
    "ai.request.text",
    "ai.result.text",
    "gen_ai.request.extra_body",
    "langsmith.request.headers",
    "mlflow.chunk.value",
    "mlflow.trace.intermediate_outputs",
    "langfuse.observation.input",
    "langfuse.observation.output",
    "langfuse.trace.input",
    "langfuse.trace.output",
    "mlflow.spanInputs",
    "mlflow.spanOutputs",
    "mlflow.chat.messages",
    "mlflow.chat.tools",
    "request_data",
    "response_data",
    "all_messages_events",
    "pydantic_ai.all_messages",
    "final_result",
    "events",
    "tool.parameters",
    "tool_arguments",
    "tool_input",
    "tool_output",
    "tool_parameters",
    "tool_response",
    "user_prompt",
    "exception.stacktrace",
}
_PREFIXES = (
    "gen_ai.prompt.",
    "gen_ai.completion.",
    "llm.input_messages",
    "llm.output_messages",
    "llm.prompts",
    "llm.prompt_template",
    "llm.choices",
    "llm.function_call",
    "llm.tools",
    "retrieval.documents",
    "embedding.embeddings",
    "reranker.",
    "traceloop.prompt.",
    "ai.prompt.",
    "ai.request.headers.",
    "ai.result.",
)
_MESSAGE_EVENTS = ("gen_ai.",)
_MESSAGE_PARTS = ("content", "message", "tool_calls", "arguments")
_TRACEBACK = "Traceback (most recent call last)"

# What a redaction hook is not asked about, since the messages could not be read without.
_STRUCTURE = {
    "role": {
        "ai",
        "assistant",
        "developer",
        "function",
        "human",
        "model",
        "system",
        "tool",
        "user",
    },
    "type": {
        "ai",
        "constructor",
        "human",
        "system",
        "text",
        "tool",
        "tool-call",
        "tool-result",
        "reasoning",
        "thinking",
        "function",
        "tool_call",
        "tool_call_response",
        "tool_use",
        "tool_result",
        "function_call",
        "function_call_output",
        "input_text",
        "output_text",
        "blob",
        "uri",
        "file",
    },
    "finish_reason": {"stop", "length", "tool_call", "tool_calls", "content_filter", "error"},
}


def is_content(name: str) -> bool:
    """
    Whether an attribute of this name holds what people, models or tools wrote.
    """
    return name in _NAMES or name.startswith(_PREFIXES)


def _is_structure(key: str, value: Any) -> bool:
    return isinstance(value, str) and value in _STRUCTURE.get(key, ())


class ContentPolicy:
    """
    What happens to content on one way out.

    Args:
        keep: False leaves content out altogether.
        redact: Called with an attribute's name and each text in it; gives the text to
            keep. A text on which it raises is left out.
    """

    def __init__(self, *, keep: bool = True, redact: Redact | None = None) -> None:
        self._keep = keep
        self._redact = redact
        self._complain = RareWarnings(60.0)

    @property
    def changes_nothing(self) -> bool:
        """
        Whether everything passes as it is.
        """
        return self._keep and self._redact is None

    def span(self, span: SpanRecord) -> SpanRecord:
        """
        Give the span with its content treated.
        """
        if self.changes_nothing:
            return span
        return replace(
            span,
            attributes=self.attributes(span.attributes),
            events=tuple(self.event(event) for event in span.events),
            status_message=self.status_message(span.status_message),
        )

    def event(self, event: EventRecord) -> EventRecord:
        """
        Give an event of a span with its content treated.
        """
        if self.changes_nothing:
            return event
        return replace(event, attributes=self.event_attributes(event.name, event.attributes))

    def live_event(self, event: SpanEvent) -> SpanEvent:
        """
        Give an event that came ahead of its span's end with its content treated.
        """
        return event if self.changes_nothing else replace(event, event=self.event(event.event))

    def log(self, log: LogRecord) -> LogRecord:
        """
        Give a log record with its content treated; its body is content.
        """
        if self.changes_nothing:
            return log
        body = self._value("body", log.body) if self._keep else None
        name = log.event_name or str(log.attributes.get("event.name", ""))
        return replace(log, body=body, attributes=self.event_attributes(name, log.attributes))

    def attributes(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """
        Give attributes with their content treated.
        """
        return self._treat(attributes, is_content)

    def event_attributes(self, name: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """
        Give the attributes of an event; those of message events are content.
        """
        if name.startswith(_MESSAGE_EVENTS):
            return self._treat(attributes, lambda key: key in _MESSAGE_PARTS or is_content(key))
        return self._treat(attributes, lambda key: key == "exception.message" or is_content(key))

    def status_message(self, text: str) -> str:
        """
        Give what a failure said, which is kept even where content is not; a stack trace
        that some instrumentations append is content.
        """
        kept = text if self._keep else text.partition(_TRACEBACK)[0].rstrip()
        return self._error("status.message", kept)

    def _error(self, name: str, text: str) -> str:
        redacted = self._text(name, text) if text else text
        return redacted if isinstance(redacted, str) else ""

    def _treat(
        self, attributes: Mapping[str, Any], content: Callable[[str], bool]
    ) -> dict[str, Any]:
        treated = {}
        for key, value in attributes.items():
            if not content(key):
                treated[key] = value
            elif key == "exception.message" and isinstance(value, str):
                treated[key] = self._error(key, value)
            elif self._keep and (kept := self._value(key, value)) is not None:
                treated[key] = kept
        return treated

    def _value(self, name: str, value: Any) -> Any:
        if self._redact is None:
            return value
        if isinstance(value, str):
            return self._structured(name, value)
        if isinstance(value, Mapping):
            return {
                key: item if _is_structure(key, item) else self._value(name, item)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._value(name, item) for item in value]
        return value

    def _structured(self, name: str, text: str) -> Any:
        """
        Redact the texts inside JSON one by one, so that what is left is still JSON.
        """
        if text.startswith(("[", "{")):
            try:
                return json.dumps(self._leaves(name, json.loads(text)), ensure_ascii=False)
            except (ValueError, RecursionError):
                pass
        return self._text(name, text)

    def _leaves(self, name: str, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(name, value)
        if isinstance(value, dict):
            return {
                key: item if _is_structure(key, item) else self._leaves(name, item)
                for key, item in value.items()
            }
        if isinstance(value, list):
            return [self._leaves(name, item) for item in value]
        return value

    def _text(self, name: str, text: str) -> str | None:
        if self._redact is None:
            return text
        try:
            return str(self._redact(name, text))
        except Exception as error:  # noqa: BLE001 - a text that could not be redacted must not pass
            self._complain.warn(
                name,
                "otel-bridge: the redaction hook failed on %s (%s), the text is left out",
                name,
                type(error).__name__,
            )
            return None
