"""
The steps of one run, made of its input, its calls and the steps it committed itself.

A model's answer is a step, and so is a tool's. A runtime that commits its steps itself
tells the same ones once more: a committed step takes the place of the call it names,
or of one that says the same. Steps keep what later facts say of them: condensed,
hidden, rolled back.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from otel_bridge_storage.content_parts import parts_of, result_of
from otel_bridge_storage.fitting import fitting

USER, ASSISTANT, TOOL = "user", "assistant", "tool"
COMMITS = {"step.user": USER, "step.assistant": ASSISTANT, "step.tool": TOOL}
_ORDER = {USER: 0, ASSISTANT: 1, TOOL: 2}


@dataclass(slots=True)
class Step:
    """
    One step on its way to a row.

    Attributes:
        body: The message, or the row id under which it is stored already.
        call_id: The runtime's id of the LLM call it came from.
        committed: The runtime committed it itself.
    """

    step_id: str
    role: str
    time_ns: int
    span: int
    body: str | int | None
    call_id: str | None = None
    committed: bool = False
    tool_call_id: str | None = None
    tool_name: str | None = None
    is_error: bool = False
    hidden: bool = False
    rolled_back: bool = False
    condensed: str | None = None

    @property
    def place(self) -> tuple[int, int, str]:
        """
        What orders the steps of a run.
        """
        return (self.time_ns, _ORDER[self.role], self.step_id)


@dataclass(frozen=True, slots=True)
class Turn:
    """
    A fact that makes a step or changes some.
    """

    time_ns: int
    kind: str
    span: int
    key: str
    data: Mapping[str, Any] = field(default_factory=dict)


def steps_of(
    derived: Sequence[Step],
    turns: Sequence[Turn],
    texts_of: Callable[[set[int]], Mapping[int, str]],
) -> list[Step]:
    """
    Join what the calls tell with what the runtime committed, in order.

    Args:
        texts_of: Fetches stored messages by row id.
    """
    own = [step for turn in turns if (step := committed(turn)) is not None]
    told = _unpaired(derived, own, texts_of)
    steps = sorted([*told, *_unique(own)], key=lambda step: step.place)
    by_id = {step.step_id: step for step in steps}
    for turn in sorted(turns, key=lambda turn: turn.time_ns):
        if turn.kind not in COMMITS:
            _apply(turn, steps, by_id)
    return steps


def message_body(role: str, content: Any) -> str:
    """
    Write a step's content as a message; see `content_parts.parts_of`.
    """
    message = {"role": role, "parts": parts_of(content)}
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def committed(turn: Turn) -> Step | None:
    """
    Give the step that a fact commits, if it commits one.
    """
    role = COMMITS.get(turn.kind)
    if role is None:
        return None
    content = turn.data.get("content")
    if role == TOOL:
        return _committed_tool(turn, content)
    return Step(
        step_id=fitting(str(turn.data.get("step_id") or turn.key)),
        role=role,
        time_ns=turn.time_ns,
        span=turn.span,
        body=None if content is None else message_body(role, content),
        call_id=_fitting(turn.data.get("call_id")),
        committed=True,
    )


def _committed_tool(turn: Turn, content: Any) -> Step:
    told = content if isinstance(content, Mapping) else {}
    return Step(
        step_id=fitting(str(turn.data.get("step_id") or turn.key)),
        role=TOOL,
        time_ns=turn.time_ns,
        span=turn.span,
        body=result_of(content),
        committed=True,
        tool_call_id=_text(told.get("tool_call_id")),
        tool_name=_text(told.get("name")),
        is_error=told.get("status") == "error",
    )


def _text(value: Any) -> str | None:
    return fitting(value) if isinstance(value, str) else None


def _unpaired(
    derived: Sequence[Step],
    committed: Sequence[Step],
    texts_of: Callable[[set[int]], Mapping[int, str]],
) -> Iterable[Step]:
    """
    Leave out derived steps that the runtime committed itself, one for one.
    """
    named = {step.call_id for step in committed if step.call_id}
    said = Counter(
        (step.role, gist(step.body))
        for step in committed
        if step.call_id is None and isinstance(step.body, str)
    )
    texts = texts_of({step.body for step in derived if isinstance(step.body, int)}) if said else {}
    for step in sorted(derived, key=lambda step: step.place):
        if step.role == ASSISTANT and step.call_id in named:
            continue
        if said and step.role != TOOL and isinstance(step.body, int):
            same = (step.role, gist(texts[step.body]))
            if said[same] > 0:
                said[same] -= 1
                continue
        yield step


def gist(body: str) -> str:
    """
    Reduce a message to what it says, whichever dialect wrote it.

    A committed step without the id of a call takes the place of one that says the same.
    """
    try:
        parts = json.loads(body)["parts"]
    except (ValueError, TypeError, KeyError):
        return body
    return json.dumps(parts, sort_keys=True)


def _unique(committed: Sequence[Step]) -> Iterable[Step]:
    """
    Keep the last word on each step id.
    """
    ordered = sorted(committed, key=lambda step: (step.time_ns, step.span, str(step.body)))
    return {step.step_id: step for step in ordered}.values()


def _apply(turn: Turn, steps: Sequence[Step], by_id: Mapping[str, Step]) -> None:
    ids = turn.data.get("step_ids")
    named = [by_id[step_id] for given in ids or () if (step_id := _fitting(given)) in by_id]
    if turn.kind == "run.rolled_back":
        for step in named if ids is not None else steps:
            step.rolled_back |= ids is not None or step.time_ns <= turn.time_ns
    elif turn.kind == "steps.hidden":
        for step in named:
            step.hidden = True
    elif turn.kind == "retrospect.applied" and turn.data.get("replacement"):
        for step in named:
            step.condensed = message_body(step.role, turn.data["replacement"])
    elif turn.kind == "step.condensed" and (at := _fitting(turn.data.get("step_id"))) in by_id:
        step = by_id[at]
        step.condensed = message_body(step.role, turn.data.get("content"))


def _fitting(step_id: Any) -> Any:
    return fitting(step_id) if isinstance(step_id, str) else step_id
