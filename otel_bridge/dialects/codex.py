"""
OpenAI's Codex command line.

Its spans show how it works inside: hundreds for one prompt, most of them no part of what
an agent does. An attempt to get an answer (`try_run_sampling_request`) knows the model,
and the end of the answer inside it (`handle_responses`) the tokens: both are one call.
`thread.id` is the conversation in some spans and the system's thread in all others.
"""

import re
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

from otel_bridge.dialects import codex_logs, lenient
from otel_bridge.dialects.codex_logs import (
    CALL_STAND_INS,
    RUN_STAND_IN,
    STAND_INS,
    TOOL_STAND_IN,
    run_in_trace,
)
from otel_bridge.dialects.coding_clis import (
    flag,
    run_id_of,
    said,
    token_echo,
    unredacted,
)
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.marks import Marks
from otel_bridge.dialects.span_reading import Exchange, read_as, told_by_log
from otel_bridge.dialects.tokens import TokenNames
from otel_bridge.dialects.tool_exits import exit_code
from otel_bridge.dialects.vocabulary import CallNames, RunNames, ToolNames, Vocabulary

TURN = "session_task.turn"
ATTEMPTS = ("try_run_sampling_request", "try_run_turn")
ANSWER = "handle_responses"

ROLES: Mapping[str, Role] = {
    TURN: Role.RUN,
    RUN_STAND_IN: Role.RUN,
    TOOL_STAND_IN: Role.TOOL,
    **dict.fromkeys((*ATTEMPTS, *CALL_STAND_INS), Role.LLM),
}
"""
The roles that a name alone decides.
"""

TOKENS = TokenNames(
    input=("gen_ai.usage.input_tokens", "input_token_count"),
    output=("gen_ai.usage.output_tokens", "output_token_count"),
    cache_read=("gen_ai.usage.cache_read.input_tokens", "cached_token_count"),
    cache_write=("gen_ai.usage.cache_write.input_tokens", "cache_write_token_count"),
    reasoning=("codex.usage.reasoning_output_tokens", "reasoning_token_count"),
)
VOCABULARY = Vocabulary(
    marks=Marks(session=("conversation.id",), user=("user.id", "user.email", "user.account_id")),
    call=CallNames(request_model=("model",), first_chunk_ms=("ttft_ms",)),
    tokens=TOKENS,
    tool=ToolNames(
        name=("tool_name",),
        call_id=("call_id",),
        arguments=("arguments",),
        result=("output",),
    ),
    run=RunNames(model=("model",)),
)

_THREAD = ("thread.id",)
_CONVERSATION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TOOL_PHASE = "codex.tool.phase"


class Codex(Dialect):
    """
    Spans of a turn, its requests and its tools, and the log records of the same.
    """

    name = "codex"
    scopes = ("codex",)

    def read(self, span: SpanRecord) -> Reading:
        """
        Read a span, or what stands for a log record.
        """
        role = _role(span)
        reading = read_as(self.name, span, VOCABULARY, role=role, operation="chat", messages=_said)
        if reading.session_id is None:
            reading = replace(reading, session_id=_thread(span))
        if reading.call is not None:
            reading = replace(reading, call=_call(reading.call, span))
        if reading.run is not None:
            reading = replace(reading, run=_run(reading.run, span, reading.session_id))
        if reading.tool is not None:
            reading = _tool(reading, reading.tool, span.attributes)
        return told_by_log(reading) if span.name in STAND_INS else reading

    def read_log(self, log: LogRecord) -> LogReading | None:
        """
        Read a log record of a prompt, a request or a tool.
        """
        return codex_logs.read_log(log)


def _role(span: SpanRecord) -> Role:
    attributes = span.attributes
    if (role := ROLES.get(span.name)) is not None:
        return role
    if span.name == ANSWER:
        return Role.LLM if any(n in attributes for n in TOKENS.input) else Role.OTHER
    named = "call_id" in attributes and "tool_name" in attributes
    if named and (_TOOL_PHASE in attributes or span.name == attributes["tool_name"]):
        return Role.TOOL
    return Role.OTHER


def _said(span: SpanRecord) -> Exchange:
    return said("user", unredacted(span.attributes, "prompt")), ()


def _thread(span: SpanRecord) -> str | None:
    told = lenient.text(span.attributes, _THREAD)
    return told if told and _CONVERSATION.fullmatch(told) else None


def _call(call: CallReading, span: SpanRecord) -> CallReading:
    counts = (TOKENS.input, TOKENS.output, TOKENS.cache_read, TOKENS.reasoning)
    told = [lenient.count(span.attributes, names) for names in counts]
    return replace(
        call,
        provider="openai" if call.request_model else None,
        echo=None if told[0] is None else token_echo("codex", *(n or 0 for n in told)),
    )


def _run(run: RunReading, span: SpanRecord, conversation: str | None) -> RunReading:
    if span.name == RUN_STAND_IN:
        return replace(run, run_id=run_id_of(span), tells_end=False)
    if conversation is None:
        return run
    return replace(run, run_id=run_in_trace(span.trace_id, conversation))


def _tool(reading: Reading, tool: ToolReading, attributes: Mapping[str, Any]) -> Reading:
    code = exit_code(tool.result)
    if not (code or reading.failed or flag(attributes, "success") is False):
        return reading
    return replace(
        reading,
        failed=True,
        error_type=reading.error_type or (f"exit code {code}" if code else None),
        error_message=tool.result or reading.error_message,
    )
