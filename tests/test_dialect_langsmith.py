"""
What the spans of LangSmith's export mean.
"""

import json
from collections.abc import Mapping
from typing import Any

import captures
import pytest
from hypothesis import given
from hypothesis import strategies as st
from otel_bridge_storage.readings import Reading, Role
from otel_bridge_storage.records import (
    STATUS_ERROR,
    STATUS_OK,
    EventRecord,
    ScopeRecord,
    SpanRecord,
)

from otel_bridge.dialects.langsmith import LangSmith
from otel_bridge.otlp import decode_traces

TRACE = "Traceback (most recent call last):"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "lc",
                    "kwargs",
                    "generations",
                    "message",
                    "content",
                    "messages",
                    "output",
                    "type",
                    "response_metadata",
                    "usage_metadata",
                    "llm_output",
                    "tool_calls",
                    "id",
                    "role",
                ]
            ),
            inner,
        )
    ),
    max_leaves=10,
)
NAMES = st.sampled_from(
    [
        "gen_ai.prompt",
        "gen_ai.completion",
        "gen_ai.request.model",
        "langsmith.metadata.usage_metadata",
        "langsmith.metadata.thread_id",
        "langsmith.metadata.langgraph_node",
        "langsmith.span.tags",
    ]
)


def read(
    kind: str, attributes: Mapping[str, Any], *, metadata: Mapping[str, Any] = {}, **fields: Any
) -> Reading:
    """
    Read a span of a kind, with metadata.
    """
    about = {f"langsmith.metadata.{name}": value for name, value in metadata.items()}
    span = SpanRecord(
        trace_id="1" * 32,
        span_id="2" * 16,
        attributes={"langsmith.span.kind": kind, **about, **attributes},
        scope=ScopeRecord(name="langsmith"),
        **fields,
    )
    assert LangSmith().detects(span)
    return LangSmith().read(span)


def call(attributes: Mapping[str, Any], **fields: Any) -> Any:
    """
    Read a request to a model.
    """
    found = read("llm", attributes, **fields).call
    assert found is not None
    return found


def failed(message: str) -> Reading:
    """
    Read a tool's span that failed with what LangSmith writes of an error.
    """
    event = EventRecord(
        name="exception",
        time_ns=1,
        attributes={"exception.type": "Exception", "exception.message": message},
    )
    return read("tool", {}, name="f", events=[event], status_code=STATUS_ERROR)


def test_the_capture_is_read_as_what_happened() -> None:
    """Two calls with all counts and ids, two tools, and the graph's root as the only run."""
    spans = [
        span
        for path in captures.files("langsmith_otel_langgraph", "traces", "pb")
        for span in decode_traces(path.read_bytes()).records
    ]
    readings = [LangSmith().read(span) for span in spans]
    expected = captures.expected("langsmith_otel_langgraph")
    assert {
        (c.response_id, c.usage.input_tokens, c.usage.cache_read_tokens, c.usage.reasoning_tokens)
        for reading in readings
        if (c := reading.call)
    } == {
        (
            each["response_id"],
            each["usage"]["input_tokens"],
            each["usage"]["cache_read"],
            each["usage"]["reasoning"],
        )
        for each in expected["per_call"]
    }
    assert {
        (r.tool.tool_name, r.tool.tool_call_id, not r.failed, r.error_type)
        for r in readings
        if r.tool
    } == {
        (tool["name"], tool["call_id"], tool["ok"], tool.get("error_type"))
        for tool in expected["tools_executed"]
    }
    assert [r.agent_name for r in readings if r.run] == ["travel_agent"]
    assert {(r.session_id, r.user_id) for r in readings} == {("session-7f3a", "user-42")}


