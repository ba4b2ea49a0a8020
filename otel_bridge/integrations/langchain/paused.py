"""
Runs that wait for a person, and what they wait for.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from otel_bridge_storage.facts import RunPaused
from otel_bridge_storage.json_ready import json_text

from otel_bridge.deferring import ForkSafeLock
from otel_bridge.responses.access import get, items

Key = tuple[str, ...]
_MOST = 1_000
_APPROVAL = "action_requests"


class PausedRuns:
    """
    The runs that were interrupted, by thread and place in the graph; safe for threads.
    """

    def __init__(self) -> None:
        self._runs: OrderedDict[Key, tuple[str, str | None]] = OrderedDict()
        self._lock = ForkSafeLock()

    def __len__(self) -> int:
        return len(self._runs)

    def add(self, key: Key | None, run_id: str, pause_id: str | None) -> None:
        """
        Note a run that waits; the oldest are forgotten where there are too many.
        """
        if key is None:
            return
        with self._lock:
            self._runs[key] = (run_id, pause_id)
            self._runs.move_to_end(key)
            if len(self._runs) > _MOST:
                self._runs.popitem(last=False)

    def take(self, key: Key | None) -> tuple[str, str | None] | None:
        """
        Find and take out the run that goes on: its id and that of its pause.
        """
        if key is None:
            return None
        with self._lock:
            return self._runs.pop(key, None)


def interrupts_of(error: BaseException) -> list[Any]:
    """
    List the interrupts that a `GraphInterrupt` carries.
    """
    told = error.args[0] if error.args else ()
    return list(told) if isinstance(told, list | tuple) else []


def by_id(interrupts: Iterable[Any]) -> dict[str, Any]:
    """
    Map interrupts by their ids, or by their order where they have none.
    """
    return {str(getattr(each, "id", number)): each for number, each in enumerate(interrupts)}


def pause_of(run_id: str, interrupts: Mapping[str, Any], *, content: bool) -> RunPaused:
    """
    Say what a run waits for.

    Args:
        interrupts: What LangGraph tells, by id; none where the graph stops at a
            breakpoint.
    """
    values = [get(interrupt, "value") for interrupt in interrupts.values()]
    requests = [request for value in values for request in items(value, _APPROVAL)]
    calls = [
        {
            "id": get(request, "id"),
            "name": get(request, "name") or get(request, "action"),
            "params": get(request, "args") or get(request, "arguments"),
        }
        for request in requests
    ]
    texts = [value if isinstance(value, str) else json_text(value) for value in values]
    return RunPaused(
        run_id=run_id,
        pause_id=next(iter(interrupts), None),
        reason="waiting_approval" if requests else "interrupt" if values else "breakpoint",
        message="\n".join(texts) or None if content else None,
        pending_tool_calls=calls or None if content else None,
    )


def answer_of(inputs: object) -> str | None:
    """
    Give what a person said to a `Command(resume=...)`, as text.
    """
    said = get(inputs, "resume")
    if said is None:
        return None
    return said if isinstance(said, str) else json_text(said)
