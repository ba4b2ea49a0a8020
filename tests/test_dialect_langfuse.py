"""
What Langfuse's observations mean, in each of its spellings.
"""

import json
from collections.abc import Mapping
from typing import Any

import captures
import pytest
from hypothesis import given
from hypothesis import strategies as st
from otel_bridge_storage.readings import Reading, Role, Usage
from otel_bridge_storage.records import STATUS_ERROR, ScopeRecord, SpanRecord

from otel_bridge.dialects.langfuse import Langfuse
from otel_bridge.otlp import decode_traces

NOON = 1_795_262_400_000_000_000
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "args",
                    "kwargs",
                    "role",
                    "content",
                    "messages",
                    "output",
                    "type",
                    "tool_calls",
                    "id",
                ]
            ),
            inner,
        )
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "input",
        "output",
        "usage_details",
        "cost_details",
        "model.name",
        "model.parameters",
        "completion_start_time",
        "metadata.langgraph_node",
        "level",
    ]
)


def read(kind: str, attributes: Mapping[str, Any], **fields: Any) -> Reading:
    """
    Read an observation; its attributes are named without Langfuse's prefix.
    """
    told = {f"langfuse.observation.{name}": value for name, value in attributes.items()}
    span = SpanRecord(
        trace_id="1" * 32,
        span_id="2" * 16,
        attributes={"langfuse.observation.type": kind, **told},
        scope=ScopeRecord(name="langfuse-sdk"),
        **fields,
    )
    assert Langfuse().detects(span)
    return Langfuse().read(span)


def call(attributes: Mapping[str, Any], kind: str = "generation", **fields: Any) -> Any:
    """
    Read a generation.
    """
    found = read(kind, attributes, **fields).call
    assert found is not None
    return found


def test_the_capture_is_read_as_what_happened() -> None:
    """Calls with their tokens, tools with the failed one, the agent, session and user."""
    spans = [
        span
        for path in captures.files("langfuse_openai", "traces", "pb")
        for span in decode_traces(path.read_bytes()).records
    ]
    readings = [Langfuse().read(span) for span in spans]
    calls = [reading.call.usage for reading in readings if reading.call]
    assert sorted((u.input_tokens, u.output_tokens, u.cache_read_tokens) for u in calls) == [
        (123, 31, 64),
        (217, 29, 128),
    ]
    tools = {r.tool.tool_name: (r.failed, r.tool.arguments) for r in readings if r.tool}
    assert tools == {
        "get_weather": (False, '{"city":"Paris"}'),
        "get_stock_price": (True, '{"symbol":"ACME"}'),
    }
    assert [(r.agent_name, r.tags) for r in readings if r.run] == [("travel_agent", ("a",))]
    assert {(r.session_id, r.user_id) for r in readings} == {("session-7f3a", "user-42")}


@pytest.mark.parametrize(
    ("kind", "role"),
    [
        ("generation", Role.LLM),
        ("embedding", Role.LLM),
        ("tool", Role.TOOL),
        ("agent", Role.RUN),
        *((kind, Role.OTHER) for kind in ("span", "chain", "retriever", "event", "guardrail")),
    ],
)
def test_the_type_says_the_role(kind: str, role: Role) -> None:
    """Only generations and embeddings own tokens."""
    reading = read(kind, {"usage_details": '{"input": 9, "output": 1}'}, name="x")
    assert reading.role is role
    assert (reading.call is not None) == (role is Role.LLM)


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        (
            {"input": 59, "input_cached_tokens": 64, "output": 20, "output_reasoning_tokens": 11},
            (123, 31, 64, None, 11),
        ),
        (
            {"input": 37, "output": 29, "total": 182, "cache_read_input_tokens": 97}
            | {"cache_creation_input_tokens": 19},
            (153, 29, 97, 19, None),
        ),
        (
            {"input": 6, "output": 60, "total": 307, "input_cache_read": 97}
            | {"input_cache_creation": 72, "input_ephemeral_5m_input_tokens": 72},
            (247, 60, 97, 72, None),
        ),
        (
            {"input_tokens": 37, "output_tokens": 29, "cache_read_input_tokens": 97},
            (134, 29, 97, None, None),
        ),
        (
            {"input_tokens": 123, "output_tokens": 31, "total_tokens": 154}
            | {"input_tokens_details": {"cached_tokens": 64}},
            (123, 31, 64, None, None),
        ),
        ({"input": 100, "output": 20, "total": 120, "input_cached_tokens": 64}, (100, 20, 64)),
        ({"promptTokenCount": 9, "candidatesTokenCount": 5, "thoughtsTokenCount": 2}, (9, 7)),
    ],
)
def test_usage_of_any_spelling_includes_its_parts(
    details: dict[str, Any], expected: tuple[int | None, ...]
) -> None:
    """Input has the cache in it and output the reasoning, however they were counted."""
    usage = call({"usage_details": json.dumps(details)}).usage
    found = (
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
    )
    assert found[: len(expected)] == expected


