"""
What LiteLLM's spans and logs mean.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from dialect_spans import attributes_of, parts, said, span_of
from hypothesis import given
from otel_bridge_storage.ingest import Ingestor
from otel_bridge_storage.opening import open_database
from otel_bridge_storage.readings import CallReading, Reading, Role, Usage
from otel_bridge_storage.records import LogRecord, ScopeRecord, SpanRecord
from stored import PRICER, rows

from otel_bridge.dialects.litellm import LiteLLM
from otel_bridge.dialects.registry import Dialects

LITELLM = LiteLLM()
USAGE = {
    "completion_tokens": 31,
    "prompt_tokens": 123,
    "total_tokens": 154,
    "completion_tokens_details": {"reasoning_tokens": 11, "text_tokens": None},
    "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": None},
}
COUNTS = Usage(input_tokens=123, output_tokens=31, cache_read_tokens=64, reasoning_tokens=11)
REQUEST: dict[str, Any] = {
    "metadata.usage_object": repr(USAGE),
    "llm.request.type": "acompletion",
    "llm.user": "user-42",
    "gen_ai.operation.name": "acompletion",
    "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.response.finish_reasons": '["stop"]',
    "gen_ai.usage.input_tokens": 123,
    "gen_ai.usage.output_tokens": 31,
    "gen_ai.cost.total_cost": 3.2e-05,
    "gen_ai.cost.input_cost": 1.4e-05,
}
RAW: dict[str, Any] = {
    "llm.openai.model": "gpt-4o-mini-2024-07-18",
    "llm.openai.id": "chatcmpl-1",
    "llm.openai.messages": "[{'role': 'user', 'content': 'hi'}]",
    "llm.openai.choices": "[{'index': 0, 'message': {'role': 'assistant', 'content': 'yes'}}]",
    "llm.openai.usage": repr(USAGE),
}


def read(attributes: dict[str, Any], scope: str = "litellm", **fields: Any) -> Reading:
    """
    Read a span that must be detected.
    """
    span = span_of(attributes, scope=scope, **fields)
    assert LITELLM.detects(span)
    return LITELLM.read(span)


def call(attributes: dict[str, Any], scope: str = "litellm", **fields: Any) -> CallReading:
    """
    Read a request to a model.
    """
    reading = read(attributes, scope, **fields)
    assert reading.role is Role.LLM
    assert reading.call
    return reading.call


def test_a_request_tells_all_counts_and_its_cost() -> None:
    """
    Cache and reasoning are in a dict as Python writes it; of the costs only the total is.
    """
    found = call(REQUEST)
    assert found.usage == COUNTS
    assert found.emitted_cost_usd == 3.2e-05
    assert (found.operation, found.response_id, found.finish_reasons) == (
        "chat",
        "chatcmpl-1",
        ("stop",),
    )
    assert read(REQUEST).user_id == "user-42"


@pytest.mark.parametrize(
    ("told", "operation"),
    [
        ("completion", "chat"),
        ("acompletion", "chat"),
        ("aresponses", "chat"),
        ("anthropic_messages", "chat"),
        ("atext_completion", "text_completion"),
        ("aembedding", "embeddings"),
        ("image_generation", None),
        ("chat", "chat"),
    ],
)
def test_the_name_of_the_function_tells_the_request(told: str, operation: str | None) -> None:
    """
    With the content hidden no operation is told, but the type of the request is.
    """
    reading = read({"llm.request.type": told})
    assert (reading.call.operation if reading.call else None) == operation


def test_services_of_the_proxy_are_no_calls() -> None:
    """
    Its spans of caches and databases are in the same scope.
    """
    assert read({"service": "redis", "call_type": "async_get_cache"}).role is Role.OTHER


def test_an_id_that_litellm_made_is_not_the_providers() -> None:
    """
    An answer to an embeddings request has none.
    """
    made = {"gen_ai.response.id": "7d1", "litellm.call_id": "7d1"}
    assert call({**REQUEST, **made}).response_id is None
    embedded = {"gen_ai.operation.name": "embedding", "gen_ai.response.id": "8e2"}
    assert call({**REQUEST, **embedded}).response_id is None


def test_the_raw_request_is_read_key_by_key() -> None:
    """
    It tells the provider's own usage and id, and the messages.
    """
    found = call(RAW, name="my generation")
    assert (found.provider, found.response_id) == ("openai", "chatcmpl-1")
    assert (found.request_model, found.response_model) == (None, "gpt-4o-mini-2024-07-18")
    assert found.usage == COUNTS
    assert (said(found.input), said(found.output)) == ([("user", "hi")], [("assistant", "yes")])


def _counted(path: Path, spans: list[SpanRecord]) -> list[Any]:
    with open_database(path) as database:
        Ingestor(database, reader=Dialects([LITELLM]), pricer=PRICER).apply(spans)
    return rows(
        path,
        "SELECT response_id, output_tokens, reasoning_tokens, request_model"
        " FROM llm_calls WHERE counted = 1 ORDER BY 1",
    )


def _at(attributes: dict[str, Any], span: str, parent: str | None, scope: str) -> SpanRecord:
    return span_of(
        attributes,
        scope=scope,
        span_id=span * 16,
        parent_span_id=parent and parent * 16,
        start_ns=1,
        end_ns=9,
    )


def test_a_request_and_the_raw_one_inside_it_are_one_call(tmp_path: Path) -> None:
    """
    The raw request repeats the call, and knows the whole of an answer that asks for tools.
    """
    spans = [_at(REQUEST, "a", None, "litellm"), _at(RAW, "b", "a", "litellm")]
    assert _counted(tmp_path / "a.db", spans) == [("chatcmpl-1", 31, 11, "gpt-4o-mini")]


def test_calls_written_on_one_span_of_the_program_are_counted_each(tmp_path: Path) -> None:
    """
    The last call's facts are on the program's span; the raw requests tell all calls.
    """
    other = {**RAW, "llm.openai.id": "chatcmpl-2"}
    spans = [
        _at({**REQUEST, "gen_ai.response.id": "chatcmpl-2"}, "a", None, "my.program"),
        _at(RAW, "b", "a", "litellm"),
        _at(other, "c", "a", "litellm"),
    ]
    counted = _counted(tmp_path / "a.db", spans)
    assert [row[:3] for row in counted] == [("chatcmpl-1", 31, 11), ("chatcmpl-2", 31, 11)]


def test_tool_calls_beside_the_parts_are_put_into_them() -> None:
    """
    A message has what was asked for, and a tool's message its answer, as parts.
    """
    asks = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    told = [
        {"role": "user", "parts": [{"type": "text", "content": "hi"}]},
        {"role": "assistant", "parts": [], "tool_calls": [asks]},
        {"role": "tool", "parts": [{"type": "text", "content": "18C"}], "tool_call_id": "c1"},
    ]
    found = call({**REQUEST, "gen_ai.input.messages": json.dumps(told)})
    assert said(found.input) == [("user", "hi"), ("assistant", "f"), ("tool", "18C")]
    (asked,) = parts(found.input[1])
    assert (asked["type"], asked["id"], asked["name"]) == ("tool_call", "c1", "f")
    assert parts(found.input[2])[0]["id"] == "c1"


def test_old_versions_tell_messages_by_index() -> None:
    """
    The calls of tools follow the text, with an index each.
    """
    found = call(
        {
            "llm.request.type": "completion",
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": "hi",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.finish_reason": "tool_calls",
            "gen_ai.completion.0.function_call.name": "f",
            "gen_ai.completion.1.function_call.name": "g",
        }
    )
    assert said(found.input) == [("user", "hi")]
    assert [part["name"] for part in parts(found.output[0])] == ["f", "g"]
    assert found.finish_reasons == ("tool_calls",)


def test_the_tools_that_an_answer_asks_for_are_apart_from_it() -> None:
    """
    Newer versions tell the answer without parts, and the calls as older ones did.
    """
    empty = [{"role": "assistant", "parts": [], "finish_reason": "tool_calls"}]
    found = call(
        {
            **REQUEST,
            "gen_ai.output.messages": json.dumps(empty),
            "gen_ai.completion.0.function_call.name": "f",
            "gen_ai.completion.0.function_call.arguments": "{}",
        }
    )
    assert said(found.output) == [("assistant", "f")]


def test_messages_in_logs_are_read() -> None:
    """
    Their events have names of their own, in an attribute.
    """
    told = [
        ("gen_ai.content.prompt", {"role": "user", "content": "hi"}),
        (
            "gen_ai.content.completion",
            {"index": 0, "message": {"role": "assistant", "content": "yes"}},
        ),
    ]
    prompt, answer = (
        LITELLM.read_log(
            LogRecord(
                body=body, attributes={"event_name": name}, scope=ScopeRecord(name="litellm")
            )
        )
        for name, body in told
    )
    assert prompt
    assert answer
    assert (said(prompt.input), said(answer.output)) == ([("user", "hi")], [("assistant", "yes")])


NAMES = {
    *REQUEST,
    *RAW,
    *("hidden_params", "litellm.call_id", "gen_ai.input.messages", "gen_ai.output.messages"),
    *("gen_ai.prompt.0.content", "gen_ai.completion.0.function_call.name"),
}


@given(attributes_of(NAMES))
def test_any_values_are_read(attributes: dict[str, Any]) -> None:
    """
    Nothing that a span or a log can carry makes the dialect fail.
    """
    for told in ({}, {"llm.request.type": "completion"}):
        span = span_of({**attributes, **told}, scope="litellm")
        assert LITELLM.read(span).dialect == "litellm"
    for body in attributes.values():
        LITELLM.read_log(
            LogRecord(
                body=body,
                attributes={"event_name": "gen_ai.content.completion"},
                scope=ScopeRecord(name="litellm"),
            )
        )
