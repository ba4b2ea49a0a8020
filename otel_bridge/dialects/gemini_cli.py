"""
Gemini CLI, Google's command line.

A prompt is spread over several traces which only the session holds together, so that one
run stands for a session. Its output tokens are told without the thoughts, and its spans
have no usage at all unless detailed traces are switched on: then the log records tell.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from otel_bridge_storage.readings import (
    LOG_TOLD,
    CallReading,
    LogReading,
    Reading,
    Role,
    RunReading,
    ToolReading,
)
from otel_bridge_storage.records import LogRecord, SpanRecord

from otel_bridge.dialects import gemini_cli_logs, lenient
from otel_bridge.dialects.coding_clis import (
    flag,
    run_id_of,
    run_of_conversation,
    said,
    token_echo,
    unredacted,
    usage_apart,
)
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.gemini_cli_logs import ANSWER, FAILURE, PROMPT, SCOPE, TOOL
from otel_bridge.dialects.gemini_cli_messages import answered_in, of_call, of_prompt
from otel_bridge.dialects.genai_messages import INPUT, OUTPUT
from otel_bridge.dialects.marks import Marks
from otel_bridge.dialects.span_reading import Exchange, operation_of, read_as, told_by_log
from otel_bridge.dialects.tokens import TokenNames
from otel_bridge.dialects.tool_exits import exit_code_in
from otel_bridge.dialects.vocabulary import GENAI, ToolNames, Vocabulary

ROLES: Mapping[str, Role] = {
    "llm_call": Role.LLM,
    "tool_call": Role.TOOL,
    "agent_call": Role.RUN,
    "user_prompt": Role.RUN,
}
LOGGED_ROLES: Mapping[str, Role] = {
    ANSWER: Role.LLM,
    FAILURE: Role.LLM,
    TOOL: Role.TOOL,
    PROMPT: Role.RUN,
}
"""
The roles of the spans that stand for log records.
"""

TOKENS = TokenNames(
    input=("gen_ai.usage.input_tokens", "input_token_count"),
    output=("gen_ai.usage.output_tokens", "output_token_count"),
    cache_read=("cached_content_token_count",),
    reasoning=("thoughts_token_count",),
)
VOCABULARY = GENAI.after(
    Vocabulary(
        marks=Marks(user=("user.email", "installation.id")),
        tool=ToolNames(name=("function_name",), arguments=("function_args",)),
    )
)

_PROMPT_ID = ("gen_ai.prompt.name", "prompt_id")
_MODEL = ("model",)
_VERTEX = frozenset({"vertex-ai", "oauth-personal", "compute-default-credentials"})
_FAILED = frozenset({"error", "cancelled"})


class GeminiCLI(Dialect):
    """
    Spans of requests and tools, and the log records of the same.
    """

    name = "gemini-cli"
    scopes = (SCOPE,)

    def read(self, span: SpanRecord) -> Reading:
        """
        Read a span by its operation, or what stands for a log record by its name.
        """
        operation = operation_of(span)
        logged = LOGGED_ROLES.get(span.name)
        role = logged or ROLES.get(operation, Role.OTHER)
        messages = _MESSAGES.get(role, _nothing) if logged is None else _told
        kind = "embeddings" if _is_embedding(span, operation) else "chat"
        reading = read_as(
            self.name, span, VOCABULARY, role=role, operation=kind, messages=messages
        )
        reading = replace(reading, agent_name=_agent(span, operation))
        if reading.call is not None:
            if logged is None and _is_silent(span, reading, operation):
                return replace(reading, role=Role.OTHER, call=None)
            reading = replace(reading, call=_call(reading.call, reading, span))
        if reading.run is not None:
            reading = replace(reading, run=_run(reading.run, reading, span, operation))
        if reading.tool is not None:
            echo = _tool_echo(span, reading.tool)
            reading = _tool(reading, replace(reading.tool, echo=echo), span)
        return told_by_log(reading) if logged is not None else reading

    def read_log(self, log: LogRecord) -> LogReading | None:
        """
        Read a log record of a prompt, a request or a tool.
        """
        return gemini_cli_logs.read_log(log)


def _nothing(span: SpanRecord) -> Exchange:
    return (), ()


def _told(span: SpanRecord) -> Exchange:
    attributes = span.attributes
    answer, _ = answered_in(attributes.get("response_text"))
    return said("user", unredacted(attributes, "prompt")), answer


_MESSAGES = {Role.LLM: of_call, Role.RUN: of_prompt}


def _is_embedding(span: SpanRecord, operation: str) -> bool:
    return operation == "llm_call" and lenient.text(span.attributes, _PROMPT_ID) is None


def _is_silent(span: SpanRecord, reading: Reading, operation: str) -> bool:
    """
    Whether a request's span has nothing by which to find its log record, which has all.
    """
    told = any(name in span.attributes for name in TOKENS.input)
    return not (told or reading.failed or _is_embedding(span, operation))


def _agent(span: SpanRecord, operation: str) -> str:
    # The agent's name in a span is always that of the program.
    if operation == "agent_call":
        asked = lenient.json_map(span.attributes, (INPUT,))
        return lenient.text(asked, ("agent_name",)) or SCOPE
    return lenient.text(span.attributes, ("gen_ai.agent.name",)) or SCOPE


def _call(call: CallReading, reading: Reading, span: SpanRecord) -> CallReading:
    attributes = span.attributes
    vertex = lenient.text(attributes, ("auth_type",)) in _VERTEX
    model = lenient.text(attributes, _MODEL)
    answered = span.name == ANSWER
    _, response_id = answered_in(attributes.get("response_text"))
    return replace(
        call,
        provider=call.provider or ("gcp.vertex_ai" if vertex else "gcp.gen_ai"),
        request_model=call.request_model or (None if answered else model),
        response_model=call.response_model or (model if answered else None),
        response_id=call.response_id or response_id,
        finish_reasons=call.finish_reasons or lenient.texts(attributes, ("finish_reasons",)),
        usage=usage_apart(attributes, TOKENS, reasoning=True, zeros_count=bool(reading.failed)),
        echo=_echo(reading, attributes),
        # What a log record tells is believed first: a span's output has no thoughts.
        precedence=LOG_TOLD + 1,
    )


def _echo(reading: Reading, attributes: Mapping[str, Any]) -> str | None:
    prompt = lenient.text(attributes, _PROMPT_ID)
    if reading.session_id is None or prompt is None:
        return None
    if reading.failed:
        return token_echo(SCOPE, reading.session_id, prompt, "failed")
    told = (lenient.count(attributes, names) for names in (TOKENS.input, TOKENS.output))
    return token_echo(SCOPE, reading.session_id, prompt, *told)


def _run(run: RunReading, reading: Reading, span: SpanRecord, operation: str) -> RunReading:
    if operation == "user_prompt" and reading.session_id is not None:
        return replace(run, run_id=run_of_conversation(reading.session_id), tells_end=False)
    if span.name == PROMPT:
        return replace(run, run_id=run_id_of(span), tells_end=False)
    return run


def _tool_echo(span: SpanRecord, tool: ToolReading) -> str | None:
    """
    Say what a tool's span and its log record have in common: the span around, and the name.
    """
    if span.parent_span_id is None:
        return None
    return f"{SCOPE} {span.trace_id} {span.parent_span_id} {tool.tool_name}"


def _tool(reading: Reading, tool: ToolReading, span: SpanRecord) -> Reading:
    attributes = span.attributes
    request = lenient.json_map(attributes, (INPUT,))
    done = lenient.json_map(attributes, (OUTPUT,))
    found = done.get("response")
    answer = found if isinstance(found, dict) else {}
    code = exit_code_in(answer.get("data")) or exit_code_in(attributes.get("metadata"))
    tool = replace(
        tool,
        arguments=tool.arguments or lenient.as_json(request.get("args")),
        result=tool.result or _result(answer),
    )
    reading = replace(reading, tool=tool)
    failed = lenient.text(done, ("status",)) in _FAILED or flag(attributes, "success") is False
    if not (failed or code or reading.failed):
        return reading
    named = lenient.text(answer, ("errorType",)) or reading.error_type
    return replace(
        reading,
        failed=True,
        error_type=named or (f"exit code {code}" if code else None),
        error_message=lenient.as_content(answer.get("resultDisplay")) or reading.error_message,
    )


def _result(answer: Mapping[str, Any]) -> str | None:
    parts = answer.get("responseParts")
    for part in lenient.dicts(parts if isinstance(parts, list) else []):
        told = part.get("functionResponse")
        given = told.get("response") if isinstance(told, dict) else None
        if isinstance(given, dict):
            return lenient.as_content(given.get("output", given))
    return lenient.as_content(answer.get("resultDisplay"))
