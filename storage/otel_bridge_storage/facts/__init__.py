"""
The facts of the run log: what can happen in a run, as typed and frozen records.

Each field names the attribute that carries it on a span or a span event, so that a
fact becomes telemetry and telemetry becomes a fact by one table (`fact_codec`). Names
are those of the OpenTelemetry GenAI conventions; what these lack is under the prefix
`otel_bridge.`. Facts that start and finish something are a span; the others are
events of the run's span.
"""

from otel_bridge_storage.facts.calls import (
    LLMCallCompleted,
    LLMCallFailed,
    LLMCallStarted,
    ToolStepCommitted,
    ToolStepStarted,
)
from otel_bridge_storage.facts.catalogue import EVENT_FACTS, FACTS_BY_KIND, SPAN_FACTS
from otel_bridge_storage.facts.fact import PREFIX, Fact
from otel_bridge_storage.facts.governance import (
    ApprovalDecided,
    ApprovalRequested,
    CustomFact,
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

__all__ = [
    "EVENT_FACTS",
    "FACTS_BY_KIND",
    "PREFIX",
    "SPAN_FACTS",
    "ApprovalDecided",
    "ApprovalRequested",
    "AssistantStepCommitted",
    "CompactionApplied",
    "CompactionFailed",
    "CustomFact",
    "Fact",
    "HookFailed",
    "LLMCallCompleted",
    "LLMCallFailed",
    "LLMCallStarted",
    "PiiMapped",
    "RetrospectApplied",
    "RunCancelled",
    "RunFailed",
    "RunFinished",
    "RunPaused",
    "RunResumed",
    "RunRolledBack",
    "RunStarted",
    "StepCondensed",
    "StepsHidden",
    "TerminationDecided",
    "ToolStepCommitted",
    "ToolStepStarted",
    "UserStepCommitted",
]
