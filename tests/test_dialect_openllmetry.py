"""
What OpenLLMetry's spans mean, in the old form and in the new one.
"""

import json
from typing import Any

import captures
import pytest
from dialect_spans import attributes_of, parts, said, span_of
from hypothesis import given
from otel_bridge_storage.readings import CallReading, Message, Reading, Role, Usage
from otel_bridge_storage.records import STATUS_ERROR, SpanRecord

from otel_bridge.dialects.openllmetry import OpenLLMetry

OPENLLMETRY = OpenLLMetry()
SCOPE = "opentelemetry.instrumentation."


def read(attributes: dict[str, Any], **fields: Any) -> Reading:
    """
    Read a span that must be detected.
    """
    span = span_of(attributes, **fields)
    assert OPENLLMETRY.detects(span)
    return OPENLLMETRY.read(span)


def call(attributes: dict[str, Any], **fields: Any) -> CallReading:
    """
    Read a request to a model.
    """
    reading = read(attributes, **fields)
    assert reading.role is Role.LLM
    assert reading.call
    return reading.call


def test_the_indexed_messages_of_old_versions_are_read() -> None:
    """
    Roles, texts, tool calls, tool answers and thinking are put back together by index.
    """
    found = call(
        {
            "llm.request.type": "chat",
            "gen_ai.prompt.10.role": "user",
            "gen_ai.prompt.10.content": "and ACME?",
            "gen_ai.prompt.2.role": "assistant",
            "gen_ai.prompt.2.tool_calls.0.id": "c1",
            "gen_ai.prompt.2.tool_calls.0.name": "get_weather",
            "gen_ai.prompt.2.tool_calls.0.arguments": '{"city": "Paris"}',
            "gen_ai.prompt.3.role": "tool",
            "gen_ai.prompt.3.tool_call_id": "c1",
            "gen_ai.prompt.3.content": "18C",
            "gen_ai.completion.0.role": "thinking",
            "gen_ai.completion.0.content": "hm",
            "gen_ai.completion.1.role": "assistant",
            "gen_ai.completion.1.content": "[1, 2]",
            "gen_ai.completion.1.finish_reason": "stop",
        }
    )
    assert [message.role for message in found.input] == ["assistant", "tool", "user"]
    assert parts(found.input[0]) == [
        {"type": "tool_call", "id": "c1", "name": "get_weather", "arguments": {"city": "Paris"}}
    ]
    assert parts(found.input[1]) == [{"type": "tool_call_response", "id": "c1", "response": "18C"}]
    (answer,) = found.output
    assert parts(answer) == [
        {"type": "reasoning", "content": "hm"},
        {"type": "text", "content": "[1, 2]"},
    ]


def test_the_blocks_of_anthropic_are_told_from_json_that_is_text() -> None:
    """
    A list of content blocks becomes parts, of a tool's answer a message of the tool.
    """
    blocks = [{"type": "tool_result", "tool_use_id": "t1", "content": "18C"}]
    found = call(
        {
            "llm.request.type": "completion",
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": json.dumps(blocks),
            "gen_ai.prompt.1.role": "user",
            "gen_ai.prompt.1.content": '[{"city": "Paris"}]',
        }
    )
    assert said(found.input) == [("tool", "18C"), ("user", '[{"city": "Paris"}]')]
    assert found.operation == "chat"


def test_a_function_call_without_a_role_belongs_to_the_message_before() -> None:
    """
    The calls that JavaScript tells one by one are those of one message.
    """
    found = call(
        {
            "llm.request.type": "chat",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.function_call.name": "a",
            "gen_ai.completion.0.function_call.arguments": "{}",
            "gen_ai.completion.1.function_call.name": "b",
        },
        scope="@traceloop/instrumentation-openai",
    )
    assert [part["name"] for part in parts(found.output[0])] == ["a", "b"]


