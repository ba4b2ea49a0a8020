"""
What single spans and logs of each instrumentation mean.
"""

import json
import logging
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from typing import Any

import captures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otel_bridge_storage.readings import (
    CallReading,
    LogReading,
    Message,
    Reading,
    Role,
    RunReading,
    ToolReading,
    Usage,
)
from otel_bridge_storage.records import EventRecord, LogRecord, SpanRecord
from read_dialects import span_of

from otel_bridge.dialects import Dialects, registry
from otel_bridge.dialects.semconv import SemConv
from otel_bridge.otlp import decode_logs, decode_traces

_KINDS = (
    "anthropic_sdk",
    "concurrent_",
    "double_",
    "nested_",
    "openinference_",
    "otel_",
)
CAPTURES = sorted(name for name in captures.names() if name.startswith(_KINDS))
NO_CACHE_TOLD = {"otel_openai_v2_default", "otel_openai_v2_latest"}
CONTENT_OFF = {
    "anthropic_sdk_native",
    "otel_genai_openai_default",
    "otel_genai_openai_stream_nousage",
}
# LlamaIndex names no agent. The instrumentation of OpenAI's agents tells neither the model
# that was asked nor the error of a tool, that of CrewAI no calls, and that of the Google
# ADK two calls on one span; their own tests are in test_dialect_openinference_variants.
TOLD_IN_PART = {
    "openinference_crewai",
    "openinference_google_adk",
    "openinference_llama_index",
    "openinference_openai_agents",
}
FULLY_TOLD = [name for name in CAPTURES if name not in TOLD_IN_PART]


def read(attributes: Mapping[str, Any], **fields: Any) -> Reading:
    """
    Read a span with the built-in dialects.
    """
    return Dialects().read_span(span_of(attributes, **fields))


def chat(attributes: Mapping[str, Any], **fields: Any) -> Any:
    """
    Read the call of a chat span.
    """
    call = read({"gen_ai.operation.name": "chat", **attributes}, **fields).call
    assert call is not None
    return call


def readings(name: str) -> list[tuple[SpanRecord, Reading]]:
    """
    Read all spans of a capture.
    """
    dialects = Dialects()
    return [
        (span, dialects.read_span(span))
        for path in captures.files(name, "traces", "pb")
        for span in decode_traces(path.read_bytes()).records
    ]


def logs(name: str) -> list[LogReading]:
    """
    Read all logs of a capture.
    """
    dialects = Dialects()
    found = [
        dialects.read_log(log)
        for path in captures.files(name, "logs", "pb")
        for log in decode_logs(path.read_bytes()).records
    ]
    return [reading for reading in found if reading is not None]


@pytest.mark.parametrize("name", FULLY_TOLD)
def test_every_span_of_a_call_tells_its_tokens(name: str) -> None:
    """
    Each span of a call has the tokens and models of the response that the server gave,
    found by the response's id; and each response is found.
    """
    truth = {call["response_id"]: call for call in captures.expected(name)["per_call"]}
    seen = set()
    for _, reading in readings(name):
        if reading.call is None or reading.failed:
            continue
        told = truth[reading.call.response_id]
        seen.add(reading.call.response_id)
        assert reading.call.response_model == told["response_model"]
        assert reading.call.request_model == told["request_model"]
        usage = reading.call.usage
        if not told["usage_returned"]:
            assert usage == Usage()
            continue
        true = told["usage"]
        assert usage.input_tokens == true["input_tokens"]
        assert usage.output_tokens == true["output_tokens"]
        if name not in NO_CACHE_TOLD:
            assert (usage.cache_read_tokens or 0) == true["cache_read"]
            assert (usage.cache_write_tokens or 0) == true["cache_write"]
            assert (usage.reasoning_tokens or 0) == true["reasoning"]
    assert seen == {response_id for response_id in truth if response_id}


