"""
Generated telemetry: trees of runs, calls, tools and plain spans, for hypothesis.
"""

import json
from typing import Any

from hypothesis import strategies as st
from otel_bridge_storage.records import (
    STATUS_ERROR,
    EventRecord,
    LinkRecord,
    ResourceRecord,
    ScopeRecord,
    SpanRecord,
)

NOON = 1_795_262_400_000_000_000
MS = 1_000_000
RESOURCE = ResourceRecord({"service.name": "trees"})
SCOPE = ScopeRecord("tests.client", "1")
FRAMEWORK = ScopeRecord("tests.framework", "1")


def message(role: str, text: str) -> str:
    """
    Write one message as the conventions do, in a list.
    """
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])


def span(trace: int, number: int, parent: int | None = None, **fields: Any) -> SpanRecord:
    """
    Make a span with ids and times made of its number.
    """
    fields.setdefault("start_ns", NOON + number * MS)
    fields.setdefault("end_ns", fields["start_ns"] + 10 * MS)
    fields.setdefault("scope", SCOPE)
    return SpanRecord(
        trace_id=f"{trace:032x}",
        span_id=f"{trace:04x}{number:012x}",
        parent_span_id=None if parent is None else f"{trace:04x}{parent:012x}",
        resource=RESOURCE,
        **fields,
    )


def agent(name: str, **attributes: Any) -> dict[str, Any]:
    """
    Give the fields of an agent's span.
    """
    return {
        "name": f"invoke_agent {name}",
        "attributes": {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": name,
            **attributes,
        },
    }


def chat(
    response: str | None = None, tokens: int | None = 10, **attributes: Any
) -> dict[str, Any]:
    """
    Give the fields of an LLM span.
    """
    said: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        **attributes,
    }
    if response is not None:
        said["gen_ai.response.id"] = response
    if tokens is not None:
        said |= {"gen_ai.usage.input_tokens": tokens, "gen_ai.usage.output_tokens": tokens}
        said["gen_ai.output.messages"] = message("assistant", f"{response} {tokens}")
    return {"name": "chat gpt-4o-mini", "kind": 3, "attributes": said}


def tool(name: str, call_id: str | None = None) -> dict[str, Any]:
    """
    Give the fields of a tool's span.
    """
    said = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name}
    if call_id is not None:
        said["gen_ai.tool.call.id"] = call_id
    return {"name": f"execute_tool {name}", "attributes": said}


@st.composite
def forests(draw: st.DrawFn) -> list[SpanRecord]:
    """
    Draw spans of a few traces, some with missing parents, links, copies, sums and open spans.
    """
    made = []
    for trace in range(1, draw(st.integers(1, 3)) + 1):
        for number in range(1, draw(st.integers(1, 9)) + 1):
            parent = draw(st.one_of(st.none(), st.integers(0, number - 1)))
            made.append(_draw_span(draw, trace, number, parent))
    return made


def _draw_span(draw: st.DrawFn, trace: int, number: int, parent: int | None) -> SpanRecord:
    responses = st.one_of(st.none(), st.sampled_from(["r1", "r2", "r3", f"r-{trace}-{number}"]))
    kind = draw(st.sampled_from(["plain", "agent", "chat", "chat", "tool"]))
    fields: dict[str, Any]
    if kind == "agent":
        own = draw(st.sampled_from([{}, {}, {"otel_bridge.run.id": f"run-{number % 3}"}]))
        fields = agent(draw(st.sampled_from(["a", "b"])), **own)
    elif kind == "chat":
        fields = chat(draw(responses), draw(st.one_of(st.none(), st.integers(1, 9))))
    elif kind == "tool":
        fields = tool(draw(st.sampled_from(["t", "u"])), draw(st.sampled_from([None, "c1", "c2"])))
    else:
        fields = {"name": "plain", "attributes": {"step": number}}
    if draw(st.integers(0, 3)) == 0:
        fields["attributes"]["gen_ai.conversation.id"] = draw(st.sampled_from(["s1", "s2"]))
    if draw(st.integers(0, 5)) == 0:
        fields |= {"status_code": STATUS_ERROR, "status_message": "it broke"}
    if draw(st.integers(0, 7)) == 0:
        fields["end_ns"] = None
    if draw(st.booleans()):
        fields["scope"] = FRAMEWORK
    if kind == "agent" and draw(st.booleans()):
        fields["events"] = (_pause(number),)
    if parent is None and draw(st.integers(0, 2)) == 0:
        fields["links"] = (LinkRecord(*_any_key(draw)),)
    return span(trace, number, parent, **fields)


def _any_key(draw: st.DrawFn) -> tuple[str, str]:
    trace, number = draw(st.integers(1, 3)), draw(st.integers(1, 9))
    return (f"{trace:032x}", f"{trace:04x}{number:012x}")


def _pause(number: int) -> EventRecord:
    attributes = {"otel_bridge.fact.id": f"f{number}", "otel_bridge.pause.reason": "approval"}
    return EventRecord("otel_bridge.run.paused", NOON + (number + 5) * MS, attributes)