def test_zero_usage_of_an_answered_call_is_unknown() -> None:
    """Counts that are all zero beside an answer are none."""
    zeros = '{"input": 0, "output": 0, "total": 0}'
    assert call({"usage_details": zeros, "output": "hi"}).usage == Usage()


def test_costs_are_those_of_the_total_or_of_the_parts() -> None:
    """A total is the cost; without one the parts add up to it; zero is unknown."""
    assert call({"cost_details": '{"input": 0.1, "total": 0.3}'}).emitted_cost_usd == 0.3
    assert call({"cost_details": '{"input": 0.25, "output": 0.5}'}).emitted_cost_usd == 0.75
    assert call({"cost_details": '{"total": 0}'}).emitted_cost_usd is None


def test_the_first_chunk_is_timed() -> None:
    """The time at which the answer began is told as a moment."""
    told = {"completion_start_time": '"2026-11-21T12:00:00.250000Z"'}
    assert call(told, start_ns=NOON).time_to_first_chunk_ns == 250_000_000


def test_the_model_of_a_failed_call_is_the_one_asked_for() -> None:
    """Where nothing came back, no model answered."""
    told = {"model.name": "gpt-4o", "level": "ERROR", "status_message": "429"}
    reading = read("generation", told)
    assert reading.call is not None
    assert (reading.failed, reading.error_message) == (True, "429")
    assert (reading.call.request_model, reading.call.response_model) == ("gpt-4o", None)
    assert call({"model.name": "gpt-4o", "output": "hi"}).response_model == "gpt-4o"


@pytest.mark.parametrize(
    "output",
    [
        {"role": "assistant", "content": "hi"},
        [{"type": "message", "role": "assistant", "content": [{"type": "output_text"}]}],
        {"id": "msg_0a1b", "type": "message", "role": "assistant", "status": "completed"},
    ],
)
def test_an_item_is_not_a_response(output: Any) -> None:
    """The id of an item of the Responses API is no id of a response."""
    assert call({"output": json.dumps(output)}).response_id is None


def test_streamed_tool_calls_are_messages() -> None:
    """What the JavaScript SDK puts together of a stream asks for a tool."""
    output = {"tool_calls": [{"function": {"name": "f", "arguments": '{"a":1}'}}]}
    (message,) = call({"output": json.dumps(output)}).output
    (part,) = json.loads(message.body)["parts"]
    assert (message.role, part["name"], part["arguments"]) == ("assistant", "f", {"a": 1})


def test_a_graphs_node_is_no_run() -> None:
    """A LangGraph node whose name sounds like an agent is a step of the graph's run."""
    node = {"metadata.langgraph_node": '"agent"'}
    assert read("agent", node, name="agent", parent_span_id="3" * 16).role is Role.OTHER
    graph = read("chain", {}, name="LangGraph")
    assert (graph.role, graph.agent_name) == (Role.RUN, "LangGraph")


def test_langchains_tool_answer_is_taken_apart() -> None:
    """The answer of a tool has its call id, and says whether the tool failed."""
    told = {"type": "tool", "content": "down", "tool_call_id": "call_1", "status": "error"}
    reading = read("tool", {"input": "{'a': 1}", "output": json.dumps(told)}, name="f")
    assert reading.tool is not None
    assert (reading.failed, reading.tool.tool_call_id) == (True, "call_1")
    assert (reading.tool.arguments, reading.tool.result) == ('{"a":1}', "down")


LANGCHAIN = {
    "metadata.ls_integration": "langchain_chat_model",
    "metadata.langgraph_node": "model",
    "metadata.ls_provider": "openai",
    "metadata.ls_model_name": "gpt-4o-mini",
    "metadata.thread_id": "th-1",
    "model.name": "gpt-4o-mini-2024-07-18",
}
"""
What LangChain's handler tells of a generation in a graph.
"""


def test_langchain_tells_the_model_asked_for() -> None:
    """The handler names the model that answered, and LangChain the one it asked."""
    found = call({**LANGCHAIN, "output": "hi"})
    assert (found.request_model, found.response_model) == ("gpt-4o-mini", LANGCHAIN["model.name"])
    assert found.provider == "openai"


