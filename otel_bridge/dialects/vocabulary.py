"""
Tables of attribute names: where a dialect keeps each field of a reading.

    OPENLIT = GENAI.after(Vocabulary(call=CallNames(cost=("gen_ai.usage.cost",))))
"""

from dataclasses import dataclass, field, fields
from typing import Self

from otel_bridge.dialects.lenient import Names
from otel_bridge.dialects.marks import Marks
from otel_bridge.dialects.tokens import TokenNames


class _Table:
    """
    A dataclass of names, best first.
    """

    def after(self, first: Self) -> Self:
        """
        Put the names of another table before these.
        """
        joined = {
            f.name: getattr(first, f.name) + getattr(self, f.name)
            for f in fields(self)  # type: ignore[arg-type]
        }
        return type(self)(**joined)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallNames(_Table):
    """
    The attribute names of a request to a model, but for its tokens.

    Attributes:
        first_chunk_s: From the request to the first streamed part, in seconds.
        first_chunk_ms: The same in milliseconds.
        cost: USD.
    """

    provider: Names = ()
    request_model: Names = ()
    response_model: Names = ()
    response_id: Names = ()
    finish_reasons: Names = ()
    first_chunk_s: Names = ()
    first_chunk_ms: Names = ()
    cost: Names = ()
    service_tier: Names = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolNames(_Table):
    """
    The attribute names of an execution of a tool.
    """

    name: Names = ()
    call_id: Names = ()
    arguments: Names = ()
    result: Names = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunNames(_Table):
    """
    The attribute names of an invocation of an agent.
    """

    agent_id: Names = ()
    model: Names = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """
    All attribute names of a dialect.
    """

    marks: Marks = field(default_factory=Marks)
    call: CallNames = field(default_factory=CallNames)
    tokens: TokenNames = field(default_factory=TokenNames)
    tool: ToolNames = field(default_factory=ToolNames)
    run: RunNames = field(default_factory=RunNames)

    def after(self, first: "Vocabulary") -> "Vocabulary":
        """
        Put the names of another dialect before these, for spans that speak both.

        The marks are those of the other dialect, which names them in full.
        """
        return Vocabulary(
            marks=first.marks,
            call=self.call.after(first.call),
            tokens=self.tokens.after(first.tokens),
            tool=self.tool.after(first.tool),
            run=self.run.after(first.run),
        )


GENAI = Vocabulary(
    call=CallNames(
        provider=("gen_ai.provider.name", "gen_ai.system"),
        request_model=("gen_ai.request.model",),
        response_model=("gen_ai.response.model",),
        response_id=("gen_ai.response.id",),
        finish_reasons=(
            "gen_ai.response.finish_reasons",
            "gen_ai.response.finish_reason",
            "anthropic.message.stop_reason",
        ),
        first_chunk_s=(
            "gen_ai.response.time_to_first_chunk",
            "gen_ai.server.time_to_first_token",
        ),
        cost=("gen_ai.usage.cost", "gen_ai.cost.total_cost", "operation.cost"),
        service_tier=(
            "openai.response.service_tier",
            "gen_ai.openai.response.service_tier",
            "anthropic.response.service_tier",
            "anthropic.usage.service_tier",
            "gen_ai.response.service_tier",
            "openai.request.service_tier",
            "gen_ai.openai.request.service_tier",
        ),
    ),
    tokens=TokenNames(
        input=("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
        output=("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
        cache_read=(
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.cache_read_input_tokens",
            "gen_ai.usage.cache_read_tokens",
        ),
        cache_write=(
            "gen_ai.usage.cache_write.input_tokens",
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.cache_creation_input_tokens",
            "gen_ai.usage.cache_write_input_tokens",
            "gen_ai.usage.cache_creation_tokens",
        ),
        cache_write_1h=(
            "otel_bridge.usage.cache_write_1h.input_tokens",
            "anthropic.usage.cache_creation.ephemeral_1h_input_tokens",
        ),
        reasoning=(
            "gen_ai.usage.reasoning.output_tokens",
            "gen_ai.usage.reasoning_tokens",
            "gen_ai.usage.details.reasoning_tokens",
        ),
    ),
    tool=ToolNames(
        name=("gen_ai.tool.name",),
        call_id=("gen_ai.tool.call.id", "gen_ai.tool.call_id"),
        arguments=("gen_ai.tool.call.arguments",),
        result=("gen_ai.tool.call.result",),
    ),
    run=RunNames(agent_id=("gen_ai.agent.id",), model=("gen_ai.request.model",)),
)
"""
The GenAI conventions of OpenTelemetry, from 1.36 and before to the newest.
"""
