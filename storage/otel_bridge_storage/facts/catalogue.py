"""
All facts: which are spans, which are events, and each by its kind.
"""

from collections.abc import Mapping

from otel_bridge_storage.facts.calls import (
    LLMCallCompleted,
    LLMCallFailed,
    LLMCallStarted,
    ToolStepCommitted,
    ToolStepStarted,
)
from otel_bridge_storage.facts.fact import Fact
from otel_bridge_storage.facts.governance import (
    ApprovalDecided,
    ApprovalRequested,
    HookFailed,
    PiiMapped,
)
from otel_bridge_storage.facts.runs import (
    RunCancelled,
    RunFailed,
    RunFinished,
    RunPaused,
    RunResumed,
    RunRolledBack,
    RunStarted,
    TerminationDecided,
)
from otel_bridge_storage.facts.steps import (
    AssistantStepCommitted,
    CompactionApplied,
    CompactionFailed,
    RetrospectApplied,
    StepCondensed,
    StepsHidden,
    UserStepCommitted,
)

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
