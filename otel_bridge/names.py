"""
The public names and where they live, so that `import otel_bridge` loads only what is used.
"""

from importlib import import_module
from typing import Any

_FACTS = (
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
)

HOMES = {
    "Bridge": "otel_bridge.bridge",
    "Destination": "otel_bridge.forwarder.destination",
    "Forwarder": "otel_bridge.forwarder.forwarder",
    "MetadataStore": "otel_bridge_storage.threads",
    "OtelBridgeError": "otel_bridge_storage.errors",
    "Queries": "otel_bridge_queries.queries",
    "RunEventStore": "otel_bridge.event_stores",
    "RunLogLogRecordProcessor": "otel_bridge.processor",
    "RunLogSpanProcessor": "otel_bridge.processor",
    "RunStore": "otel_bridge_storage.run_store",
    "carry": "otel_bridge.threads",
    "chart": "otel_bridge.charts.chart",
    "erase": "otel_bridge.maintenance",
    "export_lake": "otel_bridge.lake",
    "install": "otel_bridge.bridge",
    "open_metadata_store": "otel_bridge_storage.threads",
    "prune": "otel_bridge.maintenance",
    "rebuild": "otel_bridge.maintenance",
    "register_metadata_store": "otel_bridge_storage.threads",
    **dict.fromkeys(_FACTS, "otel_bridge_storage.facts"),
}


def __getattr__(name: str) -> Any:
    """
    Load a public name at its first use.
    """
    if name not in HOMES:
        raise AttributeError(f"module 'otel_bridge' has no attribute {name!r}")
    return getattr(import_module(HOMES[name]), name)


def __dir__() -> list[str]:
    """
    List the public names.
    """
    return sorted(HOMES)