@pytest.mark.parametrize("name", CAPTURES)
def test_only_spans_of_calls_own_tokens(name: str) -> None:
    """
    A span that is no call has no usage, whatever sums it carries.
    """
    for _, reading in readings(name):
        assert (reading.call is not None) is (reading.role is Role.LLM)


@pytest.mark.parametrize("name", FULLY_TOLD)
def test_runs_are_the_invocations_of_agents(name: str) -> None:
    """
    There is a run for each agent that was invoked, and none for graph nodes or calls.
    """
    truth = captures.expected(name)
    runs = [reading for _, reading in readings(name) if reading.role is Role.RUN]
    agents = truth["agents"] or [truth["agent_name"]]
    assert len(runs) == (truth["agent_runs"] or (truth["runs"] if truth["agent_name"] else 0))
    assert {run.agent_name for run in runs} == (set(agents) if runs else set())


@pytest.mark.parametrize("name", FULLY_TOLD)
def test_tools_that_ran_are_told(name: str) -> None:
    """
    Each tool that ran is told once, with whether it failed and how, what it was given
    and what it answered.
    """
    truth = captures.expected(name)
    if not truth["tool_spans_expected"]:
        return
    told = {r.tool.tool_name: r for _, r in readings(name) if r.tool is not None}
    assert len(told) == len(truth["tools_executed"])
    for true in truth["tools_executed"]:
        reading = told[true["name"]]
        assert reading.tool is not None
        assert reading.failed is not true["ok"]
        assert reading.error_type == true.get("error_type")
        assert reading.error_message == true.get("error_message")
        assert reading.tool.tool_call_id in (true["call_id"], None)
        arguments = json.loads(reading.tool.arguments or "")
        assert arguments in (true["arguments"], *true["arguments"].values())
        if true["ok"] and not true["result"].startswith("<"):
            assert reading.tool.result == true["result"]


@pytest.mark.parametrize("name", CAPTURES)
def test_the_final_answer_is_among_the_messages(name: str) -> None:
    """
    The final answer is found in what came back, on the spans or in the logs.
    """
    answer = captures.expected(name).get("final_answer")
    if not answer or name in CONTENT_OFF | TOLD_IN_PART:
        return
    calls = [r.call for _, r in readings(name) if r.call is not None]
    found = [m for call in calls for m in call.output] + [
        m for log in logs(name) for m in log.output
    ]
    texts = [part.get("content") for m in found for part in json.loads(m.body)["parts"]]
    assert answer in texts


@pytest.mark.parametrize("name", CAPTURES)
def test_messages_are_well_formed(name: str) -> None:
    """
    Every message has one of four roles and a JSON body with a list of parts, each with a
    type.
    """
    calls = [r.call for _, r in readings(name) if r.call is not None]
    runs = [r.run for _, r in readings(name) if r.run is not None]
    sources: list[CallReading | RunReading | LogReading] = [*calls, *runs, *logs(name)]
    for message in (m for source in sources for m in (*source.input, *source.output)):
        assert message.role in {"system", "user", "assistant", "tool"}
        assert all(part["type"] for part in json.loads(message.body)["parts"])


@pytest.mark.parametrize("name", CAPTURES)
def test_who_and_where_is_told(name: str) -> None:
    """
    Session and user are those of the program, or not told; never another's.
    """
    truth = captures.expected(name)
    for _, reading in readings(name):
        if truth["session_id"]:
            assert reading.session_id in (truth["session_id"], None)
        assert reading.user_id in (truth["user_id"], None)
    if name.startswith("openinference_openai") and name not in TOLD_IN_PART:
        assert {(r.tags, r.metadata["env"]) for _, r in readings(name)} == {(("a", "b"), "test")}