@pytest.mark.parametrize(
    ("kind", "operation"),
    [("prompt", "chat"), ("retriever", "embeddings"), ("parser", "parser"), ("chain", "chain")],
)
def test_the_operation_name_makes_no_call(kind: str, operation: str) -> None:
    """A prompt template or a retriever is no request, whatever its operation is called."""
    told = {"gen_ai.operation.name": operation, "gen_ai.usage.input_tokens": 9}
    assert read(kind, told, parent_span_id="3" * 16).role is Role.OTHER


def test_the_project_is_no_session() -> None:
    """What LangSmith calls a session is a project."""
    told = {"langsmith.trace.session_name": "default", "langsmith.trace.session_id": "p-1"}
    assert read("chain", told).session_id is None
    for key in ("thread_id", "session_id", "conversation_id"):
        assert read("chain", told, metadata={key: "s-1"}).session_id == "s-1"


@pytest.mark.parametrize(
    ("name", "metadata", "root", "is_run"),
    [
        ("travel_agent", {}, True, True),
        ("graph", {"ls_integration": "langgraph"}, False, True),
        ("agent", {"ls_integration": "langgraph", "langgraph_node": "agent"}, False, False),
        ("helper", {"lc_agent_name": "helper", "langgraph_node": "tools"}, False, True),
        ("model", {"lc_agent_name": "helper", "langgraph_node": "model"}, False, False),
        ("RunnableSequence", {}, False, False),
    ],
)
def test_graphs_are_runs_and_their_nodes_are_not(
    name: str, metadata: dict[str, str], root: bool, is_run: bool
) -> None:
    """A run is a root, a graph, or an agent inside a graph that names itself."""
    parent = None if root else "3" * 16
    reading = read("chain", {}, name=name, metadata=metadata, parent_span_id=parent)
    assert (reading.role is Role.RUN) == is_run


@pytest.mark.parametrize(
    ("message", "kind", "said"),
    [
        (f"ValueError('it\\'s down'){TRACE}\n  x", "ValueError", "it's down"),
        ("KeyError('k')", "KeyError", "k"),
        (f"openai.RateLimitError('slow')\n\n{TRACE}", "RateLimitError", "slow"),
        ("TypeError: bad\n    at f (a.js:1:1)", "TypeError", "bad"),
    ],
)  # fmt: skip
def test_an_error_is_found_in_its_text(message: str, kind: str, said: str) -> None:
    """The class of the error is not `Exception`, and its message has no traceback."""
    reading = failed(message)
    assert (reading.failed, reading.error_type, reading.error_message) == (True, kind, said)


def test_a_graph_in_a_tool_of_a_graph_is_a_run() -> None:
    """A graph built by hand names no agent, but its state grows out of what it was asked."""
    inner = {"ls_integration": "langgraph", "langgraph_node": "tools"}
    asked, answered = {"type": "human", "content": "hi"}, {"type": "ai", "content": "18C"}
    told = {
        "gen_ai.prompt": json.dumps({"messages": [asked]}),
        "gen_ai.completion": json.dumps({"messages": [asked, answered]}),
    }
    reading = read("chain", told, metadata=inner, name="researcher", parent_span_id="3" * 16)
    assert (reading.role, reading.agent_name) == (Role.RUN, "researcher")
    node = read("chain", told, metadata=inner, name="tools", parent_span_id="3" * 16)
    assert node.role is Role.OTHER


def test_javascript_fails_with_the_status_ok() -> None:
    """The SDK says OK before it says that a run failed, and OpenTelemetry keeps the first."""
    said = {"exception.type": "Error", "exception.message": "RangeError: down\n    at f (a.js:1)"}
    event = EventRecord(name="exception", time_ns=1, attributes=said)
    reading = read("tool", {}, name="f", events=[event], status_code=STATUS_OK)
    assert (reading.failed, reading.error_type, reading.error_message) == (
        True,
        "RangeError",
        "down",
    )
    assert not read("tool", {}, name="f", status_code=STATUS_OK).failed


