"""
What the spans and log records of Gemini CLI mean, with and without each other.
"""

import json
from pathlib import Path
from typing import Any

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
from otel_bridge_storage.readings import LOG_TOLD, CallReading, LogReading, Reading, Role
from otel_bridge_storage.records import STATUS_ERROR, Arrival, LogRecord, SpanRecord

from otel_bridge.dialects.gemini_cli import ROLES, GeminiCLI

GEMINI = GeminiCLI()
SESSION = "34aa6b80-2c3e-4fee-a310-c6d128648daa"
PROMPT = f"{SESSION}########1"
QUIET = {"gen_ai.request.model": "gemini-2.5-pro", "gen_ai.prompt.name": PROMPT}
SHOWN = {**QUIET, "gen_ai.usage.input_tokens": 153, "gen_ai.usage.output_tokens": 22}
RESPONSE = [
    {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "All "}]}}],
        "responseId": "g2",
    },
    {
        "candidates": [{"content": {"role": "model", "parts": [{"text": "done."}]}}],
        "responseId": "g2",
    },
]
LOGGED = {
    "model": "gemini-2.5-pro-002",
    "prompt_id": PROMPT,
    "auth_type": "gemini-api-key",
    "input_token_count": 153,
    "output_token_count": 22,
    "cached_content_token_count": 97,
    "thoughts_token_count": 7,
    "tool_token_count": 0,
    "total_token_count": 182,
    "finish_reasons": ["stop"],
    "duration_ms": 18,
    "response_text": json.dumps(RESPONSE),
}
TOOL = {"gen_ai.tool.name": "run_shell_command", "gen_ai.tool.call_id": "call_1"}
RAN = {
    "function_name": "run_shell_command",
    "function_args": '{\n  "command": "ls"\n}',
    "prompt_id": PROMPT,
    "success": True,
    "duration_ms": 45,
    "metadata": '{"exitCode": 2, "isError": true}',
}
NAMES = [
    "event.name", "session.id", "gen_ai.conversation.id", "gen_ai.agent.name", "prompt",
    "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions",
    "request_text", "error.message", "error.type", *SHOWN, *LOGGED, *TOOL, *RAN,
]  # fmt: skip
EVENTS = ["user_prompt", "api_request", "api_response", "api_error", "tool_call"]


def span(operation: str, attributes: dict[str, Any], **fields: Any) -> SpanRecord:
    """
    Make a span of Gemini CLI.
    """
    told = {
        "gen_ai.operation.name": operation,
        "gen_ai.agent.name": "gemini-cli",
        "gen_ai.conversation.id": SESSION,
        **attributes,
    }
    return span_of(operation, told, scope="gemini-cli", **fields)


def log(event: str, attributes: dict[str, Any], **fields: Any) -> LogRecord:
    """
    Make a log record of Gemini CLI.
    """
    told = {"session.id": SESSION, "event.name": f"gemini_cli.{event}", **attributes}
    return log_of(told, scope="gemini-cli", **fields)


def read_log(record: LogRecord) -> Reading:
    """
    Read a log record by the span that stands for it.
    """
    told = GEMINI.read_log(record)
    assert told is not None
    assert told.span is not None
    return GEMINI.read(told.span)


def call_of(reading: Reading) -> CallReading:
    """
    Give the call of a reading that must have one.
    """
    assert reading.call is not None
    return reading.call


def test_thoughts_are_part_of_the_output() -> None:
    """
    The output includes the thoughts, which are counted apart; the cache's part of the
    input is counted in it.
    """
    usage = call_of(read_log(log("api_response", LOGGED))).usage
    assert (usage.output_tokens, usage.reasoning_tokens) == (29, 7)
    assert (usage.input_tokens, usage.cache_read_tokens) == (153, 97)


def test_record_tells_more_than_the_span() -> None:
    """
    A request's span and its record have one echo, and the record is believed first.
    """
    shown = call_of(GEMINI.read(span("llm_call", SHOWN)))
    logged = call_of(read_log(log("api_response", LOGGED)))
    assert shown.echo == logged.echo is not None
    assert shown.precedence > logged.precedence == LOG_TOLD
    assert (logged.response_model, logged.response_id) == ("gemini-2.5-pro-002", "g2")
    assert (logged.provider, logged.finish_reasons) == ("gcp.gen_ai", ("stop",))


