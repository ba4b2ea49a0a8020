"""
Facts of those who watch over a run: people, hooks, guards, and a runtime's own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from otel_bridge_storage.facts.fact import Fact, at


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

    tool_call_id: str | None = at("gen_ai.tool.call.id")
    tool_name: str | None = at("gen_ai.tool.name")
    reason: str | None = at("otel_bridge.approval.reason", content=True)
    source: str | None = at("otel_bridge.approval.source")


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

    tool_call_id: str | None = at("gen_ai.tool.call.id")
    tool_name: str | None = at("gen_ai.tool.name")
    decision: str | None = at("otel_bridge.approval.decision")
    decided_by: str | None = at("otel_bridge.approval.decided_by")
    reason: str | None = at("otel_bridge.approval.reason", content=True)


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

    phase: str | None = at("otel_bridge.hook.phase")
    handler: str | None = at("otel_bridge.hook.handler")
    critical: bool | None = at("otel_bridge.hook.critical")
    error_type: str | None = at("error.type")
    error_message: str | None = at("otel_bridge.error.message")
    traceback: str | None = at("exception.stacktrace", content=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PiiMapped(Fact):
    """
    Personal data was replaced by placeholders before it went to the model.

    Attributes:
        mapping: Placeholder to original (`otel_bridge.pii.mapping`); content, so it
            leaves this machine only if content does.
    """

    kind: ClassVar[str] = "pii.mapped"

    mapping: Mapping[str, str] | None = at("otel_bridge.pii.mapping", content=True)


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
    data: Mapping[str, Any] | None = at("otel_bridge.fact.data", content=True)
