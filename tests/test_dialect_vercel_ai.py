"""
What the spans of the Vercel AI SDK mean, version by version.
"""

import json
from collections.abc import Mapping
from typing import Any

import captures
import pytest
from hypothesis import given
from hypothesis import strategies as st
from otel_bridge_storage.readings import CallReading, Message, Reading, Role
from otel_bridge_storage.records import STATUS_ERROR, EventRecord, ScopeRecord, SpanRecord

from otel_bridge.dialects import vercel_ai
from otel_bridge.dialects.vercel_ai import VercelAI
from otel_bridge.otlp import decode_traces

CAPTURES = [name for name in captures.names() if name.startswith("vercel_")]
NAMES = st.sampled_from(
    [
        "ai.operationId",
        "ai.prompt",
        "ai.prompt.messages",
        "ai.response.text",
        "ai.response.object",
        "ai.response.reasoning",
        "ai.response.toolCalls",
        "ai.response.providerMetadata",
        "ai.toolCall.result",
        "ai.usage.inputTokens",
        "ai.usage.totalTokens",
        "ai.values",
        "ai.telemetry.metadata.sessionId",
        "ai.model.provider",
        "gen_ai.operation.name",
        "gen_ai.output.messages",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "role", "content", "value", "anthropic", "usage", "x"]), inner
        )
    ),
    max_leaves=8,
)
VALUES = JSON | JSON.map(json.dumps)
OPERATIONS = st.sampled_from(
    ["ai.streamText.doStream", "ai.generateText", "ai.toolCall", "ai.embed.doEmbed", "chat"]
)


def read(
    operation: str | None, attributes: Mapping[str, Any], *, scope: str = "ai", **fields: Any
) -> Reading:
    """
    Read a span of an operation.
    """
    told = dict(attributes) if operation is None else {"ai.operationId": operation, **attributes}
    span = SpanRecord(
        trace_id="1" * 32,
        span_id="2" * 16,
        attributes=told,
        scope=ScopeRecord(name=scope),
        **fields,
    )
    assert VercelAI().detects(span)
    return VercelAI().read(span)


def call(attributes: Mapping[str, Any], operation: str = "ai.generateText.doGenerate") -> Any:
    """
    Read a request to a model.
    """
    found = read(operation, attributes).call
    assert found is not None
    return found


def tokens(found: CallReading) -> tuple[int | None, ...]:
    """
    Give input, output, cache read, cache write and reasoning.
    """
    usage = found.usage
    return (
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
    )


def parts(messages: tuple[Message, ...]) -> list[tuple[str, list[dict[str, Any]]]]:
    """
    Give the roles and the parts of messages.
    """
    return [(message.role, json.loads(message.body)["parts"]) for message in messages]


@pytest.mark.parametrize("name", CAPTURES)
def test_a_capture_shows_its_calls_with_their_tokens(name: str) -> None:
    """Each call of a capture is read once with the counts that its provider gave."""
    calls = [
        reading.call
        for path in captures.files(name, "traces", "pb")
        for span in decode_traces(path.read_bytes()).records
        if VercelAI().detects(span) and (reading := VercelAI().read(span)).call
    ]
    told = {call.response_id: tokens(call) for call in calls if call}
    expected = captures.expected(name)["per_call"]
    assert told == {
        each["response_id"]: (
            each["usage"]["input_tokens"],
            each["usage"]["output_tokens"],
            each["usage"]["cache_read"],
            each["usage"]["cache_write"] or None,
            each["usage"]["reasoning"] or None,
        )
        for each in expected
    }
    assert len(calls) == len(expected)


@pytest.mark.parametrize(
    ("operation", "role", "kind"),
    [
        ("ai.generateText", Role.RUN, None),
        ("ai.streamText", Role.RUN, None),
        ("ai.generateObject", Role.RUN, None),
        ("ai.streamObject", Role.RUN, None),
        ("ai.generateText.doGenerate", Role.LLM, "chat"),
        ("ai.streamText.doStream", Role.LLM, "chat"),
        ("ai.streamObject.doStream", Role.LLM, "chat"),
        ("ai.embed", Role.OTHER, None),
        ("ai.embedMany.doEmbed", Role.LLM, "embeddings"),
        ("ai.toolCall", Role.TOOL, None),
        ("ai.rerank", Role.OTHER, None),
    ],
)
def test_the_operation_says_the_role(operation: str, role: Role, kind: str | None) -> None:
    """Only the inner spans are requests; the outer ones of generations are the runs."""
    reading = read(operation, {"ai.usage.inputTokens": 9, "ai.usage.outputTokens": 1})
    assert reading.role is role
    assert (reading.call.operation if reading.call else None) == kind


