"""
What the spans and log records of Semantic Kernel mean, of all its versions.
"""

import json
from typing import Any

import pytest
from otel_bridge_storage.readings import LOG_TOLD, Role
from otel_bridge_storage.records import STATUS_ERROR
from read_dialects import Reads, event, log_of, told

from otel_bridge.dialects.semantic_kernel import SemanticKernel

READS = Reads(SemanticKernel())
MODELS = "semantic_kernel.utils.telemetry.model_diagnostics.decorators"
FUNCTIONS = "semantic_kernel.functions.kernel_function"
AGENTS = "semantic_kernel.utils.telemetry.agent_diagnostics.decorators"
CONNECTOR = "semantic_kernel.connectors.ai.open_ai.services.open_ai_handler"
DOTNET = "Microsoft.SemanticKernel.Diagnostics"


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("chat", "chat"),
        ("chat.completions", "chat"),
        ("chat.streaming_completions", "chat"),
        ("text_completions", "text_completion"),
        ("text.completions", "text_completion"),
        ("text.streaming_completions", "text_completion"),
    ],
)
def test_requests_of_all_versions_are_calls(operation: str, expected: str) -> None:
    """
    Each version's own name of an operation becomes that of the conventions.
    """
    call = READS.call(
        {
            "gen_ai.operation.name": operation,
            "gen_ai.system": "openai",
            "gen_ai.request.model": "m",
            "gen_ai.usage.input_tokens": 5,
        },
        scope=MODELS,
    )
    assert (call.operation, call.provider, call.request_model) == (expected, "openai", "m")
    assert call.usage.input_tokens == 5


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("FinishReason.STOP", ("stop",)),
        ("FinishReason.STOP,FinishReason.TOOL_CALLS", ("stop", "tool_calls")),
        ("stop", ("stop",)),
        ("None", ()),
    ],
)
def test_finish_reasons_are_those_of_the_enumeration(told: str, expected: Any) -> None:
    """
    Reasons that are written as Python shows them are read as what they are.
    """
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.response.finish_reason": told}
    assert READS.call(attributes, scope=MODELS).finish_reasons == expected


def test_the_tokens_of_the_first_dotnet_versions_are_read() -> None:
    """
    .NET's first names of the counts are known.
    """
    call = READS.call(
        {
            "gen_ai.operation.name": "chat.completions",
            "gen_ai.response.prompt_tokens": 7,
            "gen_ai.response.completion_tokens": 3,
        },
        scope=DOTNET,
        events=[
            event("gen_ai.content.prompt", gen_ai__prompt='[{"role": "user", "content": "hi"}]'),
            event("gen_ai.content.completion", gen_ai__completion='[{"content": "ho"}]'),
        ],
    )
    assert (call.usage.input_tokens, call.usage.output_tokens) == (7, 3)
    assert told(call.input) == [("user", [{"type": "text", "content": "hi"}])]
    assert told(call.output) == [("assistant", [{"type": "text", "content": "ho"}])]


def test_a_failed_call_is_named_by_its_class() -> None:
    """
    An error's type that is written as Python shows a class is the name of that class.
    """
    reading = READS.span(
        {"gen_ai.operation.name": "chat", "error.type": "<class 'openai.RateLimitError'>"},
        scope=MODELS,
        status_code=STATUS_ERROR,
    )
    assert (reading.failed, reading.error_type) == (True, "RateLimitError")


@pytest.mark.parametrize("named", [True, False])
def test_functions_are_tools(named: bool) -> None:
    """
    A kernel function is a tool by its attributes, and by its scope in versions without.
    """
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "Travel-get_weather",
        "gen_ai.tool.call.id": "c",
        "gen_ai.tool.call.arguments": '{"city": "Paris"}',
        "gen_ai.tool.call.result": "18C",
    }
    tool = READS.tool(
        attributes if named else {},
        scope=FUNCTIONS,
        name="execute_tool Travel-get_weather" if named else "Travel-get_weather",
    )
    assert tool.tool_name == "Travel-get_weather"
    if named:
        assert (tool.tool_call_id, tool.arguments) == ("c", '{"city": "Paris"}')
        assert tool.result == "18C"