@pytest.mark.parametrize(
    ("attributes", "name", "operation"),
    [
        ({"llm.request.type": "completion"}, "openai.completion", "text_completion"),
        ({"llm.request.type": "completion"}, "anthropic.chat", "chat"),
        ({"llm.request.type": "embedding"}, "openai.embeddings", "embeddings"),
        ({"gen_ai.operation.name": "embeddings"}, "openai.embeddings", "embeddings"),
    ],
)
def test_the_kind_of_request_is_told(
    attributes: dict[str, Any], name: str, operation: str
) -> None:
    """
    An Anthropic chat calls itself a completion.
    """
    assert call(attributes, name=name, scope=f"{SCOPE}openai.v1").operation == operation


def test_a_rerank_is_no_call() -> None:
    """
    What ranks documents answers no messages.
    """
    assert read({"llm.request.type": "rerank"}).role is Role.OTHER


@pytest.mark.parametrize(
    ("attributes", "scope", "role", "agent"),
    [
        ({"traceloop.span.kind": "agent", "traceloop.entity.name": "a"}, "", Role.RUN, "a"),
        ({"traceloop.span.kind": "workflow", "traceloop.entity.name": "w"}, "", Role.OTHER, None),
        ({"traceloop.span.kind": "task", "traceloop.entity.name": "t"}, "", Role.OTHER, None),
        (
            {"traceloop.span.kind": "workflow", "traceloop.entity.name": "g"},
            "langchain",
            Role.RUN,
            "g",
        ),
        (
            {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "g"},
            "langchain",
            Role.RUN,
            "g",
        ),
        (
            {
                "traceloop.span.kind": "workflow",
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.provider.name": "langgraph",
                "gen_ai.agent.name": "g",
            },
            "langchain",
            Role.OTHER,
            "g",
        ),
        (
            {"gen_ai.operation.name": "create_agent", "gen_ai.agent.name": "g"},
            "langchain",
            Role.OTHER,
            "g",
        ),
        ({"traceloop.span.kind": "handoff"}, "openai_agents", Role.OTHER, None),
        ({"traceloop.span.kind": "session"}, "mcp", Role.OTHER, None),
    ],
)
def test_an_agent_is_a_run_and_a_workflow_orders_agents(
    attributes: dict[str, Any], scope: str, role: Role, agent: str | None
) -> None:
    """
    One invocation is one run: in LangGraph that of the graph, in LangChain its root.
    """
    reading = read(attributes, scope=f"{SCOPE}{scope}" if scope else "traceloop.tracer")
    assert (reading.role, reading.agent_name) == (role, agent)


def test_a_task_of_crewai_is_the_run() -> None:
    """
    It knows what was asked and answered; the agent's span inside it is a part of it.
    """
    spans = [s for s in captures.arrivals("traceloop_crewai") if isinstance(s, SpanRecord)]
    readings = [OPENLLMETRY.read(span) for span in spans]
    (run,) = [reading for reading in readings if reading.role is Role.RUN]
    assert run.run
    assert run.agent_name == "travel_agent"
    assert said(run.run.input) == [
        ("user", "What is the weather in Paris and what does ACME trade at?")
    ]
    assert said(run.run.output) == [
        ("assistant", captures.expected("traceloop_crewai")["final_answer"])
    ]
    assert all(reading.call is None for reading in readings)


def test_a_run_tells_what_a_decorated_agent_took_and_gave() -> None:
    """
    The wrapping of the decorators is taken off.
    """
    reading = read(
        {
            "traceloop.span.kind": "agent",
            "traceloop.entity.name": "a",
            "traceloop.entity.input": '{"args": ["hi"], "kwargs": {}}',
            "traceloop.entity.output": '"hello"',
        }
    )
    assert reading.run
    assert said(reading.run.input) == [("user", "hi")]
    assert said(reading.run.output) == [("assistant", "hello")]