def test_definitions_of_tools_are_no_messages() -> None:
    """The handler puts the tools that a model may call among what it was sent."""
    function = {"type": "function", "function": {"name": "f", "parameters": {}}}
    told = [
        {"role": "user", "content": "hi"},
        {"role": "tool", "content": "18C", "tool_call_id": "call_1"},
        {"role": "tool", "content": function},
    ]
    found = call({**LANGCHAIN, "input": json.dumps(told)})
    assert [message.role for message in found.input] == ["user", "tool"]


def test_the_thread_of_a_root_is_a_session_unless_one_is_told() -> None:
    """LangGraph's thread is on every span below, whose session is that of the root."""
    thread = {"metadata.ls_integration": "langgraph", "metadata.thread_id": "th-1"}
    assert read("chain", thread, name="a").session_id == "th-1"
    assert read("chain", thread, name="LangGraph", parent_span_id="3" * 16).session_id is None
    assert read("generation", LANGCHAIN, parent_span_id="3" * 16).session_id is None


def test_a_failed_tool_has_the_id_of_its_call() -> None:
    """LangChain notes the id, since there is no answer to take it from."""
    told = {
        "metadata.tool_call_id": "call_1",
        "level": "ERROR",
        "status_message": "TypeError: quote service down",
    }
    reading = read("tool", told, name="f")
    assert reading.tool is not None
    assert (reading.tool.tool_call_id, reading.error_type) == ("call_1", "TypeError")
    assert reading.error_message == "quote service down"


ASKED = {"role": "user", "content": "hi"}
STATE = json.dumps({"messages": [ASKED]})
DONE = json.dumps({"messages": [ASKED, {"role": "assistant", "content": "18C"}]})
NODE = {"metadata.ls_integration": "langgraph", "metadata.langgraph_node": "tools"}
ANSWERED = json.dumps(
    {
        "lc": 1,
        "type": "constructor",
        "id": ["langchain_core", "messages", "ToolMessage"],
        "kwargs": {"content": "18C", "tool_call_id": "call_1", "status": "success"},
    }
)


@pytest.mark.parametrize(
    ("name", "told", "role"),
    [
        ("boss", {"metadata.ls_integration": "langgraph"}, Role.RUN),
        ("researcher", {**NODE, "input": STATE, "output": DONE}, Role.RUN),
        ("call_model", {**NODE, "input": STATE, "output": STATE}, Role.OTHER),
        ("tools", {**NODE, "input": STATE, "output": DONE}, Role.OTHER),
        ("RunnableLambda", {**NODE, "input": STATE, "output": DONE}, Role.OTHER),
        ("step", {**NODE, "metadata.tags": '["graph:step:1"]', "output": STATE}, Role.OTHER),
        ("get_weather", {**NODE, "input": '{"city":"Paris"}', "output": ANSWERED}, Role.TOOL),
        ("get_weather", {**NODE, "metadata.versions": "{}", "level": "ERROR"}, Role.TOOL),
        ("anything", {"input": STATE, "output": DONE}, Role.OTHER),
    ],
)
def test_javascript_gives_graphs_no_type(name: str, told: dict[str, Any], role: Role) -> None:
    """Agents, and tools up to version 4, are known by what LangGraph says of them."""
    parent = None if name == "boss" else "3" * 16
    assert read("span", told, name=name, parent_span_id=parent).role is role


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('{"args": [], "kwargs": {}}', None),
        ('{"args": ["hi"], "kwargs": {}}', "hi"),
        ('{"args": [], "kwargs": {"question": "hi"}}', "hi"),
        ("1e5", "1e5"),
        ('{"messages": [["user", "hi"]]}', "hi"),
    ],
)
def test_a_run_is_asked_its_arguments(value: str, expected: str | None) -> None:
    """A single argument is what was asked; no arguments are no message."""
    run = read("agent", {"input": value}, name="planner").run
    assert run is not None
    texts = [json.loads(message.body)["parts"][0]["content"] for message in run.input]
    assert texts == ([] if expected is None else [expected])


@given(
    st.sampled_from(["generation", "embedding", "tool", "agent", "chain"]),
    st.dictionaries(NAMES, JSON | JSON.map(json.dumps), max_size=6),
)
def test_no_attribute_makes_reading_fail(kind: str, attributes: dict[str, Any]) -> None:
    """Whatever the attributes hold, a span is read."""
    reading = read(kind, attributes, name="f", status_code=STATUS_ERROR)
    assert reading.dialect == "langfuse"
