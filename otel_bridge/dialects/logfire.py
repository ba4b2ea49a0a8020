"""
Logfire's own spans: of the clients of OpenAI and Anthropic, of the OpenAI Agents SDK and
of the Claude Agent SDK.

Up to version 4 a call is told by the template of its message and by the client's request
and answer as they are; later by the GenAI conventions, with the provider's usage beside.

A streamed call is told twice: by the span of the request, which ends when the stream
begins, and by a log, which Logfire sends as a span without a duration, when the stream
ends. Both carry the request, and only the log knows the answer. So the log is read as
one, and its echo is the request.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from otel_bridge_storage.readings import CallReading, Reading, Role, Usage
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import lenient
from otel_bridge.dialects import logfire_messages as messages
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.marks import Marks
from otel_bridge.dialects.response_ids import provider_id
from otel_bridge.dialects.span_reading import ROLES, operation_of, read_as, told_by_log
from otel_bridge.dialects.tokens import normal
from otel_bridge.dialects.usage_spellings import completed, usage_in
from otel_bridge.dialects.vocabulary import GENAI, CallNames, ToolNames, Vocabulary

VOCABULARY = GENAI.after(
    Vocabulary(
        marks=Marks(
            session=(
                *("gen_ai.conversation.id", "session.id", "session_id"),
                *("conversation_id", "thread_id", "group_id"),
            ),
            user=("user.id", "enduser.id", "user_id"),
            tags=("logfire.tags",),
        ),
        call=CallNames(response_id=("gen_ai.response.id", "response_id")),
        tool=ToolNames(arguments=("input",), result=("output",)),
    )
)
_CLIENTS = ("logfire.openai", "logfire.anthropic")
_TEMPLATES = {
    "Chat Completion with": "chat",
    "Chat completion with": "chat",
    "Responses API": "chat",
    "Completion with": "text_completion",
    "Embedding Creation with": "embeddings",
    "Message with": "chat",
    "Anthropic API call to": "chat",
}
_STREAMED = "streaming response from"
_TEMPLATE, _TYPE, _LEVEL = (
    ("logfire.msg_template",),
    ("logfire.span_type",),
    ("logfire.level_num",),
)
_ERROR_LEVEL = 17
_OWN_TAGS = frozenset({"LLM"})
_ASKED = ("request_data", "gen_ai.request.model", "gen_ai.input.messages", "gen_ai.prompt")
_ANSWERED = (
    *("gen_ai.response.id", "gen_ai.output.messages", "gen_ai.usage.input_tokens"),
    *("gen_ai.usage.raw", "response_data", "response"),
)
"""
What is not there before an answer is; the model that answered is, as the one asked for.
"""


class Logfire(Dialect):
    """
    The spans that are made with Logfire's API.
    """

    name = "logfire"
    scopes = ("logfire",)
    attributes = _TEMPLATE

    def read(self, span: SpanRecord) -> Reading:
        """
        Read a span by its operation, or by the template of its message.
        """
        template = lenient.text(span.attributes, _TEMPLATE) or span.name
        role = _role(span, template)
        reading = read_as(
            self.name,
            span,
            VOCABULARY,
            role=role,
            operation=None if operation_of(span) else _requested(template),
            messages=messages.of_span,
        )
        tags = tuple(tag for tag in reading.tags if tag not in _OWN_TAGS)
        failed = reading.failed or (lenient.count(span.attributes, _LEVEL) or 0) >= _ERROR_LEVEL
        reading = replace(reading, tags=tags, failed=failed)
        if reading.call:
            reading = replace(reading, call=_call(span, template, reading.call, failed=failed))
            return told_by_log(reading) if template.startswith(_STREAMED) else reading
        if reading.tool:
            reading = _with_message(reading)
        if reading.role is Role.OTHER or span.scope.name != messages.AGENTS:
            return reading
        name = lenient.text(span.attributes, ("name",))
        if reading.tool:
            return replace(reading, tool=replace(reading.tool, tool_name=name or "unknown"))
        return replace(reading, agent_name=reading.agent_name or name)


def _role(span: SpanRecord, template: str) -> Role:
    if lenient.text(span.attributes, _TYPE) == "pending_span":
        # A span of this name with this one as its child says it all once more at its end.
        return Role.OTHER
    if named := operation_of(span):
        return ROLES.get(named, Role.OTHER)
    if span.scope.name == messages.AGENTS and template.startswith("Agent run: "):
        return Role.RUN
    if span.scope.name == messages.AGENTS and template.startswith("Function: "):
        return Role.TOOL
    if not span.scope.name.startswith(_CLIENTS):
        return Role.OTHER
    if template.startswith("Anthropic API call to"):
        return Role.LLM if "response_data" in span.attributes else Role.OTHER
    asks = _requested(template) is not None or template.startswith(_STREAMED)
    return Role.LLM if asks else Role.OTHER


def _requested(template: str) -> str | None:
    return next((kind for begin, kind in _TEMPLATES.items() if template.startswith(begin)), None)


def _call(span: SpanRecord, template: str, call: CallReading, *, failed: bool) -> CallReading:
    attributes = span.attributes
    asked = lenient.json_map(attributes, messages.REQUEST)
    answer = lenient.json_map(attributes, ("response",))
    streamed = template.startswith(_STREAMED)
    waits = not failed and not any(name in attributes for name in _ANSWERED)
    asked_for = call.request_model or lenient.text(asked, ("model",))
    unknown = (streamed or waits) and call.response_model == asked_for
    return replace(
        call,
        provider=call.provider or _provider(span),
        request_model=asked_for,
        response_model=None if unknown else call.response_model,
        response_id=call.response_id or provider_id(answer.get("id")),
        usage=_usage(attributes, answer, call.usage, zeros_count=failed),
        echo=_echo(span) if streamed or waits else None,
    )


def _provider(span: SpanRecord) -> str | None:
    if span.scope.name.startswith("logfire.openai"):
        return "openai"
    return "anthropic" if span.scope.name == "logfire.anthropic" else None


def _usage(
    attributes: Mapping[str, Any], answer: Mapping[str, Any], told: Usage, *, zeros_count: bool
) -> Usage:
    """
    Complete the counts of the span with the provider's own account of them.
    """
    response = lenient.json_map(attributes, messages.RESPONSE)
    for account in (
        attributes.get("gen_ai.usage.raw"),
        response.get("usage"),
        answer.get("usage"),
        attributes.get("usage"),
    ):
        told = completed(told, usage_in(lenient.structure(account)))
    return normal(told, zeros_count=zeros_count)


def _echo(span: SpanRecord) -> str:
    """
    Say what the two accounts of a streamed call have in common: the request, and the
    trace, unless both are traces of their own.
    """
    asked = lenient.to_json([span.attributes.get(name) for name in _ASKED])
    place = span.trace_id if span.parent_span_id else ""
    return f"{place}:{hashlib.sha256(asked.encode()).hexdigest()}"


def _with_message(reading: Reading) -> Reading:
    """
    Take what a failed tool said as what it is; the Claude Agent SDK's spans call it a type.
    """
    told = reading.error_type
    if told is None or not any(letter.isspace() for letter in told):
        return reading
    return replace(reading, error_type=None, error_message=reading.error_message or told)
