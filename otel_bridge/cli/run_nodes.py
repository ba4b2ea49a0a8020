"""
What happened in a run, each thing as one line of the run's tree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from otel_bridge_storage.rows import (
    LLMCall,
    PausePair,
    RunDetail,
    StoredEvent,
    ToolInvocation,
    TraceEntry,
)

from otel_bridge.cli.escape import one_line
from otel_bridge.cli.fact_lines import fact_error, fact_line
from otel_bridge.cli.tree import Node

FIELDS = (
    "depth",
    "kind",
    "name",
    "status",
    "run_id",
    "started_at",
    "offset_ms",
    "duration_ms",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "unpriced_calls",
    "error",
)

_TEXT_SHOWN = 200
_NO_AGENT = "(no agent)"


@dataclass(frozen=True, slots=True)
class Lines:
    """
    Makes the lines of one run.

    Attributes:
        run_id: The run.
        origin: The moment that all offsets in the tree count from.
    """

    run_id: str
    origin: datetime

    def run(self, run: RunDetail) -> Node:
        """
        Make the line of the run itself, with its totals.
        """
        node = self._node(f"run {run.agent_name or _NO_AGENT}", "run", run.started_at)
        node.row |= {
            "name": run.agent_name,
            "status": run.status,
            "duration_ms": run.duration_ms,
            "input_tokens": run.total_input_tokens,
            "output_tokens": run.total_output_tokens,
            "cost_usd": run.total_cost_usd,
            "unpriced_calls": run.unpriced_calls,
            "error": _error(run.error_type, run.error, failed=run.status == "error"),
        }
        return node

    def call(self, call: LLMCall) -> Node:
        """
        Make the line of a request to a model.
        """
        model = call.model or "(unknown model)"
        node = self._node(f"{call.operation} {model}", "llm_call", call.created_at)
        node.row |= {
            "name": call.model,
            "status": call.status,
            "duration_ms": call.duration_ms,
            "input_tokens": call.input_tokens,
            "output_tokens": call.output_tokens,
            "cost_usd": call.cost_usd,
            "unpriced_calls": int(call.unpriced_reason is not None),
            "error": _error(call.error_type, call.error, failed=call.status == "error"),
        }
        return node

    def tool(self, tool: ToolInvocation, step: TraceEntry | None = None) -> Node:
        """
        Make the line of an execution of a tool.

        Args:
            step: The message in which it answered, which has no line of its own.
        """
        label = f"tool {tool.tool_name}{_marks(step)}"
        node = self._node(label, "tool_call", tool.created_at)
        node.row |= {
            "name": tool.tool_name,
            "status": tool.status,
            "duration_ms": tool.duration_ms,
            "error": _error(tool.error_type, tool.error, failed=tool.status == "error"),
        }
        return node

    def step(self, step: TraceEntry) -> Node:
        """
        Make the line of a message that became part of the run.
        """
        node = self._node(step_label(step), "step", step.created_at)
        node.row |= {"name": step.role}
        return node

    def pause(self, pause: PausePair) -> Node:
        """
        Make the line of a pause, as long as the run waited.
        """
        waiting = pause.resume_at is None
        word = "waiting" if waiting else "paused and resumed"
        reason = f": {pause.reason}" if pause.reason else ""
        node = self._node(f"{word}{reason}", "pause", pause.pause_at)
        node.row |= {"name": pause.reason, "status": "paused" if waiting else "ok"}
        if pause.resume_at is not None:
            node.row |= {"duration_ms": _milliseconds(pause.resume_at, pause.pause_at)}
        return node

    def fact(self, event: StoredEvent) -> Node:
        """
        Make the line of a fact that is none of the above.
        """
        node = self._node(fact_line(event), "event", event.created_at)
        node.row |= {"name": event.event_type, "error": fact_error(event)}
        return node

    def _node(self, label: str, kind: str, at: datetime) -> Node:
        row: dict[str, Any] = dict.fromkeys(FIELDS)
        row |= {
            "kind": kind,
            "run_id": self.run_id,
            "started_at": at,
            "offset_ms": _milliseconds(at, self.origin),
        }
        return Node(one_line(label), row)


def error_line(failed: Node) -> Node:
    """
    Make the line below a failed thing that says how it failed.
    """
    row = dict.fromkeys(FIELDS) | {"kind": "error", "run_id": failed.row["run_id"]}
    return Node(one_line(f"! {failed.row['error']}"), row | {"error": failed.row["error"]})


def _milliseconds(later: datetime, earlier: datetime) -> float:
    return (later - earlier) / timedelta(milliseconds=1)


def step_label(step: TraceEntry) -> str:
    """
    Say on one line who said what in a step, and what the model no longer sees of it.
    """
    return f"{step.role}{_marks(step)}: {said(step.content, step.meta.get('parts') or ())}"


def said(content: str, parts: Sequence[Any]) -> str:
    """
    Give on one line the text of a step, or which tools it asks for.
    """
    return one_line(content[:_TEXT_SHOWN]) or _asked_for(parts)


def _marks(step: TraceEntry | None) -> str:
    """
    Say what the model no longer sees of a step.
    """
    marks = {"hidden": "hidden", "rolled_back": "rolled back", "condensed_content": "condensed"}
    found = [] if step is None else [said for key, said in marks.items() if key in step.meta]
    return f" [{', '.join(found)}]" if found else ""


def _asked_for(parts: Sequence[Any]) -> str:
    names = [
        str(part.get("name"))
        for part in parts
        if isinstance(part, Mapping) and part.get("type") == "tool_call"
    ]
    return f"asks for {', '.join(names)}" if names else ""


def _error(error_type: str | None, message: str | None, *, failed: bool) -> str | None:
    said = ": ".join(part for part in (error_type, message) if part)
    return said or ("failed" if failed else None)
