"""
What Logfire's own spans mean, and how the two accounts of a streamed call become one.
"""

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import captures
import pytest
from dialect_spans import attributes_of, parts, said, span_of
from hypothesis import given
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.readings import LOG_TOLD, CallReading, Reading, Role, Usage
from otel_bridge_storage.records import SpanRecord
from stored import PRICER, rows

from otel_bridge.dialects.logfire import Logfire
from otel_bridge.dialects.registry import Dialects

LOGFIRE = Logfire()
MESSAGES = [{"role": "user", "content": "hi"}]
REQUEST = json.dumps({"model": "gpt-4o", "messages": MESSAGES, "stream": True})
TEMPLATE = "Chat Completion with {request_data[model]!r}"
STREAMED = "streaming response from {request_data[model]!r} took {duration:.2f}s"


def read(attributes: dict[str, Any], scope: str = "logfire.openai", **fields: Any) -> Reading:
    """
    Read a span that must be detected.
    """
    span = span_of(attributes, scope=scope, **fields)
    assert LOGFIRE.detects(span)
    return LOGFIRE.read(span)


def call(attributes: dict[str, Any], scope: str = "logfire.openai", **fields: Any) -> CallReading:
    """
    Read a request to a model.
    """
    reading = read(attributes, scope, **fields)
    assert reading.role is Role.LLM
    assert reading.call
    return reading.call


def test_cache_and_reasoning_are_in_the_providers_own_usage() -> None:
    """
    The span's counts are completed with the raw ones.
    """
    spans = [s for s in captures.arrivals("logfire_openai") if isinstance(s, SpanRecord)]
    calls = [reading.call for reading in map(LOGFIRE.read, spans) if reading.call]
    told = captures.expected("logfire_openai")["tokens"]
    assert sum(c.usage.cache_read_tokens or 0 for c in calls) == told["cache_read"]
    assert sum(c.usage.reasoning_tokens or 0 for c in calls) == told["reasoning"]
    assert sum(c.usage.input_tokens or 0 for c in calls) == told["input_total_incl_cache"]
    assert [r.session_id for r in map(LOGFIRE.read, spans)] == [None] * len(spans)


def test_a_call_of_version_4_is_told_by_its_template() -> None:
    """
    The client's request and answer are read where no conventions are followed.
    """
    found = call(
        {
            "request_data": json.dumps({"model": "gpt-4o", "messages": MESSAGES}),
            "logfire.msg_template": TEMPLATE,
            "gen_ai.response.model": "gpt-4o-2024",
            "gen_ai.usage.input_tokens": 9,
            "gen_ai.usage.output_tokens": 5,
            "response_data": json.dumps(
                {
                    "message": {"role": "assistant", "content": "hello"},
                    "usage": {
                        "prompt_tokens": 9,
                        "completion_tokens": 5,
                        "total_tokens": 14,
                        "prompt_tokens_details": {"cached_tokens": 4},
                        "completion_tokens_details": {"reasoning_tokens": 2},
                    },
                }
            ),
        },
        name=TEMPLATE,
    )
    assert (found.provider, found.request_model, found.operation) == ("openai", "gpt-4o", "chat")
    assert found.usage == Usage(
        input_tokens=9, output_tokens=5, cache_read_tokens=4, reasoning_tokens=2
    )
    assert said(found.input) == [("user", "hi")]
    assert said(found.output) == [("assistant", "hello")]
    assert found.echo is None


def test_anthropics_input_of_version_4_includes_the_cache() -> None:
    """
    Its usage is passed on as it is, and its tool calls have their arguments wrapped.
    """
    asks = {"function": {"name": "f", "arguments": '{"input": {"city": "Paris"}}'}}
    found = call(
        {
            "request_data": json.dumps({"model": "claude", "system": "s", "messages": MESSAGES}),
            "response_data": json.dumps(
                {
                    "message": {"role": "assistant", "tool_calls": [asks]},
                    "usage": {
                        "input_tokens": 10,
                        "output_tokens": 5,
                        "cache_read_input_tokens": 30,
                        "cache_creation_input_tokens": 2,
                    },
                }
            ),
        },
        "logfire.anthropic",
        name="Message with {request_data[model]!r}",
    )
    assert (found.provider, found.request_model) == ("anthropic", "claude")
    assert found.usage.input_tokens == 42
    assert said(found.input) == [("system", "s"), ("user", "hi")]
    (asked,) = parts(found.output[0])
    assert (asked["name"], asked["arguments"]) == ("f", {"city": "Paris"})


def test_the_events_of_the_responses_api_end_with_the_answer() -> None:
    """
    What the model says last is what came back.
    """
    events = [
        {"event.name": "gen_ai.user.message", "role": "user", "content": "hi"},
        {"event.name": "gen_ai.assistant.message", "role": "assistant", "content": "hello"},
    ]
    found = call(
        {"gen_ai.request.model": "gpt-4o", "events": json.dumps(events)},
        name="Responses API with {gen_ai.request.model!r}",
    )
    assert said(found.input) == [("user", "hi")]
    assert said(found.output) == [("assistant", "hello")]