def test_the_ai_sdk_hands_a_tool_the_id_of_its_call() -> None:
    """What stands beside a tool's arguments is none of them."""
    handed = {"args": [{"city": "Paris"}, {"toolCallId": "call_1", "messages": []}]}
    tool = read("tool", {"gen_ai.prompt": json.dumps(handed)}, name="f").tool
    assert tool is not None
    assert (tool.tool_call_id, tool.arguments) == ("call_1", '{"city":"Paris"}')


def test_a_pause_is_no_failure() -> None:
    """LangGraph interrupts by raising; the tool that asks for a person did not fail."""
    assert not failed("GraphInterrupt((Interrupt(value='ok?'),))").failed


def test_a_clients_response_is_read_like_langchains() -> None:
    """A call traced around OpenAI's client has model, id, reason, usage and answer."""
    output = {
        "id": "chatcmpl-1",
        "model": "gpt-4o-2024-08-06",
        "choices": [
            {"finish_reason": "stop", "message": {"role": "assistant", "content": "hi"}}
        ],
        "usage_metadata": {
            "input_tokens": 10,
            "output_tokens": 4,
            "total_tokens": 14,
            "input_token_details": {"cache_read": 6},
            "output_token_details": {"reasoning": 2},
            "total_cost": 0.01,
        },
    }  # fmt: skip
    prompt = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
    found = call({"gen_ai.prompt": json.dumps(prompt), "gen_ai.completion": json.dumps(output)})
    assert (found.response_model, found.response_id) == ("gpt-4o-2024-08-06", "chatcmpl-1")
    usage = found.usage
    assert (usage.input_tokens, usage.output_tokens) == (10, 4)
    assert (usage.cache_read_tokens, usage.reasoning_tokens) == (6, 2)
    assert (found.finish_reasons, found.emitted_cost_usd) == (("stop",), 0.01)
    assert [m.role for m in (*found.input, *found.output)] == ["user", "assistant"]


def test_anthropics_blocks_and_tool_calls_ask_once() -> None:
    """A call told both as a block and in LangChain's list is one; one told once stays."""
    fields = {
        "content": [
            {"type": "text", "text": "let me see"},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}},
            {"type": "tool_use", "id": "toolu_2", "name": "g", "input": {}},
        ],
        "type": "ai",
        "id": "lc_run--1",
        "tool_calls": [{"name": "f", "args": {"a": 1}, "id": "toolu_1"}],
        "response_metadata": {"id": "msg_1", "model": "claude-x", "stop_reason": "tool_use"},
        "usage_metadata": {
            "input_tokens": 20,
            "output_tokens": 3,
            "total_tokens": 23,
            "input_token_details": {"cache_creation": 0, "ephemeral_1h_input_tokens": 5},
        },
    }
    message = {"lc": 1, "type": "constructor", "id": ["x", "AIMessage"], "kwargs": fields}
    found = call({"gen_ai.completion": json.dumps({"generations": [[{"message": message}]]})})
    (answer,) = found.output
    parts = json.loads(answer.body)["parts"]
    assert [part.get("id") for part in parts] == [None, "toolu_2", "toolu_1"]
    assert (found.response_id, found.finish_reasons) == ("msg_1", ("tool_use",))
    assert (found.usage.cache_write_tokens, found.usage.cache_write_1h_tokens) == (5, 5)


def test_the_provider_langchain_is_none() -> None:
    """A model of a name that LangSmith does not know has no provider, not LangChain."""
    assert call({"gen_ai.system": "langchain"}).provider is None
    told = call({"gen_ai.system": "langchain"}, metadata={"ls_provider": "fireworks"})
    assert told.provider == "fireworks"


@given(
    st.sampled_from(["llm", "tool", "chain", "embedding", "", "x"]),
    st.dictionaries(NAMES, JSON | JSON.map(json.dumps), max_size=6),
)
def test_no_attribute_makes_reading_fail(kind: str, attributes: dict[str, Any]) -> None:
    """Whatever the attributes hold, a span is read."""
    assert read(kind, attributes, name="f").dialect == "langsmith"