LANGCHAIN_TOOL = {
    "traceloop.span.kind": "tool",
    "gen_ai.tool.name": "get_weather",
    "gen_ai.tool.call.arguments": json.dumps(
        {"input_str": "{'city': 'Paris'}", "tags": [], "inputs": None, "kwargs": {}}
    ),
    "gen_ai.tool.call.result": json.dumps(
        {
            "output": {
                "lc": 1,
                "type": "constructor",
                "id": ["langchain", "schema", "messages", "ToolMessage"],
                "kwargs": {"content": "18C", "tool_call_id": "c1", "status": "error"},
            },
            "kwargs": {},
        }
    ),
}
LLAMA_INDEX_TOOL = {
    "traceloop.span.kind": "task",
    "traceloop.entity.name": "call_tool.task",
    "tool.name": "get_weather",
    "tool.arguments": '{"city": "Paris"}',
    "traceloop.entity.output": json.dumps(
        {"tool_id": "c1", "tool_output": {"content": "18C", "is_error": True}}
    ),
}
MCP_TOOL = {
    "traceloop.span.kind": "tool",
    "traceloop.entity.name": "get_weather",
    "traceloop.entity.input": '{"tool_name": "get_weather", "arguments": {"city": "Paris"}}',
    "traceloop.entity.output": '"18C"',
}


@pytest.mark.parametrize(
    ("attributes", "scope", "call_id", "failed"),
    [
        (LANGCHAIN_TOOL, "langchain", "c1", True),
        (LLAMA_INDEX_TOOL, "llamaindex", "c1", True),
        (MCP_TOOL, "mcp", None, False),
    ],
)
def test_a_tools_arguments_and_answer_are_unwrapped(
    attributes: dict[str, Any], scope: str, call_id: str | None, failed: bool
) -> None:
    """
    Each framework wraps them in its own way; an answer may say that the tool failed.
    """
    reading = read(attributes, scope=f"{SCOPE}{scope}", name="get_weather.tool")
    tool = reading.tool
    assert tool
    assert (tool.tool_name, tool.result) == ("get_weather", "18C")
    assert json.loads(tool.arguments or "") == {"city": "Paris"}
    assert (tool.tool_call_id, reading.failed) == (call_id, failed)


def test_the_error_of_an_openai_agents_tool_is_taken_out_of_its_dict() -> None:
    """
    The status message is a dict as Python writes it.
    """
    reading = read(
        {"traceloop.span.kind": "tool", "gen_ai.tool.name": "t"},
        status_code=STATUS_ERROR,
        status_message="{'message': 'Error running tool', 'data': {'error': 'service down'}}",
    )
    assert (reading.failed, reading.error_message) == (True, "service down")


@pytest.mark.parametrize(
    ("scope", "told", "usage"),
    [
        (
            "bedrock",
            {"input_tokens": 50, "output_tokens": 5, "cache_read.input_tokens": 40},
            Usage(input_tokens=90, output_tokens=5, cache_read_tokens=40),
        ),
        (
            "anthropic",
            {"input_tokens": 50, "output_tokens": 5, "cache_read.input_tokens": 40},
            Usage(input_tokens=50, output_tokens=5, cache_read_tokens=40),
        ),
        (
            "google_generativeai",
            {"input_tokens": 50, "output_tokens": 5, "total_tokens": 62},
            Usage(input_tokens=50, output_tokens=12, reasoning_tokens=7),
        ),
    ],
)
def test_usage_includes_what_bedrock_and_google_leave_out(
    scope: str, told: dict[str, int], usage: Usage
) -> None:
    """
    Bedrock's input is without the cache, Google's output without the thoughts.
    """
    attributes = {f"gen_ai.usage.{name}": count for name, count in told.items()}
    found = call({"gen_ai.operation.name": "chat", **attributes}, scope=f"{SCOPE}{scope}")
    assert found.usage == usage


