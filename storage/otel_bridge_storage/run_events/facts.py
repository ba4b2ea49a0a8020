"""
Events of runs as facts of the run log, and back.

A message is a committed step. Any other event is a fact of a kind of its own,
`event.` and its type, so that it never passes for one that means more.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from otel_bridge_storage.fitting import fitting
from otel_bridge_storage.paging import bounded
from otel_bridge_storage.readings import FactReading
from otel_bridge_storage.run_events.event import MESSAGE, NewEvent

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ROLES = {
    "user": "step.user",
    "human": "step.user",
    "tool": "step.tool",
    "function": "step.tool",
    "assistant": "step.assistant",
    "ai": "step.assistant",
}


def fact_of(event: NewEvent, key: str) -> FactReading:
    """
    Give the fact that an event is.

    Args:
        key: What tells it from the others of its run.
    """
    data = {
        "content": event.content,
        "event_type": event.event_type,
        "category": event.category,
        "metadata": event.metadata,
    }
    time_ns = nanoseconds_of(event)
    # Ids that the database keeps in short are whole here.
    for name in ("thread_id", "run_id"):
        if fitting(given := getattr(event, name)) != given:
            data[name] = given
    if _written(time_ns) != event.created_at:
        data["created_at"] = event.created_at
    kind = _step_kind(event) if event.category == MESSAGE else f"event.{event.event_type}"
    return FactReading(key=key, kind=kind, time_ns=time_ns, data=data)


def nanoseconds_of(event: NewEvent) -> int:
    """
    Give the moment of an event, or the nearest that a database can hold.
    """
    since = datetime.fromisoformat(event.created_at) - _EPOCH
    return bounded(since // _MICROSECOND * 1000)


def event_of(data: Mapping[str, Any], row: Any) -> NewEvent:
    """
    Give the event that a fact of the run log is.

    Args:
        data: What the fact says.
        row: With the `thread_id`, `run_id` and `time_ns` of the event.
    """
    return NewEvent(
        thread_id=data.get("thread_id", row.thread_id),
        run_id=data.get("run_id", row.run_id),
        event_type=data["event_type"],
        category=data["category"],
        content=data["content"],
        metadata=data["metadata"],
        created_at=data.get("created_at") or _written(row.time_ns),
    )


def _step_kind(event: NewEvent) -> str:
    """
    Say whose message it is: as its content names the role, or else its type does.
    """
    content = event.content
    if isinstance(content, Mapping):
        for name in ("role", "type"):
            kind = _ROLES.get(str(content.get(name)).lower())
            if kind is not None:
                return kind
    words = event.event_type.lower().replace("_", ".").split(".")
    return next((_ROLES[word] for word in words if word in _ROLES), "step.assistant")


def _written(time_ns: int) -> str:
    moment = _EPOCH + timedelta(microseconds=time_ns // 1000)
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
