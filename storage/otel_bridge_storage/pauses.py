"""
Pauses of a run, each with the resume that ended it, and what was kept from the model.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from otel_bridge_storage.rows import PausePair, StoredEvent

PAUSED, RESUMED, MAPPED = "run.paused", "run.resumed", "pii.mapped"


def pair_pauses(events: Sequence[StoredEvent]) -> list[PausePair]:
    """
    Pair pauses with resumes.

    A resume that names a pause ends that one, whatever the clocks say; one that names
    none ends the latest pause before it that is still open.
    """
    ordered = sorted(events, key=_place)
    pauses = [event for event in ordered if event.event_type == PAUSED]
    resumes = [event for event in ordered if event.event_type == RESUMED]
    ends: dict[int, StoredEvent] = {}
    unnamed = []
    for resume in resumes:
        named = [p for p in pauses if _same_name(p, resume) and p.sequence_index not in ends]
        if named:
            ends[named[0].sequence_index] = resume
        else:
            unnamed.append(resume)
    for resume in unnamed:
        earlier = [
            pause
            for pause in pauses
            if _place(pause) < _place(resume)
            and pause.sequence_index not in ends
            and not (pause.data.get("pause_id") and resume.data.get("pause_id"))
        ]
        if earlier:
            ends[earlier[-1].sequence_index] = resume
    return [_pair(pause, ends.get(pause.sequence_index)) for pause in pauses]


def join_mappings(events: Sequence[StoredEvent]) -> dict[str, str]:
    """
    Join the mappings of personal data, the latest word on each placeholder last.
    """
    joined: dict[str, str] = {}
    for event in sorted(events, key=_place):
        mapping = event.data.get("mapping")
        if isinstance(mapping, Mapping):
            joined.update((str(key), str(value)) for key, value in mapping.items())
    return joined


def _place(event: StoredEvent) -> tuple[int, int]:
    return (event.time_ns, event.sequence_index)


def _same_name(pause: StoredEvent, resume: StoredEvent) -> bool:
    name = resume.data.get("pause_id")
    return name is not None and name == pause.data.get("pause_id")


def _pair(pause: StoredEvent, resume: StoredEvent | None) -> PausePair:
    after: Mapping[str, Any] = {} if resume is None else resume.data
    return PausePair(
        pause_sequence_index=pause.sequence_index,
        pause_at=pause.created_at,
        resume_sequence_index=None if resume is None else resume.sequence_index,
        resume_at=None if resume is None else resume.created_at,
        reason=pause.data.get("reason"),
        pending_tool_calls=_list(pause.data.get("pending_tool_calls")),
        submitted_results=_list(after.get("submitted_results")),
        user_input=after.get("user_input"),
    )


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