def test_association_properties_name_session_and_user() -> None:
    """
    The rest of them, but for LangChain's own, is metadata.
    """
    begin = "traceloop.association.properties."
    reading = read(
        {
            "llm.request.type": "chat",
            "gen_ai.system": "Langchain",
            "gen_ai.request.model": "unknown",
            f"{begin}thread_id": "s",
            f"{begin}user_id": "u",
            f"{begin}plan": "gold",
            f"{begin}ls_provider": "openai",
            f"{begin}ls_model_name": "gpt-4o",
            f"{begin}langgraph_step": 3,
        }
    )
    assert (reading.session_id, reading.user_id, reading.metadata) == ("s", "u", {"plan": "gold"})
    assert reading.call
    assert (reading.call.provider, reading.call.request_model) == ("openai", "gpt-4o")


def test_litellm_is_not_mistaken_for_it() -> None:
    """
    LiteLLM's spans tell a type of request too, and so do the program's on which it wrote.
    """
    told = {"llm.request.type": "completion"}
    assert OPENLLMETRY.detects(span_of(told))
    assert not OPENLLMETRY.detects(span_of(told, scope="litellm"))
    assert not OPENLLMETRY.detects(span_of({**told, "litellm.call_id": "1"}))


NAMES = {
    *("llm.request.type", "gen_ai.operation.name", "traceloop.span.kind", "crewai.task.agent"),
    *("traceloop.entity.input", "traceloop.entity.output", "traceloop.entity.name", "tool.name"),
    *("gen_ai.prompt.0.role", "gen_ai.prompt.0.content", "gen_ai.prompt.0.tool_calls.0.name"),
    *("gen_ai.completion.0", "gen_ai.completion.0.function_call", "gen_ai.completion.0.role"),
    *(
        "gen_ai.completion.0.function_call.name",
        "gen_ai.completion.1.tool_calls",
        "gen_ai.prompt.",
    ),
    *("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", "gen_ai.usage.total_tokens"),
    *("traceloop.association.properties.session_id", "gen_ai.tool.call.result"),
}


@given(attributes_of(NAMES))
def test_any_values_are_read(attributes: dict[str, Any]) -> None:
    """
    Nothing that a span can carry makes the dialect fail, and messages are well formed.
    """
    for scope in ("bedrock", "google_generativeai", "langchain", "llamaindex", "crewai"):
        for kind in ({}, {"llm.request.type": "chat"}, {"traceloop.span.kind": "tool"}):
            span = span_of({**attributes, **kind}, scope=f"{SCOPE}{scope}")
            reading = OPENLLMETRY.read(span)
            told = reading.call or reading.run
            for message in (*told.input, *told.output) if told else ():
                assert isinstance(message, Message)
                assert isinstance(parts(message), list)


def test_an_agent_of_llama_index_is_a_run_and_its_failed_tool_says_why() -> None:
    """
    The workflow of an agent is named after a class; a tool's failure is in its answer.
    """
    scope = f"{SCOPE}llamaindex"
    kind = {"traceloop.span.kind": "workflow"}
    named = {
        name: read(kind, scope=scope, name=name)
        for name in ("FunctionAgent.workflow", "Flow.workflow")
    }
    assert [reading.role for reading in named.values()] == [Role.RUN, Role.OTHER]
    assert named["FunctionAgent.workflow"].agent_name is None
    output = {
        "tool_id": "call_1",
        "tool_output": {"raw_output": "quote service down for ACME", "is_error": True},
    }
    attributes = {
        "traceloop.span.kind": "task",
        "tool.name": "get_stock_price",
        "tool.arguments": '{"symbol": "ACME"}',
        "traceloop.entity.output": json.dumps(output),
    }
    failed = read(attributes, scope=scope, name="BaseWorkflowAgent.task")
    assert failed.tool
    assert (failed.tool.tool_name, failed.tool.tool_call_id) == ("get_stock_price", "call_1")
    assert (failed.failed, failed.error_message) == (True, "quote service down for ACME")
