"""
The spans that carry the events of runs in a database's run log.

Each run of a thread has one. It is open from an event `run.start` to `run.end` or
`run.error`; without a start it is a point in time, which says nothing of how long the
run took.
"""

import dataclasses
import json
from hashlib import blake2b

from otel_bridge_storage.records import STATUS_ERROR, ResourceRecord, ScopeRecord, SpanRecord
from otel_bridge_storage.run_events.event import NewEvent
from otel_bridge_storage.span_rows import Key

START, END, ERROR = "run.start", "run.end", "run.error"
_SCOPE = ScopeRecord("otel_bridge.run_events")
_RESOURCE = ResourceRecord({})


def carrier_key(thread_id: str, run_id: str) -> Key:
    """
    Give the ids of the span that carries a run's events.
    """
    named = json.dumps([thread_id, run_id]).encode("ascii")
    digest = blake2b(named, digest_size=24, person=b"run events").hexdigest()
    return digest[:32], digest[32:]


def carrier(event: NewEvent, time_ns: int) -> SpanRecord:
    """
    Make the span for a run whose first event this is.
    """
    trace_id, span_id = carrier_key(event.thread_id, event.run_id)
    return SpanRecord(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=None,
        name="run events",
        start_ns=time_ns,
        end_ns=None if event.event_type == START else time_ns,
        attributes={
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.conversation.id": event.thread_id,
            "otel_bridge.run.id": event.run_id,
            # The events tell of start and end themselves.
            "otel_bridge.run.implied": True,
            "otel_bridge.run.restated": True,
        },
        resource=_RESOURCE,
        scope=_SCOPE,
    )


def ended(span: SpanRecord, event: NewEvent, time_ns: int) -> SpanRecord:
    """
    End a carrier as an event says, if it does; a span that has ended stays as it is.
    """
    if span.end_ns is not None or event.event_type not in (END, ERROR):
        return span
    end_ns = max(time_ns, span.start_ns)
    if event.event_type == END:
        return dataclasses.replace(span, end_ns=end_ns)
    why = event.content if isinstance(event.content, str) else json.dumps(event.content)
    return dataclasses.replace(span, end_ns=end_ns, status_code=STATUS_ERROR, status_message=why)
