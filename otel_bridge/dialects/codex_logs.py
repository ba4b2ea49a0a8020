"""
The log records of Codex, which most users switch on without spans.

Only the record of a request's end has its tokens; it names a conversation and no trace,
even where there are spans. Nothing names the prompt that a record belongs to: without
spans one run stands for a conversation.
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
    unredacted,
)
from otel_bridge.dialects.stand_ins import event_name, stand_in
from otel_bridge.dialects.tool_exits import exit_code

RUN_STAND_IN = "codex.user_prompt"
TOOL_STAND_IN = "codex.tool_result"
_ANSWER = "codex.sse_event"
_REQUEST = "codex.api_request"
CALL_STAND_INS = (_ANSWER, _REQUEST)
STAND_INS = (RUN_STAND_IN, TOOL_STAND_IN, *CALL_STAND_INS)

_COMPLETED = "response.completed"
_TO_MODELS = ("responses", "completions", "compact")
"""
How the paths of requests that a model answers end.
"""
_SESSION = ("conversation.id",)
_ERROR = "error.message"
_STATUS = ("http.response.status_code",)
_DURATION = ("duration_ms",)
_FIRST_TOKEN = ("ttft_ms",)


def read_log(log: LogRecord) -> LogReading | None:
    """
    Read a log record, if it is Codex's and tells of a call, a tool or a prompt.
    """
    name = event_name(log)
    if name == _ANSWER:
        return _answer(log)
    if name == _REQUEST:
        return _request(log)
    if name == TOOL_STAND_IN:
        return LogReading(span=_tool(log))
    if name == RUN_STAND_IN:
        return _prompt(log)
    return None


def run_in_trace(trace_id: str, conversation: str) -> str:
    """
    Give the id of the run that a turn is: its span and the prompt's record name both.
    """
    return trace_id_of(f"turn {trace_id} {conversation}")


def _answer(log: LogRecord) -> LogReading | None:
    """
    Read the end of an answer; the parts of the stream have records of the same name.
    """
    if log.attributes.get("event.kind") != _COMPLETED:
        return None
    error = lenient.text(log.attributes, (_ERROR,))
    if error is None and "input_token_count" not in log.attributes:
        return None
    return LogReading(span=_call(log, _ANSWER, error, nanoseconds(log.attributes, _FIRST_TOKEN)))


def _request(log: LogRecord) -> LogReading | None:
    """
    Read a request, which tells of a call only where it failed.
    """
    attributes = log.attributes
    endpoint = lenient.text(attributes, ("endpoint",))
    status = lenient.count(attributes, _STATUS)
    error = lenient.text(attributes, (_ERROR,))
    if error is None and (status is None or status < 400):
        return None
    if endpoint is not None and not endpoint.rstrip("/").endswith(_TO_MODELS):
        return None
    told = error or f"HTTP status {status}"
    return LogReading(span=_call(log, _REQUEST, told, nanoseconds(attributes, _DURATION)))


def _call(log: LogRecord, name: str, error: str | None, duration_ns: int) -> SpanRecord:
    return stand_in(
        log,
        name,
        conversation=_conversation(log),
        duration_ns=duration_ns,
        error=error,
    )


def _tool(log: LogRecord) -> SpanRecord:
    output = unredacted(log.attributes, "output")
    failed = flag(log.attributes, "success") is False or exit_code(output)
    return stand_in(
        log,
        TOOL_STAND_IN,
        conversation=_conversation(log),
        duration_ns=nanoseconds(log.attributes, _DURATION),
        error=(output or "") if failed else None,
    )


def _prompt(log: LogRecord) -> LogReading | None:
    conversation = _conversation(log)
    if conversation is None:
        return None
    if log.trace_id:
        run_id = run_in_trace(log.trace_id, conversation)
    else:
        run_id = run_of_conversation(conversation)
    span = run_stand_in(log, RUN_STAND_IN, run_id=run_id, conversation=conversation)
    return LogReading(span=span)


def _conversation(log: LogRecord) -> str | None:
    return lenient.text(log.attributes, _SESSION)
