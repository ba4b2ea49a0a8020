"""
What the spans and log records of Codex mean, with and without each other.
"""

from pathlib import Path
from typing import Any

import pytest
from cli_telemetry import (
    COUNTED,
    RUNS,
    SECOND,
    STEPS,
    TOOLS,
    TRACE,
    attributes_of,
    log_of,
    span_of,
    stored,
)
from hypothesis import given
from hypothesis import strategies as st
from otel_bridge_storage.readings import LOG_TOLD, CallReading, Reading, Role
from otel_bridge_storage.records import LogRecord, SpanRecord

from otel_bridge.dialects.codex import Codex
from otel_bridge.dialects.tool_exits import exit_code

CODEX = Codex()
CONVERSATION = "01a1fd4a-f408-7a41-98ee-47e1abad9e2d"
SHOWN = {
    "gen_ai.usage.input_tokens": 153,
    "gen_ai.usage.cache_read.input_tokens": 97,
    "gen_ai.usage.cache_write.input_tokens": 0,
    "gen_ai.usage.output_tokens": 29,
    "codex.usage.reasoning_output_tokens": 7,
    "codex.usage.total_tokens": 182,
}
LOGGED = {
    "event.kind": "response.completed",
    "input_token_count": "153",
    "output_token_count": "29",
    "cached_token_count": 97,
    "cache_write_token_count": 0,
    "reasoning_token_count": 7,
    "tool_token_count": "182",
    "ttft_ms": 5,
}
FAILED_OUTPUT = (
    "Chunk ID: b7\nWall time: 0.0 seconds\nProcess exited with code 2\nOutput:\nls: no\n"
)
RESULT = {
    "tool_name": "exec_command",
    "call_id": "call_1",
    "arguments": '{"cmd": "ls /none"}',
    "success": "true",
    "duration_ms": "40",
    "output": FAILED_OUTPUT,
}
STARTS = "SELECT start_ns FROM llm_calls WHERE counted = 1"
PARENTS = "SELECT parent_run_id FROM runs"
NAMES = [
    "event.name", "event.kind", "conversation.id", "thread.id", "model", "prompt", "output",
    "success", "tool_name", "call_id", "arguments", "error.message", "endpoint",
    "http.response.status_code", "codex.tool.phase", "duration_ms", *SHOWN, *LOGGED,
]  # fmt: skip
EVENTS = ["user_prompt", "sse_event", "api_request", "tool_result", "tool_decision"]
SPANS = ["session_task.turn", "try_run_sampling_request", "handle_responses", "exec_command"]


def span(name: str, attributes: dict[str, Any], **fields: Any) -> SpanRecord:
    """
    Make a span of Codex.
    """
    return span_of(name, attributes, scope="codex_exec", **fields)


def log(event: str, attributes: dict[str, Any], **fields: Any) -> LogRecord:
    """
    Make a log record of Codex, whose event's field names a place in its source.
    """
    told = {"conversation.id": CONVERSATION, "model": "gpt-5-codex", **attributes}
    told = {"event.name": f"codex.{event}", **told}
    place = "event otel/src/events/session_telemetry.rs:1153"
    return log_of(told, scope="codex_otel.log_only", event_name=place, **fields)


def read_log(record: LogRecord) -> tuple[SpanRecord, Reading]:
    """
    Read a log record by the span that stands for it.
    """
    told = CODEX.read_log(record)
    assert told is not None
    assert told.span is not None
    return told.span, CODEX.read(told.span)


def call_of(reading: Reading) -> CallReading:
    """
    Give the call of a reading that must have one.
    """
    assert reading.call is not None
    return reading.call


def test_span_and_log_echo_each_other() -> None:
    """
    The end of an answer has the same tokens and one echo in its span and its record.
    """
    shown = call_of(CODEX.read(span("handle_responses", SHOWN)))
    logged = call_of(read_log(log("sse_event", LOGGED))[1])
    assert shown.usage == logged.usage
    assert shown.echo == logged.echo is not None
    assert (logged.usage.input_tokens, logged.usage.cache_read_tokens) == (153, 97)
    assert (logged.usage.output_tokens, logged.usage.reasoning_tokens) == (29, 7)
    assert (logged.request_model, logged.precedence) == ("gpt-5-codex", LOG_TOLD)