@pytest.mark.parametrize(
    ("attributes", "scope", "name", "role", "agent"),
    [
        ({"name": "a"}, "logfire.openai_agents", "Agent run: {name!r}", Role.RUN, "a"),
        ({"name": "t"}, "logfire.openai_agents", "OpenAI Agents trace: {name}", Role.OTHER, None),
        ({"name": "a"}, "logfire", "Agent run: {name!r}", Role.OTHER, None),
        ({}, "logfire.openai", "Image Generation with {request_data[model]!r}", Role.OTHER, None),
        ({}, "logfire", "Message with love", Role.OTHER, None),
        ({"logfire.span_type": "pending_span"}, "logfire.openai", TEMPLATE, Role.OTHER, None),
    ],
)
def test_templates_mean_something_only_in_their_scope(
    attributes: dict[str, Any], scope: str, name: str, role: Role, agent: str | None
) -> None:
    """
    A program may word its own spans alike, and a pending span is told again at its end.
    """
    reading = read(attributes, scope, name=name)
    assert (reading.role, reading.agent_name) == (role, agent)


def test_a_function_of_the_agents_sdk_is_a_tool() -> None:
    """
    Its level says that it failed.
    """
    reading = read(
        {"name": "f", "input": '{"a": 1}', "output": "no", "logfire.level_num": 17},
        "logfire.openai_agents",
        name="Function: {name}",
    )
    assert reading.tool
    assert (reading.tool.tool_name, reading.tool.arguments) == ("f", '{"a": 1}')
    assert (reading.tool.result, reading.failed) == ("no", True)


def request(span_id: str, start_ns: int, **fields: Any) -> SpanRecord:
    """
    Make the span of a streamed request.
    """
    return streamed_span(span_id, start_ns, TEMPLATE, {}, **fields)


def answer(span_id: str, end_ns: int, output_tokens: int, **fields: Any) -> SpanRecord:
    """
    Make the log that tells of the end of a stream.
    """
    told = {
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": output_tokens,
        "response_data": json.dumps({"message": {"role": "assistant", "content": "hello"}}),
        "logfire.span_type": "log",
    }
    return streamed_span(span_id, end_ns, STREAMED, told, **fields)


def streamed_span(
    span_id: str, time_ns: int, template: str, more: dict[str, Any], **fields: Any
) -> SpanRecord:
    """
    Make one of the two spans of a streamed call.
    """
    attributes = {
        "request_data": REQUEST,
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.response.model": "gpt-4o",
        "logfire.msg_template": template,
        **more,
    }
    return span_of(
        attributes,
        scope="logfire.openai",
        name=template,
        span_id=span_id * 16,
        start_ns=time_ns,
        end_ns=time_ns,
        **fields,
    )


def test_the_log_of_a_stream_echoes_its_request() -> None:
    """
    Both say the same request; only what waits for an answer has an echo.
    """
    asked, told = LOGFIRE.read(request("a", 1)).call, LOGFIRE.read(answer("b", 2, 5)).call
    assert asked
    assert told
    assert asked.echo == told.echo is not None
    assert (asked.precedence, told.precedence) == (1, LOG_TOLD)
    elsewhere = LOGFIRE.read(answer("b", 2, 5, trace_id="3" * 32, parent_span_id="4" * 16)).call
    assert elsewhere
    assert elsewhere.echo != told.echo


@pytest.mark.parametrize("parent", [None, "f" * 16])
def test_a_streamed_call_is_one_call(tmp_path: Path, parent: str | None) -> None:
    """
    Each request gets its own answer, in whatever order they come, in one trace or in two;
    the model that Logfire puts down before there is an answer is not the one that answered.
    """
    two = [
        request("a", 10, parent_span_id=parent),
        answer("b", 20, 5, parent_span_id=parent),
        request("c", 30, parent_span_id=parent),
        answer("d", 40, 6, parent_span_id=parent),
    ]
    for index, order in enumerate(permutations(two)):
        path = tmp_path / f"{index}.db"
        with open_database(path) as database:
            ingestor = Ingestor(database, reader=Dialects([LOGFIRE]), pricer=PRICER)
            for span in order:
                ingestor.apply([span])
        counted = rows(
            path,
            "SELECT s.span_id, c.response_model, c.output_tokens,"
            " json_array_length(output_messages) FROM llm_calls c"
            " JOIN spans s ON s.id = c.span WHERE counted = 1 ORDER BY 1",
        )
        assert counted == [("a" * 16, None, 5, 1), ("c" * 16, None, 6, 1)]


NAMES = {
    *("gen_ai.operation.name", "request_data", "response_data", "events", "response", "usage"),
    *("gen_ai.usage.raw", "gen_ai.usage.input_tokens", "input", "output", "name"),
    *("logfire.level_num", "logfire.tags", "logfire.span_type"),
}


@given(attributes_of(NAMES))
def test_any_values_are_read(attributes: dict[str, Any]) -> None:
    """
    Nothing that a span can carry makes the dialect fail.
    """
    for scope in ("logfire.openai", "logfire.anthropic", "logfire.openai_agents"):
        for template in (TEMPLATE, STREAMED, "Agent run: {name!r}", "Function: {name}"):
            span = span_of({**attributes, "logfire.msg_template": template}, scope=scope)
            assert LOGFIRE.read(span).dialect == "logfire"
