"""
The log records of Claude Code: most users switch on these and no spans.

Without spans they name no trace. The records of one prompt are put below a run that
stands for the prompt, and those of one session into one trace.
"""

from otel_bridge_storage.log_identity import trace_id_of
from otel_bridge_storage.readings import LogReading
from otel_bridge_storage.records import LogRecord, SpanRecord

from otel_bridge.dialects import lenient
from otel_bridge.dialects.coding_clis import (
    flag,
    nanoseconds,
    run_of_conversation,
    run_stand_in,
    said,
    unredacted,
)
from otel_bridge.dialects.stand_ins import event_name, stand_in, stand_in_id

SCOPE = "com.anthropic.claude_code"
PREFIX = "claude_code."

_CALLS = ("api_request", "api_error")
_TOOL = "tool_result"
_PROMPT = "user_prompt"
_ANSWER = "assistant_response"
_SESSION = ("session.id",)
_PROMPT_ID = ("prompt.id",)
_DURATION = ("duration_ms",)


def read_log(log: LogRecord) -> LogReading | None:
    """
    Read a log record, if it is Claude Code's and tells of a call, a tool or a prompt.
    """
    told = event_name(log)
    if not (log.scope.name.startswith(SCOPE) or told.startswith(PREFIX)):
        return None
    name = told.removeprefix(PREFIX)
    if name in _CALLS or name == _TOOL:
        return LogReading(span=_below_prompt(log, name))
    if name == _ANSWER and lenient.text(log.attributes, ("request_id",)):
        return LogReading(span=_below_prompt(log, name))
    if name in (_PROMPT, _ANSWER):
        return _of_run(log, name)
    return None


def _below_prompt(log: LogRecord, name: str) -> SpanRecord:
    prompt = lenient.text(log.attributes, _PROMPT_ID)
    failed = name == "api_error" or flag(log.attributes, "success") is False
    return stand_in(
        log,
        PREFIX + name,
        conversation=_conversation(log),
        parent_span_id=None if prompt is None else stand_in_id(_name_of(prompt)),
        duration_ns=nanoseconds(log.attributes, _DURATION),
        error=(unredacted(log.attributes, "error") or "") if failed else None,
    )


def _of_run(log: LogRecord, name: str) -> LogReading | None:
    asked = said("user", unredacted(log.attributes, "prompt"))
    answered = said("assistant", unredacted(log.attributes, "response"))
    if log.span_id:
        return LogReading(input=asked, output=answered)
    prompt, conversation = lenient.text(log.attributes, _PROMPT_ID), _conversation(log)
    if conversation is None:
        return None
    if prompt is None:
        run_id, span_id = run_of_conversation(conversation), None
    else:
        run_id = trace_id_of(_name_of(prompt))
        span_id = stand_in_id(_name_of(prompt)) if name == _PROMPT else None
    return LogReading(
        span=run_stand_in(
            log, PREFIX + name, run_id=run_id, conversation=conversation, span_id=span_id
        )
    )


def _conversation(log: LogRecord) -> str | None:
    return lenient.text(log.attributes, _SESSION) or lenient.text(log.attributes, _PROMPT_ID)


def _name_of(prompt: str) -> str:
    return f"prompt {prompt}"
