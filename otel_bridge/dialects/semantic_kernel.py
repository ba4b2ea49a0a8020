"""
Semantic Kernel: the conventions in the words of several versions, and messages as JSON
text in log records that name their event in an attribute.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from otel_bridge_storage.readings import CallReading, LogReading, Message, Reading, Role
from otel_bridge_storage.records import LogRecord, SpanRecord

from otel_bridge.dialects import genai_logs, genai_messages, lenient, python_literals
from otel_bridge.dialects.chat_messages import message_of, text_message
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.span_reading import CALLS, OPERATION, operation_of, read_as, told_by_log
from otel_bridge.dialects.stand_ins import event_name, stand_in
from otel_bridge.dialects.tokens import TokenNames
from otel_bridge.dialects.usage_spellings import usage_in
from otel_bridge.dialects.vocabulary import GENAI, Vocabulary

VOCABULARY = GENAI.after(
    Vocabulary(
        tokens=TokenNames(
            input=("gen_ai.usage.input_tokens", "gen_ai.response.prompt_tokens"),
            output=("gen_ai.usage.output_tokens", "gen_ai.response.completion_tokens"),
        )
    )
)

OPERATIONS: Mapping[str, str] = {
    "chat.completions": "chat",
    "chat.streaming_completions": "chat",
    "text_completions": "text_completion",
    "text.completions": "text_completion",
    "text.streaming_completions": "text_completion",
}
"""
Its own names of requests to a model, and the conventions' names of them.
"""

_SCOPES = ("semantic_kernel.", "Microsoft.SemanticKernel")
_FUNCTIONS = "semantic_kernel.functions.kernel_function"
_AGENTS = "semantic_kernel.utils.telemetry.agent_diagnostics"
_FINISH_REASON = "FinishReason."
_PROMPT_EVENTS = ("gen_ai.prompt", "gen_ai.content.prompt")
_COMPLETION_EVENT = "gen_ai.content.completion"
_USAGE = "OpenAI usage"
_MADE_UP_NAME = re.compile(r"[A-Za-z]{16}")


class SemanticKernel(Dialect):
    """
    The spans and log records of the scopes of Semantic Kernel, Python and .NET.
    """

    name = "semantic-kernel"
    scopes = _SCOPES

    def read(self, span: SpanRecord) -> Reading:
        """
        Read a span by its operation, or by its scope where it has none.
        """
        operation = OPERATIONS.get(operation_of(span))
        role = Role.LLM if operation else _role(span)
        reading = read_as(
            self.name, span, VOCABULARY, role=role, operation=operation, messages=_messages
        )
        if reading.call is not None:
            reading = replace(reading, call=_call(reading.call))
            return told_by_log(reading) if span.name == _USAGE else reading
        if reading.tool is not None and not operation_of(span):
            return replace(reading, tool=replace(reading.tool, tool_name=span.name or "unknown"))
        if reading.role is Role.RUN and reading.agent_name is None:
            return replace(reading, agent_name=span.name or None)
        return reading

    def read_log(self, log: LogRecord) -> LogReading | None:
        """
        Read one message: a prompt, or what the conventions have events for; or the usage
        of a call, of which its span has the two main counts alone.
        """
        if not log.scope.name.startswith(_SCOPES):
            return None
        if event_name(log) in _PROMPT_EVENTS and isinstance(log.body, str) and log.body:
            return LogReading(input=(text_message("user", log.body),))
        if usage := _usage(log):
            return LogReading(span=stand_in(log, _USAGE, attributes=usage))
        answers = _tool_answers(log)
        return LogReading(input=(answers,)) if answers else genai_logs.read_log(log)


def _role(span: SpanRecord) -> Role | None:
    """
    Name the part of a span of the versions whose functions and agents have no attributes.
    """
    if operation_of(span):
        return Role.OTHER if _is_prompt(span) else None
    if span.scope.name.startswith(_FUNCTIONS):
        return Role.TOOL
    return Role.RUN if span.scope.name.startswith(_AGENTS) else Role.OTHER


def _is_prompt(span: SpanRecord) -> bool:
    """
    Tell the function around a bare prompt, which has a random name, from a tool that a
    model called.
    """
    name = span.attributes.get("gen_ai.tool.name")
    made_up = isinstance(name, str) and _MADE_UP_NAME.fullmatch(name)
    of_function = span.scope.name.startswith(_FUNCTIONS)
    return bool(of_function and made_up and "gen_ai.tool.call.id" not in span.attributes)


def _call(call: CallReading) -> CallReading:
    operation = call.operation if call.operation in CALLS else "chat"
    told = call.finish_reasons or genai_messages.finish_reasons(call.output)
    reasons = tuple(
        reason.removeprefix(_FINISH_REASON).lower()
        for each in told
        for reason in each.split(",")
        if reason and reason != "None"
    )
    return replace(call, operation=operation, finish_reasons=reasons)


def _messages(span: SpanRecord) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """
    Read the messages of a span, also from .NET's events of whole prompts and completions.
    """
    sent, received = genai_messages.of_span(span)
    for event in span.events:
        if event.name in _PROMPT_EVENTS and not sent:
            sent = genai_messages.messages(event.attributes.get("gen_ai.prompt"), "user")
        elif event.name == _COMPLETION_EVENT and not received:
            told = event.attributes.get("gen_ai.completion")
            received = genai_messages.messages(told, "assistant")
    return sent, received


def _usage(log: LogRecord) -> dict[str, Any]:
    """
    Read the usage that a log of OpenAI's connector shows as Python does, into attributes.
    """
    if not isinstance(log.body, str) or not log.body.startswith(f"{_USAGE}: CompletionUsage("):
        return {}
    usage = usage_in(python_literals.fields_of(log.body.removeprefix(f"{_USAGE}: ")))
    counts = (
        ("input_tokens", usage.input_tokens),
        ("output_tokens", usage.output_tokens),
        ("cache_read.input_tokens", usage.cache_read_tokens),
        ("cache_write.input_tokens", usage.cache_write_tokens),
        ("reasoning.output_tokens", usage.reasoning_tokens),
    )
    told = {f"gen_ai.usage.{name}": count for name, count in counts if count is not None}
    return {OPERATION: "chat", **told} if told else {}


def _tool_answers(log: LogRecord) -> Message | None:
    """
    Read a message that holds the answers of several tools at once.
    """
    body = lenient.structure(log.body)
    if not isinstance(body, dict) or body.get("role") != "tool":
        return None
    content = body.get("content")
    if not isinstance(content, list):
        return None
    parts: list[Any] = [
        {
            "type": "tool_call_response",
            "id": item.get("tool_call_id"),
            "response": item.get("content"),
        }
        for item in lenient.dicts(content)
        if "tool_call_id" in item
    ]
    return message_of("tool", parts) if parts else None
