"""
What makes two log records the same one, and the ids of the span that stands for one.
"""

from otel_bridge_storage.interning import text_hash
from otel_bridge_storage.records import LogRecord
from otel_bridge_storage.values import canonical

_SPAN_ID_BYTES = 8


def log_hash(record: LogRecord) -> bytes:
    """
    Give the digest by which a log record is stored once.
    """
    return text_hash(
        canonical(
            [
                record.trace_id,
                record.span_id,
                record.time_ns,
                record.observed_ns,
                record.severity_number,
                record.severity_text,
                record.event_name,
                record.body,
                record.attributes,
                record.scope.name,
                record.resource.attributes,
            ]
        )
    )


def span_id_of(record: LogRecord) -> str:
    """
    Make the id of the span that stands for a log record.
    """
    return log_hash(record)[:_SPAN_ID_BYTES].hex()


def trace_id_of(conversation: str) -> str:
    """
    Make the id of a trace for what one conversation told outside any trace; it is also
    the id of the run of what happened outside any agent.
    """
    return text_hash(f"conversation {conversation}").hex()