@pytest.mark.parametrize("prefix", ["ai.telemetry.metadata.", "ai.settings.context."])
@pytest.mark.parametrize(
    "key", ["sessionId", "session_id", "threadId", "conversationId", "chatId"]
)
def test_sessions_are_found_under_the_keys_that_users_choose(prefix: str, key: str) -> None:
    """A session or a user in the metadata or the context marks every span."""
    told = {f"{prefix}{key}": "s-1", f"{prefix}userId": "u-1"}
    for operation in ("ai.generateText", "ai.generateText.doGenerate", "ai.toolCall"):
        reading = read(operation, told)
        assert (reading.session_id, reading.user_id) == ("s-1", "u-1")


def test_other_metadata_is_kept() -> None:
    """What is neither session nor user nor tags is the metadata of the span."""
    reading = read(
        "ai.generateText",
        {"ai.telemetry.metadata.plan": "pro", "ai.telemetry.metadata.tags": ["a", "b"]},
    )
    assert (reading.metadata, reading.tags) == ({"plan": "pro"}, ("a", "b"))


def test_version_5_leaves_the_cache_out_of_anthropics_input() -> None:
    """The raw usage of Anthropic shows that the count of the SDK is without the cache."""
    raw = {"input_tokens": 37, "cache_creation_input_tokens": 19, "cache_read_input_tokens": 97}
    told = {
        "ai.usage.promptTokens": 37,
        "ai.usage.completionTokens": 29,
        "gen_ai.usage.input_tokens": 37,
        "ai.response.providerMetadata": json.dumps(
            {"anthropic": {"usage": raw, "cacheCreationInputTokens": 19}}
        ),
    }
    assert tokens(call(told)) == (153, 29, 97, 19, None)
    streamed = {**told, "ai.usage.cachedInputTokens": 97, "ai.usage.totalTokens": 66}
    assert tokens(call(streamed, "ai.streamText.doStream")) == (153, 29, 97, 19, None)


def test_version_4_leaves_the_cache_out_of_anthropics_input() -> None:
    """Without a raw usage the cache counts of Anthropic are still beside the input."""
    metadata = {"anthropic": {"cacheCreationInputTokens": 5, "cacheReadInputTokens": 10}}
    told = {
        "ai.usage.promptTokens": 37,
        "ai.usage.completionTokens": 29,
        "ai.response.providerMetadata": json.dumps(metadata),
    }
    assert tokens(call(told)) == (52, 29, 10, 5, None)


def test_geminis_thoughts_are_output() -> None:
    """Up to version 5 the output of Gemini is that of its candidates alone."""
    raw = {"promptTokenCount": 9, "candidatesTokenCount": 20, "thoughtsTokenCount": 11}
    told = {
        "ai.usage.inputTokens": 9,
        "ai.usage.outputTokens": 20,
        "ai.response.providerMetadata": json.dumps({"google": {"usageMetadata": raw}}),
    }
    assert tokens(call(told)) == (9, 31, None, None, 11)


def test_a_stream_of_version_5_is_read_whole() -> None:
    """A streamed answer has usage, reasoning, cache, timing and the tools it asked for."""
    found = call(
        {
            "ai.model.provider": "google.vertex.chat",
            "ai.model.id": "gemini-2.5-pro",
            "ai.response.id": "resp-1",
            "ai.response.reasoning": "think",
            "ai.response.text": "hi",
            "ai.response.toolCalls": '[{"toolCallId":"1","toolName":"f","input":"{\\"a\\":1}"}]',
            "ai.response.msToFirstChunk": 12.5,
            "ai.usage.inputTokens": 10,
            "ai.usage.outputTokens": 5,
            "ai.usage.totalTokens": 15,
            "ai.usage.reasoningTokens": 2,
            "ai.usage.cachedInputTokens": 4,
        },
        "ai.streamText.doStream",
    )
    assert tokens(found) == (10, 5, 4, None, 2)
    assert (found.provider, found.request_model) == ("gcp.vertex_ai", "gemini-2.5-pro")
    assert found.time_to_first_chunk_ns == 12_500_000
    assert parts(found.output) == [
        (
            "assistant",
            [
                {"type": "reasoning", "content": "think"},
                {"type": "text", "content": "hi"},
                {"type": "tool_call", "id": "1", "name": "f", "arguments": {"a": 1}},
            ],
        )
    ]


def test_prompts_become_messages() -> None:
    """Texts, tool results of both forms and images keep their meaning."""
    result = {"type": "tool-result", "toolCallId": "1", "toolName": "f"}
    image = {"type": "image", "image": "https://x/y.png", "mimeType": "image/png"}
    listed = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "hi"}, image]},
        {"role": "assistant", "content": [{"type": "tool-call", "toolCallId": "1", "args": {}}]},
        {"role": "tool", "content": [{**result, "output": {"type": "text", "value": "ok"}}]},
        {"role": "tool", "content": [{**result, "result": {"a": 1}}]},
    ]
    found = parts(call({"ai.prompt.messages": json.dumps(listed)}).input)
    assert [role for role, _ in found] == ["system", "user", "assistant", "tool", "tool"]
    assert found[1][1][1]["uri"] == "https://x/y.png"
    assert [found[3][1][0]["response"], found[4][1][0]["response"]] == ["ok", {"a": 1}]