def test_streamed_answer_is_one_message() -> None:
    """
    The chunks of a streamed answer are joined.
    """
    (message,) = call_of(read_log(log("api_response", LOGGED))).output
    assert json.loads(message.body)["parts"] == [{"type": "text", "content": "All done."}]


def test_span_without_usage_is_left_to_the_record() -> None:
    """
    Unless detailed traces are on a span has nothing by which to pair it with its record;
    a failed one and an embedding, which has no record, are calls nevertheless.
    """
    assert GEMINI.read(span("llm_call", QUIET)).role is Role.OTHER
    assert GEMINI.read(span("llm_call", QUIET, status_code=STATUS_ERROR)).role is Role.LLM
    embedding = {"gen_ai.request.model": "gemini-embedding-001"}
    assert call_of(GEMINI.read(span("llm_call", embedding))).operation == "embeddings"


def test_contents_of_spans_are_messages() -> None:
    """
    What was sent and answered is read from the form of Google's API.
    """
    asked = [{"role": "user", "parts": [{"text": "Run it"}]}]
    call = {
        "functionCall": {"id": "call_1", "name": "run_shell_command", "args": {"command": "ls"}}
    }
    told = {
        "gen_ai.system_instructions": '"Be brief."',
        "gen_ai.input.messages": json.dumps(asked),
        "gen_ai.output.messages": json.dumps([{"role": "model", "parts": [call]}, None]),
    }
    read = call_of(GEMINI.read(span("llm_call", {**SHOWN, **told})))
    assert [message.role for message in read.input] == ["system", "user"]
    (answer,) = read.output
    assert json.loads(answer.body)["parts"] == [
        {
            "type": "tool_call",
            "id": "call_1",
            "name": "run_shell_command",
            "arguments": {"command": "ls"},
        }
    ]


def test_cut_json_is_no_message() -> None:
    """
    A text that was cut, and is no JSON any more, is not shown as if it had been said.
    """
    cut = '[{"role":"user","parts":[{"text":"Run...[TRUNCATED: original length 20000]'
    read = call_of(GEMINI.read(span("llm_call", {**SHOWN, "gen_ai.input.messages": cut})))
    assert read.input == ()
    request = [{"role": "user", "parts": [{"text": "Run it"}]}]
    told = GEMINI.read_log(log("api_request", {"request_text": json.dumps(request)}))
    assert told is not None
    assert [message.role for message in told.input] == ["user"]


@pytest.mark.parametrize("status", ["success", "error"])
def test_tool_that_looks_successful_failed(status: str) -> None:
    """
    A tool failed if its command's exit code says so, whatever the span's status says.
    """
    answer = {"output": "ls: no"}
    done = {
        "status": status,
        "response": {
            "responseParts": [{"functionResponse": {"id": "call_1", "response": answer}}],
            "resultDisplay": "ls: no",
            "data": {"exitCode": 2, "isError": True} if status == "success" else None,
        },
    }
    told = {
        "gen_ai.input.messages": json.dumps({"callId": "call_1", "args": {"command": "ls"}}),
        "gen_ai.output.messages": json.dumps(done),
    }
    reading = GEMINI.read(span("tool_call", {**TOOL, **told}))
    assert reading.failed
    assert reading.tool is not None
    assert (reading.tool.tool_call_id, reading.tool.result) == ("call_1", "ls: no")
    assert json.loads(reading.tool.arguments or "") == {"command": "ls"}


def test_tool_record_is_read_with_the_span_around_it() -> None:
    """
    A tool's record tells of its failure, and has the span around in common with the tool's.
    """
    reading = read_log(log("tool_call", RAN))
    assert reading.failed
    assert reading.error_type == "exit code 2"
    assert reading.tool is not None
    assert reading.tool.tool_name == "run_shell_command"
    assert reading.tool.echo is None
    inside = read_log(log("tool_call", RAN, trace_id=TRACE, span_id="1" * 16)).tool
    shown = GEMINI.read(span("tool_call", TOOL, parent_span_id="1" * 16)).tool
    assert inside is not None
    assert shown is not None
    assert inside.echo
    assert inside.echo == shown.echo


