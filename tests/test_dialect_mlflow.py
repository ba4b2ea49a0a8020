"""
What MLflow's native spans mean.
"""

import json
from collections.abc import Mapping
from typing import Any

import captures
import pytest
from hypothesis import given
from hypothesis import strategies as st
from otel_bridge_storage.readings import Reading, Role, Usage
from otel_bridge_storage.records import STATUS_ERROR, EventRecord, ScopeRecord, SpanRecord

from otel_bridge.dialects.mlflow import MLflow
from otel_bridge.otlp import decode_traces

NOON = 1_795_262_400_000_000_000
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "role",
                    "content",
                    "messages",
                    "choices",
                    "candidates",
                    "parts",
                    "output",
                    "message",
                    "usage",
                    "type",
                    "object",
                    "data",
                    "id",
                    "system",
                    "config",
                    "contents",
                ]
            ),
            inner,
        )
    ),
    max_leaves=10,
)
NAMES = st.sampled_from(
    [
        "mlflow.spanInputs",
        "mlflow.spanOutputs",
        "mlflow.chat.tokenUsage",
        "mlflow.llm.cost",
        "mlflow.message.format",
        "metadata",
        "model",
        "session.id",
    ]
)


def read(kind: str, attributes: Mapping[str, Any], **fields: Any) -> Reading:
    """
    Read a span of a type; attributes are written as JSON.
    """
    told = {"mlflow.spanType": kind, **attributes}
    span = SpanRecord(
        trace_id="1" * 32,
        span_id="2" * 16,
        attributes={name: json.dumps(value) for name, value in told.items()},
        scope=ScopeRecord(name="mlflow.tracing.provider"),
        **fields,
    )
    assert MLflow().detects(span)
    return MLflow().read(span)


def call(asked: Any, given: Any, attributes: Mapping[str, Any] = {}) -> Any:
    """
    Read a call of a chat model.
    """
    told = {"mlflow.spanInputs": asked, "mlflow.spanOutputs": given, **attributes}
    found = read("CHAT_MODEL", told).call
    assert found is not None
    return found


def texts(messages: Any) -> list[tuple[str, Any]]:
    """
    Give the role and the first part's content of messages.
    """
    return [(m.role, json.loads(m.body)["parts"][0].get("content")) for m in messages]


def test_the_capture_is_read_as_what_happened() -> None:
    """Calls with all counts and ids, tools with the failed one, and the agent."""
    spans = [
        span
        for path in captures.files("mlflow_openai", "traces", "pb")
        for span in decode_traces(path.read_bytes()).records
    ]
    readings = [MLflow().read(span) for span in spans]
    expected = captures.expected("mlflow_openai")
    assert {
        (
            c.response_id,
            c.request_model,
            c.response_model,
            c.usage.input_tokens,
            c.usage.output_tokens,
            c.usage.cache_read_tokens,
            c.usage.reasoning_tokens,
        )
        for reading in readings
        if (c := reading.call)
    } == {
        (
            each["response_id"],
            each["request_model"],
            each["response_model"],
            each["usage"]["input_tokens"],
            each["usage"]["output_tokens"],
            each["usage"]["cache_read"],
            each["usage"]["reasoning"],
        )
        for each in expected["per_call"]
    }
    assert {(r.tool.tool_name, r.error_type) for r in readings if r.tool} == {
        ("get_weather", None),
        ("get_stock_price", "ValueError"),
    }
    assert [r.agent_name for r in readings if r.run] == ["travel_agent"]


@pytest.mark.parametrize(
    ("kind", "role"),
    [
        ("CHAT_MODEL", Role.LLM),
        ("LLM", Role.LLM),
        ("EMBEDDING", Role.LLM),
        ("TOOL", Role.TOOL),
        ("AGENT", Role.RUN),
        *((kind, Role.OTHER) for kind in ("CHAIN", "RETRIEVER", "PARSER", "UNKNOWN", "TASK")),
    ],
)
def test_the_type_says_the_role(kind: str, role: Role) -> None:
    """Only models own tokens."""
    usage = {"input_tokens": 9, "output_tokens": 1, "total_tokens": 10}
    reading = read(kind, {"mlflow.chat.tokenUsage": usage}, name="x")
    assert reading.role is role
    assert (reading.call is not None) == (role is Role.LLM)


