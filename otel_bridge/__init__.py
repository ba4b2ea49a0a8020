"""
The flight recorder for AI agents on OpenTelemetry.
"""

from typing import TYPE_CHECKING

from otel_bridge.names import __dir__ as __dir__
from otel_bridge.names import __getattr__ as __getattr__

if TYPE_CHECKING:
    from otel_bridge_queries.queries import Queries
    from otel_bridge_storage.errors import OtelBridgeError
    from otel_bridge_storage.facts import (
        ApprovalDecided,
        ApprovalRequested,
        AssistantStepCommitted,
        CompactionApplied,
        CompactionFailed,
        CustomFact,
        Fact,
        HookFailed,
        LLMCallCompleted,
        LLMCallFailed,
        LLMCallStarted,
        PiiMapped,
        RetrospectApplied,
        RunCancelled,
        RunFailed,
        RunFinished,
        RunPaused,
        RunResumed,
        RunRolledBack,
        RunStarted,
        StepCondensed,
        StepsHidden,
        TerminationDecided,
        ToolStepCommitted,
        ToolStepStarted,
        UserStepCommitted,
    )
    from otel_bridge_storage.run_store import RunStore
    from otel_bridge_storage.threads import (
        MetadataStore,
        open_metadata_store,
        register_metadata_store,
    )

    from otel_bridge.bridge import Bridge, install
    from otel_bridge.charts.chart import chart
    from otel_bridge.event_stores import RunEventStore
    from otel_bridge.forwarder import Destination, Forwarder
    from otel_bridge.lake import export_lake
    from otel_bridge.maintenance import erase, prune, rebuild
    from otel_bridge.processor import RunLogLogRecordProcessor, RunLogSpanProcessor
    from otel_bridge.threads import carry

__all__ = [
    "ApprovalDecided",
    "ApprovalRequested",
    "AssistantStepCommitted",
    "Bridge",
    "CompactionApplied",
    "CompactionFailed",
    "CustomFact",
    "Destination",
    "Fact",
    "Forwarder",
    "HookFailed",
    "LLMCallCompleted",
    "LLMCallFailed",
    "LLMCallStarted",
    "MetadataStore",
    "OtelBridgeError",
    "PiiMapped",
    "Queries",
    "RetrospectApplied",
    "RunCancelled",
    "RunEventStore",
    "RunFailed",
    "RunFinished",
    "RunLogLogRecordProcessor",
    "RunLogSpanProcessor",
    "RunPaused",
    "RunResumed",
    "RunRolledBack",
    "RunStarted",
    "RunStore",
    "StepCondensed",
    "StepsHidden",
    "TerminationDecided",
    "ToolStepCommitted",
    "ToolStepStarted",
    "UserStepCommitted",
    "carry",
    "chart",
    "erase",
    "export_lake",
    "install",
    "open_metadata_store",
    "prune",
    "rebuild",
    "register_metadata_store",
]
