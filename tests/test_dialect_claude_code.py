"""
What Claude Code's spans and log records mean, with and without each other.
"""

import json
from pathlib import Path
from typing import Any

import captures
import pytest
from cli_telemetry import (
    COUNTED,
    RUNS,
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
from otel_bridge_storage.readings import LOG_TOLD, Reading, Role
from otel_bridge_storage.records import STATUS_ERROR, Arrival, EventRecord, LogRecord, SpanRecord

from otel_bridge.dialects.claude_code import ROLES, ClaudeCode
from otel_bridge.otlp import decode_logs, decode_traces

SCOPE = "com.anthropic.claude_code.tracing"
SESSION = "72c716b9-9e8c-4b91-aa85-96292d495823"
PROMPT = "f1719d7e-f7a5-41b4-bcd8-223bdc778428"
COUNTS = {
    "input_tokens": 37,
    "output_tokens": 29,
    "cache_read_tokens": 97,
    "cache_creation_tokens": 19,
}
NAMES = [
    "event.name", "span.type", "session.id", "gen_ai.conversation.id", "prompt.id", "prompt",
    "response", "request_id", "success", "error", "status_code", "duration_ms", "ttft_ms",
    "cost_usd", "cache_creation_1h_tokens", "cache_creation_5m_tokens", "tool_name",
    "tool_use_id", "tool_input", "tool_parameters", "full_command", "model", "speed",
    "anthropic.provider", "user_prompt", *COUNTS,
]  # fmt: skip
EVENTS = ["user_prompt", "api_request", "api_error", "assistant_response", "tool_result"]
CLAUDE = ClaudeCode()


def span(kind: str, attributes: dict[str, Any], **fields: Any) -> SpanRecord:
    """
    Make a span of Claude Code.
    """
    told = {"session.id": SESSION, "span.type": kind, **attributes}
    return span_of(f"claude_code.{kind}", told, scope=SCOPE, **fields)


def log(event: str, attributes: dict[str, Any], **fields: Any) -> LogRecord:
    """
    Make a log record of Claude Code as it is without spans.
    """
    told = {"session.id": SESSION, "prompt.id": PROMPT, "event.name": event, **attributes}
    body = f"claude_code.{event}"
    return log_of(told, scope="com.anthropic.claude_code.events", body=body, **fields)


def read_log(record: LogRecord) -> tuple[SpanRecord, Reading]:
    """
    Read a log record by the span that stands for it.
    """
    told = CLAUDE.read_log(record)
    assert told is not None
    assert told.span is not None
    return told.span, CLAUDE.read(told.span)


def test_cache_is_part_of_the_input() -> None:
    """
    The input includes what the cache gave and took, which Claude Code counts apart.
    """
    call = CLAUDE.read(span("llm_request", COUNTS)).call
    assert call is not None
    assert (call.usage.input_tokens, call.usage.cache_read_tokens) == (37 + 97 + 19, 97)
    small = CLAUDE.read(span("llm_request", {**COUNTS, "input_tokens": 1000})).call
    assert small is not None
    assert small.usage.input_tokens == 1000 + 97 + 19


def test_request_id_is_no_response_id() -> None:
    """
    The request's id joins a call's span and records, and is no id of a response.
    """
    told = {**COUNTS, "request_id": "req_1", "gen_ai.response.id": "req_1"}
    call = CLAUDE.read(span("llm_request", told)).call
    assert call is not None
    assert (call.call_id, call.response_id) == ("req_1", None)


@pytest.mark.parametrize("as_text", [False, True])
def test_span_and_log_echo_each_other(as_text: bool) -> None:
    """
    A request's span and its log record have one echo, though old versions write numbers
    as text; the record adds the model that answered, the cost and the cache's times.
    """
    told = {**COUNTS, "cost_usd": 0.5, "cache_creation_5m_tokens": 12, "duration_ms": 250,
            "cache_creation_1h_tokens": 7, "model": "claude-sonnet-4-5-20250929"}  # fmt: skip
    if as_text:
        told = {name: str(value) for name, value in told.items()}
    stand_in, reading = read_log(log("api_request", told, at=9))
    call, shown = reading.call, CLAUDE.read(span("llm_request", COUNTS)).call
    assert call is not None
    assert shown is not None
    assert call.echo == shown.echo is not None
    assert (call.emitted_cost_usd, call.usage.cache_write_1h_tokens) == (0.5, 7)
    assert (call.response_model, call.request_model) == ("claude-sonnet-4-5-20250929", None)
    assert (call.precedence, call.provider) == (LOG_TOLD, "anthropic")
    assert stand_in.end_ns is not None
    assert stand_in.end_ns - stand_in.start_ns == 250_000_000


def test_undivided_cache_writes_have_no_parts() -> None:
    """
    Two zeros beside cache writes say that the response did not tell them apart.
    """
    told = {**COUNTS, "cache_creation_5m_tokens": 0, "cache_creation_1h_tokens": 0}
    call = read_log(log("api_request", told))[1].call
    assert call is not None
    assert call.usage.cache_write_1h_tokens is None


def test_failed_request_fails_on_both_signals() -> None:
    """
    A failure is one call whether its span, its record or both tell it.
    """
    told = {"model": "claude-opus-5-5", "error": "bad thing", "status_code": 400}
    shown = CLAUDE.read(span("llm_request", {**told, "success": False}, status_code=STATUS_ERROR))
    logged = read_log(log("api_error", told))[1]
    for reading in (shown, logged):
        assert reading.failed
        assert reading.error_message == "bad thing"
    assert shown.call is not None
    assert logged.call is not None
    assert shown.call.echo == logged.call.echo
    assert logged.call.request_model == "claude-opus-5-5"


def test_sub_agents_keep_the_session() -> None:
    """
    A sub-agent's id stands for a conversation in its spans, and is none.
    """
    told = {"gen_ai.conversation.id": "agent-7", "agent_id": "agent-7"}
    assert CLAUDE.read(span("llm_request", told)).session_id == SESSION
    assert CLAUDE.read(span("llm_request", {**told, "session.id": None})).session_id == "agent-7"
    nameless = span_of("claude_code.llm_request", told, scope=SCOPE)
    assert CLAUDE.read(nameless).session_id is None


def test_tool_tells_arguments_and_output() -> None:
    """
    A tool's span tells its command and, in an event, its output.
    """
    output = EventRecord("tool.output", 1, {"bash_command": "ls", "output": "a.txt"})
    told = {"tool_name": "Bash", "tool_use_id": "toolu_1", "full_command": "ls"}
    tool = CLAUDE.read(span("tool", told, events=(output,))).tool
    assert tool is not None
    assert (tool.tool_name, tool.tool_call_id, tool.result) == ("Bash", "toolu_1", "a.txt")
    assert json.loads(tool.arguments or "") == {"command": "ls"}


def test_waiting_for_the_user_is_no_tool() -> None:
    """
    Of the spans below a tool only its execution is a copy of it, and it has the failure.
    """
    failed = {"tool_use_id": "toolu_1", "success": False, "error.type": "tool_error",
              "error_class": "ShellError", "error": "exit 2"}  # fmt: skip
    assert CLAUDE.read(span("tool.blocked_on_user", {})).role is Role.OTHER
    reading = CLAUDE.read(span("tool.execution", failed, status_code=STATUS_ERROR))
    assert reading.failed
    assert reading.error_type == "ShellError"
    assert reading.tool is not None
    assert reading.tool.tool_call_id == "toolu_1"


def test_redacted_text_is_no_message() -> None:
    """
    What was left out for privacy is not shown as if it had been said.
    """
    run = CLAUDE.read(span("interaction", {"user_prompt": "<REDACTED>"})).run
    assert run is not None
    assert run.input == ()
    answer = read_log(log("assistant_response", {"response": "<REDACTED>", "request_id": "r"}))
    assert answer[1].call is not None
    assert answer[1].call.output == ()


def test_records_of_other_programs_are_left_alone() -> None:
    """
    An event of a like name that another program tells is not read.
    """
    assert CLAUDE.read_log(log_of({"event.name": "api_request"}, scope="other")) is None
    assert CLAUDE.read_log(log("tool_decision", {"tool_use_id": "toolu_1"})) is None


def _logs_of_a_prompt(**answer: Any) -> list[LogRecord]:
    """
    The records of a prompt with a request, a tool that fails and one more request.
    """
    tool = {"tool_name": "Bash", "tool_use_id": "toolu_1", "success": "false", "error": "no"}
    return [
        log("user_prompt", {"prompt": "Run it"}, at=1),
        log("api_request", {**COUNTS, "model": "m", "request_id": "req_1"}, at=2),
        log("tool_result", {**tool, "duration_ms": "200"}, at=3),
        log("api_request", {**COUNTS, "model": "m", "request_id": "req_2"}, at=4),
        log("assistant_response", {"response": "Done.", "model": "m", **answer}, at=5),
    ]


@pytest.mark.parametrize("answer", [{}, {"request_id": "req_2"}])
def test_logs_alone_tell_a_run(tmp_path: Path, answer: dict[str, str]) -> None:
    """
    Without spans the records of a prompt are one run with its calls, tools and texts,
    whether the answer names its request or not.
    """
    records = _logs_of_a_prompt(**answer)
    runs, tools, steps = stored(tmp_path, CLAUDE, records, RUNS, TOOLS, STEPS)
    assert runs == [(SESSION, 2, 1, 306, 58)]
    assert tools == [("Bash", "error")]
    assert [role for role, _ in steps] == ["user", "assistant"]
    assert "Run it" in steps[0][1]
    assert "Done." in steps[1][1]


def test_prompts_are_runs_of_one_session(tmp_path: Path) -> None:
    """
    Each prompt of a session is a run, with the calls of its own.
    """
    records = [
        log("user_prompt", {"prompt.id": "p1"}, at=1),
        log("api_request", {**COUNTS, "prompt.id": "p1"}, at=2),
        log("user_prompt", {"prompt.id": "p2"}, at=3),
        log("api_request", {**COUNTS, "prompt.id": "p2"}, at=4),
    ]
    (runs,) = stored(tmp_path, CLAUDE, records, RUNS)
    assert runs == [(SESSION, 1, 0, 153, 29)] * 2


def test_old_versions_have_one_run_for_a_session(tmp_path: Path) -> None:
    """
    Where no record names its prompt, the session's records are one run.
    """
    prompt = {"prompt.id": None, "prompt": "Run it"}
    records = [
        log("user_prompt", prompt, at=1),
        log("api_request", {**COUNTS, "prompt.id": None}, at=2),
    ]
    (runs,) = stored(tmp_path, CLAUDE, records, RUNS)
    assert runs == [(SESSION, 1, 0, 153, 29)]


def test_spans_and_logs_tell_a_call_once(tmp_path: Path) -> None:
    """
    A request is one call where both its span and its record came, in any order.
    """
    root = span("interaction", {}, at=1)
    model = {"gen_ai.request.model": "claude-sonnet-4-5"}
    at_root = {"trace_id": TRACE, "span_id": root.span_id}
    records: list[Arrival] = [
        root,
        span("llm_request", {**COUNTS, **model}, at=2, parent_span_id=root.span_id),
        log("api_request", {**COUNTS, "model": "m"}, at=3, **at_root),
        log("api_request", {**COUNTS, "output_tokens": 1, "model": "m"}, at=4, **at_root),
    ]
    (calls,) = stored(tmp_path, CLAUDE, records, COUNTED)
    assert calls == [
        ("claude-sonnet-4-5", "m", "ok", 153, 29, 97, 19, None),
        (None, "m", "ok", 153, 1, 97, 19, None),
    ]


@pytest.mark.parametrize("signals", [("traces", "logs"), ("traces",), ("logs",)])
def test_capture_is_read_from_any_signal(tmp_path: Path, signals: tuple[str, ...]) -> None:
    """
    A recorded session has its calls, tokens and tools from either signal and from both.
    """
    decode: dict[str, Any] = {"traces": decode_traces, "logs": decode_logs}
    records = [
        record
        for signal in signals
        for path in captures.files("claude_code", signal, "pb")
        for record in decode[signal](path.read_bytes()).records
    ]
    calls, tools = stored(tmp_path, CLAUDE, records, COUNTED, TOOLS)
    assert [row[2:7] for row in calls] == [("ok", 94, 31, 0, 53), ("ok", 153, 29, 97, 19)]
    assert tools == [("Bash", "ok"), ("Bash", "error")]


@given(st.sampled_from(sorted(ROLES)), attributes_of(NAMES))
def test_any_span_is_read(kind: str, attributes: dict[str, Any]) -> None:
    """
    No value of an attribute keeps a span from being read.
    """
    assert CLAUDE.read(span(kind, attributes)).dialect == "claude-code"


@given(st.sampled_from(EVENTS), attributes_of(NAMES))
def test_any_log_is_read(event: str, attributes: dict[str, Any]) -> None:
    """
    No value of an attribute keeps a record from being read, or what stands for it.
    """
    told = CLAUDE.read_log(log(event, attributes))
    if told is not None and told.span is not None:
        assert CLAUDE.read(told.span).dialect == "claude-code"
