"""
What the spans and log records of Google's Agent Development Kit mean, of all its versions.
"""

import json
from typing import Any

import captures
import pytest
from otel_bridge_storage.readings import LOG_TOLD, Role, Usage
from read_dialects import Reads, told

from otel_bridge.dialects.google_adk import GoogleADK

READS = Reads(GoogleADK())
SCOPE = "gcp.vertex.agent"
REQUEST = {
    "model": "gemini-2.5-flash",
    "config": {"system_instruction": "be short"},
    "contents": [
        {"role": "user", "parts": [{"text": "hi"}]},
        {
            "role": "model",
            "parts": [{"function_call": {"id": "c", "name": "f", "args": {"a": 1}}}],
        },
        {
            "role": "user",
            "parts": [
                {"function_response": {"id": "c", "name": "f", "response": {"result": "18C"}}}
            ],
        },
    ],
}
RESPONSE: dict[str, Any] = {
    "model_version": "gemini-2.5-flash-001",
    "content": {"role": "model", "parts": [{"text": "hm", "thought": True}, {"text": "18"}]},
    "finish_reason": "STOP",
    "usage_metadata": {
        "prompt_token_count": 100,
        "cached_content_token_count": 40,
        "candidates_token_count": 20,
        "thoughts_token_count": 5,
        "total_token_count": 125,
    },
}


def test_a_capture_tells_what_it_carries() -> None:
    """
    Calls, tools, agent and session are those of the program; the phantom of merged tools
    and the workflow are neither.
    """
    truth = captures.expected("google_adk_native")
    readings = READS.capture("google_adk_native")
    usages = [r.call.usage for r in readings if r.call]
    assert [u.output_tokens for u in usages] == [31, 29]
    tools = [(r.tool.tool_name, r.tool.tool_call_id, not r.failed) for r in readings if r.tool]
    assert tools == [(t["name"], t["call_id"], t["ok"]) for t in truth["tools_executed"]]
    (run,) = [r for r in readings if r.role is Role.RUN]
    assert (run.agent_name, run.session_id) == (truth["agent_name"], truth["session_id"])


def test_a_request_of_the_first_version_is_read_from_its_own_json() -> None:
    """
    `call_llm` has no operation; its messages, its model and its exact usage are in JSON,
    whatever the attributes say of the output.
    """
    reading = READS.span(
        {
            "gen_ai.system": "gcp.vertex.agent",
            "gen_ai.request.model": "gemini-2.5-flash",
            "gen_ai.usage.input_tokens": 100,
            "gen_ai.usage.output_tokens": 125,
            "gcp.vertex.agent.session_id": "s",
            "gcp.vertex.agent.llm_request": json.dumps(REQUEST),
            "gcp.vertex.agent.llm_response": json.dumps(RESPONSE),
        },
        scope=SCOPE,
        name="call_llm",
    )
    call = reading.call
    assert call is not None
    assert call.usage == Usage(
        input_tokens=100, output_tokens=25, cache_read_tokens=40, reasoning_tokens=5
    )
    assert (reading.session_id, call.provider, call.response_model, call.finish_reasons) == (
        "s",
        None,
        "gemini-2.5-flash-001",
        ("STOP",),
    )
    assert told(call.input) == [
        ("system", [{"type": "text", "content": "be short"}]),
        ("user", [{"type": "text", "content": "hi"}]),
        ("assistant", [{"type": "tool_call", "id": "c", "name": "f", "arguments": {"a": 1}}]),
        ("tool", [{"type": "tool_call_response", "id": "c", "response": "18C"}]),
    ]
    assert told(call.output) == [
        (
            "assistant",
            [{"type": "reasoning", "content": "hm"}, {"type": "text", "content": "18"}],
        )
    ]


def tool_attributes(response: str, **more: Any) -> dict[str, Any]:
    """
    Make the attributes of a tool's span.
    """
    return {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "f",
        "gcp.vertex.agent.tool_call_args": '{"city": "Paris"}',
        "gcp.vertex.agent.tool_response": response,
        **more,
    }


