"""
Facts of what was said in a run, and of what the model still sees of it.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

from otel_bridge_storage.facts.fact import Fact, at


@dataclass(frozen=True, slots=True, kw_only=True)
class UserStepCommitted(Fact):
    """
    A user's message became part of the run.

    Attributes:
        step_id: `otel_bridge.step.id`.
        content: Text, or a list of message parts (`otel_bridge.step.content`).
    """

    kind: ClassVar[str] = "step.user"

    step_id: str | None = at("otel_bridge.step.id")
    content: Any = at("otel_bridge.step.content", content=True)


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

    step_id: str | None = at("otel_bridge.step.id")
    content: Any = at("otel_bridge.step.content", content=True)
    call_id: str | None = at("otel_bridge.llm_call.id")


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCondensed(Fact):
    """
    A step has a shorter text that the model sees from now on.

    Attributes:
        step_id: `otel_bridge.step.id`.
        content: `otel_bridge.step.condensed_content`.
    """

    kind: ClassVar[str] = "step.condensed"

    step_id: str | None = at("otel_bridge.step.id")
    content: Any = at("otel_bridge.step.condensed_content", content=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepsHidden(Fact):
    """
    Steps are no longer shown to the model.

    Attributes:
        step_ids: `otel_bridge.steps.ids`.
        reason: `otel_bridge.steps.reason`.
    """

    kind: ClassVar[str] = "steps.hidden"

    step_ids: tuple[str, ...] | None = at("otel_bridge.steps.ids")
    reason: str | None = at("otel_bridge.steps.reason")


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

    step_ids: tuple[str, ...] | None = at("otel_bridge.retrospect.step_ids")
    feedback: str | None = at("otel_bridge.retrospect.feedback", content=True)
    replacement: str | None = at("otel_bridge.retrospect.replacement", content=True)
    trigger: str | None = at("otel_bridge.retrospect.trigger")


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

    first_step_id: str | None = at("otel_bridge.compaction.first_step_id")
    last_step_id: str | None = at("otel_bridge.compaction.last_step_id")
    before_tokens: int | None = at("otel_bridge.compaction.before_tokens")
    after_tokens: int | None = at("otel_bridge.compaction.after_tokens")
    message_count: int | None = at("otel_bridge.compaction.message_count")
    summary: str | None = at("otel_bridge.compaction.summary", content=True)
    model: str | None = at("gen_ai.request.model")


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

    error_type: str | None = at("error.type")
    error_message: str | None = at("otel_bridge.error.message")
    attempt: int | None = at("otel_bridge.compaction.attempt")
    max_attempts: int | None = at("otel_bridge.compaction.max_attempts")
    terminal: bool | None = at("otel_bridge.compaction.terminal")
