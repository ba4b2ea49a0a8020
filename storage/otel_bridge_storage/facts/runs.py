"""
Facts of a run as a whole: its start, its end, its pauses.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from otel_bridge_storage.facts.fact import Fact, at


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

    agent_name: str | None = at("gen_ai.agent.name")
    agent_id: str | None = at("gen_ai.agent.id")
    input: Any = at("gen_ai.input.messages", content=True)
    session_id: str | None = at("gen_ai.conversation.id")
    user_id: str | None = at("user.id")
    tenant_id: str | None = at("otel_bridge.tenant.id")
    parent_run_id: str | None = at("otel_bridge.run.parent_id")
    model: str | None = at("gen_ai.request.model")
    strategy: str | None = at("otel_bridge.run.strategy")
    tags: tuple[str, ...] | None = at("otel_bridge.tags")
    metadata: Mapping[str, Any] | None = at("otel_bridge.metadata")


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

    output: Any = at("gen_ai.output.messages", content=True)
    termination_reason: str | None = at("otel_bridge.run.termination_reason")


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

    error_type: str | None = at("error.type")
    error_message: str | None = at("otel_bridge.error.message")
    termination_reason: str | None = at("otel_bridge.run.termination_reason")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCancelled(Fact):
    """
    A run was stopped from outside; closes its span (`otel_bridge.run.status` =
    `cancelled`).

    Attributes:
        reason: `otel_bridge.run.termination_reason`.
    """

    kind: ClassVar[str] = "run.cancelled"

    reason: str | None = at("otel_bridge.run.termination_reason")


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

    reason: str | None = at("otel_bridge.termination.reason")
    phase: str | None = at("otel_bridge.termination.phase")
    source: str | None = at("otel_bridge.termination.source")


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

    pause_id: str | None = at("otel_bridge.pause.id")
    reason: str | None = at("otel_bridge.pause.reason")
    message: str | None = at("otel_bridge.pause.message", content=True)
    pending_tool_calls: Any = at("otel_bridge.pause.pending_tool_calls", content=True)


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

    pause_id: str | None = at("otel_bridge.pause.id")
    submitted_results: Any = at("otel_bridge.resume.submitted_results", content=True)
    user_input: str | None = at("otel_bridge.resume.user_input", content=True)


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

    step_ids: tuple[str, ...] | None = at("otel_bridge.rollback.step_ids")
    reason: str | None = at("otel_bridge.rollback.reason")
