"""
What the spans of Strands Agents mean, of all its versions.
"""

import json
from typing import Any

import captures
import pytest
from otel_bridge_storage.readings import Role, Usage
from read_dialects import Reads, event, told

from otel_bridge.dialects.strands import Strands

READS = Reads(Strands())
SCOPE = "strands.telemetry.tracer"
CALLED: dict[str, Any] = {"toolUse": {"toolUseId": "c1", "name": "f", "input": {"a": 1}}}
ANSWERED: dict[str, Any] = {
    "toolResult": {"toolUseId": "c1", "status": "success", "content": [{"text": "18C"}]}
}


def test_a_capture_is_told_in_full() -> None:
    """
    Calls, tools with what they were given and answered, failures, agent, session and user
    are those of the program.
    """
    truth = captures.expected("strands")
    readings = READS.capture("strands")
    calls = [r.call for r in readings if r.call]
    assert [c.usage.input_tokens for c in calls] == [123, 217]
    assert [c.finish_reasons for c in calls] == [("tool_use",), ("end_turn",)]
    assert truth["final_answer"] in told(calls[1].output)[0][1][0]["content"]
    tools = [(r, r.tool) for r in readings if r.tool]
    for (reading, tool), true in zip(tools, truth["tools_executed"], strict=True):
        assert (tool.tool_name, tool.tool_call_id) == (true["name"], true["call_id"])
        assert json.loads(tool.arguments or "") == true["arguments"]
        assert reading.failed is not true["ok"]
        assert reading.error_type == true.get("error_type")
    assert tools[0][1].result == "18C and sunny in Paris"
    (run,) = [r for r in readings if r.role is Role.RUN]
    assert (run.agent_name, run.session_id, run.user_id) == (
        truth["agent_name"],
        truth["session_id"],
        truth["user_id"],
    )


def test_the_conversation_of_a_call_is_read_from_blocks() -> None:
    """
    Bedrock's blocks become texts, reasoning, requests for tools and their answers.
    """
    thought = {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "x"}}}
    call = READS.call(
        {"gen_ai.operation.name": "chat"},
        scope=SCOPE,
        events=[
            event("gen_ai.user.message", content=json.dumps([{"text": "hi"}])),
            event("gen_ai.assistant.message", content=json.dumps([thought, CALLED])),
            event("gen_ai.tool.message", content=json.dumps([ANSWERED])),
            event("gen_ai.choice", message=json.dumps([{"text": "18"}]), finish_reason="end_turn"),
        ],
    )
    assert told(call.input) == [
        ("user", [{"type": "text", "content": "hi"}]),
        (
            "assistant",
            [
                {"type": "reasoning", "content": "hm"},
                {"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}},
            ],
        ),
        ("tool", [{"type": "tool_call_response", "id": "c1", "response": "18C"}]),
    ]
    assert told(call.output) == [("assistant", [{"type": "text", "content": "18"}])]


@pytest.mark.parametrize("on_span", [True, False])
def test_the_latest_conventions_are_read_from_all_details(on_span: bool) -> None:
    """
    Input and output are in two events of one name, or in the attributes; both are read.
    """
    sent = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "hi"}]}])
    received = json.dumps(
        [
            {
                "role": "assistant",
                "parts": [{"type": "text", "content": "ho"}],
                "finish_reason": "end_turn",
            }
        ]
    )
    content = {"gen_ai.input.messages": sent, "gen_ai.output.messages": received}
    details = "gen_ai.client.inference.operation.details"
    call = READS.call(
        {"gen_ai.operation.name": "chat", **(content if on_span else {})},
        scope=SCOPE,
        events=()
        if on_span
        else [
            event(details, gen_ai__input__messages=sent),
            event(details, gen_ai__output__messages=received),
        ],
    )
    assert told(call.input) == [("user", [{"type": "text", "content": "hi"}])]
    assert told(call.output) == [("assistant", [{"type": "text", "content": "ho"}])]
    assert call.finish_reasons == ("end_turn",)


def test_a_tool_of_the_latest_conventions_is_told_in_details() -> None:
    """
    What a tool was given and answered is found in the details where attributes lack.
    """
    details = "gen_ai.client.inference.operation.details"
    given = {"role": "tool", "parts": [{"type": "tool_call", "id": "c1", "arguments": {"a": 1}}]}
    answered = {
        "role": "tool",
        "parts": [{"type": "tool_call_response", "response": [{"text": "x"}]}],
    }
    tool = READS.tool(
        {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "f"},
        scope=SCOPE,
        events=[
            event(details, gen_ai__input__messages=json.dumps([given])),
            event(details, gen_ai__output__messages=json.dumps([answered])),
        ],
    )
    assert (tool.arguments, tool.result) == ('{"a":1}', "x")


