"""
Claude Code, Anthropic's coding command line.

Its input tokens are told without what the cache gave and took. Its own request id stands
where a response id belongs, and a sub-agent's id where a conversation's does.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from otel_bridge_storage.readings import (
    CallReading,
    LogReading,
    Reading,
    Role,
    RunReading,
    ToolReading,
)
from otel_bridge_storage.records import LogRecord, SpanRecord

from otel_bridge.dialects import claude_code_logs, lenient
from otel_bridge.dialects.claude_code_logs import PREFIX, SCOPE
from otel_bridge.dialects.coding_clis import (
    flag,
    number,
    run_id_of,
    said,
    token_echo,
    unredacted,
    usage_apart,
)
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.marks import Marks
from otel_bridge.dialects.span_reading import Exchange, read_as, told_by_log
from otel_bridge.dialects.tokens import TokenNames
from otel_bridge.dialects.vocabulary import CallNames, ToolNames, Vocabulary

KIND = "span.type"

ROLES: Mapping[str, Role] = {
    "interaction": Role.RUN,
    "llm_request": Role.LLM,
    "tool": Role.TOOL,
    "tool.execution": Role.TOOL,
}
LOGGED_ROLES: Mapping[str, Role] = {
    "user_prompt": Role.RUN,
    "api_request": Role.LLM,
    "api_error": Role.LLM,
    "assistant_response": Role.LLM,
    "tool_result": Role.TOOL,
}
"""
The roles of the spans that stand for log records.
"""

TOKENS = TokenNames(
    input=("input_tokens",),
    output=("output_tokens",),
    cache_read=("cache_read_tokens",),
    cache_write=("cache_creation_tokens",),
    cache_write_1h=("cache_creation_1h_tokens",),
)
VOCABULARY = Vocabulary(
    marks=Marks(session=("session.id", "gen_ai.conversation.id"), agent=("agent.name",)),
    call=CallNames(
        provider=("gen_ai.provider.name",),
        request_model=("gen_ai.request.model",),
        finish_reasons=("gen_ai.response.finish_reasons", "stop_reason"),
        first_chunk_ms=("ttft_ms",),
    ),
    tool=ToolNames(
        name=("tool_name", "gen_ai.tool.name"),
        call_id=("tool_use_id", "gen_ai.tool.call.id"),
        arguments=("tool_input", "tool_parameters"),
    ),
)

_PROVIDERS = {
    "bedrock": "aws.bedrock",
    "mantle": "aws.bedrock",
    "vertex": "gcp.vertex_ai",
}
_MODEL = ("model",)
_REQUEST_ID = ("request_id",)
_ERROR_TYPE = ("error_class", "error_type", "error.type", "status_code")
_COST = ("cost_usd",)
_ARGUMENTS = {
    "full_command": "command",
    "file_path": "file_path",
    "skill_name": "skill",
    "subagent_type": "subagent_type",
}
_OUTPUT_EVENT = "tool.output"
_OUTPUTS = ("output", "content", "diff")
_ANY_MCP_TOOL = "mcp_tool"
"""
What a log record calls any tool of an MCP server, whose span has its name.
"""


class ClaudeCode(Dialect):
    """
    Spans of a prompt, its requests and its tools, and the log records of the same.
    """

    name = "claude-code"
    scopes = (SCOPE,)

    def read(self, span: SpanRecord) -> Reading:
        """
        Read a span, or what stands for a log record, by its kind.
        """
        kind = span.name.removeprefix(PREFIX)
        told = lenient.text(span.attributes, (KIND,))
        role = LOGGED_ROLES.get(kind) if told is None else None
        by_log = role is not None
        if role is None:
            role = ROLES.get(told or kind, Role.OTHER)
        elif run_id_of(span) is not None:
            role = Role.RUN
        reading = read_as(self.name, span, VOCABULARY, role=role, operation="chat", messages=_said)
        reading = _with_failure(_with_session(reading, span), span.attributes)
        if reading.call is not None:
            reading = replace(reading, call=_call(reading.call, reading, span, kind))
        if reading.tool is not None:
            reading = replace(reading, tool=_tool(reading.tool, span))
        if reading.run is not None and by_log:
            reading = replace(reading, run=_told_run(reading.run, span, kind))
        return told_by_log(reading) if by_log else reading

    def read_log(self, log: LogRecord) -> LogReading | None:
        """
        Read a log record of a prompt, an answer, a request or a tool.
        """
        return claude_code_logs.read_log(log)


def _said(span: SpanRecord) -> Exchange:
    attributes = span.attributes
    asked = unredacted(attributes, "user_prompt", "prompt")
    answer = unredacted(attributes, "response.model_output", "response")
    return said("user", asked), said("assistant", answer)


def _with_session(reading: Reading, span: SpanRecord) -> Reading:
    if "agent_id" in span.attributes and "session.id" not in span.attributes:
        return replace(reading, session_id=None)
    return reading


def _with_failure(reading: Reading, attributes: Mapping[str, Any]) -> Reading:
    if not (reading.failed or flag(attributes, "success") is False):
        return reading
    return replace(
        reading,
        failed=True,
        error_type=lenient.text(attributes, _ERROR_TYPE),
        error_message=unredacted(attributes, "error") or reading.error_message,
    )


def _call(call: CallReading, reading: Reading, span: SpanRecord, kind: str) -> CallReading:
    attributes = span.attributes
    usage = usage_apart(attributes, TOKENS, cache=True, zeros_count=bool(reading.failed))
    if not usage.cache_write_1h_tokens and usage.cache_write_tokens:
        # Both parts are 0 where the response did not tell them apart.
        split = lenient.count(attributes, ("cache_creation_5m_tokens",))
        usage = usage if split else replace(usage, cache_write_1h_tokens=None)
    model = lenient.text(attributes, _MODEL)
    answered = kind in ("api_request", "assistant_response")
    return replace(
        call,
        provider=call.provider or _provider(attributes),
        request_model=call.request_model or (None if answered else model),
        response_model=model if answered else None,
        call_id=lenient.text(attributes, _REQUEST_ID),
        echo=_echo(reading, attributes) if kind != "assistant_response" else None,
        usage=usage,
        emitted_cost_usd=number(attributes, _COST) or None,
        service_tier="fast" if attributes.get("speed") == "fast" else None,
    )


def _provider(attributes: Mapping[str, Any]) -> str:
    told = lenient.text(attributes, ("anthropic.provider",))
    return _PROVIDERS.get(told or "", "anthropic")


def _echo(reading: Reading, attributes: Mapping[str, Any]) -> str | None:
    if reading.session_id is None:
        return None
    if reading.failed:
        return token_echo("claude-code", reading.session_id, "failed")
    counts = (TOKENS.input, TOKENS.output, TOKENS.cache_read, TOKENS.cache_write)
    told = (lenient.count(attributes, names) or 0 for names in counts)
    return token_echo("claude-code", reading.session_id, *told)


def _tool(tool: ToolReading, span: SpanRecord) -> ToolReading:
    named = {
        name: lenient.text(span.attributes, (attribute,)) for attribute, name in _ARGUMENTS.items()
    }
    given = {name: value for name, value in named.items() if value}
    return replace(
        tool,
        tool_name="unknown" if tool.tool_name == _ANY_MCP_TOOL else tool.tool_name,
        arguments=tool.arguments or (lenient.to_json(given) if given else None),
        result=_output(span),
    )


def _output(span: SpanRecord) -> str | None:
    for event in span.events:
        if event.name == _OUTPUT_EVENT:
            return unredacted(event.attributes, *_OUTPUTS)
    return None


def _told_run(run: RunReading, span: SpanRecord, kind: str) -> RunReading:
    return replace(
        run,
        run_id=run_id_of(span),
        tells_start=kind == "user_prompt",
        tells_end=False,
    )