@pytest.mark.parametrize("name", ["otel_openai_v2_error", "openinference_openai_error"])
def test_a_failed_call_tells_why(name: str) -> None:
    """
    A failed call has the error's class and message, and no usage.
    """
    ((_, reading),) = readings(name)
    assert reading.failed
    assert (reading.error_type, reading.error_message) == (
        "RateLimitError",
        "Error code: 429 - slow down",
    )
    assert reading.call is not None
    assert reading.call.usage == Usage()


def test_the_providers_own_copy_is_believed_first() -> None:
    """
    The provider's SDK comes before an instrumentation of the client, and this before a
    framework.
    """
    found = {
        span.scope.name: reading.call.precedence
        for name in CAPTURES
        for span, reading in readings(name)
        if reading.call is not None
    }
    assert found["com.anthropic.sdk.python"] == 0
    assert found["openinference.instrumentation.openai"] == 1
    assert found["opentelemetry.util.genai.handler"] == 1
    assert found["openinference.instrumentation.langchain"] == 2
    assert found["agent_framework"] == 2


def test_a_message_is_the_exact_text_of_its_element() -> None:
    """
    Where messages are JSON text, a message's body is its slice of that text, character
    by character.
    """
    one = '{ "role":"user", "parts": [{"type": "text","content": "a, [b] \\u00e9 🙂"}] }'
    two = '{"parts":[],"role":"assistant"}'
    call = chat({"gen_ai.input.messages": f" [{one} ,\n{two}] "})
    assert call.input == (Message("user", one), Message("assistant", two))


def test_structured_messages_equal_those_of_compact_json_text() -> None:
    """
    The same messages as compact JSON text on a span and as structure in a log have equal
    bodies, so that they are one content.
    """
    on_spans = [r.call for _, r in readings("otel_genai_openai_latest") if r.call is not None]
    in_logs = logs("otel_genai_openai_latest")
    assert [call.output for call in on_spans] == [log.output for log in in_logs]
    assert [call.input for call in on_spans] == [log.input for log in in_logs]
    assert all(log.complete for log in in_logs)


def test_system_instructions_come_first() -> None:
    """
    System instructions are a system message before the others, from parts or plain text.
    """
    parts = '[{"type": "text", "content": "be kind"}]'
    for system in (parts, "be kind"):
        call = chat({"gen_ai.system_instructions": system, "gen_ai.input.messages": "hi"})
        assert [message.role for message in call.input] == ["system", "user"]
        assert json.loads(call.input[0].body)["parts"] == json.loads(parts)


def test_messages_in_span_events_are_read() -> None:
    """
    Messages in events of the span are read where its attributes have none.
    """
    events = [
        EventRecord("gen_ai.user.message", 1, {"content": '[{"text": "hi"}]'}),
        EventRecord("gen_ai.choice", 2, {"message": '[{"text": "ho"}]', "finish_reason": "stop"}),
    ]
    call = chat({}, events=events)
    assert [json.loads(m.body) for m in (*call.input, *call.output)] == [
        {"role": "user", "parts": [{"type": "text", "content": "hi"}]},
        {
            "role": "assistant",
            "parts": [{"type": "text", "content": "ho"}],
            "finish_reason": "stop",
        },
    ]


def test_a_log_event_may_be_named_by_an_attribute() -> None:
    """
    The event's name may be in `event.name`, and its body JSON text; other logs are none.
    """
    log = LogRecord(
        attributes={"event.name": "gen_ai.tool.message"}, body='{"content":"x","id":"c"}'
    )
    reading = Dialects().read_log(log)
    assert reading is not None
    assert reading.input[0].role == "tool"
    assert json.loads(reading.input[0].body)["parts"] == [
        {"type": "tool_call_response", "id": "c", "response": "x"}
    ]
    assert Dialects().read_log(LogRecord(body="hello")) is None


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"input_tokens": 0, "output_tokens": 0}, Usage()),
        ({"prompt_tokens": 3, "completion_tokens": 4}, Usage(input_tokens=3, output_tokens=4)),
        ({"input_tokens": "7", "output_tokens": True}, Usage(input_tokens=7)),
        ({"input_tokens": -1, "output_tokens": 2.0}, Usage(output_tokens=2)),
        (
            {
                "input_tokens": 5,
                "cache_read.input_tokens": 4,
                "cache_creation.input_tokens": 6,
                "output_tokens": 1,
                "reasoning.output_tokens": 2,
            },
            Usage(
                input_tokens=15,
                output_tokens=3,
                cache_read_tokens=4,
                cache_write_tokens=6,
                reasoning_tokens=2,
            ),
        ),
    ],
)
def test_usage_is_made_comparable(told: dict[str, Any], usage: Usage) -> None:
    """
    Totals include their parts, all zeros are unknown, and wrong types are ignored.
    """
    assert chat({f"gen_ai.usage.{name}": value for name, value in told.items()}).usage == usage


