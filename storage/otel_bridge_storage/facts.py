"""
The facts of the run log: what can happen in a run, as typed and frozen records.

Each field names the attribute that carries it on a span or a span event, so that a
fact becomes telemetry and telemetry becomes a fact by one table (`fact_codec`). Names
are those of the OpenTelemetry GenAI conventions; what these lack is under the prefix
`otel_bridge.`. Facts that start and finish something are a span; the others are
events of the run's span.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

PREFIX = "otel_bridge."


def _at(attribute: str, *, content: bool = False) -> Any:
    """
    Declare an optional field and the attribute it maps to.

    Args:
        attribute: The attribute's name.
        content: The field may hold what people wrote, and obeys the content switches.
    """
    return field(default=None, metadata={"attribute": attribute, "content": content})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """
    One immutable thing that happened in a run.

    Attributes:
        run_id: The run it belongs to (`otel_bridge.run.id`).
        time_ns: When, in nanoseconds since the epoch, UTC; None for the moment of
            recording.
        fact_id: What tells this fact from others of its run (`otel_bridge.fact.id`);
            None to have one made.
        iteration: The turn of the agent's loop, from 1 (`otel_bridge.iteration`).
    """

    kind: ClassVar[str] = ""

    run_id: str
    time_ns: int | None = None
    fact_id: str | None = None
    iteration: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Fact):
    """
    A run began; opens the span `invoke_agent {agent_name}`.

    Attributes:
        agent_name: `gen_ai.agent.name`.
        agent_id: `gen_ai.agent.id`.
        input: What the run was asked, as text or a list of messages
            (`gen_ai.input.messages`).
        session_id: The conversation (`gen_ai.conversation.id`).
        user_id: `user.id`.
        tenant_id: `otel_bridge.tenant.id`.
        parent_run_id: The run that started this one (`otel_bridge.run.parent_id`).
        model: `gen_ai.request.model`.
        strategy: The runtime's name of its loop (`otel_bridge.run.strategy`).
        tags: `otel_bridge.tags`.
        metadata: `otel_bridge.metadata`, a map.
    """

    kind: ClassVar[str] = "run.started"

    agent_name: str | None = _at("gen_ai.agent.name")
    agent_id: str | None = _at("gen_ai.agent.id")
    input: Any = _at("gen_ai.input.messages", content=True)
    session_id: str | None = _at("gen_ai.conversation.id")
    user_id: str | None = _at("user.id")
    tenant_id: str | None = _at("otel_bridge.tenant.id")
    parent_run_id: str | None = _at("otel_bridge.run.parent_id")
    model: str | None = _at("gen_ai.request.model")
    strategy: str | None = _at("otel_bridge.run.strategy")
    tags: tuple[str, ...] | None = _at("otel_bridge.tags")
    metadata: Mapping[str, Any] | None = _at("otel_bridge.metadata")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished(Fact):
    """
    A run reached its end; closes its span with status OK.

    Attributes:
        output: The answer, as text or a list of messages (`gen_ai.output.messages`).
        termination_reason: Why it ended, such as `completed` or `max_steps`
            (`otel_bridge.run.termination_reason`).
    """

    kind: ClassVar[str] = "run.finished"

    output: Any = _at("gen_ai.output.messages", content=True)
    termination_reason: str | None = _at("otel_bridge.run.termination_reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFailed(Fact):
    """
    A run ended in an error; closes its span with status ERROR.

    Attributes:
        error_type: `error.type`.
        error_message: The span's status message (`otel_bridge.error.message`).
        termination_reason: `otel_bridge.run.termination_reason`.
    """

    kind: ClassVar[str] = "run.failed"

    error_type: str | None = _at("error.type")
    error_message: str | None = _at("otel_bridge.error.message")
    termination_reason: str | None = _at("otel_bridge.run.termination_reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCancelled(Fact):
    """
    A run was stopped from outside; closes its span (`otel_bridge.run.status` =
    `cancelled`).

    Attributes:
        reason: `otel_bridge.run.termination_reason`.
    """

    kind: ClassVar[str] = "run.cancelled"

    reason: str | None = _at("otel_bridge.run.termination_reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminationDecided(Fact):
    """
    The runtime decided that the run will end.

    Attributes:
        reason: Such as `completed`, `max_steps`, `timeout`, `max_run_cost`
            (`otel_bridge.termination.reason`).
        phase: Where in the loop (`otel_bridge.termination.phase`).
        source: Which part decided (`otel_bridge.termination.source`).
    """

    kind: ClassVar[str] = "termination.decided"

    reason: str | None = _at("otel_bridge.termination.reason")
    phase: str | None = _at("otel_bridge.termination.phase")
    source: str | None = _at("otel_bridge.termination.source")


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
    operation: str | None = _at("gen_ai.operation.name")
    model: str | None = _at("gen_ai.request.model")
    provider: str | None = _at("gen_ai.provider.name")
    input: Any = _at("gen_ai.input.messages", content=True)
    system_instructions: Any = _at("gen_ai.system_instructions", content=True)
    tools: Any = _at("gen_ai.tool.definitions", content=True)
    temperature: float | None = _at("gen_ai.request.temperature")
    max_tokens: int | None = _at("gen_ai.request.max_tokens")
    stream: bool | None = _at("gen_ai.request.stream")


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
    model: str | None = _at("gen_ai.response.model")
    response_id: str | None = _at("gen_ai.response.id")
    output: Any = _at("gen_ai.output.messages", content=True)
    finish_reasons: tuple[str, ...] | None = _at("gen_ai.response.finish_reasons")
    input_tokens: int | None = _at("gen_ai.usage.input_tokens")
    output_tokens: int | None = _at("gen_ai.usage.output_tokens")
    cache_read_tokens: int | None = _at("gen_ai.usage.cache_read.input_tokens")
    cache_write_tokens: int | None = _at("gen_ai.usage.cache_write.input_tokens")
    cache_write_1h_tokens: int | None = _at("otel_bridge.usage.cache_write_1h.input_tokens")
    reasoning_tokens: int | None = _at("gen_ai.usage.reasoning.output_tokens")
    cost_usd: float | None = _at("otel_bridge.cost_usd")
    time_to_first_chunk_s: float | None = _at("gen_ai.response.time_to_first_chunk")


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
    error_type: str | None = _at("error.type")
    error_message: str | None = _at("otel_bridge.error.message")


@dataclass(frozen=True, slots=True, kw_only=True)
class UserStepCommitted(Fact):
    """
    A user's message became part of the run.

    Attributes:
        step_id: `otel_bridge.step.id`.
        content: Text, or a list of message parts (`otel_bridge.step.content`).
    """

    kind: ClassVar[str] = "step.user"

    step_id: str | None = _at("otel_bridge.step.id")
    content: Any = _at("otel_bridge.step.content", content=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantStepCommitted(Fact):
    """
    An assistant's message became part of the run.

    Attributes:
        step_id: `otel_bridge.step.id`.
        content: Text, or a list of message parts (`otel_bridge.step.content`).
        call_id: The LLM call it came from (`otel_bridge.llm_call.id`).
    """

    kind: ClassVar[str] = "step.assistant"

    step_id: str | None = _at("otel_bridge.step.id")
    content: Any = _at("otel_bridge.step.content", content=True)
    call_id: str | None = _at("otel_bridge.llm_call.id")


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
    tool_name: str | None = _at("gen_ai.tool.name")
    arguments: Any = _at("gen_ai.tool.call.arguments", content=True)
    target: str | None = _at("otel_bridge.tool.target")


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
    tool_name: str | None = _at("gen_ai.tool.name")
    result: Any = _at("gen_ai.tool.call.result", content=True)
    is_error: bool = False
    error_type: str | None = _at("error.type")
    error_message: str | None = _at("otel_bridge.error.message")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPaused(Fact):
    """
    A run stopped to wait for something.

    Attributes:
        pause_id: What a resume refers to (`otel_bridge.pause.id`).
        reason: Such as `waiting_approval` (`otel_bridge.pause.reason`).
        message: For people (`otel_bridge.pause.message`).
        pending_tool_calls: Maps with id, name and params
            (`otel_bridge.pause.pending_tool_calls`).
    """

    kind: ClassVar[str] = "run.paused"

    pause_id: str | None = _at("otel_bridge.pause.id")
    reason: str | None = _at("otel_bridge.pause.reason")
    message: str | None = _at("otel_bridge.pause.message", content=True)
    pending_tool_calls: Any = _at("otel_bridge.pause.pending_tool_calls", content=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResumed(Fact):
    """
    A paused run went on.

    Attributes:
        pause_id: The pause that ended (`otel_bridge.pause.id`).
        submitted_results: Maps with call_id, name and success
            (`otel_bridge.resume.submitted_results`).
        user_input: What a person said (`otel_bridge.resume.user_input`).
    """

    kind: ClassVar[str] = "run.resumed"

    pause_id: str | None = _at("otel_bridge.pause.id")
    submitted_results: Any = _at("otel_bridge.resume.submitted_results", content=True)
    user_input: str | None = _at("otel_bridge.resume.user_input", content=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequested(Fact):
    """
    A person was asked to allow a tool call.

    Attributes:
        tool_call_id: `gen_ai.tool.call.id`.
        tool_name: `gen_ai.tool.name`.
        reason: `otel_bridge.approval.reason`.
        source: Which policy asked (`otel_bridge.approval.source`).
    """

    kind: ClassVar[str] = "approval.requested"

    tool_call_id: str | None = _at("gen_ai.tool.call.id")
    tool_name: str | None = _at("gen_ai.tool.name")
    reason: str | None = _at("otel_bridge.approval.reason", content=True)
    source: str | None = _at("otel_bridge.approval.source")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalDecided(Fact):
    """
    A person decided about a tool call.

    Attributes:
        tool_call_id: `gen_ai.tool.call.id`.
        tool_name: `gen_ai.tool.name`.
        decision: `approved` or `rejected` (`otel_bridge.approval.decision`).
        decided_by: `otel_bridge.approval.decided_by`.
        reason: `otel_bridge.approval.reason`.
    """

    kind: ClassVar[str] = "approval.decided"

    tool_call_id: str | None = _at("gen_ai.tool.call.id")
    tool_name: str | None = _at("gen_ai.tool.name")
    decision: str | None = _at("otel_bridge.approval.decision")
    decided_by: str | None = _at("otel_bridge.approval.decided_by")
    reason: str | None = _at("otel_bridge.approval.reason", content=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactionApplied(Fact):
    """
    Older steps were replaced by a summary in the model's context.

    Attributes:
        first_step_id: `otel_bridge.compaction.first_step_id`.
        last_step_id: `otel_bridge.compaction.last_step_id`.
        before_tokens: Estimate (`otel_bridge.compaction.before_tokens`).
        after_tokens: Estimate (`otel_bridge.compaction.after_tokens`).
        message_count: `otel_bridge.compaction.message_count`.
        summary: `otel_bridge.compaction.summary`.
        model: The model that wrote it (`gen_ai.request.model`).
    """

    kind: ClassVar[str] = "compaction.applied"

    first_step_id: str | None = _at("otel_bridge.compaction.first_step_id")
    last_step_id: str | None = _at("otel_bridge.compaction.last_step_id")
    before_tokens: int | None = _at("otel_bridge.compaction.before_tokens")
    after_tokens: int | None = _at("otel_bridge.compaction.after_tokens")
    message_count: int | None = _at("otel_bridge.compaction.message_count")
    summary: str | None = _at("otel_bridge.compaction.summary", content=True)
    model: str | None = _at("gen_ai.request.model")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactionFailed(Fact):
    """
    A compaction was tried and failed.

    Attributes:
        error_type: `error.type`.
        error_message: `otel_bridge.error.message`.
        attempt: From 1 (`otel_bridge.compaction.attempt`).
        max_attempts: `otel_bridge.compaction.max_attempts`.
        terminal: It will not be tried again (`otel_bridge.compaction.terminal`).
    """

    kind: ClassVar[str] = "compaction.failed"

    error_type: str | None = _at("error.type")
    error_message: str | None = _at("otel_bridge.error.message")
    attempt: int | None = _at("otel_bridge.compaction.attempt")
    max_attempts: int | None = _at("otel_bridge.compaction.max_attempts")
    terminal: bool | None = _at("otel_bridge.compaction.terminal")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrospectApplied(Fact):
    """
    The agent stepped back: steps were reviewed and replaced by what they taught.

    Attributes:
        step_ids: The steps concerned (`otel_bridge.retrospect.step_ids`).
        feedback: What was learnt (`otel_bridge.retrospect.feedback`).
        replacement: What the model sees instead (`otel_bridge.retrospect.replacement`).
        trigger: What caused it (`otel_bridge.retrospect.trigger`).
    """

    kind: ClassVar[str] = "retrospect.applied"

    step_ids: tuple[str, ...] | None = _at("otel_bridge.retrospect.step_ids")
    feedback: str | None = _at("otel_bridge.retrospect.feedback", content=True)
    replacement: str | None = _at("otel_bridge.retrospect.replacement", content=True)
    trigger: str | None = _at("otel_bridge.retrospect.trigger")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCondensed(Fact):
    """
    A step has a shorter text that the model sees from now on.

    Attributes:
        step_id: `otel_bridge.step.id`.
        content: `otel_bridge.step.condensed_content`.
    """

    kind: ClassVar[str] = "step.condensed"

    step_id: str | None = _at("otel_bridge.step.id")
    content: Any = _at("otel_bridge.step.condensed_content", content=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepsHidden(Fact):
    """
    Steps are no longer shown to the model.

    Attributes:
        step_ids: `otel_bridge.steps.ids`.
        reason: `otel_bridge.steps.reason`.
    """

    kind: ClassVar[str] = "steps.hidden"

    step_ids: tuple[str, ...] | None = _at("otel_bridge.steps.ids")
    reason: str | None = _at("otel_bridge.steps.reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRolledBack(Fact):
    """
    Steps of a run were taken back.

    Attributes:
        step_ids: The steps taken back; None for all that the run had committed
            (`otel_bridge.rollback.step_ids`).
        reason: `otel_bridge.rollback.reason`.
    """

    kind: ClassVar[str] = "run.rolled_back"

    step_ids: tuple[str, ...] | None = _at("otel_bridge.rollback.step_ids")
    reason: str | None = _at("otel_bridge.rollback.reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class HookFailed(Fact):
    """
    A hook of the runtime raised.

    Attributes:
        phase: `otel_bridge.hook.phase`.
        handler: `otel_bridge.hook.handler`.
        critical: The run could not go on (`otel_bridge.hook.critical`).
        error_type: `error.type`.
        error_message: `otel_bridge.error.message`.
        traceback: `exception.stacktrace`.
    """

    kind: ClassVar[str] = "hook.failed"

    phase: str | None = _at("otel_bridge.hook.phase")
    handler: str | None = _at("otel_bridge.hook.handler")
    critical: bool | None = _at("otel_bridge.hook.critical")
    error_type: str | None = _at("error.type")
    error_message: str | None = _at("otel_bridge.error.message")
    traceback: str | None = _at("exception.stacktrace", content=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PiiMapped(Fact):
    """
    Personal data was replaced by placeholders before it went to the model.

    Attributes:
        mapping: Placeholder to original (`otel_bridge.pii.mapping`); content, so it
            leaves this machine only if content does.
    """

    kind: ClassVar[str] = "pii.mapped"

    mapping: Mapping[str, str] | None = _at("otel_bridge.pii.mapping", content=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomFact(Fact):
    """
    A fact of the runtime's own, or one of a newer version that is not known here.

    Attributes:
        name: A namespaced name such as `acme.guardrail.blocked`; it is the fact's kind.
        data: Anything JSON can hold (`otel_bridge.fact.data`).
    """

    kind: ClassVar[str] = "custom"

    name: str
    data: Mapping[str, Any] | None = _at("otel_bridge.fact.data", content=True)


SPAN_FACTS: tuple[type[Fact], ...] = (
    RunStarted,
    RunFinished,
    RunFailed,
    RunCancelled,
    LLMCallStarted,
    LLMCallCompleted,
    LLMCallFailed,
    ToolStepStarted,
    ToolStepCommitted,
)

EVENT_FACTS: tuple[type[Fact], ...] = (
    TerminationDecided,
    UserStepCommitted,
    AssistantStepCommitted,
    RunPaused,
    RunResumed,
    ApprovalRequested,
    ApprovalDecided,
    CompactionApplied,
    CompactionFailed,
    RetrospectApplied,
    StepCondensed,
    StepsHidden,
    RunRolledBack,
    HookFailed,
    PiiMapped,
)

FACTS_BY_KIND: Mapping[str, type[Fact]] = {fact.kind: fact for fact in (*SPAN_FACTS, *EVENT_FACTS)}
