"""
What Pydantic AI's spans and logs mean, in all versions of its instrumentation.
"""

import json
from typing import Any

import captures
import pytest
from dialect_spans import attributes_of, parts, said, span_of
from hypothesis import given
from otel_bridge_storage.readings import Reading, Role, Usage
from otel_bridge_storage.records import (
    STATUS_ERROR,
    EventRecord,
    LogRecord,
    ScopeRecord,
    SpanRecord,
)

from otel_bridge.dialects.pydantic_ai import PydanticAI

PYDANTIC_AI = PydanticAI()
SCOPE = "pydantic-ai"
QUESTION = "What is the weather in Paris and what does ACME trade at?"


def read(attributes: dict[str, Any], **fields: Any) -> Reading:
    """
    Read a span that must be detected.
    """
    span = span_of(attributes, scope=SCOPE, **fields)
    assert PYDANTIC_AI.detects(span)
    return PYDANTIC_AI.read(span)


@pytest.mark.parametrize("name", [n for n in captures.names() if n.startswith("pydantic_ai")])
def test_a_run_was_asked_and_answered_in_every_version(name: str) -> None:
    """
    The run knows its agent, question and answer, and owns no tokens; tools tell all.
    """
    spans = [s for s in captures.arrivals(name) if isinstance(s, SpanRecord)]
    readings = [PYDANTIC_AI.read(span) for span in spans if PYDANTIC_AI.detects(span)]
    (run,) = [reading for reading in readings if reading.run]
    assert run.run
    assert run.call is None
    assert (run.agent_name, run.session_id) == ("travel_agent", "session-7f3a")
    assert said(run.run.input)[-1] == ("user", QUESTION)
    assert said(run.run.output) == [("assistant", captures.expected(name)["final_answer"])]
    tools = {r.tool.tool_name: (r.tool, r) for r in readings if r.tool}
    weather, _ = tools["get_weather"]
    assert json.loads(weather.arguments or "") == {"city": "Paris"}
    assert weather.result == "18C and sunny in Paris"
    _, failed = tools["get_stock_price"]
    assert (failed.failed, failed.error_type) == (True, "ModelRetry")
    assert failed.error_message == "quote service down for ACME"


def test_the_oldest_releases_tell_by_name() -> None:
    """
    Without an operation the name of the span says what it is, and details are tokens.
    """
    run = read({"agent_name": "a", "gen_ai.usage.input_tokens": 9}, name="agent run")
    assert (run.role, run.agent_name) == (Role.RUN, "a")
    assert read({"gen_ai.tool.name": "t"}, name="running tool").role is Role.TOOL
    assert read({}, name="running 2 tools").role is Role.OTHER
    call = read(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.usage.input_tokens": 9,
            "gen_ai.usage.output_tokens": 5,
            "gen_ai.usage.details.cached_tokens": 4,
            "gen_ai.usage.details.reasoning_tokens": 2,
        }
    ).call
    assert call
    assert call.usage == Usage(
        input_tokens=9, output_tokens=5, cache_read_tokens=4, reasoning_tokens=2
    )


EVENTS: list[dict[str, Any]] = [
    {"event.name": "gen_ai.system.message", "role": "system", "content": "be brief"},
    {
        "event.name": "gen_ai.user.message",
        "role": "user",
        "content": ["look", {"kind": "image-url", "url": "https://example.org/a.png"}],
    },
    {
        "event.name": "gen_ai.choice",
        "index": 0,
        "message": {
            "role": "assistant",
            "content": [{"kind": "thinking", "text": "hm"}, {"kind": "text", "text": "a cat"}],
        },
    },
]


def test_the_events_of_version_1_are_messages() -> None:
    """
    They are in an attribute of the span; thinking is reasoning, an image stays one.
    """
    call = read({"gen_ai.operation.name": "chat", "events": json.dumps(EVENTS)}).call
    assert call
    assert [message.role for message in call.input] == ["system", "user"]
    assert [part["type"] for part in parts(call.input[1])] == ["text", "image-url"]
    assert [part["type"] for part in parts(call.output[0])] == ["reasoning", "text"]


def test_the_logs_of_version_1_are_the_same_messages() -> None:
    """
    The event's name is only an attribute of the log.
    """
    attributes = {"gen_ai.operation.name": "chat", "events": json.dumps(EVENTS)}
    call = read(attributes).call
    logs = [
        PYDANTIC_AI.read_log(
            LogRecord(
                body={k: v for k, v in event.items() if k != "event.name"},
                attributes={"event.name": event["event.name"]},
                scope=ScopeRecord(name=SCOPE),
            )
        )
        for event in EVENTS
    ]
    assert call
    assert tuple(m for log in logs if log for m in log.input) == call.input
    assert tuple(m for log in logs if log for m in log.output) == call.output


def test_what_was_said_before_a_run_is_not_its_question() -> None:
    """
    The span of a run that goes on tells the whole conversation, and where it is new.
    """
    told = [
        {"role": role, "parts": [{"type": "text", "content": text}]}
        for role, text in (
            ("system", "s"),
            ("user", "old"),
            ("assistant", "old answer"),
            ("user", "new"),
            ("assistant", "answer"),
        )
    ]
    reading = read(
        {
            "gen_ai.operation.name": "invoke_agent",
            "pydantic_ai.all_messages": json.dumps(told),
            "pydantic_ai.new_message_index": 2,
        }
    )
    assert reading.run
    assert said(reading.run.input) == [("user", "new")]
    assert said(reading.run.output) == [("assistant", "answer")]


def test_putting_a_call_off_is_no_failure() -> None:
    """
    A tool that waits for someone's approval has not failed.
    """
    raised = EventRecord(
        name="exception",
        time_ns=1,
        attributes={"exception.type": "pydantic_ai.exceptions.ApprovalRequired"},
    )
    reading = read(
        {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "pay"},
        status_code=STATUS_ERROR,
        events=(raised,),
    )
    assert (reading.failed, reading.error_type) == (False, None)


NAMES = {
    *("gen_ai.operation.name", "events", "all_messages_events", "pydantic_ai.all_messages"),
    *("final_result", "inputs", "pydantic_ai.new_message_index", "tool_arguments"),
    *("tool_response", "gen_ai.system_instructions", "metadata", "agent_name"),
}


@given(attributes_of(NAMES))
def test_any_values_are_read(attributes: dict[str, Any]) -> None:
    """
    Nothing that a span or a log can carry makes the dialect fail.
    """
    for name in ("agent run", "running tool", "chat"):
        assert PYDANTIC_AI.read(span_of(attributes, scope=SCOPE, name=name))
    for told in ({}, {"gen_ai.operation.name": "chat"}):
        assert PYDANTIC_AI.read(span_of({**attributes, **told}, scope=SCOPE))
    for body in attributes.values():
        log = LogRecord(
            body=body,
            attributes={"event.name": "gen_ai.choice"},
            scope=ScopeRecord(name=SCOPE),
        )
        PYDANTIC_AI.read_log(log)
