"""
What facts that are no call, tool, step or pause say on one line of a run's tree.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from otel_bridge_storage.pauses import RESUMED
from otel_bridge_storage.rows import PausePair, StoredEvent

_TEXT_SHOWN = 200
_DRAWN_ELSEWHERE = frozenset(
    {
        "run.started",
        "run.finished",
        "run.failed",
        "run.cancelled",
        "run.paused",
        "llm_call.started",
        "llm_call.completed",
        "llm_call.failed",
        "tool.started",
        "tool.committed",
        "step.user",
        "step.assistant",
    }
)
_APPROVAL = (("tool_name", "{}"), ("reason", "{}"))
_STEPS = (("step_ids", "{} steps"), ("reason", "{}"))
# What each kind is called, and which of its fields are told in which words. Of a list or
# a map the size is told, so that replaced personal data stays out of sight.
_WORDS: Mapping[str, tuple[str, Sequence[tuple[str, str]]]] = {
    "approval.requested": ("approval requested", (*_APPROVAL, ("source", "asked by {}"))),
    "approval.decided": (
        "approval decided",
        (("decision", "{}"), *_APPROVAL, ("decided_by", "by {}")),
    ),
    "compaction.applied": (
        "compaction applied",
        (
            ("before_tokens", "from {} tokens"),
            ("after_tokens", "to {} tokens"),
            ("message_count", "{} messages"),
            ("summary", "{}"),
        ),
    ),
    "compaction.failed": (
        "compaction failed",
        (("attempt", "attempt {}"), ("max_attempts", "of {}"), ("terminal", "given up")),
    ),
    "hook.failed": (
        "hook failed",
        (("phase", "{}"), ("handler", "{}"), ("critical", "critical")),
    ),
    "pii.mapped": ("personal data replaced", (("mapping", "{} placeholders"),)),
    "retrospect.applied": (
        "retrospect applied",
        (("trigger", "{}"), ("step_ids", "{} steps"), ("feedback", "{}"), ("replacement", "{}")),
    ),
    "run.resumed": ("resumed", (("user_input", "{}"),)),
    "run.rolled_back": ("rolled back", _STEPS),
    "step.condensed": ("step condensed", (("step_id", "{}"), ("content", "{}"))),
    "steps.hidden": ("steps hidden", _STEPS),
    "termination.decided": (
        "termination decided",
        (("reason", "{}"), ("phase", "in {}"), ("source", "by {}")),
    ),
}


class Told(Protocol):
    """
    What has a kind and the data of a fact.
    """

    @property
    def event_type(self) -> str:
        """
        The kind.
        """

    @property
    def data(self) -> Mapping[str, Any]:
        """
        The fact's own fields.
        """


def has_line(event: StoredEvent, pauses: Sequence[PausePair]) -> bool:
    """
    Say whether an entry of the run log has a line of its own in the tree.
    """
    if event.event_type == RESUMED:
        return event.sequence_index not in {pause.resume_sequence_index for pause in pauses}
    return event.event_type not in _DRAWN_ELSEWHERE


def fact_line(event: Told) -> str:
    """
    Say what happened; a fact of an unknown kind gives its name and all its data.
    """
    known = _WORDS.get(event.event_type)
    if known is None:
        said = [f"{name}={value}" for name, value in event.data.items() if value is not None]
        return _joined(event.event_type, said)
    title, fields = known
    return _joined(title, [_told(event.data.get(name), form) for name, form in fields])


def fact_error(event: Told) -> str | None:
    """
    Say how a thing failed, where the fact is that it did.
    """
    if event.event_type not in ("compaction.failed", "hook.failed"):
        return None
    parts = (event.data.get("error_type"), event.data.get("error_message"))
    return ": ".join(str(part) for part in parts if part) or "failed"


def _joined(title: str, said: Sequence[str]) -> str:
    told = ", ".join(part for part in said if part)
    return f"{title}: {told}"[:_TEXT_SHOWN] if told else title


def _told(value: Any, form: str) -> str:
    if value is None or value is False or value == "":
        return ""
    if isinstance(value, list | tuple | Mapping):
        value = len(value)
        form = form if form != "{}" else "{} parts"
    shown = f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else value
    told = form.format(shown)
    return told[:-1] if value == 1 and told.endswith("s") and told.startswith("1 ") else told