def test_counting_tokens_and_ordering_agents_are_neither_calls_nor_runs() -> None:
    """Gemini's count and the span around all agents of a run own nothing."""
    assert read("LLM", {}, name="Models.count_tokens").role is Role.OTHER
    assert read("AGENT", {}, name="AgentRunner.run").role is Role.OTHER


def test_a_session_on_the_span_is_found() -> None:
    """A session and a user are read, plain or as JSON, and a graph's thread is a session."""
    marked = read("AGENT", {"session.id": "s-1", "user.id": "u-1"})
    assert (marked.session_id, marked.user_id) == ("s-1", "u-1")
    graph = read("CHAIN", {"metadata": {"thread_id": "s-2"}}, name="LangGraph")
    assert (graph.role, graph.session_id, graph.agent_name) == (Role.RUN, "s-2", "LangGraph")


def test_a_graph_in_a_tool_of_a_graph_is_a_run() -> None:
    """A graph built by hand names no agent, but its state grows out of what it was asked."""
    asked, answered = {"type": "human", "content": "hi"}, {"type": "ai", "content": "18C"}
    told = {
        "metadata": {"ls_integration": "langgraph", "langgraph_node": "tools"},
        "mlflow.spanInputs": {"messages": [asked]},
        "mlflow.spanOutputs": {"messages": [asked, answered]},
    }
    inner = read("CHAIN", told, name="researcher", parent_span_id="3" * 16)
    assert (inner.role, inner.agent_name) == (Role.RUN, "researcher")
    assert read("CHAIN", told, name="tools", parent_span_id="3" * 16).role is Role.OTHER


def test_a_failed_tool_has_the_id_of_its_call() -> None:
    """LangChain notes the id, since there is no answer to take it from."""
    told = {"tool_call_id": "call_1", "mlflow.spanInputs": {"symbol": "ACME"}}
    tool = read("TOOL", told, name="get_stock_price", status_code=STATUS_ERROR).tool
    assert tool is not None
    assert (tool.tool_call_id, tool.result) == ("call_1", None)


def test_anthropics_answer_is_read() -> None:
    """Usage is MLflow's own inclusive count; the answer has text and a tool call."""
    given = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x-1",
        "stop_reason": "tool_use",
        "content": [
            {"type": "text", "text": "wait"},
            {"type": "tool_use", "id": "t", "name": "f"},
        ],
        "usage": {"input_tokens": 3, "output_tokens": 2, "cache_read_input_tokens": 7},
    }
    usage = {"input_tokens": 10, "output_tokens": 2, "total_tokens": 12}
    asked = {"model": "claude-x", "system": "be brief", "messages": [["user", "hi"]]}
    cost = {"mlflow.llm.cost": {"input_cost": 0.1, "output_cost": 0.2, "total_cost": 0.3}}
    found = call(asked, given, {"mlflow.chat.tokenUsage": usage, **cost})
    assert (found.usage.input_tokens, found.usage.cache_read_tokens) == (10, 7)
    assert (found.request_model, found.response_model) == ("claude-x", "claude-x-1")
    assert (found.response_id, found.emitted_cost_usd) == ("msg_1", 0.3)
    assert found.finish_reasons == ("tool_use",)
    assert texts(found.input) == [("system", "be brief"), ("user", "hi")]
    assert [p["type"] for p in json.loads(found.output[0].body)["parts"]] == ["text", "tool_call"]


