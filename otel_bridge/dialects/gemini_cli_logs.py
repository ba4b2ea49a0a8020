"""
The log records of Gemini CLI, which tell more than its spans: the cached tokens and the
thoughts are in them alone.

Each call has records of two kinds, of its own and of the GenAI conventions; the latter
are left to the former. A tool's record names no id of the call, but the span around the
tool's own.
"""

from otel_bridge_storage.readings import LogReading
from otel_bridge_storage.records import LogRecord, SpanRecord

from otel_bridge.dialects import lenient
from otel_bridge.dialects.coding_clis import (
    flag,
    nanoseconds,
    run_of_conversation,
    run_stand_in,
    unredacted,
)
from otel_bridge.dialects.gemini_cli_messages import asked_in
from otel_bridge.dialects.genai_messages import DETAILS_EVENT
from otel_bridge.dialects.stand_ins import event_name, stand_in
from otel_bridge.dialects.tool_exits import exit_code_in

SCOPE = "gemini-cli"

ANSWER = "gemini_cli.api_response"
FAILURE = "gemini_cli.api_error"
TOOL = "gemini_cli.tool_call"
PROMPT = "gemini_cli.user_prompt"
_REQUEST = "gemini_cli.api_request"
_SESSION = ("session.id",)
_DURATION = ("duration_ms",)


def read_log(log: LogRecord) -> LogReading | None:
    """
    Read a log record, if it is Gemini CLI's and tells of a call, a tool or a prompt.
    """
    name = event_name(log)
    if name == ANSWER:
        return LogReading(span=_stand_in(log, name))
    if name == FAILURE:
        error = unredacted(log.attributes, "error.message", "error") or ""
        return LogReading(span=_stand_in(log, name, error))
    if name == _REQUEST:
        return LogReading(input=asked_in(log.attributes.get("request_text")))
    if name == TOOL:
        return LogReading(span=_tool(log))
    if name == PROMPT:
        return _prompt(log)
    if name == DETAILS_EVENT and log.scope.name == SCOPE:
        return LogReading()
    return None


def _stand_in(log: LogRecord, name: str, error: str | None = None) -> SpanRecord:
    return stand_in(
        log,
        name,
        conversation=lenient.text(log.attributes, _SESSION),
        duration_ns=nanoseconds(log.attributes, _DURATION),
        error=error,
    )


def _tool(log: LogRecord) -> SpanRecord:
    attributes = log.attributes
    failed = flag(attributes, "success") is False or exit_code_in(attributes.get("metadata"))
    error = unredacted(attributes, "error.message", "error") or ""
    return _stand_in(log, TOOL, error if failed else None)


def _prompt(log: LogRecord) -> LogReading | None:
    conversation = lenient.text(log.attributes, _SESSION)
    if conversation is None:
        return None
    run_id = run_of_conversation(conversation)
    return LogReading(span=run_stand_in(log, PROMPT, run_id=run_id, conversation=conversation))