def test_zero_usage_of_a_failed_call_is_zero() -> None:
    """
    A call that failed without an answer may truly have used nothing.
    """
    usage = {"gen_ai.usage.input_tokens": 0, "gen_ai.usage.output_tokens": 0}
    assert chat(usage, status_code=2).usage == Usage(input_tokens=0, output_tokens=0)


def test_zero_usage_that_the_recorder_told_is_zero() -> None:
    """
    The Recorder tells no counts that it does not know, so that its zeros are zeros; those
    of another instrumentation are not, even on a span with the Recorder's attributes.
    """
    usage = {
        "gen_ai.usage.input_tokens": 0,
        "gen_ai.usage.output_tokens": 0,
        "otel_bridge.llm_call.id": "c",
    }
    assert chat(usage, scope="otel_bridge").usage == Usage(input_tokens=0, output_tokens=0)
    assert chat(usage, scope="another").usage == Usage()
    assert chat({}, scope="otel_bridge").usage == Usage()


def test_openinference_is_filled_from_the_conventions_beside_it() -> None:
    """
    What OpenInference's own names leave empty is read from `gen_ai.*` on the same span,
    and what both tell is taken once, from its own.
    """
    found = read(
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "own",
            "llm.token_count.prompt": 217,
            "llm.token_count.completion": 29,
            "llm.token_count.completion_details.reasoning": 7,
            "llm.output_messages.0.message.content": "own",
            "gen_ai.conversation.id": "s",
            "gen_ai.request.model": "asked",
            "gen_ai.response.model": "other",
            "gen_ai.response.id": "r",
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.usage.input_tokens": 217,
            "gen_ai.usage.output_tokens": 29,
            "gen_ai.usage.cache_read.input_tokens": 128,
            "gen_ai.usage.reasoning.output_tokens": 7,
            "gen_ai.input.messages": "hi",
            "gen_ai.output.messages": "other",
        }
    )
    call = found.call
    assert call is not None
    assert call.usage == Usage(
        input_tokens=217, output_tokens=29, cache_read_tokens=128, reasoning_tokens=7
    )
    assert (call.request_model, call.response_model, call.response_id) == ("asked", "own", "r")
    assert (found.session_id, call.finish_reasons) == ("s", ("stop",))
    assert [json.loads(m.body)["parts"][0]["content"] for m in call.input] == ["hi"]
    assert [json.loads(m.body)["parts"][0]["content"] for m in call.output] == ["own"]


def test_tools_and_agents_of_openinference_are_filled_too() -> None:
    """
    A tool's name, call id and content, and an agent's messages, may be in `gen_ai.*`.
    """
    beside = {
        "gen_ai.tool.name": "t",
        "gen_ai.tool.call.id": "c",
        "gen_ai.tool.call.arguments": "{}",
        "gen_ai.tool.call.result": "r",
        "gen_ai.input.messages": "hi",
    }
    tool = read({"openinference.span.kind": "TOOL", **beside}).tool
    assert tool == ToolReading(tool_name="t", tool_call_id="c", arguments="{}", result="r")
    own = read({"openinference.span.kind": "TOOL", "tool.id": "own", **beside}).tool
    assert own is not None
    assert own.tool_call_id == "own"
    run = read({"openinference.span.kind": "AGENT", **beside}).run
    assert run is not None
    assert [message.role for message in run.input] == ["user"]


