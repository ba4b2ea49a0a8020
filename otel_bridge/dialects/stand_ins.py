"""
Spans that stand for log records: what a log tells of a whole call, tool or run, in the
form in which it is read, bound and counted like the rest.
"""

from collections.abc import Mapping
from typing import Any

from otel_bridge_storage.log_identity import span_id_of, trace_id_of
from otel_bridge_storage.records import STATUS_ERROR, STATUS_UNSET, LogRecord, SpanRecord

from otel_bridge.dialects import lenient

_EVENT_NAME = ("event.name",)
_SPAN_ID_DIGITS = 16


def event_name(log: LogRecord) -> str:
    """
    Give the name of the event that a log record is; empty where it has none.

    The attribute comes first: Rust's bridge puts the place in the source into the field.
    """
    return lenient.text(log.attributes, _EVENT_NAME) or log.event_name


def stand_in_id(name: str) -> str:
    """
    Make the span id of what is told of by several log records, from a name they share.
    """
    return trace_id_of(name)[:_SPAN_ID_DIGITS]


def stand_in(
    log: LogRecord,
    name: str,
    *,
    conversation: str | None = None,
    span_id: str | None = None,
    parent_span_id: str | None = None,
    duration_ns: int = 0,
    attributes: Mapping[str, Any] | None = None,
    error: str | None = None,
) -> SpanRecord:
    """
    Make the span that stands for a log record; it ends when the record was made.

    Args:
        name: The span's name, by which its dialect knows it again.
        conversation: What the record belongs to, if it names no trace: records of one
            conversation are put into one trace. One of no trace and no conversation is
            in a trace of its own.
        span_id: The span's id where others must know it, such as `stand_in_id`; by
            default one that depends on the record alone.
        parent_span_id: The parent, if the record names no span.
        attributes: Those of the span; by default those of the record.
        error: What a failure said; None where nothing failed.
    """
    own_id = span_id_of(log)
    end_ns = log.time_ns or log.observed_ns
    return SpanRecord(
        trace_id=log.trace_id or trace_id_of(own_id if conversation is None else conversation),
        span_id=span_id or own_id,
        parent_span_id=log.span_id or parent_span_id,
        name=name,
        start_ns=max(end_ns - max(duration_ns, 0), 0),
        end_ns=end_ns,
        attributes=log.attributes if attributes is None else attributes,
        status_code=STATUS_UNSET if error is None else STATUS_ERROR,
        status_message=error or "",
        resource=log.resource,
        scope=log.scope,
    )