@pytest.mark.parametrize(
    "prompt",
    [
        {"system": "be brief", "prompt": "hi"},
        {"system": "be brief", "messages": [{"role": "user", "content": "hi"}]},
    ],
)
def test_a_run_is_asked_what_the_program_asked(prompt: dict[str, Any]) -> None:
    """A run has the prompt, as text or as messages, and the answer as object or text."""
    told = {"ai.prompt": json.dumps(prompt), "ai.response.object": '{"a":1}'}
    run = read("ai.generateObject", {**told, "ai.telemetry.functionId": "planner"})
    assert run.run is not None
    assert run.agent_name == "planner"
    assert [(m.role, json.loads(m.body)["parts"][0]["content"]) for m in run.run.input] == [
        ("system", "be brief"),
        ("user", "hi"),
    ]
    assert parts(run.run.output) == [("assistant", [{"type": "text", "content": '{"a":1}'}])]


def test_embeddings_are_calls_with_input_tokens_alone() -> None:
    """An inner embedding span tells the model, the tokens and the texts."""
    found = call({"ai.usage.tokens": 8, "ai.values": ['"a"', '"b"']}, "ai.embedMany.doEmbed")
    assert tokens(found) == (8, None, None, None, None)
    assert [each[0]["content"] for _, each in parts(found.input)] == ["a", "b"]


def test_a_failed_tool_is_named_by_what_it_threw() -> None:
    """The SDK's own error around the tool's is not the tool's error."""
    thrown = [("TypeError", "bad"), ("AI_ToolExecutionError", "Error executing tool f: bad")]
    events = [
        EventRecord(
            name="exception",
            time_ns=1,
            attributes={"exception.type": kind, "exception.message": said},
        )
        for kind, said in thrown
    ]
    reading = read(
        "ai.toolCall", {"ai.toolCall.name": "f"}, events=events, status_code=STATUS_ERROR
    )
    assert (reading.error_type, reading.error_message) == ("TypeError", "bad")


def test_an_error_copied_from_another_span_is_none() -> None:
    """A processor marks what ends after a failed tool as failed, though it was answered."""
    told: dict[str, Any] = {"status_code": STATUS_ERROR, "status_message": "quote service down"}
    weather = {"ai.toolCall.name": "get_weather", "ai.toolCall.result": '"18C"'}
    assert not read("ai.toolCall", weather, **told).failed
    assert not read("ai.generateText", {"ai.response.finishReason": "stop"}, **told).failed
    assert read("ai.toolCall", {"ai.toolCall.name": "get_stock_price"}, **told).failed


def test_a_span_named_after_its_model_names_no_agent() -> None:
    """In version 7 the name of an unnamed agent's span is that of its model."""
    told = {"gen_ai.operation.name": "invoke_agent", "gen_ai.request.model": "gpt-4o"}
    assert read(None, told, scope="gen_ai", name="invoke_agent gpt-4o").agent_name is None
    named = {**told, "gen_ai.agent.name": "planner"}
    assert read(None, named, scope="gen_ai", name="invoke_agent gpt-4o").agent_name == "planner"


def test_version_7_tells_reasoning_beside_the_conventions() -> None:
    """A chat span of any tracer has its reasoning; the step around it is no call."""
    told = {
        "gen_ai.operation.name": "chat",
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 5,
        "ai.usage.outputTokenDetails.textTokens": 2,
        "ai.usage.outputTokenDetails.reasoningTokens": 3,
    }
    found = read(None, told, scope="my-app").call
    assert found is not None
    assert tokens(found) == (9, 5, None, None, 3)
    assert read(None, {**told, "gen_ai.operation.name": "agent_step"}).role is Role.OTHER


def test_a_gateway_tells_the_cost() -> None:
    """The cost that a gateway put beside the answer is kept as told."""
    told = {"ai.response.providerMetadata": '{"gateway":{"cost":"0.0042"},"openai":{"cost":9}}'}
    assert call(told).emitted_cost_usd == 0.0042


def test_an_id_of_the_sdk_is_not_the_providers() -> None:
    """Two calls whose provider gave no id are not taken for copies of one."""
    assert call({"ai.response.id": "aitxt-abc"}).response_id is None
    assert call({"ai.response.id": "msg_1"}).response_id == "msg_1"


@given(OPERATIONS, st.dictionaries(NAMES, VALUES, max_size=6))
def test_no_attribute_makes_reading_fail(operation: str, attributes: dict[str, Any]) -> None:
    """Whatever the attributes hold, a span is read."""
    span = SpanRecord(
        trace_id="1" * 32,
        span_id="2" * 16,
        attributes={"ai.operationId": operation, "gen_ai.operation.name": operation, **attributes},
    )
    reading = VercelAI().read(span)
    assert reading.dialect == vercel_ai.VercelAI.name