def test_geminis_answer_is_read() -> None:
    """Contents, thoughts and calls of Gemini become messages; its thoughts are output."""
    asked = {
        "model": "gemini-2.5-pro",
        "contents": [
            "hi",
            {"role": "model", "parts": [{"function_call": {"name": "f", "args": {}}}]},
            {"role": "user", "parts": [{"function_response": {"name": "f", "response": {}}}]},
        ],
        "config": {"system_instruction": "be brief"},
    }
    given = {
        "candidates": [
            {
                "content": {"parts": [{"text": "hm", "thought": True}, {"text": "ho"}]},
                "finish_reason": "STOP",
            }
        ],
        "model_version": "gemini-2.5-pro-001",
        "response_id": "r-1",
        "usage_metadata": {
            "prompt_token_count": 9,
            "candidates_token_count": 4,
            "thoughts_token_count": 3,
        },
    }
    found = call(asked, given, {"mlflow.message.format": "gemini"})
    assert (found.usage.input_tokens, found.usage.output_tokens) == (9, 7)
    assert (found.provider, found.response_model) == ("gemini", "gemini-2.5-pro-001")
    assert [m.role for m in found.input] == ["system", "user", "assistant", "tool"]
    parts = json.loads(found.output[0].body)["parts"]
    assert [part["type"] for part in parts] == ["reasoning", "text"]


def test_langchains_calls_are_a_frameworks() -> None:
    """A call that LangChain tells yields to the client's own copy of it."""
    asked = {"messages": [{"role": "user", "content": "hi"}]}
    given = {"choices": [{"message": {"role": "assistant", "content": "ho"}}]}
    told = {"mlflow.message.format": "langchain", "mlflow.llm.model": "gpt-4o"}
    found = call(asked, given, told)
    assert (found.precedence, found.request_model, found.response_model) == (2, "gpt-4o", None)
    assert texts(found.output) == [("assistant", "ho")]
    assert call(asked, given, {"mlflow.message.format": "openai"}).precedence == 1


def test_bedrocks_answer_is_read() -> None:
    """The Converse API's answer has its text, reason and usage with the cache."""
    given = {
        "output": {"message": {"role": "assistant", "content": [{"text": "ho"}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 9, "outputTokens": 5, "cacheReadInputTokens": 10},
    }
    found = call({"modelId": "nova", "messages": []}, given)
    assert (found.request_model, found.finish_reasons) == ("nova", ("end_turn",))
    assert (found.usage.input_tokens, found.usage.output_tokens) == (19, 5)
    assert texts(found.output) == [("assistant", "ho")]


def test_a_stream_is_put_together() -> None:
    """Chunks kept as the output are one answer, and the first chunk's event times it."""
    chunks = [
        {"object": "chat.completion.chunk", "id": "c-1", "choices": [{"index": 0, "delta": d}]}
        for d in ({"role": "assistant", "content": "h"}, {"content": "o"})
    ]
    found = call({"model": "gpt-4o"}, chunks)
    assert (found.response_id, texts(found.output)) == ("c-1", [("assistant", "ho")])
    events = [EventRecord(name=f"mlflow.chunk.item.{i}", time_ns=NOON + 5 + i) for i in range(2)]
    timed = read("LLM", {}, start_ns=NOON, events=events).call
    assert timed is not None
    assert timed.time_to_first_chunk_ns == 5


def test_zero_usage_of_an_answered_call_is_unknown() -> None:
    """Counts that are all zero beside an answer are none."""
    zeros = {"mlflow.chat.tokenUsage": {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}}
    assert call({}, "ho", zeros).usage == Usage()


@given(
    st.sampled_from(["CHAT_MODEL", "TOOL", "AGENT", "CHAIN", "EMBEDDING"]),
    st.dictionaries(NAMES, JSON, max_size=6),
)
def test_no_attribute_makes_reading_fail(kind: str, attributes: dict[str, Any]) -> None:
    """Whatever the attributes hold, a span is read."""
    assert read(kind, attributes, name="f").dialect == "mlflow"
