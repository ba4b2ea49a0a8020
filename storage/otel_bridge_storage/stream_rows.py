"""
A run as a stream of what happened in it, one typed item after another.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

STREAM_TYPES: Mapping[str, str] = {
    "run.started": "run_started",
    "run.finished": "run_completed",
    "run.failed": "run_failed",
    "run.cancelled": "run_cancelled",
    "run.paused": "run_paused",
    "run.resumed": "run_resumed",
    "run.rolled_back": "run_rolled_back",
    "termination.decided": "termination_decided",
    "llm_call.started": "llm_call_started",
    "llm_call.completed": "llm_call_completed",
    "llm_call.failed": "llm_call_failed",
    "tool.started": "tool_started",
    "tool.committed": "tool_completed",
    "step.user": "step_completed",
    "step.assistant": "step_completed",
    "step.tool": "step_completed",
    "step.condensed": "step_condensed",
    "steps.hidden": "steps_hidden",
    "retrospect.applied": "step_back_applied",
    "compaction.applied": "compaction_applied",
    "compaction.failed": "compaction_failed",
    "approval.requested": "approval_requested",
    "approval.decided": "approval_decided",
    "hook.failed": "hook_failed",
}
CUSTOM = "custom"
# What placeholders stand for is not for those who read a stream.
NOT_STREAMED = frozenset({"pii.mapped"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamedStep:
    """
    A step that became part of the run.

    Attributes:
        content: The text of the message.
        parts: The parts of the message, its tool calls among them.
        call_id: The runtime's id of the LLM call that it came from.
        replaces: Ids of steps told before that this one takes the place of: a call tells
            what the model said, and then the runtime commits the same under its own id.
    """

    step_id: str
    role: str
    content: str
    parts: Sequence[Any]
    call_id: str | None
    tool_call_id: str | None
    tool_name: str | None
    is_error: bool
    replaces: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamItem:
    """
    One thing that happened in a run, rebuilt from one entry of its log.

    Attributes:
        sequence_index: Of the entry; a reader goes on after the last one it has seen.
        type: `run_started`, `run_completed`, `run_failed`, `run_cancelled`, `run_paused`,
            `run_resumed`, `run_rolled_back`, `termination_decided`, `llm_call_started`,
            `llm_call_completed`, `llm_call_failed`, `tool_started`, `tool_completed`,
            `step_completed`, `step_condensed`, `steps_hidden`, `step_back_applied`,
            `compaction_applied`, `compaction_failed`, `approval_requested`,
            `approval_decided`, `hook_failed`, or `custom` for a kind of the runtime's own
            and any that is not known here.
        event_type: The kind of the entry.
        steps: The steps that it completes, whatever its type: the input of a start, what
            a model or a tool answered, what the runtime committed.
        data: The fact's own fields.
    """

    sequence_index: int
    type: str
    event_type: str
    run_id: str | None
    iteration_index: int | None
    created_at: datetime
    time_ns: int
    steps: Sequence[StreamedStep]
    data: Mapping[str, Any]