def test_records_of_the_conventions_add_no_call() -> None:
    """
    Of the two records of one call, that of the conventions is left to the other.
    """
    details = {"event.name": "gen_ai.client.inference.operation.details", **SHOWN}
    assert GEMINI.read_log(log("", details)) == LogReading()
    assert GEMINI.read_log(log_of(details, scope="other")) is None


def test_sub_agent_is_named_by_what_was_asked() -> None:
    """
    A sub-agent's span carries the program's name; its own is in what it was asked.
    """
    asked = {"agent_name": "codebase_investigator", "prompt": "Look"}
    reading = GEMINI.read(span("agent_call", {"gen_ai.input.messages": json.dumps(asked)}))
    assert (reading.role, reading.agent_name) == (Role.RUN, "codebase_investigator")
    assert reading.run is not None
    assert len(reading.run.input) == 1


def _spans(attributes: dict[str, Any]) -> list[SpanRecord]:
    """
    The spans of a prompt, each in a trace of its own.
    """
    return [
        span("llm_call", attributes, at=2),
        span("tool_call", TOOL, at=3, trace_id="b" * 32, parent_span_id="9" * 16),
    ]


@pytest.mark.parametrize("attributes", [SHOWN, QUIET])
def test_spans_and_logs_tell_a_prompt_once(tmp_path: Path, attributes: dict[str, Any]) -> None:
    """
    With both signals a session is one run, and its call is counted once with the tokens
    that only the record has, whether detailed traces are on or off.
    """
    records: list[Arrival] = [
        *_spans(attributes),
        log("user_prompt", {"prompt": "Run it", "prompt_id": PROMPT}, at=1),
        log("api_response", LOGGED, at=2),
        log("tool_call", RAN, at=3, trace_id="b" * 32, span_id="9" * 16),
    ]
    runs, calls, tools, steps = stored(tmp_path, GEMINI, records, RUNS, COUNTED, TOOLS, STEPS)
    assert runs == [(SESSION, 1, 1, 153, 29)]
    assert [row[1:] for row in calls] == [("gemini-2.5-pro-002", "ok", 153, 29, 97, None, 7)]
    assert [name for name, _ in tools] == ["run_shell_command"]
    assert [role for role, _ in steps] == ["user", "assistant"]


def test_logs_alone_tell_a_run(tmp_path: Path) -> None:
    """
    Without spans a session's records are one run with its calls, failures and tools.
    """
    failure = {"model": "gemini-2.5-pro", "error.message": "no", "error.type": "ApiError"}
    records = [
        log("user_prompt", {"prompt": "Run it", "prompt_id": PROMPT}, at=1),
        log("api_error", {**failure, "prompt_id": PROMPT}, at=2),
        log("api_response", LOGGED, at=3),
        log("tool_call", RAN, at=4),
    ]
    runs, calls, tools = stored(tmp_path, GEMINI, records, RUNS, COUNTED, TOOLS)
    assert runs == [(SESSION, 2, 1, 153, 29)]
    assert [row[2] for row in calls] == ["error", "ok"]
    assert tools == [("run_shell_command", "error")]


@given(st.sampled_from(sorted(ROLES)), attributes_of(NAMES))
def test_any_span_is_read(operation: str, attributes: dict[str, Any]) -> None:
    """
    No value of an attribute keeps a span from being read.
    """
    assert GEMINI.read(span(operation, attributes)).dialect == "gemini-cli"


@given(st.sampled_from(EVENTS), attributes_of(NAMES))
def test_any_log_is_read(event: str, attributes: dict[str, Any]) -> None:
    """
    No value of an attribute keeps a record from being read, or what stands for it.
    """
    told = GEMINI.read_log(log(event, attributes))
    if told is not None and told.span is not None:
        assert GEMINI.read(told.span).dialect == "gemini-cli"