@pytest.mark.parametrize(
    ("name", "more", "role"),
    [
        ("OpenAILike._prepare_chat_with_tools", {}, Role.OTHER),
        ("OpenAILike._prepare_chat_with_tools", {"llm.token_count.prompt": 3}, Role.LLM),
        ("OpenAILike._prepare_chat_with_tools", {"llm.finish_reason": "stop"}, Role.LLM),
        ("OpenAILike.achat", {}, Role.LLM),
        ("ChatCompletion", {}, Role.LLM),
        ("prepare_answer", {}, Role.LLM),
    ],
)
@pytest.mark.parametrize("fields", [{}, {"end_ns": 2}, {"end_ns": 2, "status_code": 2}])
def test_the_preparation_of_a_request_is_no_call(
    name: str, more: dict[str, Any], role: Role, fields: dict[str, Any]
) -> None:
    """
    A span around the method that prepares a request is no call, unless it tells an
    answer; running and failed calls and calls with hidden content are calls.
    """
    attributes = {"openinference.span.kind": "LLM", "llm.model_name": "m", **more}
    assert read(attributes, name=name, **fields).role is role


def test_a_tool_of_a_server_is_named_as_the_tool() -> None:
    """
    The span of an MCP client names the tool as the span of its execution does, in an
    attribute or in its own name, so that both are known as one.
    """
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"}
    client = {"mcp.method.name": "tools/call", "gen_ai.operation.name": "execute_tool"}
    found = [
        read(tool, name="execute_tool t"),
        read(client | tool, name="tools/call t", kind=3),
        read(client, name="tools/call t", kind=3),
    ]
    assert [(r.role, r.tool.tool_name if r.tool else None) for r in found] == [
        (Role.TOOL, "t")
    ] * 3


@pytest.mark.parametrize("decoy", ["run--1234", "lc_run--1234-0"])
def test_a_frameworks_message_id_is_no_response_id(decoy: str) -> None:
    """
    Ids that LangChain makes up are not the provider's.
    """
    assert chat({"gen_ai.response.id": decoy}).response_id is None


@pytest.mark.parametrize(
    ("operation", "role"),
    [
        ("chat", Role.LLM),
        ("text_completion", Role.LLM),
        ("generate_content", Role.LLM),
        ("embeddings", Role.LLM),
        ("execute_tool", Role.TOOL),
        ("invoke_agent", Role.RUN),
        ("invoke_workflow", Role.OTHER),
        ("create_agent", Role.OTHER),
        ("retrieval", Role.OTHER),
        ("fetch_response", Role.OTHER),
        ("something_new", Role.OTHER),
    ],
)
def test_an_operation_has_a_role(operation: str, role: Role) -> None:
    """
    Each operation of the conventions has its role; unknown ones have none.
    """
    assert read({"gen_ai.operation.name": operation}).role is role


def test_phantom_tools_are_no_executions() -> None:
    """
    Merged answers, and the server's side of a tool call, are not one more execution.
    """
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"}
    assert read(tool).role is Role.TOOL
    assert read(tool | {"gen_ai.tool.name": "(merged tools)"}).role is Role.OTHER
    assert read(tool | {"mcp.method.name": "tools/call"}, kind=2).role is Role.OTHER
    assert read(tool | {"gen_ai.tool.status": "error"}).failed


def test_a_handled_exception_is_no_failure() -> None:
    """
    An exception event alone, without an error status, does not make a span fail.
    """
    event = EventRecord("exception", 1, {"exception.type": "ValueError"})
    assert not read({}, events=[event]).failed
    assert read({}, events=[event], status_code=2).error_type == "ValueError"