def test_only_the_end_of_an_answer_is_a_call() -> None:
    """
    The other parts of a stream have spans and records of the same names, and no tokens.
    """
    assert CODEX.read(span("handle_responses", {"from": "output_item_done"})).role is Role.OTHER
    parts = ("response.created", "response.output_item.done", "response.completed")
    for kind in parts:
        assert CODEX.read_log(log("sse_event", {"event.kind": kind})) is None


def test_sums_of_a_turn_are_no_usage() -> None:
    """
    A turn is a run, whose sums are not read as a call's tokens.
    """
    told = {"codex.turn.token_usage.input_tokens": 247, "model": "gpt-5-codex"}
    reading = CODEX.read(span("session_task.turn", {"thread.id": CONVERSATION, **told}))
    assert (reading.role, reading.session_id) == (Role.RUN, CONVERSATION)
    assert reading.call is None
    assert reading.run is not None
    assert reading.run.model == "gpt-5-codex"


@pytest.mark.parametrize("thread", [5, "5", "main"])
def test_threads_of_the_system_are_no_sessions(thread: Any) -> None:
    """
    `thread.id` is a session only where it has the form of a conversation's id.
    """
    assert CODEX.read(span("session_task.turn", {"thread.id": thread})).session_id is None


def test_only_the_execution_of_a_tool_is_one() -> None:
    """
    Of the spans with a tool's call id only the one named by the tool is its execution.
    """
    told = {"tool_name": "exec_command", "call_id": "call_1"}
    reading = CODEX.read(span("exec_command", told))
    assert reading.tool is not None
    assert (reading.tool.tool_name, reading.tool.tool_call_id) == ("exec_command", "call_1")
    assert CODEX.read(span("guardian_scoring_observation", told)).role is Role.OTHER
    inner = {"call_id": "call_1", "mode": "resumable"}
    assert CODEX.read(span("unified_exec.exec_command", inner)).role is Role.OTHER


def test_exit_code_fails_a_tool_that_says_success() -> None:
    """
    A command that ended with a code other than 0 failed, whatever `success` says.
    """
    stand_in, reading = read_log(log("tool_result", RESULT, at=9))
    assert reading.failed
    assert reading.error_type == "exit code 2"
    assert stand_in.end_ns is not None
    assert stand_in.end_ns - stand_in.start_ns == 40_000_000
    fine = {**RESULT, "output": FAILED_OUTPUT.replace("code 2", "code 0")}
    assert not read_log(log("tool_result", fine))[1].failed
    refused = {**fine, "success": "false", "output": "rejected by user"}
    assert read_log(log("tool_result", refused))[1].error_message == "rejected by user"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (FAILED_OUTPUT, 2),
        ("Exit code: 1\nWall time: 0 seconds\nOutput:\n", 1),
        ('{"output": "x", "metadata": {"exit_code": 127, "duration_seconds": 0.1}}', 127),
        ("Output:\nProcess exited with code 3\n", None),
        ("the process exited with code 3 yesterday", None),
        (None, None),
    ],
)
def test_exit_codes_are_told_before_the_output(answer: str | None, code: int | None) -> None:
    """
    An exit code is read where the tool tells it, not where a command printed like words.
    """
    assert exit_code(answer) == code


def test_failed_requests_are_failed_calls() -> None:
    """
    A refused request to a model is a failed call; one for something else is none.
    """
    told = {"http.response.status_code": 429, "error.message": "slow down", "duration_ms": "9"}
    reading = read_log(log("api_request", {**told, "endpoint": "/responses"}))[1]
    assert reading.failed
    assert (call_of(reading).request_model, reading.error_message) == ("gpt-5-codex", "slow down")
    assert CODEX.read_log(log("api_request", {**told, "endpoint": "/models"})) is None
    assert CODEX.read_log(log("api_request", {"http.response.status_code": 200})) is None
    broken = {"event.kind": "response.completed", "error.message": "stream closed"}
    assert read_log(log("sse_event", broken))[1].failed


