"""
What otel-bridge's own Recorder says beyond the conventions.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from otel_bridge_storage.facts import PREFIX
from otel_bridge_storage.readings import CallReading, Reading, RunReading, ToolReading
from otel_bridge_storage.records import SpanRecord

from otel_bridge.dialects import lenient
from otel_bridge.dialects.dialect import Dialect
from otel_bridge.dialects.span_reading import OPERATION, read_as

SCOPE = "otel_bridge"

_OWN = (
    "otel_bridge.run.id",
    "otel_bridge.run.parent_id",
    "otel_bridge.run.status",
    "otel_bridge.llm_call.id",
    "otel_bridge.tool.target",
)
_STATUSES = frozenset({"paused", "success", "error", "cancelled", "interrupted"})


class Bridge(Dialect):
    """
    The Recorder's spans, and spans that carry its attributes.

    The marks of a session, which are on spans of every instrumentation, do not make a
    span the Recorder's.
    """

    name = "otel-bridge"
    decided_by = ()

    def detects(self, span: SpanRecord) -> bool:
        """
        Tell the dialect by its scope, or by attributes of a run, a call or a tool beside
        an operation name.
        """
        if _is_own(span):
            return True
        attributes = span.attributes
        return OPERATION in attributes and any(name in attributes for name in _OWN)

    def read(self, span: SpanRecord) -> Reading:
        """
        Read the span by the conventions, and add what the Recorder said beyond them.
        """
        reading = read_as(self.name, span, zeros_count=_is_own(span))
        if reading.run is not None:
            return replace(reading, run=_run(reading.run, span.attributes))
        if reading.call is not None:
            return replace(reading, call=_call(reading.call, span.attributes))
        if reading.tool is not None:
            return replace(reading, tool=_tool(reading.tool, span.attributes))
        return reading


def _is_own(span: SpanRecord) -> bool:
    return span.scope.name == SCOPE or span.scope.name.startswith(PREFIX)


def _run(run: RunReading, attributes: Mapping[str, Any]) -> RunReading:
    status = lenient.text(attributes, ("otel_bridge.run.status",))
    started_ns = lenient.count(attributes, ("otel_bridge.run.started_at_ns",))
    return replace(
        run,
        run_id=lenient.text(attributes, ("otel_bridge.run.id",)),
        parent_run_id=lenient.text(attributes, ("otel_bridge.run.parent_id",)),
        status=status if status in _STATUSES else None,
        strategy=lenient.text(attributes, ("otel_bridge.run.strategy",)),
        termination_reason=lenient.text(attributes, ("otel_bridge.run.termination_reason",)),
        started_ns=started_ns,
        tells_start=started_ns is not None or not attributes.get("otel_bridge.run.implied"),
        tells_end=not attributes.get("otel_bridge.run.restated"),
    )


def _call(call: CallReading, attributes: Mapping[str, Any]) -> CallReading:
    cost = lenient.number(attributes, ("otel_bridge.cost_usd",))
    return replace(
        call,
        call_id=lenient.text(attributes, ("otel_bridge.llm_call.id",)),
        emitted_cost_usd=call.emitted_cost_usd if cost is None else cost,
    )


def _tool(tool: ToolReading, attributes: Mapping[str, Any]) -> ToolReading:
    return replace(tool, target=lenient.text(attributes, ("otel_bridge.tool.target",)))
