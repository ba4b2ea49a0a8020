"""
Google's Agent Development Kit: the conventions, and JSON of its own requests and responses.

Up to version 1 a `call_llm` span, which has no operation, is the request to the model; a
`generate_content` span inside it is the same request once more.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from otel_bridge_storage.readings import (
    CallReading,
    Message,
    Reading,
    Role,
    ToolReading,
    Usage,
)
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import gemini_messages, genai_messages, lenient
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.failures import failure_told
from otel_bridge.dialects.marks import Marks
from otel_bridge.dialects.span_reading import OPERATION, after, read_as, told_by_log
from otel_bridge.dialects.tokens import normal
from otel_bridge.dialects.vocabulary import GENAI, ToolNames, Vocabulary

SCOPE = "gcp.vertex.agent"

VOCABULARY = GENAI.after(
    Vocabulary(
        marks=Marks(session=("gen_ai.conversation.id", f"{SCOPE}.session_id", "session.id")),
        tool=ToolNames(arguments=(f"{SCOPE}.tool_call_args",)),
    )
)

_REQUEST, _RESPONSE = (f"{SCOPE}.llm_request",), (f"{SCOPE}.llm_response",)
_TOOL_RESPONSE = ("gen_ai.tool.call.result", f"{SCOPE}.tool_response")
_ERROR_KINDS = frozenset({"TOOL_ERROR", "MCP_TOOL_ERROR"})
"""
Error types that say no more than that a tool failed.
"""
_OUTPUTS = ("candidates", "thoughts")
_NONE = "<not specified>"
_EMPTY = ("{}", "N/A")
_CALL_LLM = "call_llm"
_OLD_RUN = "agent_run ["


class GoogleADK(Dialect):
    """
    The spans of the scope `gcp.vertex.agent`; its log records are those of the conventions.
    """

    name = "google-adk"
    scopes = (SCOPE,)

    def read(self, span: SpanRecord) -> Reading:
        """
        Read a span by its operation, or else by its name.
        """
        reading = read_as(self.name, span, VOCABULARY, role=_role(span), messages=_messages)
        if reading.call is not None:
            call = _call(reading.call, span.attributes)
            reading = replace(reading, call=call)
            return told_by_log(reading) if span.name == genai_messages.DETAILS_EVENT else reading
        if reading.tool is not None:
            return _tool(reading, reading.tool, span.attributes)
        if reading.role is Role.RUN and reading.agent_name is None:
            name = (after(span.name, _OLD_RUN) or "").removesuffix("]")
            return replace(reading, agent_name=name or None)
        return reading


def _role(span: SpanRecord) -> Role | None:
    if OPERATION in span.attributes:
        return None
    if span.name == _CALL_LLM:
        return Role.LLM
    return Role.RUN if span.name.startswith(_OLD_RUN) else Role.OTHER


def _messages(span: SpanRecord) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    sent, received = genai_messages.of_span(span)
    request = lenient.json_map(span.attributes, _REQUEST)
    response = lenient.json_map(span.attributes, _RESPONSE)
    if not sent and request:
        config = request.get("config")
        told = config.get("system_instruction") if isinstance(config, Mapping) else None
        sent = (
            *_system(told),
            *gemini_messages.contents(request.get("contents"), "user"),
        )
    content = response.get("content")
    if not received and isinstance(content, Mapping):
        reason = response.get("finish_reason")
        received = (gemini_messages.content_message(content, "assistant", reason),)
    return sent, received


def _system(told: Any) -> tuple[Message, ...]:
    instructions = {**told, "role": "system"} if isinstance(told, Mapping) else told
    return gemini_messages.contents(instructions, "system")


def _call(call: CallReading, attributes: Mapping[str, Any]) -> CallReading:
    response = lenient.json_map(attributes, _RESPONSE)
    usage = response.get("usage_metadata")
    return replace(
        call,
        provider=None if call.provider == SCOPE else call.provider,
        response_model=call.response_model or lenient.text(response, ("model_version",)),
        usage=_usage(usage) if isinstance(usage, Mapping) else call.usage,
        finish_reasons=call.finish_reasons or lenient.texts(response, ("finish_reason",)),
    )


def _usage(told: Mapping[str, Any]) -> Usage:
    """
    Read the counts of the response itself.

    The oldest versions tell the sum of all tokens as the output, and the next ones tell
    an output without thoughts.
    """
    parts = [lenient.count(told, (f"{name}_token_count",)) for name in _OUTPUTS]
    tools = lenient.count(told, ("tool_use_prompt_token_count",)) or 0
    prompt = lenient.count(told, ("prompt_token_count",))
    return normal(
        Usage(
            input_tokens=None if prompt is None else prompt + tools,
            output_tokens=None if parts == [None, None] else sum(part or 0 for part in parts),
            cache_read_tokens=lenient.count(told, ("cached_content_token_count",)),
            reasoning_tokens=parts[1],
        ),
        zeros_count=False,
    )


def _tool(reading: Reading, tool: ToolReading, attributes: Mapping[str, Any]) -> Reading:
    told = lenient.value(attributes, _TOOL_RESPONSE)
    response = lenient.structure(told)
    answer = gemini_messages.plain_result(response) if response is not None else told
    answer = None if answer in (_NONE, *_EMPTY) or answer == {} else answer
    hidden = told in _EMPTY and tool.arguments in _EMPTY
    tool = replace(
        tool,
        tool_call_id=None if tool.tool_call_id == _NONE else tool.tool_call_id,
        arguments=None if hidden else tool.arguments,
        result=lenient.as_content(answer),
    )
    if not reading.failed:
        return replace(reading, tool=tool)
    error_type, message = reading.error_type, reading.error_message
    if isinstance(response, dict) and isinstance(response.get("error"), str):
        failure = failure_told(response["error"])
        error_type = failure.type or error_type if error_type in _ERROR_KINDS else error_type
        message = failure.message
    return replace(reading, tool=tool, error_type=error_type, error_message=message)