def _records() -> tuple[list[SpanRecord], list[LogRecord]]:
    """
    The spans and the log records of a turn: a request, a tool that fails, and its answer.
    """
    turn = span("session_task.turn", {"thread.id": CONVERSATION}, at=1)
    attempt = span(
        "try_run_sampling_request",
        {"model": "gpt-5-codex"},
        at=3,
        parent_span_id=turn.span_id,
    )
    answer = span("handle_responses", SHOWN, at=4, parent_span_id=attempt.span_id)
    tool = span(
        "exec_command",
        {"tool_name": "exec_command", "call_id": "call_1"},
        at=5,
        parent_span_id=attempt.span_id,
    )
    in_trace = {"trace_id": TRACE, "span_id": tool.span_id}
    logs = [
        log("user_prompt", {"prompt": "Run it"}, at=2, trace_id=TRACE, span_id=attempt.span_id),
        log("sse_event", LOGGED, at=4),
        log("tool_result", {**RESULT, "duration_ms": "1"}, at=5, **in_trace),
    ]
    return [turn, attempt, answer, tool], logs


def test_spans_and_logs_tell_a_turn_once(tmp_path: Path) -> None:
    """
    With both signals a turn is one run with one call and one tool, which failed as only
    its record says, and the prompt that only a record has.
    """
    spans, logs = _records()
    told = stored(tmp_path, CODEX, [*spans, *logs], RUNS, COUNTED, TOOLS, STEPS, PARENTS)
    assert told[0] == [(CONVERSATION, 1, 1, 153, 29)]
    assert told[1] == [("gpt-5-codex", None, "ok", 153, 29, 97, 0, 7)]
    assert told[2] == [("exec_command", "error")]
    ((role, body),) = told[3]
    assert role == "user"
    assert "Run it" in body
    assert told[4] == [(None,)]


def test_logs_alone_tell_a_run(tmp_path: Path) -> None:
    """
    Without spans, and so without traces, a conversation's records are one run.
    """
    logs = [
        log("user_prompt", {"prompt": "Run it"}, at=1),
        log("sse_event", LOGGED, at=2),
        log("tool_result", RESULT, at=3),
        log("sse_event", {**LOGGED, "input_token_count": "200"}, at=4),
    ]
    told = stored(tmp_path, CODEX, logs, RUNS, TOOLS, STEPS)
    assert told[0] == [(CONVERSATION, 2, 1, 353, 58)]
    assert told[1] == [("exec_command", "error")]
    assert [role for role, _ in told[2]] == ["user"]


def test_spans_alone_tell_a_turn(tmp_path: Path) -> None:
    """
    Without log records the attempt's span has the model and the times of the call, and
    the answer's the tokens.
    """
    told = stored(tmp_path, CODEX, _records()[0], RUNS, COUNTED, STARTS)
    assert told[0] == [(CONVERSATION, 1, 1, 153, 29)]
    assert told[1] == [("gpt-5-codex", None, "ok", 153, 29, 97, 0, 7)]
    assert told[2] == [(3 * SECOND,)]


@given(st.sampled_from(SPANS), attributes_of(NAMES))
def test_any_span_is_read(name: str, attributes: dict[str, Any]) -> None:
    """
    No value of an attribute keeps a span from being read.
    """
    assert CODEX.read(span(name, attributes)).dialect == "codex"


@given(st.sampled_from(EVENTS), attributes_of(NAMES))
def test_any_log_is_read(event: str, attributes: dict[str, Any]) -> None:
    """
    No value of an attribute keeps a record from being read, or what stands for it.
    """
    told = CODEX.read_log(log(event, attributes))
    if told is not None and told.span is not None:
        assert CODEX.read(told.span).dialect == "codex"