def test_the_recorders_spans_tell_more() -> None:
    """
    What the Recorder says beyond the conventions is read into runs, calls and tools.
    """
    own = {"otel_bridge.run.id": "r-1", "otel_bridge.iteration": 2}
    reading = read(
        own
        | {
            "gen_ai.operation.name": "invoke_agent",
            "otel_bridge.run.parent_id": "r-0",
            "otel_bridge.run.status": "cancelled",
            "otel_bridge.run.strategy": "react",
            "otel_bridge.run.termination_reason": "timeout",
            "otel_bridge.tenant.id": "t",
            "otel_bridge.tags": ("a", "b"),
            "otel_bridge.metadata": '{"k": [1]}',
            "otel_bridge.error.message": "stopped",
        },
        name="invoke_agent planner",
        status_code=2,
    )
    assert reading.run is not None
    assert (reading.dialect, reading.agent_name) == ("otel-bridge", "planner")
    assert (reading.tenant_id, reading.tags, reading.metadata) == ("t", ("a", "b"), {"k": [1]})
    assert (reading.iteration, reading.error_message) == (2, "stopped")
    run = reading.run
    assert (run.run_id, run.parent_run_id, run.status) == ("r-1", "r-0", "cancelled")
    assert (run.strategy, run.termination_reason) == ("react", "timeout")
    call = chat(
        {
            "otel_bridge.llm_call.id": "c-1",
            "otel_bridge.cost_usd": 0.0,
            "gen_ai.usage.input_tokens": 9,
            "otel_bridge.usage.cache_write_1h.input_tokens": 3,
            "gen_ai.response.time_to_first_chunk": 0.25,
        }
    )
    assert (call.call_id, call.emitted_cost_usd, call.usage.cache_write_1h_tokens) == ("c-1", 0, 3)
    assert call.time_to_first_chunk_ns == 250_000_000


def test_a_session_marks_spans_of_any_instrumentation() -> None:
    """
    The marks of a session are read from a span of no dialect, and do not make a span of
    another dialect the Recorder's.
    """
    marks = {"gen_ai.conversation.id": "s", "user.id": "u", "otel_bridge.tags": ["x"]}
    for more, dialect in ({}, ""), ({"openinference.span.kind": "LLM"}, "openinference"):
        reading = read(marks | more)
        assert (reading.session_id, reading.user_id, reading.tags) == ("s", "u", ("x",))
        assert reading.dialect == dialect


def test_a_scrubbed_session_is_none() -> None:
    """
    An id that a scrubber replaced is not an id.
    """
    assert read({"session.id": "[Scrubbed due to 'session']"}).session_id is None


def test_events_of_a_span_are_facts() -> None:
    """
    Events with the bridge's prefix, or marked as custom, are facts with a stable key;
    kinds that are not known are kept.
    """
    paused = EventRecord("otel_bridge.run.paused", 5, {"otel_bridge.pause.reason": "approval"})
    custom = EventRecord("acme.blocked", 6, {"otel_bridge.fact.custom": True})
    newer = EventRecord("otel_bridge.run.teleported", 7, {"otel_bridge.fact.id": "f"})
    plain = EventRecord("exception", 8, {})
    dialects = Dialects()
    facts = dialects.read_span(span_of({}, events=[paused, custom, newer, plain])).facts
    assert [fact.kind for fact in facts] == ["run.paused", "acme.blocked", "run.teleported"]
    assert facts[0].data["reason"] == "approval"
    assert facts[2].key == "f"
    assert dialects.read_event(paused) == facts[0]
    assert dialects.read_event(plain) is None


class Raising(SemConv):
    """
    A dialect that has a mistake.
    """

    name = "raising"

    def read(self, span: SpanRecord) -> Reading:
        """
        Fail.
        """
        raise RuntimeError("mistake")

    def read_log(self, log: LogRecord) -> LogReading | None:
        """
        Fail.
        """
        raise RuntimeError("mistake")


