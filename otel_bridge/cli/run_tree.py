"""
The tree of one run: its steps, calls, tools, pauses, child runs and all other facts, in
time order.

A call is drawn below the tool call that made it, and a child run below the tool call
that started it, wherever the spans tell.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime

from otel_bridge.cli.fact_lines import has_line
from otel_bridge.cli.run_nodes import Lines, error_line
from otel_bridge.cli.stories import Story
from otel_bridge.cli.tree import Node

# At one moment a message comes before the call that it led to.
_SAID, _TOLD, _DONE = range(3)

_Item = tuple[tuple[datetime, int, int], str | None, Node]


def build_run_tree(top: Story) -> Node:
    """
    Build the tree of a run; its times count from the start of that run.
    """
    order = [top]
    for story in order:  # grows while it is walked
        order.extend(story.children)
    origin = top.run.started_at
    roots = {story.run.run_id: Lines(story.run.run_id, origin).run(story.run) for story in order}
    for story in order:
        _grow(story, roots, origin)
    return roots[top.run.run_id]


def _grow(story: Story, roots: Mapping[str, Node], origin: datetime) -> None:
    root = roots[story.run.run_id]
    items = sorted(_items(story, roots, origin), key=lambda item: item[0])
    holders = {span: node for _, span, node in items if span and node.row["kind"] != "run"}
    for _, span, node in items:
        if node.row["error"] and node.row["kind"] != "run":
            node.children.insert(0, error_line(node))
        _holder(span, story.parents, holders, root).children.append(node)
    if root.row["error"] and root.row["error"] not in {node.row["error"] for _, _, node in items}:
        root.children.append(error_line(root))


def _items(story: Story, roots: Mapping[str, Node], origin: datetime) -> Iterator[_Item]:
    lines = Lines(story.run.run_id, origin)
    executed = {call.provider_tool_call_id for call in story.tool_calls}
    answers = {step.meta.get("tool_call_id"): step for step in story.steps if step.role == "tool"}
    for at, step in enumerate(story.steps):
        if step.role != "tool" or step.meta.get("tool_call_id") not in executed:
            yield (step.created_at, _SAID, at), None, lines.step(step)
    for at, pause in enumerate(story.pauses):
        yield (pause.pause_at, _SAID, at), None, lines.pause(pause)
    for event in story.events:
        if has_line(event, story.pauses):
            yield (event.created_at, _TOLD, event.sequence_index), None, lines.fact(event)
    for at, call in enumerate(story.llm_calls):
        yield (call.created_at, _DONE, at), call.span_id, lines.call(call)
    for at, tool in enumerate(story.tool_calls):
        answer = answers.get(tool.provider_tool_call_id) if tool.provider_tool_call_id else None
        yield (tool.created_at, _DONE, at), tool.span_id, lines.tool(tool, answer)
    for at, child in enumerate(story.children):
        run = child.run
        yield (run.started_at, _DONE, at), run.span_id, roots[run.run_id]


def _holder(
    span: str | None,
    parents: Mapping[str, str | None],
    holders: Mapping[str, Node],
    root: Node,
) -> Node:
    seen = {span}
    above = parents.get(span) if span else None
    while above and above not in seen:
        if above in holders:
            return holders[above]
        seen.add(above)
        above = parents.get(above)
    return root
