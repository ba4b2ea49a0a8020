"""
What is still open when its run fails or is cancelled.

LangChain does not tell the end of a tool, nor of some calls, whose task was cancelled.
"""

from asyncio import CancelledError

from otel_bridge_storage.facts import Fact, LLMCallFailed, RunCancelled, ToolStepCommitted

from otel_bridge.failures import error_type
from otel_bridge.integrations.langchain.entries import Entry
from otel_bridge.integrations.langchain.recording import Recording
from otel_bridge.span_forms import LLM, RUN, TOOL

_CANCELLED = error_type(CancelledError())


def abandon(recording: Recording, run_id: str) -> None:
    """
    End what is open in a run, innermost first; what is told of it later is not recorded.
    """
    for own_id in recording.open.inside(run_id):
        entry = recording.end(own_id)
        end = None if entry is None else _end_of(entry)
        if end is not None:
            recording.emitter.record(end)


def _end_of(entry: Entry) -> Fact | None:
    if entry.kind == RUN:
        return RunCancelled(run_id=entry.run_id, reason=_CANCELLED)
    if entry.kind == LLM:
        return LLMCallFailed(run_id=entry.run_id, call_id=str(entry.own_id), error_type=_CANCELLED)
    if entry.kind == TOOL:
        return ToolStepCommitted(
            run_id=entry.run_id,
            tool_call_id=entry.call_id,
            tool_name=entry.name or None,
            is_error=True,
            error_type=_CANCELLED,
        )
    return None