def test_a_tool_is_read_from_its_own_json() -> None:
    """
    What a tool was given and answered is in JSON, the answer in a map of its own.
    """
    tool = READS.tool(tool_attributes('{"result": "18C"}'), scope=SCOPE)
    assert (tool.arguments, tool.result) == ('{"city": "Paris"}', "18C")


def test_a_failure_that_a_tool_answered_is_told() -> None:
    """
    The answer names the error where the error's type only says that a tool failed; a type
    that says more is kept.
    """
    answer = '{"error": "ValueError: no such city"}'
    vague = READS.span(tool_attributes(answer, **{"error.type": "TOOL_ERROR"}), scope=SCOPE)
    exact = READS.span(tool_attributes(answer, **{"error.type": "HTTP_ERROR"}), scope=SCOPE)
    assert (vague.error_type, vague.error_message) == ("ValueError", "no such city")
    assert exact.error_type == "HTTP_ERROR"


def test_content_that_was_left_out_is_none() -> None:
    """
    Empty maps and placeholders are neither arguments nor answers nor ids.
    """
    attributes = tool_attributes("{}", **{"gen_ai.tool.call.id": "<not specified>"})
    tool = READS.tool({**attributes, "gcp.vertex.agent.tool_call_args": "{}"}, scope=SCOPE)
    assert (tool.arguments, tool.result, tool.tool_call_id) == (None, None, None)
    assert (
        READS.log({"content": "<elided>"}, event_name="gen_ai.user.message", scope=SCOPE) is None
    )


def test_a_tool_without_parameters_was_given_none() -> None:
    """
    An empty map beside an answer is what the tool was given.
    """
    attributes = tool_attributes('{"result": "noon"}')
    tool = READS.tool({**attributes, "gcp.vertex.agent.tool_call_args": "{}"}, scope=SCOPE)
    assert tool.arguments == "{}"


@pytest.mark.parametrize(
    ("name", "operation", "role", "agent"),
    [
        ("invocation", None, Role.OTHER, None),
        ("agent_run [planner]", None, Role.RUN, "planner"),
        ("invoke_agent planner", "invoke_agent", Role.RUN, "planner"),
        ("invoke_workflow w", "invoke_workflow", Role.OTHER, None),
        ("compact", "compact_events", Role.OTHER, None),
        ("send_data", None, Role.OTHER, None),
    ],
)
def test_spans_of_all_versions_have_their_parts(
    name: str, operation: str | None, role: Role, agent: str | None
) -> None:
    """
    An agent's invocation is a run under its names of all versions; what orders is none.
    """
    attributes = {"gen_ai.operation.name": operation} if operation else {}
    reading = READS.span(attributes, scope=SCOPE, name=name)
    assert (reading.role, reading.agent_name) == (role, agent)


def test_messages_in_logs_are_those_of_gemini() -> None:
    """
    The bodies of the events hold Gemini's contents, and become ordinary messages.
    """
    asked = READS.log(
        {"content": {"role": "user", "parts": [{"text": "hi"}]}},
        event_name="gen_ai.user.message",
        scope=SCOPE,
    )
    answered = READS.log(
        {"index": 0, "content": RESPONSE["content"], "finish_reason": "STOP"},
        event_name="gen_ai.choice",
        scope=SCOPE,
    )
    assert asked is not None
    assert answered is not None
    assert told(asked.input) == [("user", [{"type": "text", "content": "hi"}])]
    assert told(answered.output)[0][1][1] == {"type": "text", "content": "18"}
    assert json.loads(answered.output[0].body)["finish_reason"] == "STOP"


def test_a_log_of_a_whole_call_is_one_by_itself() -> None:
    """
    A details record stands for a call that a log told, of the same dialect.
    """
    reading = READS.log(
        None,
        event_name="gen_ai.client.inference.operation.details",
        scope=SCOPE,
        attributes={"gen_ai.usage.input_tokens": 5, "gen_ai.response.finish_reasons": ["stop"]},
    )
    assert reading is not None
    assert reading.span is not None
    call = READS.call(reading.span.attributes, scope=SCOPE, name=reading.span.name)
    assert (call.precedence, call.usage.input_tokens) == (LOG_TOLD, 5)