@pytest.mark.parametrize("named", [True, False])
def test_agents_are_runs(named: bool) -> None:
    """
    An agent's invocation is a run, named by its span in versions without attributes.
    """
    reading = READS.span(
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a"} if named else {},
        scope=AGENTS,
        name="invoke_agent a" if named else "a",
    )
    assert (reading.role, reading.agent_name) == (Role.RUN, "a")


def test_messages_are_json_text_in_logs_that_name_their_event_in_an_attribute() -> None:
    """
    Prompts, answers of several tools and choices are read from the text of the body.
    """
    calls = [{"id": "c", "type": "function", "function": {"name": "P-f", "arguments": "{}"}}]
    asked = read_log("gen_ai.user.message", {"role": "user", "content": "hi"})
    several = read_log(
        "gen_ai.tool.message",
        {
            "role": "tool",
            "content": [
                {"tool_call_id": "c", "content": "18C"},
                {"tool_call_id": "d", "content": "no"},
            ],
            "tool_call_id": "c",
        },
    )
    answered = read_log(
        "gen_ai.choice",
        {"message": {"role": "assistant", "tool_calls": calls}, "finish_reason": "tool_calls"},
    )
    prompt = READS.log("say hi", scope=MODELS, attributes={"event.name": "gen_ai.prompt"})
    assert told(asked.input) == [("user", [{"type": "text", "content": "hi"}])]
    assert [part["id"] for part in told(several.input)[0][1]] == ["c", "d"]
    assert told(answered.output)[0][1][0]["name"] == "P-f"
    assert prompt is not None
    assert told(prompt.input) == [("user", [{"type": "text", "content": "say hi"}])]


def read_log(name: str, body: dict[str, Any]) -> Any:
    """
    Read a log record as Semantic Kernel writes it.
    """
    reading = READS.log(json.dumps(body), scope=MODELS, attributes={"event.name": name})
    assert reading is not None
    return reading


def test_the_usage_of_openais_connector_is_one_more_account_of_its_call() -> None:
    """
    The log has the parts of the counts, which the span of the call has not.
    """
    body = (
        "OpenAI usage: CompletionUsage(completion_tokens=32, prompt_tokens=133, total_tokens=165,"
        " completion_tokens_details=CompletionTokensDetails(reasoning_tokens=11),"
        " prompt_tokens_details=PromptTokensDetails(audio_tokens=None, cached_tokens=64))"
    )
    log = log_of(body, scope=CONNECTOR)
    reading = SemanticKernel().read_log(log)
    assert reading
    assert reading.span
    assert reading.span.parent_span_id == log.span_id
    call = SemanticKernel().read(reading.span).call
    assert call
    assert call.precedence == LOG_TOLD
    usage = (call.usage.input_tokens, call.usage.output_tokens)
    assert usage == (133, 32)
    assert (call.usage.cache_read_tokens, call.usage.reasoning_tokens) == (64, 11)


@pytest.mark.parametrize(
    "body", ["OpenAI usage: None", "OpenAI usage: CompletionUsage(", "Calling f"]
)
def test_other_logs_of_semantic_kernel_tell_nothing(body: str) -> None:
    """
    What has no counts is no call.
    """
    log = log_of(body, scope=CONNECTOR)
    assert SemanticKernel().read_log(log) is None


@pytest.mark.parametrize(
    ("name", "call_id", "expected"),
    [
        ("zAOBUYBqAwdhKFCz", None, Role.OTHER),
        ("zAOBUYBqAwdhKFCz", "call_1", Role.TOOL),
        ("Weather-get", None, Role.TOOL),
        ("get_stock_prices", None, Role.TOOL),
    ],
)
def test_the_function_around_a_bare_prompt_is_no_tool(
    name: str, call_id: str | None, expected: Role
) -> None:
    """
    It has a random name, and no model called it.
    """
    attributes = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
    if call_id:
        attributes["gen_ai.tool.call.id"] = call_id
    assert READS.span(attributes, scope=FUNCTIONS).role is expected
