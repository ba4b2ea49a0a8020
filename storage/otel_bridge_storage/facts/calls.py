"""
Facts of calls to models and tools.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from otel_bridge_storage.facts.fact import Fact, at


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMCallStarted(Fact):
    """
    A request to a model went out; opens the span `chat {model}`.

    Attributes:
        call_id: The runtime's id of the call (`otel_bridge.llm_call.id`).
        operation: `chat`, `text_completion`, `generate_content` or `embeddings`
            (`gen_ai.operation.name`); None means `chat`.
        model: `gen_ai.request.model`.
        provider: `gen_ai.provider.name`.
        input: The messages sent (`gen_ai.input.messages`).
        system_instructions: `gen_ai.system_instructions`.
        tools: The tools offered (`gen_ai.tool.definitions`).
        temperature: `gen_ai.request.temperature`.
        max_tokens: `gen_ai.request.max_tokens`, tokens.
        stream: `gen_ai.request.stream`.
    """

    kind: ClassVar[str] = "llm_call.started"

    call_id: str
    operation: str | None = at("gen_ai.operation.name")
    model: str | None = at("gen_ai.request.model")
    provider: str | None = at("gen_ai.provider.name")
    input: Any = at("gen_ai.input.messages", content=True)
    system_instructions: Any = at("gen_ai.system_instructions", content=True)
    tools: Any = at("gen_ai.tool.definitions", content=True)
    temperature: float | None = at("gen_ai.request.temperature")
    max_tokens: int | None = at("gen_ai.request.max_tokens")
    stream: bool | None = at("gen_ai.request.stream")


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMCallCompleted(Fact):
    """
    A model answered; closes the call's span.

    Token counts are numbers of tokens; None is unknown.

    Attributes:
        call_id: The id given at the start (`otel_bridge.llm_call.id`).
        model: The model that answered (`gen_ai.response.model`).
        response_id: `gen_ai.response.id`.
        output: The messages received (`gen_ai.output.messages`).
        finish_reasons: `gen_ai.response.finish_reasons`.
        input_tokens: Cache included (`gen_ai.usage.input_tokens`).
        output_tokens: Reasoning included (`gen_ai.usage.output_tokens`).
        cache_read_tokens: `gen_ai.usage.cache_read.input_tokens`.
        cache_write_tokens: `gen_ai.usage.cache_write.input_tokens`.
        cache_write_1h_tokens: `otel_bridge.usage.cache_write_1h.input_tokens`.
        reasoning_tokens: `gen_ai.usage.reasoning.output_tokens`.
        cost_usd: What the provider says it cost, USD (`otel_bridge.cost_usd`).
        time_to_first_chunk_s: Seconds (`gen_ai.response.time_to_first_chunk`).
    """

    kind: ClassVar[str] = "llm_call.completed"

    call_id: str
    model: str | None = at("gen_ai.response.model")
    response_id: str | None = at("gen_ai.response.id")
    output: Any = at("gen_ai.output.messages", content=True)
    finish_reasons: tuple[str, ...] | None = at("gen_ai.response.finish_reasons")
    input_tokens: int | None = at("gen_ai.usage.input_tokens")
    output_tokens: int | None = at("gen_ai.usage.output_tokens")
    cache_read_tokens: int | None = at("gen_ai.usage.cache_read.input_tokens")
    cache_write_tokens: int | None = at("gen_ai.usage.cache_write.input_tokens")
    cache_write_1h_tokens: int | None = at("otel_bridge.usage.cache_write_1h.input_tokens")
    reasoning_tokens: int | None = at("gen_ai.usage.reasoning.output_tokens")
    cost_usd: float | None = at("otel_bridge.cost_usd")
    time_to_first_chunk_s: float | None = at("gen_ai.response.time_to_first_chunk")


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMCallFailed(Fact):
    """
    A request to a model failed; closes the call's span with status ERROR.

    Attributes:
        call_id: The id given at the start (`otel_bridge.llm_call.id`).
        error_type: `error.type`.
        error_message: The span's status message (`otel_bridge.error.message`).
    """

    kind: ClassVar[str] = "llm_call.failed"

    call_id: str
    error_type: str | None = at("error.type")
    error_message: str | None = at("otel_bridge.error.message")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStepStarted(Fact):
    """
    A tool began to run; opens the span `execute_tool {tool_name}`.

    Attributes:
        tool_call_id: `gen_ai.tool.call.id`.
        tool_name: `gen_ai.tool.name`.
        arguments: A map or JSON text (`gen_ai.tool.call.arguments`).
        target: Where it runs, `server` or `client` (`otel_bridge.tool.target`).
    """

    kind: ClassVar[str] = "tool.started"

    tool_call_id: str
    tool_name: str | None = at("gen_ai.tool.name")
    arguments: Any = at("gen_ai.tool.call.arguments", content=True)
    target: str | None = at("otel_bridge.tool.target")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolStepCommitted(Fact):
    """
    A tool answered or failed, and its answer became part of the run; closes its span.

    Attributes:
        tool_call_id: `gen_ai.tool.call.id`.
        tool_name: `gen_ai.tool.name`; needed where the start was not told.
        result: Anything JSON can hold (`gen_ai.tool.call.result`).
        is_error: The tool failed (status ERROR).
        error_type: `error.type`.
        error_message: The span's status message (`otel_bridge.error.message`).
    """

    kind: ClassVar[str] = "tool.committed"

    tool_call_id: str
    tool_name: str | None = at("gen_ai.tool.name")
    result: Any = at("gen_ai.tool.call.result", content=True)
    is_error: bool = False
    error_type: str | None = at("error.type")
    error_message: str | None = at("otel_bridge.error.message")
