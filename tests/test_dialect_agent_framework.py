"""
What the spans and log records of Microsoft Agent Framework mean.
"""

import json
from typing import Any

import captures
import pytest
from otel_bridge_storage.readings import Role
from read_dialects import Reads, told

from otel_bridge.dialects.agent_framework import AgentFramework

READS = Reads(AgentFramework())
SCOPE = "agent_framework"


@pytest.mark.parametrize("name", ["ms_agent_framework", "nested_agent_framework"])
def test_a_capture_is_told_in_full(name: str) -> None:
    """
    Calls with the provider's ids and all tokens, tools, failures and agents are those of
    the program.
    """
    truth = captures.expected(name)
    readings = READS.capture(name)
    found = {r.call.response_id: r.call for r in readings if r.call}
    for call in truth["per_call"]:
        read = found.pop(call["response_id"])
        assert read.usage.input_tokens == call["usage"]["input_tokens"]
        assert read.usage.reasoning_tokens == call["usage"]["reasoning"]
        assert read.response_model == call["response_model"]
    assert not found
    tools = sorted((r.tool.tool_name, not r.failed) for r in readings if r.tool)
    true = [(t["name"], t["ok"]) for t in truth["tools_executed"]]
    assert set(true) <= set(tools)
    agents = {r.agent_name for r in readings if r.role is Role.RUN}
    assert agents == set(truth["agents"] or [truth["agent_name"]])


@pytest.mark.parametrize(
    ("attributes", "kind", "role"),
    [
        ({"gen_ai.operation.name": "invoke_agent"}, 1, Role.RUN),
        ({"gen_ai.operation.name": "create_agent"}, 1, Role.OTHER),
        ({"workflow.id": "w"}, 1, Role.OTHER),
        ({"mcp.method.name": "tools/call", "gen_ai.tool.name": "f"}, 3, Role.TOOL),
        ({"mcp.method.name": "initialize"}, 3, Role.OTHER),
    ],
)
def test_spans_have_their_parts(attributes: dict[str, Any], kind: int, role: Role) -> None:
    """
    Agents run, workflows order, and a client's call of a tool by MCP is an execution.
    """
    assert READS.span(attributes, scope=SCOPE, kind=kind).role is role


def test_the_framework_is_no_provider_and_reasons_are_found_in_messages() -> None:
    """
    A call has no provider where only the framework is named, and its finish reason from
    the answer where no attribute has it.
    """
    answer = {"role": "assistant", "parts": [], "finish_reason": "stop"}
    call = READS.call(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "microsoft.agent_framework",
            "gen_ai.output.messages": json.dumps([answer]),
        },
        scope=SCOPE,
    )
    assert (call.provider, call.finish_reasons) == (None, ("stop",))


def test_messages_are_read_from_the_older_events_too() -> None:
    """
    Without the newest conventions the messages are only in log records.
    """
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}]
    asked = READS.log({"id": "c", "content": "18C"}, event_name="gen_ai.tool.message", scope=SCOPE)
    answered = READS.log(
        {"index": 0, "finish_reason": "tool_calls", "message": {"tool_calls": calls}},
        event_name="gen_ai.choice",
        scope=SCOPE,
    )
    assert asked is not None
    assert answered is not None
    assert told(asked.input) == [
        ("tool", [{"type": "tool_call_response", "id": "c", "response": "18C"}])
    ]
    assert told(answered.output)[0][1] == [
        {"type": "tool_call", "id": "c", "name": "f", "arguments": {"a": 1}}
    ]


@pytest.mark.parametrize(
    ("told", "expected"), [("resp_0a1", None), ("conv_0a1", "conv_0a1"), ("s-1", "s-1")]
)
def test_the_response_to_go_on_from_is_no_conversation(told: str, expected: str | None) -> None:
    """
    The Responses API's next request names the last response, a new one in each call.
    """
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.conversation.id": told}
    assert READS.span(attributes, scope=SCOPE).session_id == expected