def test_a_tool_that_failed_without_an_error_status_failed() -> None:
    """
    The tool's own status is believed, and its answer tells the failure.
    """
    reading = READS.span(
        {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "f",
            "gen_ai.tool.status": "error",
        },
        scope=SCOPE,
        events=[event("gen_ai.choice", message='[{"text": "Error: ValueError: no such city"}]')],
    )
    assert reading.failed
    assert (reading.error_type, reading.error_message) == ("ValueError", "no such city")


@pytest.mark.parametrize(
    ("name", "attributes", "role"),
    [
        ("Model invoke", {"gen_ai.agent.name": "a", "gen_ai.prompt": "[]"}, Role.LLM),
        ("Tool: f", {"tool.name": "f", "tool.id": "1"}, Role.TOOL),
        ("Cycle 4", {"event_loop.cycle_id": "4"}, Role.OTHER),
        ("a", {"gen_ai.agent.name": "a", "gen_ai.prompt": "hi"}, Role.RUN),
        ("chat", {"gen_ai.operation.name": "chat"}, Role.LLM),
        ("x", {"gen_ai.operation.name": "execute_event_loop_cycle"}, Role.OTHER),
        ("x", {"gen_ai.operation.name": "invoke_swarm"}, Role.OTHER),
        ("x", {"gen_ai.operation.name": "memory.search"}, Role.OTHER),
    ],
)
def test_spans_of_all_versions_have_their_parts(
    name: str, attributes: dict[str, Any], role: Role
) -> None:
    """
    A span's operation tells its part, and its name does in versions without operations.
    """
    assert READS.span(attributes, scope=SCOPE, name=name).role is role


def test_the_first_versions_tell_their_content_in_attributes() -> None:
    """
    Prompts, completions and a tool's input are read from the attributes of version 0.1.
    """
    prompt = [{"role": "user", "content": [{"text": "hi"}]}]
    call = READS.call(
        {
            "gen_ai.prompt": json.dumps(prompt),
            "gen_ai.completion": json.dumps([CALLED]),
            "gen_ai.request.model": "m",
            "gen_ai.usage.prompt_tokens": 5,
        },
        scope=SCOPE,
        name="Model invoke",
    )
    assert told(call.input)[0][1] == [{"type": "text", "content": "hi"}]
    assert told(call.output)[0][1][0]["type"] == "tool_call"
    assert (call.operation, call.usage) == ("chat", Usage(input_tokens=5))
    tool = READS.tool(
        {"tool.name": "f", "tool.id": "1", "tool.parameters": '{"a": 1}', "tool.result": "18C"},
        scope=SCOPE,
        name="Tool: f",
    )
    assert (tool.tool_call_id, tool.arguments, tool.result) == ("1", '{"a": 1}', "18C")


@pytest.mark.parametrize(("total", "expected"), [(130, 120), (30, 20), (None, 20)])
def test_an_input_told_without_the_cache_is_completed(total: int | None, expected: int) -> None:
    """
    Where the total shows that cached tokens are not in the input they are added, also if
    they are fewer than the input; else nothing is.
    """
    call = READS.call(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.usage.input_tokens": 20 if total != 130 else 80,
            "gen_ai.usage.output_tokens": 10,
            "gen_ai.usage.total_tokens": total,
            "gen_ai.usage.cache_read.input_tokens": 40 if total == 130 else 5,
        },
        scope=SCOPE,
    )
    assert call.usage.input_tokens == expected


def test_milliseconds_to_the_first_token_and_the_framework_as_provider() -> None:
    """
    The time to the first token is told in milliseconds, and the framework is no provider.
    """
    call = READS.call(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.system": "strands-agents",
            "gen_ai.server.time_to_first_token": 64,
        }
    )
    assert (call.time_to_first_chunk_ns, call.provider) == (64_000_000, None)


def test_redacted_content_is_none() -> None:
    """
    A placeholder is no message, no argument and no result.
    """
    hidden = [
        event("gen_ai.tool.message", content="[REDACTED]"),
        event("gen_ai.choice", message="[REDACTED]"),
    ]
    tool = READS.tool({"gen_ai.operation.name": "execute_tool"}, scope=SCOPE, events=hidden)
    call = READS.call({"gen_ai.operation.name": "chat"}, scope=SCOPE, events=hidden)
    assert (tool.arguments, tool.result, call.input, call.output) == (None, None, (), ())