def test_a_dialect_that_raises_costs_no_span(caplog: pytest.LogCaptureFixture) -> None:
    """
    Its spans are read as no part of a run, with their marks, its logs by the others, and
    the failure is logged once.
    """
    dialects = Dialects([Raising(), SemConv()])
    span = span_of({"gen_ai.operation.name": "chat", "user.id": "u"})
    with caplog.at_level(logging.ERROR):
        found = [dialects.read_span(span) for _ in range(3)]
        log = dialects.read_log(LogRecord(event_name="gen_ai.user.message", body={"content": "x"}))
    assert {(r.role, r.dialect, r.user_id) for r in found} == {(Role.OTHER, "raising:failed", "u")}
    assert log is not None
    assert len(caplog.records) == 1


def test_other_packages_offer_dialects(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """
    A dialect of an entry point comes before the built-in ones; one that cannot be loaded
    is logged and left out.
    """
    group = [
        EntryPoint("good", f"{__name__}:Raising", registry.ENTRY_POINTS),
        EntryPoint("bad", "no_such_module:X", registry.ENTRY_POINTS),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda **_: group)
    with caplog.at_level(logging.ERROR):
        assert Dialects().names[:2] == ["raising", "otel-bridge"]
    assert "bad" in caplog.text


def test_the_order_of_dialects_is_declared() -> None:
    """
    The more special dialects come before the conventions.
    """
    names = Dialects().names
    assert names[:3] == ["otel-bridge", "anthropic-sdk", "openinference"]
    assert names[-1] == "semconv"


KNOWN = [
    "agent.name",
    "enduser.id",
    "error.type",
    "event.name",
    "gcp.vertex.agent.llm_request",
    "gcp.vertex.agent.llm_response",
    "gcp.vertex.agent.tool_call_args",
    "gcp.vertex.agent.tool_response",
    "gen_ai.agent.id",
    "gen_ai.agent.name",
    "gen_ai.completion",
    "gen_ai.conversation.id",
    "gen_ai.event.content",
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.prompt",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.response.finish_reasons",
    "gen_ai.response.id",
    "gen_ai.response.time_to_first_chunk",
    "gen_ai.system_instructions",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.tool.name",
    "gen_ai.tool.status",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cost",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "input.value",
    "llm.cost.total",
    "llm.finish_reason",
    "llm.input_messages.0.message",
    "llm.input_messages.0.message.content",
    "llm.input_messages.0.message.contents.0",
    "llm.input_messages.0.message.contents.0.message_content.text",
    "llm.input_messages.0.message.role",
    "llm.input_messages.x",
    "llm.invocation_parameters",
    "llm.model_name",
    "llm.output_messages.1.message.tool_calls.0.tool_call",
    "llm.output_messages.1.message.tool_calls.0.tool_call.function.arguments",
    "llm.output_messages.1.message.tool_calls.0.tool_call.id",
    "llm.choices.0.completion.text",
    "llm.input_messages.0.message.contents.0.message_content.type",
    "llm.input_messages.0.message.contents.1.message_content.image.image.url",
    "llm.input_messages.0.message.contents.1.tool_call.id",
    "llm.input_messages.0.message.function_call_name",
    "llm.prompts",
    "llm.token_count.prompt",
    "llm.token_count.total",
    "mcp.method.name",
    "metadata",
    "otel_bridge.cost_usd",
    "otel_bridge.fact.custom",
    "otel_bridge.fact.data",
    "otel_bridge.fact.id",
    "otel_bridge.iteration",
    "otel_bridge.metadata",
    "otel_bridge.run.id",
    "otel_bridge.run.status",
    "otel_bridge.tags",
    "output.value",
    "session.id",
    "tag.tags",
    "tool.name",
    "tool.parameters",
    "user.id",
    "content",
    "tool_calls",
    "message",
    "finish_reason",
    "id",
    "role",
]

TEXTS = st.sampled_from(
    [
        "",
        "[",
        "{}",
        "[]",
        "[1,null]",
        '[{"role":3,"parts":[{}]}]',
        '[{"parts":"x"}]',
        '{"messages":[["a","b"],[1,2],{"data":3}]}',
        '{"generations":[[{"message":{"kwargs":[]}}]],"llm_output":3}',
        '{"type":"tool","data":{"tool_call_id":{}}}',
        '{"kwargs":3}',
        "{'a': [1, (2,)]}",
        '{"id":1,"name":2,"response":{"error":{}}}',
        '{"raw_output":[],"is_error":true}',
        '{"content":{"parts":[{"text":3},4,{"function_call":{"args":[]}}]},"usage_metadata":{}}',
        '{"contents":[{"parts":3},{"parts":[{}]}],"config":{"system_instruction":[1]}}',
        '[{"toolUse":3},{"toolResult":{"content":[{"text":1}]}},{"reasoningContent":{}}]',
        '[{"parts":[{"type":"tool_call","arguments":[]}]}]',
        "__REDACTED__",
        "<elided>",
        "ValueError('x",
        "[" * 5000,
        "9" * 5000,
        "NaN",
        "\ud800",
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | TEXTS
    | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KNOWN) | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
ATTRIBUTES = st.dictionaries(st.sampled_from(KNOWN), VALUES, max_size=8)
KINDS = st.sampled_from(
    [
        {"gen_ai.operation.name": "chat"},
        {"gen_ai.operation.name": "invoke_agent"},
        {"gen_ai.operation.name": "execute_tool"},
        {"gen_ai.operation.name": "text.completions"},
        {"openinference.span.kind": "LLM"},
        {"openinference.span.kind": "EMBEDDING"},
        {"openinference.span.kind": "AGENT"},
        {"openinference.span.kind": "TOOL"},
        {"openinference.span.kind": 3},
        {},
    ]
)
EVENT_NAMES = st.sampled_from(
    [
        "exception",
        "gen_ai.choice",
        "gen_ai.user.message",
        "gen_ai.tool.message",
        "gen_ai.prompt",
        "gen_ai.content.prompt",
        "gen_ai.content.completion",
        "gen_ai.client.inference.operation.details",
        "otel_bridge.run.paused",
        "otel_bridge.",
        "custom",
    ]
)


SCOPES = st.sampled_from(
    [
        "",
        "agent_framework",
        "autogen-core",
        "com.anthropic.sdk.x",
        "gcp.vertex.agent",
        "openinference.instrumentation.langchain",
        "openinference.instrumentation.openai_agents",
        "semantic_kernel.functions.kernel_function",
        "semantic_kernel.utils.telemetry.model_diagnostics",
        "strands.telemetry.tracer",
    ]
)


@settings(max_examples=300, deadline=None)
@given(KINDS, ATTRIBUTES, EVENT_NAMES, VALUES, SCOPES)
def test_no_attributes_make_a_dialect_fail(
    kind: dict[str, Any], attributes: dict[str, Any], event: str, body: Any, scope: str
) -> None:
    """
    Whatever the attributes, events and bodies hold, no built-in dialect raises, and what
    it reads can be stored as UTF-8 text.
    """
    dialects = Dialects()
    span = span_of(
        attributes | kind,
        scope=scope,
        status_code=2,
        events=[EventRecord(event, 1, attributes)],
    )
    reading = dialects.read_span(span)
    assert not reading.dialect.endswith(":failed")
    log = dialects.read_log(LogRecord(event_name=event, body=body, attributes=attributes))
    dialects.read_event(EventRecord(event, 1, attributes))
    assert not dialects._logged
    for source in (reading.call, reading.run, log):
        for message in (*source.input, *source.output) if source else ():
            message.body.encode()
            assert isinstance(json.loads(message.body), dict)
