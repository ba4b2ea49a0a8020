"""
What OpenLIT's spans and events mean.
"""

from typing import Any

import captures
import pytest
from dialect_spans import attributes_of, said, span_of
from hypothesis import given
from otel_bridge_storage.readings import LOG_TOLD, Reading, Role, Usage
from otel_bridge_storage.records import (
    STATUS_ERROR,
    STATUS_UNSET,
    EventRecord,
    LogRecord,
    SpanRecord,
)

from otel_bridge.dialects.openlit import OpenLIT
from otel_bridge.dialects.semconv import SemConv

OPENLIT = OpenLIT()
SCOPE = "openlit.instrumentation."


def read(attributes: dict[str, Any], scope: str = "openai", **fields: Any) -> Reading:
    """
    Read a span that must be detected.
    """
    span = span_of(attributes, scope=f"{SCOPE}{scope}", **fields)
    assert OPENLIT.detects(span)
    return OPENLIT.read(span)


def test_tools_that_a_chat_asked_for_did_not_run() -> None:
    """
    They are joined by commas on the span of the call, whose cost of zero is unknown.
    """
    spans = [s for s in captures.arrivals("openlit_openai") if isinstance(s, SpanRecord)]
    readings = [OPENLIT.read(span) for span in spans if OPENLIT.detects(span)]
    assert [reading.role for reading in readings] == [Role.LLM] * 2
    assert all(r.call and r.call.emitted_cost_usd is None for r in readings)


def test_the_details_event_is_one_more_account_of_its_span() -> None:
    """
    What stands for the log record is marked as told by a log.
    """
    logs = [a for a in captures.arrivals("openlit_openai") if isinstance(a, LogRecord)]
    for log in logs:
        told = SemConv().read_log(log)
        assert told
        assert told.span
        call = OPENLIT.read(told.span).call
        assert call
        assert (call.precedence, call.usage.output_tokens is None) == (LOG_TOLD, False)


@pytest.mark.parametrize(
    ("attributes", "scope", "name", "role", "agent"),
    [
        (
            {"gen_ai.operation.name": "invoke_workflow", "gen_ai.execution.mode": "invoke"},
            "langgraph",
            "invoke_workflow travel",
            Role.RUN,
            "travel",
        ),
        (
            {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "tools"},
            "langgraph",
            "invoke_agent tools",
            Role.OTHER,
            "tools",
        ),
        (
            {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a"},
            "openai_agents",
            "invoke_agent a",
            Role.RUN,
            "a",
        ),
        (
            {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.source": "b"},
            "openai_agents",
            "invoke_agent a",
            Role.OTHER,
            None,
        ),
        (
            {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "mcp_list_tools"},
            "openai_agents",
            "execute_tool mcp",
            Role.OTHER,
            None,
        ),
    ],
)
def test_a_graph_is_the_run_and_its_nodes_are_not(
    attributes: dict[str, Any], scope: str, name: str, role: Role, agent: str | None
) -> None:
    """
    Handoffs, guardrails and lists of tools are neither runs nor tools.
    """
    reading = read(attributes, scope, name=name)
    assert (reading.role, reading.agent_name) == (role, agent)


@pytest.mark.parametrize(
    ("scope", "usage"),
    [
        (
            "openai",
            Usage(input_tokens=50, output_tokens=9, cache_read_tokens=20, reasoning_tokens=3),
        ),
        (
            "anthropic",
            Usage(input_tokens=70, output_tokens=9, cache_read_tokens=20, reasoning_tokens=3),
        ),
        (
            "google_ai_studio",
            Usage(input_tokens=50, output_tokens=12, cache_read_tokens=20, reasoning_tokens=3),
        ),
    ],
)
def test_usage_includes_what_the_provider_leaves_out(scope: str, usage: Usage) -> None:
    """
    Counts are passed on as the provider counts.
    """
    call = read(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.usage.input_tokens": 50,
            "gen_ai.usage.output_tokens": 9,
            "gen_ai.usage.prompt_tokens_details.cached_tokens": 20,
            "gen_ai.usage.completion_tokens_details.reasoning_tokens": 3,
        },
        scope,
    ).call
    assert call
    assert call.usage == usage


def test_the_texts_of_old_versions_are_in_events() -> None:
    """
    One event has the prompt, and one for each choice what came back.
    """
    events = (
        EventRecord(name="gen_ai.content.prompt", time_ns=1, attributes={"gen_ai.prompt": "hi"}),
        EventRecord(
            name="gen_ai.content.completion", time_ns=2, attributes={"gen_ai.completion": "yes"}
        ),
    )
    call = read({"gen_ai.operation.name": "chat"}, events=events).call
    assert call
    assert (said(call.input), said(call.output)) == ([("user", "hi")], [("assistant", "yes")])


NAMES = {
    *("gen_ai.operation.name", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"),
    *("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.reasoning_tokens"),
    *("gen_ai.tool.name", "gen_ai.agent.name", "gen_ai.execution.mode"),
}


@given(attributes_of(NAMES))
def test_any_values_are_read(attributes: dict[str, Any]) -> None:
    """
    Nothing that a span can carry makes the dialect fail.
    """
    for scope in ("anthropic", "vertexai", "langgraph"):
        for told in ({}, {"gen_ai.operation.name": "chat"}):
            span = span_of({**attributes, **told}, scope=f"{SCOPE}{scope}")
            assert OPENLIT.read(span).dialect == "openlit"


@pytest.mark.parametrize(
    ("name", "status", "expected"),
    [
        ("chat gpt-4o-mini", STATUS_ERROR, ("chat", "gpt-4o-mini")),
        (
            "embeddings text-embedding-3-small",
            STATUS_ERROR,
            ("embeddings", "text-embedding-3-small"),
        ),
        ("chat gpt-4o-mini", STATUS_UNSET, None),
        ("retry gpt-4o-mini", STATUS_ERROR, None),
    ],
)
def test_a_failed_request_without_attributes_is_told_by_its_name(
    name: str, status: int, expected: tuple[str, str] | None
) -> None:
    """
    Up to 1.34 a span of a request that failed has a name, a status and an exception alone.
    """
    span = span_of({}, scope="openlit.otel.tracing", name=name, status_code=status)
    call = OPENLIT.read(span).call
    assert (call and (call.operation, call.request_model)) == expected


def test_the_node_of_a_graph_that_is_named_agent_is_no_run() -> None:
    """
    Of the spans that LangChain's callbacks call agents only the graph is one.
    """
    told = {"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "langchain"}
    roles = {
        name: read({**told, "gen_ai.agent.name": name}, scope="langchain").role
        for name in ("weather_agent", "agent")
    }
    assert roles == {"weather_agent": Role.RUN, "agent": Role.OTHER}
